// What a launch costs on a chip, without running it: bytes, slots and time by the emulator's time
// model, from the counted machine code and the grid.
#pragma once

#include "runtime/emulator/TimeModel.h"
#include "tools/dump/Machine.h"
#include "tools/dump/Subject.h"

#include <vector>

namespace rosso::dump {

/// How many waves of a kernel a SIMD holds, and why not more.
struct Occupancy {
  uint32_t byRegisters = 0, byLds = 0, byGroups = 0; // waves per SIMD; by LDS 16 where none is used
  double waves = 0;                                  // what is left of it all
  std::string_view limit;                            // "registers", "LDS", "work group", "none"
};
Occupancy occupancyOf(const amd::Chip &chip, const KernelListing &kernel, uint32_t threads,
                      bool wholeProcessor);

struct LaunchCost {
  uint64_t groups = 0, waves = 0;
  double requestedBytes = 0; // loads and stores of all lanes
  uint64_t leastBytes = 0;   // that have to move
  uint64_t weights = 0; // quantised or dense elements of weight matrices, if it is a contraction
  double slotsPerWeight = 0; // issue slots x 32 lanes of everything executed, per weight
  emulator::Counters counters;
  emulator::Prediction predicted;
};

struct KernelReport {
  Machine machine;
  Occupancy occupancy;
  bool wholeProcessor = true;
};

/// Of a program for a GPU, by kernel.
Result<std::vector<KernelReport>> reportKernels(const Subject &subject);

/// [entry][launch]
std::vector<std::vector<LaunchCost>> costsOf(const Subject &subject,
                                             const std::vector<KernelReport> &kernels);

/// Seconds of an entry: its launches one after the other.
double secondsOf(const std::vector<LaunchCost> &launches);

} // namespace rosso::dump
