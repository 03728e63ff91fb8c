// What is known about a kernel's code before it is translated: blocks, which registers are read
// again, and which scalar registers hold constants.
//
// All registers live in the wave's register file between blocks. Within a block they are values;
// at its end those that somebody may still read are written back.
#pragma once

#include "runtime/emulator/exec/Program.h"
#include "runtime/emulator/exec/WaveState.h"

#include <bitset>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace rosso::emulator::translate {

/// Vector registers, then scalar ones, then SCC.
inline constexpr unsigned kScalars = 128, kFirstScalar = 256, kSccBit = kFirstScalar + kScalars,
                          kAllRegisters = kSccBit + 1;
using RegisterSet = std::bitset<kAllRegisters>;

/// Scalar registers whose value is the same whenever code gets here, and MODE.
struct Known {
  static constexpr unsigned kMode = kScalars;
  std::bitset<kScalars + 1> is;
  std::array<uint32_t, kScalars + 1> value{};

  std::optional<uint32_t> get(unsigned index) const {
    return is[index] ? std::optional(value[index]) : std::nullopt;
  }
  void set(unsigned index, std::optional<uint32_t> x) {
    is[index] = x.has_value();
    value[index] = x.value_or(0);
  }
  /// Keeps what both know. Whether that is less than before.
  bool meet(const Known &other);
  /// What is known after the step.
  void after(const Step &step);
};

/// Steps that run one after the other, entered only at the first.
struct Block {
  std::span<const Step> steps;
  std::vector<size_t> next; // blocks that may follow
  bool loopHead = false;    // follows a later block
  bool leaves = false;      // the wave may go where we do not know
  bool resumes = false;     // a wave may come back here from a barrier
  bool reached = false;
  Known atStart;
  RegisterSet liveAtEnd;
};

struct Flow {
  std::vector<Block> blocks;
  std::map<const Step *, size_t> byStep;
};

/// A step nobody can look into: it may read and write any register.
bool isOpaque(const Step &step);
/// Changes MODE, so that floating-point code must not move over it.
bool changesMode(const Step &step);
/// Registers the step reads; those it writes, and of these those of which nothing remains.
struct StepEffects {
  RegisterSet reads, writes, kills;
};
StepEffects effectsOf(const Step &step, bool allLanes);

Flow analyse(std::span<const std::span<const Step>> regions, const Step *entry,
             const Known &atEntry);

} // namespace rosso::emulator::translate
