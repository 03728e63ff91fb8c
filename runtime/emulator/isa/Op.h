// What a row of the tables says about its instruction besides the arithmetic.
#pragma once

#include "runtime/emulator/isa/Alu.h"

#include <span>

namespace rosso::emulator {

/// How the driver reads an operand and writes a result; see rows/Vector32.inc.
enum class OperandType : uint8_t {
  None,
  B32,
  F32,
  B16, // zero-extended
  I16, // sign-extended
  F16,
  B64,
  F64,
  Mask, // a bit of each lane, in a scalar register
  P16,  // both halves, each picked and negated by VOP3P's fields
  W16,  // both halves as they are; neg and abs are for both
  Mix,  // f32 or one half as f16, by op_sel and op_sel_hi; delivered as f32
};

enum class Form : uint8_t { Scalar, Save, ScalarFloat, Vector, Packed, Compare, Special };

/// What a scalar instruction does with SCC.
enum class SccRule : uint8_t { Keep, NonZero, Bit, Only };

struct AluOp {
  std::string_view name;
  Form form = Form::Special;
  InstructionClass kind = InstructionClass::Valu;
  OperandType result = OperandType::None;
  std::array<OperandType, 4> source{};
  uint8_t sources = 0;
  bool givesBit = false; // also a mask: carry, flag of v_div_scale
  SccRule scc = SccRule::Keep;
  ExecuteAlu execute = nullptr;

  bool is16Or64() const { // rounds by the mode's second pair of bits
    using enum OperandType;
    return result == F16 || result == F64 || source[0] == F64;
  }
};

std::span<const AluOp> scalarOps();
std::span<const AluOp> scalarFloatOps();
std::span<const AluOp> vector32Ops();
std::span<const AluOp> vector16Ops();
std::span<const AluOp> vector64Ops();
std::span<const AluOp> compareOps();
std::span<const AluOp> specialOps();
std::span<const AluOp> matrixOps();

/// The row of a mnemonic; other generations' names and v_cmpx_ lead to the same rows. Null if none.
const AluOp *findAlu(std::string_view name);
/// Every row there is.
std::span<const AluOp *const> allAluOps();

} // namespace rosso::emulator
