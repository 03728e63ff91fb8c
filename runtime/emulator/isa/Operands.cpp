// Operands with all their modifiers: the ways of the interpreter that are not the usual one.
#include "runtime/emulator/isa/Interpreter.h"

namespace rosso::emulator::lanes {

using Kind = BoundOperand::Kind;

uint32_t readScalar(const BoundOperand &operand, const Registers &registers) {
  switch (operand.kind) {
  case Kind::Scalar:
    return registers.s[operand.index];
  case Kind::Constant:
    return uint32_t(operand.value);
  case Kind::Vccz:
    return registers.s[kVccLo] == 0; // of wave32
  case Kind::Execz:
    return registers.exec() == 0;
  case Kind::Scc:
    return registers.scc;
  default:
    return 0;
  }
}

uint64_t readScalarWide(const BoundOperand &operand, const Registers &registers) {
  if (operand.kind != Kind::Scalar)
    return operand.kind == Kind::Constant ? operand.value : readScalar(operand, registers);
  if (operand.index == kNull)
    return 0;
  const unsigned next = operand.index + 1u < 128u ? operand.index + 1u : operand.index;
  return registers.s[operand.index] | uint64_t(registers.s[next]) << 32;
}

void writeScalar(const BoundOperand &operand, Registers &registers, uint32_t value) {
  if (operand.kind == Kind::Scalar && operand.index != kNull)
    registers.s[operand.index] = value;
}

void writeScalarWide(const BoundOperand &operand, Registers &registers, uint64_t value) {
  if (operand.kind != Kind::Scalar || operand.index == kNull)
    return;
  registers.s[operand.index] = uint32_t(value);
  if (operand.index < 127)
    registers.s[operand.index + 1] = uint32_t(value >> 32);
}

/// Lanes of source 0 that get no value: their source lane is outside of its row, or switched off.
static uint32_t lanesWithoutSource(const BoundAlu &alu, const Registers &registers) {
  uint32_t none = alu.dppInvalid;
  if (!alu.fetchInactive)
    for (unsigned i = 0; i < kLanes; ++i)
      none |= uint32_t(!(registers.exec() >> alu.dppLane[i] & 1)) << i;
  return none;
}

uint32_t activeLanes(const BoundAlu &alu, const Registers &registers) {
  uint32_t lanes = registers.exec();
  if (alu.dpp) {
    lanes &= ~alu.dppDisabled;
    if (!alu.boundCtrl)
      lanes &= ~lanesWithoutSource(alu, registers);
  }
  return lanes;
}

static V loadAny(const BoundAlu &alu, const Registers &registers, unsigned source) {
  const BoundOperand &operand = alu.source[source];
  if (operand.kind != Kind::Vgpr)
    return splat(V{}, readScalar(operand, registers));
  const V value = loadVector(registers, operand.index);
  if (!alu.dpp || source != 0)
    return value;
  V moved;
  for (unsigned i = 0; i < kLanes; ++i)
    moved[i] = value[alu.dppLane[i]];
  // Lanes that keep their destination do not care what they read here.
  return select(maskOf(lanesWithoutSource(alu, registers)), V{}, moved);
}

static V flushedHalves(V value) {
  const V low = select(isZero(value & 0x7C00u), value & 0x8000u, value & 0xFFFFu);
  const V high = select(isZero(value & 0x7C000000u), value & 0x80000000u, value & 0xFFFF0000u);
  return low | high;
}

static bool flushesInputs16(const Registers &registers) {
  return !(denormalsOf(registers.mode, true) & 1);
}

void fetchModified(const BoundAlu &alu, const Registers &registers, unsigned source,
                   OperandType type, V &out) {
  using enum OperandType;
  const BoundOperand &operand = alu.source[source];
  V value = loadAny(alu, registers, source);
  const bool mixHalf = type == Mix && alu.opSelHi >> source & 1;
  if (type == B16 || type == I16 || type == F16 || mixHalf) {
    const bool high = mixHalf ? alu.opSel >> source & 1 : operand.high;
    value = high ? value >> 16u : value & 0xFFFFu;
  }
  if (type == P16) {
    const V low = alu.opSel >> source & 1 ? value >> 16u : value & 0xFFFFu;
    const V high = alu.opSelHi >> source & 1 ? value & 0xFFFF0000u : value << 16u;
    value = low | high;
    value ^=
        (alu.negLo >> source & 1 ? 0x8000u : 0u) | (alu.negHi >> source & 1 ? 0x80000000u : 0u);
  }
  uint32_t signs = 0;
  if (type == F32 || (type == Mix && !mixHalf))
    signs = 0x80000000u;
  else if (type == F16 || mixHalf)
    signs = 0x8000u;
  else if (type == W16)
    signs = 0x80008000u;
  if ((type == F16 || mixHalf || type == P16 || type == W16) && flushesInputs16(registers))
    value = flushedHalves(value);
  if (operand.abs)
    value &= ~signs;
  if (operand.neg)
    value ^= signs;
  if (type == I16)
    value = signExtend(value, 16);
  if (mixHalf)
    value = widenF16(value);
  out = value;
}

void fetchHalves(const BoundAlu &alu, const Registers &registers, unsigned source, OperandType type,
                 V &low, V &high) {
  const V value = loadAny(alu, registers, source);
  low = alu.opSel >> source & 1 ? value >> 16u : value & 0xFFFFu;
  high = alu.opSelHi >> source & 1 ? value >> 16u : value & 0xFFFFu;
  if (type == OperandType::F16) {
    if (flushesInputs16(registers))
      low = flushedHalves(low), high = flushedHalves(high);
    low ^= alu.negLo >> source & 1 ? 0x8000u : 0u;
    high ^= alu.negHi >> source & 1 ? 0x8000u : 0u;
  } else if (type == OperandType::I16) {
    low = signExtend(low, 16), high = signExtend(high, 16);
  }
}

void fetchWide(const BoundAlu &alu, const Registers &registers, unsigned source, bool isFloat,
               W &value) {
  const BoundOperand &operand = alu.source[source];
  if (operand.kind == Kind::Vgpr)
    value = wide(loadVector(registers, operand.index), loadVector(registers, operand.index + 1u));
  else
    value = splat(W{}, readScalarWide(operand, registers));
  if (isFloat && operand.abs)
    value &= 0x7FFFFFFFFFFFFFFFull;
  if (isFloat && operand.neg)
    value ^= 0x8000000000000000ull;
}

/// Output modifiers are ignored where denormal results are kept, as the hardware does.
static bool scales(const BoundAlu &alu, const Registers &registers, bool wide) {
  return alu.omod != 0 && !(denormalsOf(registers.mode, wide) & 2);
}

static constexpr double kScales[4] = {1, 2, 4, 0.5};

static V clampedF32(V value, uint32_t mode) {
  const V zero{}, one = splat(V{}, 0x3F800000);
  const V clamped =
      select(ltF32(zero, value), select(ltF32(one, value), one, value), zero); // -0 and NaN: 0
  return mode & kModeDx10Clamp ? clamped : select(isNan(value), value, clamped);
}

/// Of each half, as a float's.
static V clampedF16(V value, uint32_t mode) {
  const V magnitude = value & 0x7FFFu;
  V clamped = select(nonZero(value & 0x8000u), V{}, minU(magnitude, splat(V{}, 0x3C00)));
  const V nan = mode & kModeDx10Clamp ? V{} : value;
  return select(ltU(splat(V{}, 0x7C00), magnitude), nan, clamped);
}

static V modifiedF16(const BoundAlu &alu, const Registers &registers, V value) {
  if (scales(alu, registers, true)) {
    const V factor = splat(V{}, std::bit_cast<uint32_t>(float(kScales[alu.omod])));
    value = roundF32ToF16(mulF32(widenF16(value), factor));
  }
  if (alu.clamp)
    value = clampedF16(value, registers.mode);
  if (!(denormalsOf(registers.mode, true) & 2))
    value = flushedHalves(value);
  return value;
}

void storeModified(const BoundAlu &alu, Registers &registers, OperandType type, const V &result) {
  using enum OperandType;
  V value = result;
  if (type == F32) {
    if (scales(alu, registers, false))
      value = mulF32(value, splat(V{}, std::bit_cast<uint32_t>(float(kScales[alu.omod]))));
    if (alu.clamp)
      value = clampedF32(value, registers.mode);
  } else if (type == F16) {
    value = modifiedF16(alu, registers, value);
  } else if (type == P16) {
    value = modifiedF16(alu, registers, value & 0xFFFFu) |
            (modifiedF16(alu, registers, value >> 16u) << 16u);
  }
  const unsigned index = alu.destination.index;
  const V old = loadVector(registers, index);
  if (type == F16 || type == B16)
    value = alu.destination.high ? (old & 0xFFFFu) | (value << 16u) : (old & 0xFFFF0000u) | value;
  const uint32_t lanes = activeLanes(alu, registers);
  storeVector(registers, index, lanes == ~0u ? value : select(maskOf(lanes), value, old));
}

void storeWide(const BoundAlu &alu, Registers &registers, OperandType type, const W &result) {
  W value = result;
  if (type == OperandType::F64) {
    if (scales(alu, registers, true))
      value = mulF64(value, real(value, kScales[alu.omod]));
    if (alu.clamp) {
      const W zero{}, one = real(value, 1);
      const W clamped = select(ltF64(zero, value), select(ltF64(one, value), one, value), zero);
      value = registers.mode & kModeDx10Clamp ? clamped : select(isNan64(value), value, clamped);
    }
  }
  const unsigned index = alu.destination.index;
  const M active = maskOf(activeLanes(alu, registers));
  storeVector(registers, index, select(active, low(value), loadVector(registers, index)));
  storeVector(registers, index + 1u,
              select(active, high(value), loadVector(registers, index + 1u)));
}

} // namespace rosso::emulator::lanes
