// Where every buffer of a program lies in the one allocation a device makes for it.
//
//   | weights | states | inputs of every entry | outputs of every entry | scratch |
//
// Slots are 64-byte aligned. Each region begins on a page, so that they can be advised and
// protected one by one.
#pragma once

#include "runtime/program/Program.h"

#include <cstdint>
#include <string>
#include <vector>

namespace rosso {

struct ArenaRegion {
  uint64_t offset = 0, bytes = 0;
};

struct ArenaSlot {
  uint64_t offset = 0, bytes = 0;
};

struct ArenaPlan {
  ArenaRegion weights, states, inputs, outputs, scratch;
  std::vector<ArenaSlot> weightSlots, stateSlots;
  std::vector<std::vector<ArenaSlot>> inputSlots, outputSlots; // [entry][index]
  uint64_t bytes = 0;                                          // of everything

  /// The memory a reference of `entry` names, to the end of its slot (of the region for scratch).
  ArenaSlot resolve(uint32_t entry, const BufferRef &ref) const;
  /// From the first output of an entry to the end of its last.
  ArenaSlot outputsOf(uint32_t entry) const;
  /// "weights 4.37 GiB, states 512.0 MiB, inputs 4.0 KiB, ..."
  std::string describe() const;
};

/// Checks that the program is whole (every index, offset, extent and tile) and lays it out.
Result<ArenaPlan> planArena(const Program &program);

} // namespace rosso
