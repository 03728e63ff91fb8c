// Emits a row: as isa/Interpreter.h executes it.
#pragma once

#include "runtime/emulator/isa/rows/Transcendental.h"
#include "runtime/emulator/translate/Emitter.h"

#include <type_traits>

namespace rosso::emulator::translate {

template <class T> struct IsWithBit : std::false_type {};
template <class T, class B> struct IsWithBit<lanes::WithBit<T, B>> : std::true_type {};

template <class Row, class Fetch>
auto evaluate(Emitter &emitter, const BoundAlu &alu, bool clamp, Fetch fetch) {
  const EmitContext c{alu, emitter, clamp};
  Val x[4];
  for (unsigned i = 0; i < Row::kSources; ++i)
    x[i] = fetch(i, Row::kSource[i]);
  return Row::eval(c, x[0], x[1], x[2], x[3]);
}

template <class Row> void emitRow(Emitter &emitter, const BoundAlu &alu) {
  if constexpr (Row::kForm == Form::Save) {
    constexpr bool kWide = Row::kResult == OperandType::B64;
    Val old = kWide ? emitter.wideScalar(kExecLo) : emitter.scalar(kExecLo);
    Val value = Row::eval(emitter.fetchScalar(alu.source[0], kWide), old);
    Val result = Row::kKeepsOld ? old : value;
    if (kWide) {
      emitter.setWideScalar(alu.destination.index, result);
      emitter.setWideScalar(kExecLo, value);
    } else {
      emitter.setScalar(alu.destination.index, result);
      emitter.setScalar(kExecLo, value);
    }
    emitter.setScc(lanes::nonZero(value));
  } else if constexpr (Row::kForm == Form::Scalar) {
    auto result = evaluate<Row>(emitter, alu, false, [&](unsigned i, OperandType type) {
      return emitter.fetchScalar(alu.source[i], type == OperandType::B64);
    });
    auto set = [&](Val value) {
      if (Row::kResult == OperandType::B64)
        emitter.setWideScalar(alu.destination.index, value);
      else
        emitter.setScalar(alu.destination.index, value);
    };
    if constexpr (Row::kScc == SccRule::Only) {
      emitter.setScc(result);
    } else if constexpr (Row::kScc == SccRule::Bit) {
      set(result.value);
      emitter.setScc(result.bit);
    } else {
      set(result);
      if (Row::kScc == SccRule::NonZero)
        emitter.setScc(lanes::nonZero(result));
    }
  } else if constexpr (Row::kForm == Form::ScalarFloat) {
    Val result = evaluate<Row>(emitter, alu, false, [&](unsigned i, OperandType type) {
      return emitter.fetchScalarFloat(alu, i, type);
    });
    if (Row::kScc == SccRule::Only)
      emitter.setScc(result);
    else
      emitter.setScalar(alu.destination.index, result);
  } else if constexpr (Row::kForm == Form::Packed) {
    Val lower[4], upper[4];
    for (unsigned i = 0; i < Row::kSources; ++i)
      emitter.fetchHalves(alu, i, Row::kSource[i], lower[i], upper[i]);
    const EmitContext c{alu, emitter, alu.clamp};
    Val low = Row::eval(c, lower[0], lower[1], lower[2], lower[3]);
    Val high = Row::eval(c, upper[0], upper[1], upper[2], upper[3]);
    emitter.store(alu, Row::kResult == OperandType::F16 ? OperandType::P16 : OperandType::B32,
                  low | (high << 16u));
  } else {
    auto result = evaluate<Row>(emitter, alu, alu.clamp, [&](unsigned i, OperandType type) {
      return emitter.fetch(alu, i, type);
    });
    if constexpr (Row::kForm == Form::Compare) {
      emitter.storeMask(alu, result);
    } else if constexpr (IsWithBit<decltype(result)>::value) {
      emitter.store(alu, Row::kResult, result.value);
      emitter.storeMask(alu, result.bit);
    } else {
      emitter.store(alu, Row::kResult, result);
    }
  }
}

} // namespace rosso::emulator::translate
