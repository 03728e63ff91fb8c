#include "runtime/emulator/exec/MemoryOp.h"

#include <optional>
#include <string_view>

namespace rosso::emulator {
namespace {

using std::string_view;

/// What follows "load_" or "store_" (gfx10: "read_", "write_") in a mnemonic.
struct Shape {
  string_view name;
  uint8_t bytes;
  bool signedValue = false, d16 = false, high = false;
};
constexpr Shape kShapes[] = {
    {"b32", 4},
    {"dword", 4},
    {"b64", 8},
    {"dwordx2", 8},
    {"b96", 12},
    {"dwordx3", 12},
    {"b128", 16},
    {"dwordx4", 16},
    {"b256", 32},
    {"dwordx8", 32},
    {"b512", 64},
    {"dwordx16", 64},
    {"u8", 1},
    {"ubyte", 1},
    {"b8", 1},
    {"byte", 1},
    {"i8", 1, true},
    {"sbyte", 1, true},
    {"u16", 2},
    {"ushort", 2},
    {"b16", 2},
    {"short", 2},
    {"i16", 2, true},
    {"sshort", 2, true},
    // One half of a register: global, then DS, then gfx10's names.
    {"d16_u8", 1, false, true, false},
    {"d16_hi_u8", 1, false, true, true},
    {"d16_i8", 1, true, true, false},
    {"d16_hi_i8", 1, true, true, true},
    {"d16_b16", 2, false, true, false},
    {"d16_hi_b16", 2, false, true, true},
    {"d16_hi_b8", 1, false, true, true},
    {"u8_d16", 1, false, true, false},
    {"u8_d16_hi", 1, false, true, true},
    {"i8_d16", 1, true, true, false},
    {"i8_d16_hi", 1, true, true, true},
    {"u16_d16", 2, false, true, false},
    {"u16_d16_hi", 2, false, true, true},
    {"b8_d16_hi", 1, false, true, true},
    {"b16_d16_hi", 2, false, true, true},
    {"ubyte_d16", 1, false, true, false},
    {"ubyte_d16_hi", 1, false, true, true},
    {"sbyte_d16", 1, true, true, false},
    {"sbyte_d16_hi", 1, true, true, true},
    {"short_d16", 2, false, true, false},
    {"short_d16_hi", 2, false, true, true},
    {"byte_d16_hi", 1, false, true, true},
};

/// What follows "atomic_" or "ds_", without "_rtn" in the middle or at the end.
struct AtomicName {
  string_view name;
  Atomic atomic;
  uint8_t bytes;
};
constexpr AtomicName kAtomics[] = {
    {"swap_b32", Atomic::Swap, 4},
    {"swap_b64", Atomic::Swap, 8},
    {"swap", Atomic::Swap, 4},
    {"swap_x2", Atomic::Swap, 8},
    {"storexchg_b32", Atomic::Swap, 4},
    {"storexchg_b64", Atomic::Swap, 8},
    {"wrxchg_b32", Atomic::Swap, 4},
    {"wrxchg_b64", Atomic::Swap, 8},
    {"cmpswap_b32", Atomic::CompareSwap, 4},
    {"cmpswap_b64", Atomic::CompareSwap, 8},
    {"cmpswap", Atomic::CompareSwap, 4},
    {"cmpswap_x2", Atomic::CompareSwap, 8},
    {"cmpstore_b32", Atomic::CompareSwap, 4},
    {"cmpstore_b64", Atomic::CompareSwap, 8},
    {"cmpst_b32", Atomic::CompareSwap, 4},
    {"cmpst_b64", Atomic::CompareSwap, 8},
    {"add_u32", Atomic::Add, 4},
    {"add_u64", Atomic::Add, 8},
    {"add", Atomic::Add, 4},
    {"add_x2", Atomic::Add, 8},
    {"sub_u32", Atomic::Sub, 4},
    {"sub_u64", Atomic::Sub, 8},
    {"sub", Atomic::Sub, 4},
    {"sub_x2", Atomic::Sub, 8},
    {"rsub_u32", Atomic::ReverseSub, 4},
    {"rsub_u64", Atomic::ReverseSub, 8},
    {"min_i32", Atomic::MinSigned, 4},
    {"min_i64", Atomic::MinSigned, 8},
    {"smin", Atomic::MinSigned, 4},
    {"smin_x2", Atomic::MinSigned, 8},
    {"min_u32", Atomic::MinUnsigned, 4},
    {"min_u64", Atomic::MinUnsigned, 8},
    {"umin", Atomic::MinUnsigned, 4},
    {"umin_x2", Atomic::MinUnsigned, 8},
    {"max_i32", Atomic::MaxSigned, 4},
    {"max_i64", Atomic::MaxSigned, 8},
    {"smax", Atomic::MaxSigned, 4},
    {"smax_x2", Atomic::MaxSigned, 8},
    {"max_u32", Atomic::MaxUnsigned, 4},
    {"max_u64", Atomic::MaxUnsigned, 8},
    {"umax", Atomic::MaxUnsigned, 4},
    {"umax_x2", Atomic::MaxUnsigned, 8},
    {"and_b32", Atomic::And, 4},
    {"and_b64", Atomic::And, 8},
    {"and", Atomic::And, 4},
    {"and_x2", Atomic::And, 8},
    {"or_b32", Atomic::Or, 4},
    {"or_b64", Atomic::Or, 8},
    {"or", Atomic::Or, 4},
    {"or_x2", Atomic::Or, 8},
    {"xor_b32", Atomic::Xor, 4},
    {"xor_b64", Atomic::Xor, 8},
    {"xor", Atomic::Xor, 4},
    {"xor_x2", Atomic::Xor, 8},
    {"inc_u32", Atomic::Increment, 4},
    {"inc_u64", Atomic::Increment, 8},
    {"inc", Atomic::Increment, 4},
    {"inc_x2", Atomic::Increment, 8},
    {"dec_u32", Atomic::Decrement, 4},
    {"dec_u64", Atomic::Decrement, 8},
    {"dec", Atomic::Decrement, 4},
    {"dec_x2", Atomic::Decrement, 8},
    {"csub_u32", Atomic::ClampedSub, 4},
    {"csub", Atomic::ClampedSub, 4},
    {"sub_clamp_u32", Atomic::ClampedSub, 4},
    {"mskor_b32", Atomic::MaskedOr, 4},
    {"mskor_b64", Atomic::MaskedOr, 8},
    {"add_f32", Atomic::AddFloat, 4},
    {"add_f64", Atomic::AddFloat, 8},
    {"min_f32", Atomic::MinFloat, 4},
    {"min_f64", Atomic::MinFloat, 8},
    {"fmin", Atomic::MinFloat, 4},
    {"fmin_x2", Atomic::MinFloat, 8},
    {"min_num_f32", Atomic::MinFloat, 4},
    {"min_num_f64", Atomic::MinFloat, 8},
    {"max_f32", Atomic::MaxFloat, 4},
    {"max_f64", Atomic::MaxFloat, 8},
    {"fmax", Atomic::MaxFloat, 4},
    {"fmax_x2", Atomic::MaxFloat, 8},
    {"max_num_f32", Atomic::MaxFloat, 4},
    {"max_num_f64", Atomic::MaxFloat, 8},
    {"pk_add_f16", Atomic::AddHalves, 4},
    {"pk_add_bf16", Atomic::AddBfloats, 4},
};

bool eat(string_view &text, string_view prefix) {
  if (!text.starts_with(prefix))
    return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool setShape(MemoryOp &op, string_view name) {
  for (const Shape &shape : kShapes)
    if (shape.name == name) {
      op.bytes = shape.bytes;
      op.signedValue = shape.signedValue;
      op.d16 = shape.d16;
      op.high = shape.high;
      return true;
    }
  return false;
}

bool setAtomic(MemoryOp &op, string_view name) {
  for (const AtomicName &each : kAtomics)
    if (each.name == name) {
      op.access = Access::Atomic;
      op.atomic = each.atomic;
      op.bytes = each.bytes;
      return true;
    }
  return false;
}

/// "load_b32", "store_b8", "atomic_add_u32": what an instruction does, without where.
bool setAction(MemoryOp &op, string_view name) {
  if (eat(name, "load_") || eat(name, "read_")) {
    op.access = Access::Load;
    op.returns = true;
    return setShape(op, name);
  }
  if (eat(name, "store_") || eat(name, "write_")) {
    op.access = Access::Store;
    return setShape(op, name);
  }
  return eat(name, "atomic_") && setAtomic(op, name);
}

/// Takes operands one after the other.
struct Operands {
  const Instruction &instruction;
  size_t next = 0;

  const Operand *take() {
    return next < instruction.operands.size() ? &instruction.operands[next++] : nullptr;
  }
  bool vector(uint16_t &to) {
    const Operand *operand = take();
    if (!operand || operand->kind != OperandKind::Vgpr)
      return false;
    to = operand->index;
    return true;
  }
  /// A data register; halves of it are named by the operand on gfx11.
  bool data(uint16_t &to, MemoryOp &op) {
    const Operand *operand = take();
    if (!operand || operand->kind != OperandKind::Vgpr)
      return false;
    to = operand->index;
    if (operand->isHalf && operand->high)
      op.high = true;
    if (operand->isHalf && op.access == Access::Load)
      op.d16 = true;
    return true;
  }
  /// An SGPR, a constant (added to the offset), or null.
  bool scalar(uint16_t &to, int64_t &offset) {
    const Operand *operand = take();
    if (!operand)
      return false;
    switch (operand->kind) {
    case OperandKind::Sgpr:
      if (operand->index != kNull)
        to = operand->index;
      return true;
    case OperandKind::InlineInt:
    case OperandKind::Immediate:
      offset += static_cast<int32_t>(operand->value);
      return true;
    case OperandKind::Literal:
      offset += operand->value;
      return true;
    case OperandKind::None:
      return true;
    default:
      return false;
    }
  }
};

/// GLOBAL, FLAT and SCRATCH: [vdst], vaddr, [data], saddr. Stores: vaddr, data, saddr.
bool setFlat(MemoryOp &op, const Instruction &instruction) {
  Operands operands{instruction};
  op.returns = instruction.destinations > 0;
  if (op.returns && !operands.data(op.destination, op))
    return false;
  const Operand *address = operands.take();
  if (!address)
    return false;
  if (address->kind == OperandKind::Vgpr) {
    op.vectorAddress = address->index;
    op.wideAddress = address->dwords == 2;
  } else if (address->kind != OperandKind::None) {
    return false;
  }
  if (op.access != Access::Load && !operands.data(op.data, op))
    return false;
  if (op.atomic == Atomic::CompareSwap) // new value, then the one to compare with
    op.data2 = static_cast<uint16_t>(op.data + op.bytes / 4);
  op.offset = instruction.modifiers.offset;
  return instruction.encoding == Encoding::Flat ? true
                                                : operands.scalar(op.scalarAddress, op.offset);
}

/// vdata, vaddr, descriptor, soffset.
bool setBuffer(MemoryOp &op, const Instruction &instruction) {
  Operands operands{instruction};
  op.returns = instruction.destinations > 0;
  op.offen = instruction.modifiers.offen;
  op.idxen = instruction.modifiers.idxen;
  op.offset = instruction.modifiers.offset;
  uint16_t data = kNoRegister;
  if (!operands.data(data, op))
    return false;
  if (op.returns)
    op.destination = data;
  if (op.access != Access::Load)
    op.data = data;
  if (op.atomic == Atomic::CompareSwap)
    op.data2 = static_cast<uint16_t>(op.data + op.bytes / 4);
  const Operand *address = operands.take();
  if (!address)
    return false;
  if (address->kind == OperandKind::Vgpr)
    op.vectorAddress = address->index;
  return operands.scalar(op.scalarAddress, op.offset) && op.scalarAddress != kNoRegister &&
         operands.scalar(op.scalarOffset, op.offset);
}

/// sdst, sbase, soffset or constant [offset:].
bool setScalar(MemoryOp &op, const Instruction &instruction) {
  Operands operands{instruction};
  op.offset = instruction.modifiers.offset;
  op.returns = true;
  uint16_t destination = kNull; // loads to null only fill the cache
  int64_t none = 0;
  if (!operands.scalar(destination, none) || !operands.scalar(op.scalarAddress, none) ||
      op.scalarAddress == kNoRegister || !operands.scalar(op.scalarOffset, op.offset))
    return false;
  op.destination = destination;
  return true;
}

/// DS: [vdst], address, data0, data1.
bool setLds(MemoryOp &op, const Instruction &instruction, string_view name, amd::Isa isa) {
  Operands operands{instruction};
  const Modifiers &modifiers = instruction.modifiers;
  op.offset = modifiers.offset;
  std::string plain;
  if (const size_t rtn = name.find("_rtn"); rtn != string_view::npos) {
    plain = std::string(name.substr(0, rtn)) + std::string(name.substr(rtn + 4));
    name = plain;
    op.returns = true;
  }
  // ds_load_2addr[_stride64]_b32; gfx10: ds_read2[st64]_b32
  uint32_t stride = 0;
  for (auto [verb, shape] : {std::pair<string_view, string_view>{"load_2addr_", "load_"},
                             {"store_2addr_", "store_"},
                             {"read2", "read"},
                             {"write2", "write"}})
    if (name.starts_with(verb)) {
      string_view rest = name.substr(verb.size());
      stride = eat(rest, "stride64_") || eat(rest, "st64") ? 64 : 1;
      plain = std::string(shape) + std::string(rest);
      name = plain;
      break;
    }
  if (!(setAction(op, name) || setAtomic(op, name)))
    return false;
  if (stride) {
    op.two = true;
    op.offset = 0;
    op.offset0 = modifiers.offset0 * op.bytes * stride;
    op.offset1 = modifiers.offset1 * op.bytes * stride;
  }
  if (op.access == Access::Load)
    op.returns = true;
  if (op.returns && !operands.data(op.destination, op))
    return false;
  if (!operands.vector(op.vectorAddress))
    return false;
  if (op.access == Access::Load)
    return true;
  if (!operands.data(op.data, op))
    return false;
  const bool second = op.two || op.atomic == Atomic::CompareSwap || op.atomic == Atomic::MaskedOr;
  if (second && !operands.vector(op.data2))
    return false;
  // gfx11 turned the order round: new value, then the one to compare with.
  if (op.atomic == Atomic::CompareSwap && isa == amd::Isa::Gfx10)
    std::swap(op.data, op.data2);
  return true;
}

bool parse(MemoryOp &op, const Instruction &instruction, amd::Isa isa) {
  string_view name = instruction.name;
  if (instruction.modifiers.tfe || instruction.modifiers.gds || instruction.modifiers.lds)
    return false;
  switch (instruction.encoding) {
  case Encoding::Global:
    return eat(name, "global_") && setAction(op, name) && setFlat(op, instruction);
  case Encoding::Flat:
    return eat(name, "flat_") && setAction(op, name) && setFlat(op, instruction);
  case Encoding::Scratch:
    return eat(name, "scratch_") && setAction(op, name) && setFlat(op, instruction);
  case Encoding::Buffer:
    return eat(name, "buffer_") && setAction(op, name) && setBuffer(op, instruction);
  case Encoding::Smem:
    return (eat(name, "s_buffer_") || eat(name, "s_")) && setAction(op, name) &&
           op.access == Access::Load && setScalar(op, instruction);
  case Encoding::Ds:
    return eat(name, "ds_") && setLds(op, instruction, name, isa);
  default:
    return false;
  }
}

} // namespace

Result<MemoryOp> parseMemoryOp(const Instruction &instruction, amd::Isa isa) {
  MemoryOp op;
  if (!parse(op, instruction, isa))
    return unsupported("not modelled");
  return op;
}

} // namespace rosso::emulator
