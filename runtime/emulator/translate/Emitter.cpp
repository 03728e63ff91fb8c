#include "runtime/emulator/translate/Emitter.h"

#include "runtime/emulator/isa/rows/Transcendental.h"

#include <bit>
#include <cstddef>
#include <string>
#include <unordered_map>

namespace rosso::emulator::translate {

using Kind = BoundOperand::Kind;

Emitter::Emitter(Builder &given, llvm::Value *registers, uint32_t usualMode)
    : builder(given), mode(usualMode), registers_(registers),
      lanesType_(llvm::FixedVectorType::get(builder.getInt32Ty(), kLanes)) {}

llvm::Value *Emitter::address(size_t offset) {
  return builder.CreateConstInBoundsGEP1_64(builder.getInt8Ty(), registers_, offset);
}

static size_t offsetOf(unsigned slot) {
  if (slot < kFirstScalar)
    return offsetof(Registers, v) + slot * sizeof(uint32_t) * kLanes;
  if (slot < kSccBit)
    return offsetof(Registers, s) + (slot - kFirstScalar) * sizeof(uint32_t);
  return offsetof(Registers, scc);
}

void Emitter::begin(const Known &known) {
  slots_ = {};
  for (unsigned i = 0; i < kScalars; ++i)
    if (auto value = known.get(i))
      slots_[kFirstScalar + i].value = builder.getInt32(*value);
  slots_[kFirstScalar + kNull].value = builder.getInt32(0);
}

void Emitter::writeBack(const RegisterSet &live) {
  for (unsigned i = 0; i < kAllRegisters; ++i) {
    Slot &slot = slots_[i];
    if (!slot.dirty || !live[i])
      continue;
    llvm::Value *value = slot.value;
    if (i == kSccBit)
      value = builder.CreateZExt(value, builder.getInt8Ty());
    builder.CreateAlignedStore(value, address(offsetOf(i)),
                               llvm::Align(i < kFirstScalar ? 64
                                           : i < kSccBit    ? 4
                                                            : 1));
    slot.dirty = false;
  }
}

void Emitter::forget(const RegisterSet &written) {
  for (unsigned i = 0; i < kAllRegisters; ++i)
    if (written[i] && i != kFirstScalar + kNull)
      slots_[i] = {};
}

Val Emitter::vgpr(unsigned index) {
  Slot &slot = slots_[index];
  if (!slot.value)
    slot.value = builder.CreateAlignedLoad(lanesType_, address(offsetOf(index)), llvm::Align(64));
  return val(slot.value);
}

void Emitter::setVgpr(unsigned index, Val value) { slots_[index] = {value.v, true}; }

Val Emitter::scalar(unsigned index) {
  Slot &slot = slots_[kFirstScalar + index];
  if (!slot.value)
    slot.value = builder.CreateAlignedLoad(builder.getInt32Ty(),
                                           address(offsetOf(kFirstScalar + index)), llvm::Align(4));
  return val(slot.value);
}

void Emitter::setScalar(unsigned index, Val value) {
  if (index != kNull)
    slots_[kFirstScalar + index] = {value.v, true};
}

Val Emitter::wideScalar(unsigned index) {
  if (index == kNull)
    return val(builder.getInt64(0));
  return zext(scalar(index)) | (zext(scalar(std::min(index + 1, kScalars - 1))) << 32u);
}

void Emitter::setWideScalar(unsigned index, Val value) {
  if (index == kNull)
    return;
  setScalar(index, low(value));
  if (index + 1 < kScalars)
    setScalar(index + 1, high(value));
}

Val Emitter::scc() {
  Slot &slot = slots_[kSccBit];
  if (!slot.value)
    slot.value = builder.CreateICmpNE(
        builder.CreateAlignedLoad(builder.getInt8Ty(), address(offsetOf(kSccBit)), llvm::Align(1)),
        builder.getInt8(0));
  return val(slot.value);
}

void Emitter::setScc(Val bit) { slots_[kSccBit] = {bit.v, true}; }

bool Emitter::allLanes() {
  auto *exec = llvm::dyn_cast<llvm::ConstantInt>(scalar(kExecLo).v);
  return exec && exec->isMinusOne();
}

Val Emitter::maskOf(Val bits) {
  return val(
      builder.CreateBitCast(bits.v, llvm::FixedVectorType::get(builder.getInt1Ty(), kLanes)));
}

Val Emitter::bitsOf(Val mask) { return val(builder.CreateBitCast(mask.v, builder.getInt32Ty())); }

Val Emitter::constant(uint32_t value) { return val(builder.getInt32(value)); }
Val Emitter::lanes(Val scalar) { return val(builder.CreateVectorSplat(kLanes, scalar.v)); }
Val Emitter::laneConstant(uint32_t value) { return lanes(constant(value)); }

Val Emitter::shuffled(Val value, const std::array<uint8_t, kLanes> &from) {
  llvm::SmallVector<int, kLanes> mask(from.begin(), from.end());
  return val(builder.CreateShuffleVector(value.v, mask));
}

/// Constants that LLVM would compute away although the arithmetic with them is not nothing: x * 1
/// and x + 0 flush denormals and quiet NaNs. They come from memory it cannot look into.
static constexpr uint32_t kOpaque[] = {0, 0x80000000, 0x3F800000, 0xBF800000};

Val Emitter::splatConstant(uint32_t value, bool isFloat) {
  if (isFloat)
    for (const uint32_t &opaque : kOpaque)
      if (opaque == value) {
        llvm::Value *at = builder.CreateIntToPtr(builder.getInt64(std::bit_cast<uint64_t>(&opaque)),
                                                 builder.getPtrTy());
        return lanes(val(builder.CreateAlignedLoad(builder.getInt32Ty(), at, llvm::Align(4))));
      }
  return laneConstant(value);
}

Val Emitter::fetchScalar(const BoundOperand &operand, bool wide) {
  switch (operand.kind) {
  case Kind::Scalar:
    return wide ? wideScalar(operand.index) : scalar(operand.index);
  case Kind::Constant:
    return wide ? val(builder.getInt64(operand.value)) : constant(uint32_t(operand.value));
  case Kind::Vccz:
  case Kind::Execz: {
    Val bit = eq(scalar(operand.kind == Kind::Vccz ? kVccLo : kExecLo), constant(0));
    return wide ? zext(bitOf(bit)) : bitOf(bit);
  }
  case Kind::Scc:
    return wide ? zext(bitOf(scc())) : bitOf(scc());
  default:
    return wide ? val(builder.getInt64(0)) : constant(0);
  }
}

Val Emitter::lanesWithoutSource(const BoundAlu &alu) {
  Val none = maskOf(constant(alu.dppInvalid));
  if (!alu.fetchInactive && !allLanes())
    none = either(none, inverse(shuffled(maskOf(scalar(kExecLo)), alu.dppLane)));
  return none;
}

Val Emitter::activeLanes(const BoundAlu &alu) {
  Val active = allLanes() ? Val{} : maskOf(scalar(kExecLo));
  if (!alu.dpp)
    return active;
  auto restrict = [&](Val to) { active = active.v ? both(active, to) : to; };
  if (alu.dppDisabled)
    restrict(maskOf(constant(~alu.dppDisabled)));
  if (!alu.boundCtrl && (alu.dppInvalid || (!alu.fetchInactive && !allLanes())))
    restrict(inverse(lanesWithoutSource(alu)));
  return active;
}

Val Emitter::loadAny(const BoundAlu &alu, unsigned source, bool isFloat) {
  const BoundOperand &operand = alu.source[source];
  if (operand.kind == Kind::Constant)
    return splatConstant(uint32_t(operand.value), isFloat);
  if (operand.kind != Kind::Vgpr)
    return lanes(fetchScalar(operand, false));
  Val value = vgpr(operand.index);
  if (!alu.dpp || source != 0)
    return value;
  value = shuffled(value, alu.dppLane);
  if (alu.boundCtrl && (alu.dppInvalid || (!alu.fetchInactive && !allLanes())))
    value = select(lanesWithoutSource(alu), laneConstant(0), value);
  return value;
}

Val Emitter::fetch(const BoundAlu &alu, unsigned source, OperandType type) {
  using enum OperandType;
  const BoundOperand &operand = alu.source[source];
  if (type == Mask)
    return maskOf(fetchScalar(operand, false));
  if (type == B64 || type == F64) {
    Val value = operand.kind == Kind::Vgpr
                    ? lanes::wide(vgpr(operand.index), vgpr(operand.index + 1u))
                    : lanes(fetchScalar(operand, true));
    if (type == F64 && operand.abs)
      value = value & 0x7FFFFFFFFFFFFFFFull;
    if (type == F64 && operand.neg)
      value = value ^ 0x8000000000000000ull;
    return value;
  }
  Val value = loadAny(alu, source, type == F32 || type == Mix);
  const bool mixHalf = type == Mix && alu.opSelHi >> source & 1;
  if (type == B16 || type == I16 || type == F16 || mixHalf) {
    const bool high = mixHalf ? alu.opSel >> source & 1 : operand.high;
    value = high ? value >> 16u : value & 0xFFFFu;
  }
  if (type == P16) {
    const bool lowFromHigh = alu.opSel >> source & 1, highFromHigh = alu.opSelHi >> source & 1;
    if (lowFromHigh || !highFromHigh) {
      Val lower = lowFromHigh ? value >> 16u : value & 0xFFFFu;
      Val upper = highFromHigh ? value & 0xFFFF0000u : value << 16u;
      value = lower | upper;
    }
    const uint32_t flip =
        (alu.negLo >> source & 1 ? 0x8000u : 0) | (alu.negHi >> source & 1 ? 0x80000000u : 0);
    if (flip)
      value = value ^ flip;
  }
  uint32_t signs = 0;
  if (type == F32 || (type == Mix && !mixHalf))
    signs = 0x80000000u;
  else if (type == F16 || mixHalf)
    signs = 0x8000u;
  else if (type == W16)
    signs = 0x80008000u;
  if (signs && operand.abs)
    value = value & ~signs;
  if (signs && operand.neg)
    value = value ^ signs;
  if (type == I16)
    value = lanes::signExtend(value, 16);
  return mixHalf ? widenF16(value) : value;
}

void Emitter::fetchHalves(const BoundAlu &alu, unsigned source, OperandType type, Val &lower,
                          Val &upper) {
  Val value = loadAny(alu, source, false);
  lower = alu.opSel >> source & 1 ? value >> 16u : value & 0xFFFFu;
  upper = alu.opSelHi >> source & 1 ? value >> 16u : value & 0xFFFFu;
  if (type == OperandType::F16) {
    if (alu.negLo >> source & 1)
      lower = lower ^ 0x8000u;
    if (alu.negHi >> source & 1)
      upper = upper ^ 0x8000u;
  } else if (type == OperandType::I16) {
    lower = lanes::signExtend(lower, 16), upper = lanes::signExtend(upper, 16);
  }
}

Val Emitter::fetchScalarFloat(const BoundAlu &alu, unsigned source, OperandType type) {
  const BoundOperand &operand = alu.source[source];
  Val value = fetchScalar(operand, false);
  if (operand.kind == Kind::Constant && type == OperandType::F32)
    value = val(
        builder.CreateExtractElement(splatConstant(uint32_t(operand.value), true).v, uint64_t(0)));
  const bool half = type == OperandType::F16;
  if (half)
    value = operand.high ? value >> 16u : value & 0xFFFFu;
  const uint32_t sign = half ? 0x8000u : 0x80000000u;
  if (operand.abs)
    value = value & ~sign;
  return operand.neg ? value ^ sign : value;
}

static constexpr uint32_t kScales[4] = {0x3F800000, 0x40000000, 0x40800000, 0x3F000000};

Val Emitter::modifiedF16(const BoundAlu &alu, Val value) {
  if (!alu.clamp)
    return value;
  Val magnitude = value & 0x7FFFu;
  Val zero = laneConstant(0);
  Val clamped =
      select(lanes::nonZero(value & 0x8000u), zero, lanes::minU(magnitude, laneConstant(0x3C00)));
  Val nan = mode >> 8 & 1 ? zero : value;
  return select(ltU(laneConstant(0x7C00), magnitude), nan, clamped);
}

void Emitter::setMasked(unsigned index, Val value, Val active) {
  setVgpr(index, active.v ? select(active, value, vgpr(index)) : value);
}

void Emitter::store(const BoundAlu &alu, OperandType type, Val value) {
  using enum OperandType;
  const unsigned index = alu.destination.index;
  Val active = activeLanes(alu);
  if (type == B64 || type == F64) {
    setMasked(index, low(value), active);
    setMasked(index + 1, high(value), active);
    return;
  }
  if (type == F32) {
    if (alu.omod && !(mode >> 5 & 1))
      value = mulF32(value, laneConstant(kScales[alu.omod]));
    if (alu.clamp) {
      Val zero = laneConstant(0), one = laneConstant(0x3F800000);
      Val clamped = select(ltF32(zero, value), select(ltF32(one, value), one, value), zero);
      value = mode >> 8 & 1 ? clamped : select(lanes::isNan(value), value, clamped);
    }
  } else if (type == F16) {
    value = modifiedF16(alu, value);
  } else if (type == P16 && alu.clamp) {
    value = modifiedF16(alu, value & 0xFFFFu) | (modifiedF16(alu, value >> 16u) << 16u);
  }
  if (type == F16 || type == B16) {
    Val old = vgpr(index);
    value = alu.destination.high ? (old & 0xFFFFu) | (value << 16u) : (old & 0xFFFF0000u) | value;
  }
  setMasked(index, value, active);
}

void Emitter::storeMask(const BoundAlu &alu, Val mask) {
  Val active = activeLanes(alu);
  if (alu.mask.kind == Kind::Scalar)
    setScalar(alu.mask.index, bitsOf(active.v ? both(mask, active) : mask));
}

Emit findEmit(const AluOp &op) {
  static const std::unordered_map<std::string_view, Emit> kByName = [] {
    std::unordered_map<std::string_view, Emit> byName;
    for (auto rows : {scalarRows(), scalarFloatRows(), vector32Rows(), vector16Rows(),
                      vector64Rows(), compareRows()})
      for (const EmitRow &row : rows)
        byName.emplace(row.name, row.emit);
    for (const EmitRow &row : specialRows()) // also instead of a row, where the host can do better
      byName.insert_or_assign(row.name, row.emit);
    return byName;
  }();
  auto found = kByName.find(op.name);
  return found == kByName.end() ? nullptr : found->second;
}

} // namespace rosso::emulator::translate
