// The interpreter: executes a row for one wave, from and to its registers. Each of the tables' rows
// is instantiated in one of the Interpret*.cpp; what does not depend on the row is in Operands.cpp.
#pragma once

#include "runtime/emulator/isa/FloatEnvironment.h"
#include "runtime/emulator/isa/Op.h"
#include "runtime/emulator/isa/rows/Transcendental.h"

#include <type_traits>

namespace rosso::emulator::lanes {

/// What rows may ask of the instruction and the wave.
struct Context {
  const BoundAlu &alu;
  const Registers &registers;
  bool clampBit;

  bool clamp() const { return clampBit; }
  Context unclamped() const { return {alu, registers, false}; }
  bool scc() const { return registers.scc; }
  bool negLow(unsigned source) const { return alu.negLo >> source & 1; }
  bool ieee() const { return alu.isa == amd::Isa::Gfx12 || registers.mode & kModeIeee; }
  bool nearest16() const { return roundingOf(registers.mode, true) == 0; }
  bool flushInputs32() const { return !(denormalsOf(registers.mode, false) & 1); }
  bool flushOutputs32() const { return !(denormalsOf(registers.mode, false) & 2); }
};

// Operands.cpp: the general ways, with all modifiers.
void fetchModified(const BoundAlu &alu, const Registers &registers, unsigned source,
                   OperandType type, V &value);
void fetchHalves(const BoundAlu &alu, const Registers &registers, unsigned source, OperandType type,
                 V &low, V &high);
void fetchWide(const BoundAlu &alu, const Registers &registers, unsigned source, bool isFloat,
               W &value);
void storeModified(const BoundAlu &alu, Registers &registers, OperandType type, const V &value);
void storeWide(const BoundAlu &alu, Registers &registers, OperandType type, const W &value);
/// Lanes that write: exec, less those that DPP switches off.
uint32_t activeLanes(const BoundAlu &alu, const Registers &registers);
uint32_t readScalar(const BoundOperand &operand, const Registers &registers);
uint64_t readScalarWide(const BoundOperand &operand, const Registers &registers);
void writeScalar(const BoundOperand &operand, Registers &registers, uint32_t value);
void writeScalarWide(const BoundOperand &operand, Registers &registers, uint64_t value);

LANES_INLINE V loadVector(const Registers &registers, unsigned index) {
  V value;
  std::memcpy(&value, registers.v[index], sizeof(V));
  return value;
}
LANES_INLINE void storeVector(Registers &registers, unsigned index, V value) {
  std::memcpy(registers.v[index], &value, sizeof(V));
}

template <OperandType Type>
LANES_INLINE auto fetch(const BoundAlu &alu, const Registers &registers, unsigned source) {
  using enum OperandType;
  const BoundOperand &operand = alu.source[source];
  if constexpr (Type == None) {
    return 0;
  } else if constexpr (Type == Mask) {
    return maskOf(readScalar(operand, registers));
  } else if constexpr (Type == B64 || Type == F64) {
    W value;
    fetchWide(alu, registers, source, Type == F64, value);
    return value;
  } else {
    V value;
    if (!alu.plain) [[unlikely]] {
      fetchModified(alu, registers, source, Type, value);
      return value;
    }
    if (operand.kind == BoundOperand::Kind::Vgpr) [[likely]]
      value = loadVector(registers, operand.index);
    else
      value = splat(V{}, readScalar(operand, registers));
    if constexpr (Type == B16 || Type == F16)
      value = value & 0xFFFFu;
    else if constexpr (Type == I16)
      value = signExtend(value, 16);
    return value;
  }
}

LANES_INLINE void store(const BoundAlu &alu, Registers &registers, OperandType type, V value) {
  if (!alu.plain || type == OperandType::F16 || type == OperandType::B16) [[unlikely]] {
    storeModified(alu, registers, type, value);
    return;
  }
  const uint32_t exec = registers.exec();
  if (exec != ~0u) [[unlikely]]
    value = select(maskOf(exec), value, loadVector(registers, alu.destination.index));
  storeVector(registers, alu.destination.index, value);
}
LANES_INLINE void store(const BoundAlu &alu, Registers &registers, OperandType type, W value) {
  storeWide(alu, registers, type, value);
}

template <class T> struct IsWithBit : std::false_type {};
template <class T, class B> struct IsWithBit<WithBit<T, B>> : std::true_type {};

template <class Row> void executeVector(const BoundAlu &alu, Registers &registers) {
  const Context c{alu, registers, alu.clamp};
  auto result = Row::eval(
      c, fetch<Row::kSource[0]>(alu, registers, 0), fetch<Row::kSource[1]>(alu, registers, 1),
      fetch<Row::kSource[2]>(alu, registers, 2), fetch<Row::kSource[3]>(alu, registers, 3));
  if constexpr (Row::kForm == Form::Compare) {
    writeScalar(alu.mask, registers, bitsOf(result) & activeLanes(alu, registers));
  } else if constexpr (IsWithBit<decltype(result)>::value) {
    const uint32_t bits = bitsOf(result.bit) & activeLanes(alu, registers);
    store(alu, registers, Row::kResult, result.value);
    writeScalar(alu.mask, registers, bits);
  } else {
    store(alu, registers, Row::kResult, result);
  }
}

template <class Row> void executePacked(const BoundAlu &alu, Registers &registers) {
  const Context c{alu, registers, alu.clamp};
  V low[3]{}, high[3]{};
  for (unsigned i = 0; i < Row::kSources; ++i)
    fetchHalves(alu, registers, i, Row::kSource[i], low[i], high[i]);
  const V lower = Row::eval(c, low[0], low[1], low[2], 0);
  const V upper = Row::eval(c, high[0], high[1], high[2], 0);
  storeModified(alu, registers,
                Row::kResult == OperandType::F16 ? OperandType::P16 : OperandType::B32,
                lower | (upper << 16u));
}

template <OperandType Type>
LANES_INLINE auto fetchScalar(const BoundAlu &alu, const Registers &r, unsigned source) {
  if constexpr (Type == OperandType::B64)
    return readScalarWide(alu.source[source], r);
  else
    return readScalar(alu.source[source], r);
}
LANES_INLINE void storeScalar(const BoundAlu &alu, Registers &r, uint32_t value) {
  writeScalar(alu.destination, r, value);
}
LANES_INLINE void storeScalar(const BoundAlu &alu, Registers &r, uint64_t value) {
  writeScalarWide(alu.destination, r, value);
}

template <class Row> void executeScalar(const BoundAlu &alu, Registers &registers) {
  const Context c{alu, registers, false};
  auto result = Row::eval(c, fetchScalar<Row::kSource[0]>(alu, registers, 0),
                          fetchScalar<Row::kSource[1]>(alu, registers, 1), 0, 0);
  if constexpr (Row::kScc == SccRule::Only) {
    registers.scc = result;
  } else if constexpr (Row::kScc == SccRule::Bit) {
    storeScalar(alu, registers, result.value);
    registers.scc = result.bit;
  } else {
    storeScalar(alu, registers, result);
    if constexpr (Row::kScc == SccRule::NonZero)
      registers.scc = result != 0;
  }
}

template <class Row> void executeSave(const BoundAlu &alu, Registers &registers) {
  constexpr bool kWide = Row::kResult == OperandType::B64;
  const BoundOperand exec{.kind = BoundOperand::Kind::Scalar, .index = kExecLo};
  if constexpr (kWide) {
    const uint64_t old = readScalarWide(exec, registers);
    const uint64_t value = Row::eval(readScalarWide(alu.source[0], registers), old);
    writeScalarWide(alu.destination, registers, Row::kKeepsOld ? old : value);
    writeScalarWide(exec, registers, value);
    registers.scc = value != 0;
  } else {
    const uint32_t old = registers.exec();
    const uint32_t value = Row::eval(readScalar(alu.source[0], registers), old);
    writeScalar(alu.destination, registers, Row::kKeepsOld ? old : value);
    writeScalar(exec, registers, value);
    registers.scc = value != 0;
  }
}

/// One lane of the vector arithmetic; results of 16 bits are zero-extended.
template <class Row> void executeScalarFloat(const BoundAlu &alu, Registers &registers) {
  const Context c{alu, registers, false};
  V x[3]{};
  for (unsigned i = 0; i < Row::kSources; ++i)
    fetchModified(alu, registers, i, Row::kSource[i], x[i]);
  auto result = Row::eval(c, x[0], x[1], x[2], 0);
  if constexpr (Row::kScc == SccRule::Only)
    registers.scc = bitsOf(result) & 1;
  else
    writeScalar(alu.destination, registers, result[0]);
}

template <class Row> constexpr AluOp opOf() {
  AluOp op;
  op.name = Row::kName;
  op.form = Row::kForm;
  op.kind = Row::kClass;
  op.result = Row::kResult;
  op.source = Row::kSource;
  op.sources = Row::kSources;
  op.scc = Row::kScc;
  if constexpr (Row::kForm == Form::Scalar) {
    op.execute = executeScalar<Row>;
  } else if constexpr (Row::kForm == Form::Save) {
    op.execute = executeSave<Row>;
  } else if constexpr (Row::kForm == Form::ScalarFloat) {
    op.execute = executeScalarFloat<Row>;
  } else if constexpr (Row::kForm == Form::Packed) {
    op.execute = executePacked<Row>;
  } else {
    op.execute = executeVector<Row>;
    auto give = []<OperandType Type>(std::integral_constant<OperandType, Type>) {
      using enum OperandType;
      if constexpr (Type == Mask)
        return M{};
      else if constexpr (Type == B64 || Type == F64)
        return W{};
      else
        return V{};
    };
    using Result =
        decltype(Row::eval(std::declval<const Context &>(),
                           give(std::integral_constant<OperandType, Row::kSource[0]>{}),
                           give(std::integral_constant<OperandType, Row::kSource[1]>{}),
                           give(std::integral_constant<OperandType, Row::kSource[2]>{}),
                           give(std::integral_constant<OperandType, Row::kSource[3]>{})));
    op.givesBit = IsWithBit<Result>::value;
  }
  return op;
}

} // namespace rosso::emulator::lanes
