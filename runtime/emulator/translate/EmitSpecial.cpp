// Instructions that move values between lanes, and rows that the host has better code for.
#include "runtime/emulator/isa/rows/Transcendental.h"
#include "runtime/emulator/translate/Emitter.h"

#include <llvm/IR/IntrinsicsX86.h>

namespace rosso::emulator::translate {

using Kind = BoundOperand::Kind;

namespace {

void emitNothing(Emitter &, const BoundAlu &) {}

Val laneOf(Emitter &emitter, const BoundOperand &operand, Val lane) {
  if (operand.kind != Kind::Vgpr)
    return emitter.fetchScalar(operand, false);
  Val value = emitter.vgpr(operand.index);
  return like(value, emitter.builder.CreateExtractElement(value.v, lane.v));
}

void emitReadFirstLane(Emitter &emitter, const BoundAlu &alu) {
  Val lane = emitter.constant(0);
  if (!emitter.allLanes()) // without active lanes: 32, and with 31 that is lane 0
    lane = trailingZeros(emitter.scalar(kExecLo)) & 31u;
  emitter.setScalar(alu.destination.index, laneOf(emitter, alu.source[0], lane));
}

void emitReadLane(Emitter &emitter, const BoundAlu &alu) {
  Val lane = emitter.fetchScalar(alu.source[1], false) & 31u;
  emitter.setScalar(alu.destination.index, laneOf(emitter, alu.source[0], lane));
}

void emitWriteLane(Emitter &emitter, const BoundAlu &alu) {
  Val lane = emitter.fetchScalar(alu.source[1], false) & 31u;
  Val value = emitter.fetchScalar(alu.source[0], false);
  Val old = emitter.vgpr(alu.destination.index);
  emitter.setVgpr(alu.destination.index,
                  like(old, emitter.builder.CreateInsertElement(old.v, value.v, lane.v)));
}

/// v_permlane16 and v_permlanex16: a shuffle where the selectors are constants.
template <unsigned RowFlip> void emitPermLane(Emitter &emitter, const BoundAlu &alu) {
  Val selects[2] = {emitter.fetchScalar(alu.source[1], false),
                    emitter.fetchScalar(alu.source[2], false)};
  Val old = emitter.vgpr(alu.source[0].index);
  Val exec = emitter.allLanes() ? Val{} : emitter.maskOf(emitter.scalar(kExecLo));
  auto *first = llvm::dyn_cast<llvm::ConstantInt>(selects[0].v);
  auto *second = llvm::dyn_cast<llvm::ConstantInt>(selects[1].v);
  Val moved, sourceActive;
  if (first && second) {
    const uint64_t select = first->getZExtValue() | second->getZExtValue() << 32;
    std::array<uint8_t, kLanes> from;
    for (unsigned i = 0; i < kLanes; ++i)
      from[i] = uint8_t(((i & 16) ^ RowFlip) | (select >> (i % 16 * 4) & 15));
    moved = emitter.shuffled(old, from);
    if (exec.v)
      sourceActive = emitter.shuffled(exec, from);
  } else {
    // Lane i's selector is bits 4 (i % 8) of the dword i / 8 % 2.
    Val ids = laneIds(old);
    Val word =
        select(lanes::nonZero(ids & 8u), emitter.lanes(selects[1]), emitter.lanes(selects[0]));
    Val from = (((ids & 16u) ^ RowFlip)) | ((word >> ((ids & 7u) << 2u)) & 15u);
    Val bits = emitter.scalar(kExecLo);
    moved = emitter.laneConstant(0);
    for (unsigned i = 0; i < kLanes; ++i) {
      llvm::Value *lane = emitter.builder.CreateExtractElement(from.v, i);
      llvm::Value *value = emitter.builder.CreateExtractElement(old.v, lane);
      moved.v = emitter.builder.CreateInsertElement(moved.v, value, i);
    }
    if (exec.v)
      sourceActive = lanes::nonZero((emitter.lanes(bits) >> from) & 1u);
  }
  if (exec.v && !(alu.opSel & 1)) {
    if (alu.opSel & 2)
      moved = select(sourceActive, moved, emitter.laneConstant(0));
    else
      exec = both(exec, sourceActive);
  }
  emitter.setMasked(alu.destination.index, moved, exec);
}

void emitSwap(Emitter &emitter, const BoundAlu &alu) {
  Val a = emitter.vgpr(alu.destination.index), b = emitter.vgpr(alu.source[0].index);
  Val active = emitter.activeLanes(alu);
  emitter.setMasked(alu.destination.index, b, active);
  emitter.setVgpr(alu.source[0].index, active.v ? select(active, a, b) : a);
}

/// Both halves of a wave's register through a 16-lane instruction of AVX-512.
Val halves(Emitter &emitter, llvm::Intrinsic::ID id, std::initializer_list<Val> operands,
           bool bytes) {
  Builder &b = emitter.builder;
  auto *lanesType = llvm::FixedVectorType::get(b.getInt32Ty(), 16);
  auto *bytesType = llvm::FixedVectorType::get(b.getInt8Ty(), 64);
  llvm::Value *result[2];
  for (int half = 0; half < 2; ++half) {
    llvm::SmallVector<int, 16> pick;
    for (int i = 0; i < 16; ++i)
      pick.push_back(16 * half + i);
    llvm::SmallVector<llvm::Value *, 4> args;
    for (Val operand : operands) {
      llvm::Value *part = b.CreateShuffleVector(operand.v, pick);
      const bool asBytes = bytes || !args.empty();
      args.push_back(asBytes ? b.CreateBitCast(part, bytesType) : part);
    }
    result[half] = b.CreateBitCast(b.CreateIntrinsic(id, {}, args), lanesType);
  }
  llvm::SmallVector<int, 32> all;
  for (int i = 0; i < 32; ++i)
    all.push_back(i);
  return {b.CreateShuffleVector(result[0], result[1], all), &b};
}

/// sum + a . b, a unsigned and b signed bytes.
Val dotMixed(Emitter &emitter, Val sum, Val a, Val b) {
  return halves(emitter, llvm::Intrinsic::x86_avx512_vpdpbusd_512, {sum, a, b}, false);
}

/// The host multiplies unsigned by signed bytes. With x' = x ^ 128: for a signed, a = a' - 128 as
/// unsigned; for b unsigned, b = b' + 128 as signed.
void emitDot4(Emitter &emitter, const BoundAlu &alu, Emit general) {
  if (!emitter.hasVnni || alu.clamp) {
    general(emitter, alu);
    return;
  }
  const bool signA = alu.negLo & 1, signB = alu.negLo & 2;
  Val a = emitter.fetch(alu, 0, OperandType::B32), b = emitter.fetch(alu, 1, OperandType::B32);
  Val sum = emitter.fetch(alu, 2, OperandType::B32);
  const uint64_t flip = 0x80808080;
  Val all = emitter.laneConstant(uint32_t(flip)), zero = emitter.laneConstant(0);
  if (!signA && signB)
    sum = dotMixed(emitter, sum, a, b);
  else if (signA && !signB)
    sum = dotMixed(emitter, sum, b, a);
  else if (signA)
    sum = dotMixed(emitter, sum, a ^ flip, b) - dotMixed(emitter, zero, all, b);
  else // a . b = a . (b' as signed) + 128 a . 1
    sum = dotMixed(emitter, sum, a, b ^ flip) +
          (dotMixed(emitter, zero, a, emitter.laneConstant(0x01010101)) << 7u);
  emitter.store(alu, OperandType::B32, sum);
}

/// A constant selector is a shuffle of bytes; else AVX-512's byte permutation, where there is one.
void emitPerm(Emitter &emitter, const BoundAlu &alu, Emit general) {
  Builder &builder = emitter.builder;
  Val selector =
      alu.source[2].kind == Kind::Vgpr ? Val{} : emitter.fetchScalar(alu.source[2], false);
  auto *constant = selector.v ? llvm::dyn_cast<llvm::ConstantInt>(selector.v) : nullptr;
  const uint32_t sel = constant ? uint32_t(constant->getZExtValue()) : 0;
  bool plain = constant != nullptr;
  for (unsigned i = 0; i < 4; ++i) {
    const uint32_t byte = sel >> (8 * i) & 255;
    plain &= byte < 8 || byte >= 12;
  }
  if (plain) {
    auto *bytes = llvm::FixedVectorType::get(builder.getInt8Ty(), 4 * kLanes);
    llvm::Value *s0 = builder.CreateBitCast(emitter.fetch(alu, 0, OperandType::B32).v, bytes);
    llvm::Value *s1 = builder.CreateBitCast(emitter.fetch(alu, 1, OperandType::B32).v, bytes);
    llvm::SmallVector<int, 128> pick;
    uint32_t ones = 0, zeros = 0;
    for (unsigned i = 0; i < 4 * kLanes; ++i) {
      const uint32_t byte = sel >> (8 * (i & 3)) & 255;
      // Bytes 0..3 are s1's, 4..7 s0's.
      pick.push_back(int((i & ~3u) + (byte & 3) + (byte < 4 ? 4 * kLanes : 0)));
      if (byte == 12)
        zeros |= 255u << (8 * (i & 3));
      else if (byte > 12)
        ones |= 255u << (8 * (i & 3));
    }
    Val result{builder.CreateBitCast(builder.CreateShuffleVector(s0, s1, pick),
                                     llvm::FixedVectorType::get(builder.getInt32Ty(), kLanes)),
               &builder};
    if (zeros)
      result = result & ~zeros;
    if (ones)
      result = result | ones;
    emitter.store(alu, OperandType::B32, result);
    return;
  }
  if (!emitter.hasVbmi) {
    general(emitter, alu);
    return;
  }
  Val s0 = emitter.fetch(alu, 0, OperandType::B32), s1 = emitter.fetch(alu, 1, OperandType::B32);
  Val s2 = emitter.fetch(alu, 2, OperandType::B32);
  auto *bytes = llvm::FixedVectorType::get(builder.getInt8Ty(), 4 * kLanes);
  auto asBytes = [&](Val x) { return like(x, builder.CreateBitCast(x.v, bytes)); };
  Val pick = asBytes(s2);
  Val plainPick = ltU(pick, splat(pick, 8));
  // 8..11: the signs of bytes 1, 3, 5 and 7; 12: 0; above: 255.
  Val at = select(plainPick, pick, ((pick & 3u) << 1u) | 1u);
  // In 64 bytes of s1 and then 64 of s0, byte 4 l + i of lane l.
  Val lane = asBytes(((laneIds(s2) & 15u) << 2u) * 0x01010101u);
  Val index = (at & 3u) + ((at & 4u) << 4u) + lane;
  index = like(index, builder.CreateBitCast(index.v, s0.type()));
  Val moved = asBytes(
      halves(emitter, llvm::Intrinsic::x86_avx512_vpermi2var_qi_512, {s1, index, s0}, true));
  Val above = select(eq(pick, splat(pick, 12)), splat(pick, 0), splat(pick, 255));
  Val sign = sra(moved, splat(pick, 7));
  Val result = select(plainPick, moved, select(ltU(pick, splat(pick, 12)), sign, above));
  result.v = builder.CreateBitCast(result.v, s0.type());
  emitter.store(alu, OperandType::B32, result);
}

/// 64-bit shifts by a constant, in dwords.
enum class Shift : uint8_t { Left, Right, Arithmetic };
template <Shift How> void emitShift64(Emitter &emitter, const BoundAlu &alu, Emit general) {
  if (alu.source[0].kind != Kind::Constant || alu.source[1].kind != Kind::Vgpr) {
    general(emitter, alu);
    return;
  }
  const unsigned count = alu.source[0].value & 63, part = count & 31;
  Val lo = emitter.vgpr(alu.source[1].index), hi = emitter.vgpr(alu.source[1].index + 1u);
  Val fill = How == Shift::Arithmetic ? sra(hi, splat(hi, 31)) : emitter.laneConstant(0);
  Val n = splat(lo, part);
  Val newLo, newHi;
  if constexpr (How == Shift::Left) {
    newLo = count < 32 ? lo << n : fill;
    newHi = count == 0 ? hi : count < 32 ? funnelShift(hi, lo, splat(lo, 32 - part)) : lo << n;
  } else {
    auto shifted = [&](Val x) { return How == Shift::Arithmetic ? sra(x, n) : x >> n; };
    newLo = count < 32 ? funnelShift(hi, lo, n) : shifted(hi);
    newHi = count < 32 ? shifted(hi) : fill;
  }
  Val active = emitter.activeLanes(alu);
  emitter.setMasked(alu.destination.index, newLo, active);
  emitter.setMasked(alu.destination.index + 1, newHi, active);
}

template <void (*Better)(Emitter &, const BoundAlu &, Emit)>
void emitBetter(Emitter &emitter, const BoundAlu &alu) {
  static const auto general = [&] {
    for (auto rows : {vector32Rows(), vector64Rows()})
      for (const EmitRow &row : rows)
        if (row.name == alu.op->name)
          return row.emit;
    return Emit(nullptr);
  }();
  Better(emitter, alu, general);
}

constexpr EmitRow kRows[] = {
    {"v_nop", emitNothing},
    {"v_pipeflush", emitNothing},
    {"v_permlane64_b32", emitNothing},
    {"v_readfirstlane_b32", emitReadFirstLane},
    {"v_readlane_b32", emitReadLane},
    {"v_writelane_b32", emitWriteLane},
    {"v_permlane16_b32", emitPermLane<0>},
    {"v_permlanex16_b32", emitPermLane<16>},
    {"v_swap_b32", emitSwap},
    {"v_lshlrev_b64", emitBetter<emitShift64<Shift::Left>>},
    {"v_lshrrev_b64", emitBetter<emitShift64<Shift::Right>>},
    {"v_ashrrev_i64", emitBetter<emitShift64<Shift::Arithmetic>>},
    {"v_dot4_i32_iu8", emitBetter<emitDot4>},
    {"v_perm_b32", emitBetter<emitPerm>},
};

} // namespace

std::span<const EmitRow> specialRows() { return kRows; }

} // namespace rosso::emulator::translate
