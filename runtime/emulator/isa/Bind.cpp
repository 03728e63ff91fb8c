// Instruction -> BoundAlu: implied operands, constants in the types of their operands, modifiers.
#include "runtime/emulator/isa/FloatEnvironment.h"
#include "runtime/emulator/isa/Op.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace rosso::emulator {

namespace {

using Kind = BoundOperand::Kind;
using enum OperandType;

constexpr uint16_t kInline16[9] = {0x3800, 0xB800, 0x3C00, 0xBC00, 0x4000,
                                   0xC000, 0x4400, 0xC400, 0x3118};
constexpr uint32_t kInline32[9] = {0x3F000000, 0xBF000000, 0x3F800000, 0xBF800000, 0x40000000,
                                   0xC0000000, 0x40800000, 0xC0800000, 0x3E22F983};
constexpr uint64_t kInline64[9] = {0x3FE0000000000000, 0xBFE0000000000000, 0x3FF0000000000000,
                                   0xBFF0000000000000, 0x4000000000000000, 0xC000000000000000,
                                   0x4010000000000000, 0xC010000000000000, 0x3FC45F306DC9C882};

Error wrong(const Instruction &instruction, const std::string &what) {
  return unsupported("'" + instruction.name + "': " + what);
}

bool isWide(OperandType type) { return type == B64 || type == F64; }

/// Inline constants of packed integers and of dot products of integers are dwords; those of packed
/// floats are one f16 (bf16) in the low half.
uint64_t inlineFloat(const AluOp &op, OperandType type, unsigned i, bool mixHalf) {
  switch (type) {
  case B64:
  case F64:
    return kInline64[i];
  case P16:
  case W16:
  case F16:
    return op.name.find("bf16") != std::string_view::npos ? kInline32[i] >> 16 : kInline16[i];
  case B16:
  case I16:
    return op.form == Form::Packed ? kInline32[i] : kInline16[i];
  case Mix:
    return mixHalf ? kInline16[i] : kInline32[i];
  default:
    return kInline32[i];
  }
}

class Binder {
public:
  Binder(const Instruction &instruction, const AluOp &op, amd::Isa isa)
      : instruction_(instruction), op_(op) {
    bound_.op = &op;
    bound_.isa = isa;
    bound_.execute = op.execute;
  }

  Result<BoundAlu> bind() {
    readModifiers();
    if (auto done = readDestinations(); !done)
      return done.error();
    if (auto done = readSources(); !done)
      return done.error();
    readDpp();
    decidePlain();
    return bound_;
  }

private:
  void readModifiers();
  Status readDestinations();
  Status readSources();
  void readDpp();
  void decidePlain();
  /// LLVM counts both operands of v_swap as results, and none of v_movreld's.
  unsigned destinations() const {
    const unsigned all = unsigned(instruction_.operands.size());
    if (op_.name.starts_with("v_swap") || op_.name.starts_with("v_movreld"))
      return std::min(1u, all);
    return std::min<unsigned>(instruction_.destinations, all);
  }
  Result<BoundOperand> read(const Operand &operand, OperandType type, unsigned source);

  const Instruction &instruction_;
  const AluOp &op_;
  BoundAlu bound_;
};

void Binder::readModifiers() {
  const Modifiers &modifiers = instruction_.modifiers;
  bound_.clamp = modifiers.clamp;
  bound_.omod = uint8_t(modifiers.omod & 3);
  bound_.immediate = instruction_.simm16;
  bound_.opSelHi = 7;
  if (instruction_.encoding == Encoding::Vop3p) {
    bound_.opSel = modifiers.opSel;
    bound_.opSelHi = modifiers.opSelHi;
    bound_.negLo = modifiers.negLo;
    bound_.negHi = modifiers.negHi;
  } else if (instruction_.encoding == Encoding::Vop3 && !op_.givesBit) {
    bound_.opSel =
        modifiers.opSel; // where there is a second destination, these bits are its number
  }
}

Result<BoundOperand> Binder::read(const Operand &operand, OperandType type, unsigned source) {
  BoundOperand bound;
  bound.index = operand.index;
  const bool vop3p = instruction_.encoding == Encoding::Vop3p;
  if (type == Mix) {
    bound.neg = bound_.negLo >> source & 1;
    bound.abs = bound_.negHi >> source & 1;
  } else if (vop3p && type == F32) {
    bound.neg = bound_.negLo >> source & 1;
  } else if (!vop3p) {
    bound.neg = operand.neg;
    bound.abs = operand.abs;
  }
  const bool half = type == B16 || type == I16 || type == F16;
  bound.high = operand.high || (half && !vop3p && bound_.opSel >> source & 1);
  switch (operand.kind) {
  case OperandKind::Vgpr:
    bound.kind = Kind::Vgpr;
    if (isWide(type) && operand.index > 254)
      return wrong(instruction_, "v255 has no second half");
    break;
  case OperandKind::Sgpr:
    bound.kind = Kind::Scalar;
    if (operand.index > 127)
      return wrong(instruction_, "no such scalar register");
    break;
  case OperandKind::Special:
    bound.kind = Kind::Constant;
    if (operand.index == kVccz)
      bound.kind = Kind::Vccz;
    else if (operand.index == kExecz)
      bound.kind = Kind::Execz;
    else if (operand.index == kScc)
      bound.kind = Kind::Scc;
    else if (operand.index == kSharedBase)
      bound.value = kSharedAperture;
    else if (operand.index == kPrivateBase)
      bound.value = kPrivateAperture;
    else if (operand.index == kSharedLimit)
      bound.value = kSharedAperture | 0xFFFFFFFF;
    else if (operand.index == kPrivateLimit)
      bound.value = kPrivateAperture | 0xFFFFFFFF;
    else
      return wrong(instruction_, "source " + std::to_string(operand.index) + " is not understood");
    if (bound.kind == Kind::Constant && !isWide(type))
      bound.value >>= 32; // the upper half is the one that says something
    break;
  case OperandKind::InlineInt:
  case OperandKind::Immediate:
    bound.kind = Kind::Constant;
    bound.value = uint64_t(int64_t(int32_t(operand.value)));
    if (operand.kind == OperandKind::Immediate && instruction_.name.ends_with("_u32"))
      bound.value = operand.value & 0xFFFF;
    break;
  case OperandKind::InlineFloat: {
    bound.kind = Kind::Constant;
    const unsigned i = std::min<unsigned>(operand.index - 240u, 8);
    bound.value = inlineFloat(op_, type, i, type == Mix && bound_.opSelHi >> source & 1);
    break;
  }
  case OperandKind::Literal:
    bound.kind = Kind::Constant;
    bound.value = operand.value;
    if (type == F64)
      bound.value = uint64_t(operand.value) << 32;
    else if (type == B64 && instruction_.name.ends_with("_i64"))
      bound.value = uint64_t(int64_t(int32_t(operand.value)));
    break;
  default:
    return wrong(instruction_, "operand " + std::to_string(source) + " is missing");
  }
  return bound;
}

Status Binder::readDestinations() {
  const auto &operands = instruction_.operands;
  const unsigned count = destinations();
  auto take = [&](unsigned i, BoundOperand &out) -> Status {
    if (i >= count)
      return wrong(instruction_, "has no destination");
    const Operand &operand = operands[i];
    if (!operand.isRegister())
      return wrong(instruction_, "destination is no register");
    out.kind = operand.kind == OperandKind::Vgpr ? Kind::Vgpr : Kind::Scalar;
    out.index = operand.index;
    out.high = operand.high;
    if (out.kind == Kind::Scalar && operand.index > 127)
      return wrong(instruction_, "no such scalar register");
    return {};
  };
  BoundOperand exec{.kind = Kind::Scalar, .index = kExecLo};
  BoundOperand vcc{.kind = Kind::Scalar, .index = kVccLo};
  if (op_.form == Form::Compare) {
    if (instruction_.name.starts_with("v_cmpx_")) {
      bound_.mask = exec;
      if (bound_.isa == amd::Isa::Gfx10 && count > 0)
        return wrong(instruction_, "writes only exec since gfx10");
      return {};
    }
    if (count > 0)
      return take(0, bound_.mask);
    bound_.mask = vcc;
    return {};
  }
  const bool none = op_.scc == SccRule::Only && op_.result == None;
  if (none || (op_.form == Form::Special && op_.sources == 0))
    return {};
  if (auto done = take(0, bound_.destination); !done)
    return done;
  const bool scalar = op_.form == Form::Scalar || op_.form == Form::Save ||
                      op_.form == Form::ScalarFloat || op_.name.starts_with("s_") ||
                      op_.name == "v_readlane_b32" || op_.name == "v_readfirstlane_b32";
  if (scalar != (bound_.destination.kind == Kind::Scalar))
    return wrong(instruction_, "destination is of the wrong kind");
  if (isWide(op_.result) && bound_.destination.index > (scalar ? 126 : 254))
    return wrong(instruction_, "destination has no second half");
  const bool half = op_.result == F16 || op_.result == B16;
  if (half && instruction_.encoding == Encoding::Vop3 && bound_.opSel & 8)
    bound_.destination.high = true;
  if (op_.name == "v_fma_mixhi_f16")
    bound_.destination.high = true;
  if (op_.givesBit) {
    bound_.mask = vcc;
    if (count > 1)
      return take(1, bound_.mask);
  }
  return {};
}

/// s_addk and s_mulk have the destination as first source; s_cmov, s_bitset, v_fmac and the
/// accumulating dot products as last.
Status Binder::readSources() {
  const auto &operands = instruction_.operands;
  if (op_.sources == 0) // the field of SOPP is an operand only in print
    return {};
  const unsigned given = unsigned(operands.size()) - destinations();
  const Operand *first = operands.data() + (operands.size() - given);
  unsigned implied = op_.sources;
  if (given < op_.sources)
    implied =
        op_.name.starts_with("s_addk") || op_.name.starts_with("s_mulk") ? 0 : op_.sources - 1u;
  if (given > op_.sources || given + 1u < op_.sources)
    return wrong(instruction_,
                 "has " + std::to_string(given) + " sources, not " + std::to_string(op_.sources));
  for (unsigned i = 0; i < op_.sources; ++i) {
    if (given < op_.sources && i == implied) {
      bound_.source[i] = bound_.destination;
      if (op_.source[i] == Mask)
        bound_.source[i] = {.kind = Kind::Scalar, .index = kVccLo};
      continue;
    }
    ROSSO_TRY(bound_.source[i], read(*first++, op_.source[i], i));
    const BoundOperand &source = bound_.source[i];
    const bool scalarOnly =
        op_.form == Form::Scalar || op_.form == Form::Save || op_.source[i] == Mask;
    if (scalarOnly && source.kind == Kind::Vgpr)
      return wrong(instruction_, "reads a vector register where only scalars can be");
  }
  // What lane-moving instructions read must be what they can read.
  const bool gathers = op_.name.starts_with("v_permlane") || op_.name == "v_swap_b32";
  if (gathers && bound_.source[0].kind != Kind::Vgpr)
    return wrong(instruction_, "source 0 is no vector register");
  if (op_.kind == InstructionClass::Wmma) {
    for (unsigned i = 0; i < 2; ++i)
      if (bound_.source[i].kind != Kind::Vgpr || bound_.source[i].index > 248)
        return wrong(instruction_, "A and B must be vector registers");
    if (bound_.destination.kind != Kind::Vgpr || bound_.destination.index > 248 ||
        (bound_.source[2].kind == Kind::Vgpr && bound_.source[2].index > 248))
      return wrong(instruction_, "C or D reaches beyond v255");
  }
  return {};
}

void Binder::readDpp() {
  const Modifiers &modifiers = instruction_.modifiers;
  if (modifiers.dpp == DppControl::None)
    return;
  bound_.dpp = true;
  bound_.fetchInactive = modifiers.fetchInactive;
  bound_.boundCtrl = modifiers.boundCtrl || modifiers.dpp == DppControl::Dpp8;
  const unsigned value = modifiers.dppValue;
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    const unsigned row = lane & 16, at = lane & 15;
    unsigned from = at;
    bool valid = true;
    switch (modifiers.dpp) {
    case DppControl::QuadPerm:
      from = (at & 12) | (value >> (2 * (at & 3)) & 3);
      break;
    case DppControl::RowShl:
      from = at + value;
      valid = from < 16;
      break;
    case DppControl::RowShr:
      from = at - value;
      valid = at >= value;
      break;
    case DppControl::RowRor:
      from = (at - value) & 15;
      break;
    case DppControl::RowMirror:
      from = 15 - at;
      break;
    case DppControl::RowHalfMirror:
      from = at ^ 7;
      break;
    case DppControl::RowShare:
      from = value & 15;
      break;
    case DppControl::RowXmask:
      from = at ^ (value & 15);
      break;
    default:
      from = (at & 8) | (value >> (3 * (at & 7)) & 7);
      break;
    }
    bound_.dppLane[lane] = uint8_t(row | (from & 15));
    if (!valid)
      bound_.dppInvalid |= 1u << lane;
    // DPP8 has no masks. Banks are four lanes of each row, in order.
    if (modifiers.dpp != DppControl::Dpp8 &&
        (!(modifiers.rowMask >> (lane / 16) & 1) || !(modifiers.bankMask >> (at / 4) & 1)))
      bound_.dppDisabled |= 1u << lane;
  }
}

void Binder::decidePlain() {
  bool modified = bound_.dpp || bound_.clamp || bound_.omod || bound_.destination.high;
  for (unsigned i = 0; i < op_.sources; ++i) {
    const BoundOperand &source = bound_.source[i];
    modified |= source.neg || source.abs || source.high || op_.source[i] == Mix;
    if (op_.source[i] == P16)
      modified |= bound_.opSel != 0 || (bound_.opSelHi & 3) != 3 || bound_.negLo || bound_.negHi;
  }
  bound_.plain = !modified;
}

/// Runs an instruction of f16 or f64 with its own rounding and treatment of denormals, where they
/// are not those of f32.
void executeWithMode(const BoundAlu &alu, Registers &registers) {
  const uint32_t mode = registers.mode;
  const bool is64 = alu.op->result == F64 || alu.op->source[0] == F64;
  const uint32_t wanted =
      hostFloatControl(roundingOf(mode, true), denormalsOf(mode, is64)); // f16's: see Operands.cpp
  const uint32_t usual = hostFloatControl(mode);
  if (wanted != usual)
    writeFloatControl(wanted);
  if (denormalsOf(mode, true) != 3 && alu.plain) {
    BoundAlu general = alu;
    general.plain = false;
    alu.op->execute(general, registers);
  } else {
    alu.op->execute(alu, registers);
  }
  if (wanted != usual)
    writeFloatControl(usual);
}

bool touches(const BoundOperand &a, const BoundOperand &b) {
  return a.kind == Kind::Vgpr && b.kind == Kind::Vgpr && a.index == b.index;
}

/// Both halves of a VOPD read before either writes.
void executePair(const BoundAlu &x, Registers &registers) {
  const BoundAlu &y = *x.second;
  bool yReadsX = false;
  for (unsigned i = 0; i < y.op->sources; ++i)
    yReadsX |= touches(y.source[i], x.destination);
  if (!yReadsX) {
    x.op->execute(x, registers);
    y.op->execute(y, registers);
    return;
  }
  uint32_t *const destination = registers.v[x.destination.index];
  uint32_t before[kLanes], after[kLanes];
  std::memcpy(before, destination, sizeof before);
  x.op->execute(x, registers);
  std::memcpy(after, destination, sizeof after);
  std::memcpy(destination, before, sizeof before);
  y.op->execute(y, registers);
  std::memcpy(destination, after, sizeof after);
}

} // namespace

Result<BoundAlu> bindAlu(const Instruction &instruction, amd::Isa isa) {
  const AluOp *op = findAlu(instruction.name);
  if (!op)
    return wrong(instruction, "is no ALU instruction the emulator knows");
  ROSSO_TRY(BoundAlu bound, Binder(instruction, *op, isa).bind());
  if (op->is16Or64())
    bound.execute = executeWithMode;
  if (instruction.encoding != Encoding::Vopd || !instruction.second)
    return bound;
  ROSSO_TRY(BoundAlu second, bindAlu(*instruction.second, isa));
  if (bound.destination.kind != Kind::Vgpr || second.destination.kind != Kind::Vgpr ||
      isWide(op->result) || isWide(second.op->result))
    return wrong(instruction, "cannot be half of a pair");
  second.execute = nullptr;
  bound.second = std::make_shared<const BoundAlu>(std::move(second));
  bound.execute = executePair;
  return bound;
}

} // namespace rosso::emulator
