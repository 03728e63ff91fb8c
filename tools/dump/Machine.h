// The machine code of a GPU kernel, counted: what each instruction is and costs, which loops there
// are, and how often all of it runs.
//
// Classes and slots are the emulator's. How often code runs is the compiler's estimate for the
// lines it came from (KernelListing::runs), by majority of the instructions of a straight piece of
// code.
#pragma once

#include "runtime/amd/Chip.h"
#include "runtime/emulator/Engine.h"
#include "runtime/program/Listing.h"
#include "support/Result.h"

#include <array>
#include <string_view>
#include <vector>

namespace rosso::dump {

inline constexpr size_t kClasses = static_cast<size_t>(emulator::InstructionClass::Count);
std::string_view className(emulator::InstructionClass which); // "valu.dot"

struct MachineInstruction {
  emulator::InstructionClass what = emulator::InstructionClass::Nop;
  uint8_t slots = 0;        // issue slots of the time model
  uint8_t bytesPerLane = 0; // of memory instructions; scalar loads: of the wave
  bool waitsForLoads = false, leavesLoads = false; // waits; some loads may stay in flight
  int loop = -1;                                   // index of the innermost around it
  double runs = 1;                                 // of a wave
};

struct MachineLoop {
  size_t begin = 0, end = 0; // instructions [begin, end)
  int parent = -1;
  double runs = 1; // how often a wave runs its body
};

/// Sums over instructions.
struct MachineCounts {
  std::array<double, kClasses> byClass{};
  double instructions = 0, slots = 0;
  double loadBytes = 0, wideLoadBytes = 0, storeBytes = 0; // of a wave, global memory
  double lines = 0;                                        // of 128 bytes, if lanes are neighbours
  double scalarBytes = 0, ldsBytes = 0;
  double loadRounds = 0, prefetchedRounds = 0; // see emulator::Counters

  double of(emulator::InstructionClass which) const { return byClass[static_cast<size_t>(which)]; }
};

struct Machine {
  std::vector<MachineInstruction> instructions; // as KernelListing::instructions
  std::vector<MachineLoop> loops;               // outer before inner
  int hot = -1;            // the loop that loads most of what the kernel loads; -1: none
  uint64_t codeBytes = 0;  //
  MachineCounts once;      // each instruction once
  MachineCounts executed;  // by one wave, estimated
  MachineCounts iteration; // one iteration of the hot loop
};

/// Errors: Unsupported, where the emulator's decoder does not know the chip.
Result<Machine> examine(const KernelListing &kernel, const amd::Chip &chip);

} // namespace rosso::dump
