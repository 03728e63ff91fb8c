// Emits host code for instructions of one block: registers as values, operands with modifiers.
#pragma once

#include "runtime/emulator/isa/Op.h"
#include "runtime/emulator/translate/Flow.h"
#include "runtime/emulator/translate/Values.h"

namespace rosso::emulator::translate {

class Emitter {
public:
  Emitter(Builder &builder, llvm::Value *registers, uint32_t usualMode);

  /// Begins a block: nothing is in values but constants.
  void begin(const Known &known);
  /// Writes back what is in `live` and not in the register file yet.
  void writeBack(const RegisterSet &live);
  /// Drops values of registers that code elsewhere wrote.
  void forget(const RegisterSet &written);

  Val vgpr(unsigned index);
  void setVgpr(unsigned index, Val value);
  Val scalar(unsigned index);
  void setScalar(unsigned index, Val value);
  Val wideScalar(unsigned index);
  void setWideScalar(unsigned index, Val value);
  Val scc();
  void setScc(Val bit);
  bool allLanes();
  /// One bit of a lane each.
  Val maskOf(Val bits);
  Val bitsOf(Val mask);

  /// Of a vector instruction, in its type: dwords, quadwords, or a mask.
  Val fetch(const BoundAlu &alu, unsigned source, OperandType type);
  void fetchHalves(const BoundAlu &alu, unsigned source, OperandType type, Val &low, Val &high);
  Val fetchScalar(const BoundOperand &operand, bool wide);
  Val fetchScalarFloat(const BoundAlu &alu, unsigned source, OperandType type);
  void store(const BoundAlu &alu, OperandType type, Val value);
  void storeMask(const BoundAlu &alu, Val mask);
  /// Lanes that write; a null value if all do.
  Val activeLanes(const BoundAlu &alu);
  void setMasked(unsigned vgpr, Val value, Val active);

  Val constant(uint32_t value); // of a scalar
  Val lanes(Val scalar);        // the same in all lanes
  Val laneConstant(uint32_t value);
  Val shuffled(Val value, const std::array<uint8_t, kLanes> &from);
  llvm::Value *address(size_t offset); // into the register file

  Builder &builder;
  uint32_t mode; // while it is the usual one
  bool hasVnni = false, hasVbmi = false;

private:
  struct Slot {
    llvm::Value *value = nullptr;
    bool dirty = false;
  };
  Val loadAny(const BoundAlu &alu, unsigned source, bool isFloat);
  Val lanesWithoutSource(const BoundAlu &alu);
  Val modifiedF16(const BoundAlu &alu, Val value);
  Val splatConstant(uint32_t value, bool isFloat);
  Val val(llvm::Value *v) { return {v, &builder}; }

  llvm::Value *registers_;
  llvm::Type *lanesType_;
  std::array<Slot, kAllRegisters> slots_;
};

/// What rows may ask of the instruction that is being translated.
struct EmitContext {
  const BoundAlu &alu;
  Emitter &emitter;
  bool clampBit;

  bool clamp() const { return clampBit; }
  EmitContext unclamped() const { return {alu, emitter, false}; }
  Val scc() const { return emitter.scc(); }
  bool negLow(unsigned source) const { return alu.negLo >> source & 1; }
  bool ieee() const { return alu.isa == amd::Isa::Gfx12 || (emitter.mode >> 9 & 1); }
  bool nearest16() const { return true; } // other modes are interpreted
  bool flushInputs32() const { return !(emitter.mode >> 4 & 1); }
  bool flushOutputs32() const { return !(emitter.mode >> 5 & 1); }
};

using Emit = void (*)(Emitter &, const BoundAlu &);
struct EmitRow {
  std::string_view name;
  Emit emit;
};
std::span<const EmitRow> scalarRows();
std::span<const EmitRow> scalarFloatRows();
std::span<const EmitRow> vector32Rows();
std::span<const EmitRow> vector16Rows();
std::span<const EmitRow> vector64Rows();
std::span<const EmitRow> compareRows();
std::span<const EmitRow> specialRows();

/// How a row is translated; null where the interpreter does it.
Emit findEmit(const AluOp &op);

} // namespace rosso::emulator::translate
