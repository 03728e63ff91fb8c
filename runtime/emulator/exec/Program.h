// A kernel, decoded once: steps for all code that can be reached from its first instruction.
//
// Code is taken apart in regions: from an address on, straight through, until nothing more follows
// or is jumped to. Where code jumps through a register, the target's region is added when it is
// first needed.
#pragma once

#include "runtime/emulator/Memory.h"
#include "runtime/emulator/decode/Decoder.h"
#include "runtime/emulator/exec/MemoryOp.h"
#include "runtime/emulator/exec/Step.h"

#include <deque>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <span>

namespace rosso::emulator {

class Program {
public:
  Program(Decoder &decoder, const Memory &memory, const amd::Chip &chip)
      : decoder_(decoder), memory_(memory), chip_(chip) {}

  /// The step at an address, decoding its region on first use. What is no code becomes steps that
  /// fail. Safe to call from several threads.
  const Step *at(uint64_t address);

  size_t segments() const { return segmentCount_.load(); }
  const Segment &segment(size_t index) const { return segments_[index]; }
  /// All code decoded so far. Not while others may add to it.
  std::vector<std::span<const Step>> regions() const { return {regions_.begin(), regions_.end()}; }
  /// Highest vector register any decoded instruction names, plus 1.
  uint32_t vgprs() const { return vgprs_; }

private:
  struct Jump {
    Step *from;
    uint64_t to;
  };
  void addRegion(uint64_t address);
  std::vector<const Instruction *> readRegion(uint64_t address);
  Step makeStep(Instruction &instruction);
  Status bind(Instruction &instruction, Step &step);

  Decoder &decoder_;
  const Memory &memory_;
  const amd::Chip &chip_;
  std::shared_mutex mutex_;
  std::map<uint64_t, const Step *> byAddress_;
  std::vector<Jump> jumps_; // yet to be connected
  std::deque<Instruction> instructions_;
  std::deque<BoundAlu> alus_;
  std::deque<MemoryOp> memoryOps_;
  std::deque<std::vector<Step>> regions_;
  std::deque<Segment> segments_;
  std::atomic<size_t> segmentCount_ = 0;
  uint32_t vgprs_ = 0;
};

/// What runs an instruction that is no arithmetic: fills kind, condition, execute and memory.
/// Errors: not modelled. `memory` receives the operation where there is one.
Status bindControl(const Instruction &instruction, amd::Isa isa, Step &step);
Status bindMemory(const Instruction &instruction, amd::Isa isa, Step &step, MemoryOp &memory);
/// SDWA: `plain` becomes the instruction without it, on hidden registers; the step selects parts
/// before and after.
Status bindSdwa(const Instruction &instruction, Instruction &plain, Step &step);
bool isMemoryInstruction(const Instruction &instruction);

} // namespace rosso::emulator
