// An instruction as the interpreter runs it: everything that does not change worked out.
#pragma once

#include "runtime/emulator/Engine.h"
#include "runtime/emulator/decode/Instruction.h"
#include "runtime/emulator/isa/Alu.h"

#include <cstdint>

namespace rosso::emulator {

struct Wave;
struct Step;
struct MemoryOp;

enum class StepKind : uint8_t {
  Segment, // no instruction: counts the ones up to the next Segment or jump
  Alu,     // alu
  Execute, // execute
  Nop,
  Branch,   // to target if condition
  Indirect, // execute sets Wave::jump
  Barrier,
  Signal, // gfx12: the first half of a barrier
  End
};

enum class Condition : uint8_t { Always, Scc0, Scc1, Vccz, Vccnz, Execz, Execnz };

/// False: an error was recorded in the wave.
using Execute = bool (*)(Wave &, const Step &);

/// Instructions that always run together with the same EXEC: what one run of them counts.
struct Segment {
  uint32_t byClass[static_cast<size_t>(InstructionClass::Count)] = {};
  uint32_t instructions = 0, vector = 0, slots = 0;
};

/// How an instruction uses the lanes of vector registers.
enum class LaneUse : uint8_t { Exec, All, Dpp, OneLane, FirstLane, WriteLane };
/// What it makes of registers that nothing has written. Compilers copy values they never use, and
/// multiply and add 64 bits to get the low 32.
enum class Undefined : uint8_t { IsError, IsCopied, StaysInHighHalf };

struct Step {
  StepKind kind = StepKind::Nop;
  Condition condition = Condition::Always;
  InstructionClass instructionClass = InstructionClass::Nop;
  uint8_t slots = 0;
  LaneUse laneUse = LaneUse::Exec;
  Undefined undefined = Undefined::IsError;
  uint32_t segment = 0; // StepKind::Segment: which, and what it counts
  const Segment *counted = nullptr;
  Execute execute = nullptr;
  const BoundAlu *alu = nullptr;
  const MemoryOp *memory = nullptr;
  const Step *target = nullptr;
  const Instruction *instruction = nullptr;
};

/// Issue slots of an instruction in the time model (docs/emulator.md).
uint8_t issueSlots(const Instruction &instruction, InstructionClass instructionClass);

bool isVector(InstructionClass instructionClass);

} // namespace rosso::emulator
