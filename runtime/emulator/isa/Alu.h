// Arithmetic of all scalar and vector ALU instructions. Their meaning is written once, in the rows
// of isa/rows/, and used twice: by the interpreter's primitives and by the translator.
//
// An engine decodes an Instruction, binds it once, and executes the result as often as it likes:
//
//   Result<BoundAlu> bound = bindAlu(instruction, isa);
//   FloatEnvironment environment(registers.mode); // once for many instructions, see its header
//   bound->execute(*bound, registers);
//
// What is not arithmetic is not here: memory, LDS, branches, waits, barriers, messages, s_getpc,
// s_setpc, s_getreg and s_setreg. (s_round_mode and s_denorm_mode are: they write Registers::mode.)
#pragma once

#include "runtime/amd/Chip.h"
#include "runtime/emulator/Engine.h"
#include "runtime/emulator/decode/Instruction.h"
#include "runtime/emulator/exec/Wave.h"
#include "support/Result.h"

#include <array>
#include <memory>
#include <string_view>
#include <vector>

namespace rosso::emulator {

struct AluOp; // one row of the tables
struct BoundAlu;
using ExecuteAlu = void (*)(const BoundAlu &, Registers &);

/// A source or destination, ready to execute.
struct BoundOperand {
  enum class Kind : uint8_t { None, Vgpr, Scalar, Constant, Vccz, Execz, Scc };
  Kind kind = Kind::None;
  bool neg = false, abs = false, high = false; // high: the high half of a 16-bit operand
  uint16_t index = 0;
  uint64_t value = 0; // of a constant, in the type of the operand
};

/// An instruction with all that is known before it runs worked out. Plain data; `execute` is null
/// in the Y half of a VOPD, which its X half executes.
struct BoundAlu {
  ExecuteAlu execute = nullptr;
  const AluOp *op = nullptr;
  amd::Isa isa = amd::Isa::Gfx11;
  bool plain = false; // no neg, abs, half, clamp, omod or DPP anywhere
  bool clamp = false;
  uint8_t omod = 0, opSel = 0, opSelHi = 0, negLo = 0, negHi = 0;
  BoundOperand destination, mask; // mask: scalar destination of v_cmp, v_add_co, v_div_scale
  std::array<BoundOperand, 4> source{};
  int32_t immediate = 0; // SOPK, s_round_mode, s_denorm_mode

  // DPP: the lane that lane i of source 0 comes from, and lanes that have none.
  bool dpp = false, boundCtrl = false, fetchInactive = false;
  uint32_t dppInvalid = 0;  // lanes whose source lies outside of their row
  uint32_t dppDisabled = 0; // lanes that row_mask or bank_mask leave alone
  std::array<uint8_t, kLanes> dppLane{};

  std::shared_ptr<const BoundAlu> second; // VOPD: the Y half
};

/// The interpreter needs x86-64-v3 (AVX2, FMA, F16C) where the host is x86-64.
Status checkHostForAlu();

/// Whether the mnemonic (without suffixes) is an ALU instruction we execute.
bool isAlu(std::string_view name);

/// The class for counting, of any ALU mnemonic (VOPD: Vopd whatever its halves are called).
InstructionClass aluClass(const Instruction &instruction);

/// Errors name the instruction and what of it does not exist; the caller adds its address.
Result<BoundAlu> bindAlu(const Instruction &instruction, amd::Isa isa);

} // namespace rosso::emulator
