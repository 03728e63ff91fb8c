// Who lies where in the arena, and when: the slots of the plan, and what each launch of an entry
// keeps in scratch memory.
#pragma once

#include "tools/dump/Subject.h"

#include <string>
#include <vector>

namespace rosso::dump {

/// A value in scratch memory, from the launch that writes it to the last that reads it.
struct ScratchLife {
  uint64_t offset = 0, bytes = 0; // in scratch, at the largest extents
  size_t first = 0, last = 0;     // launches
  std::string format, shape;
  std::vector<int64_t> nodes; // of the graph, of the launch that writes it
};

struct ScratchMap {
  std::string entry;
  size_t launches = 0;
  std::vector<ScratchLife> lives; // in the order of launches
  uint64_t peakLive = 0;          // most bytes alive at a launch
  uint64_t reach = 0;             // highest byte used
};

std::vector<ScratchMap> scratchOf(const Subject &subject);

/// All slots, then scratch over the launches of each entry.
std::string arenaText(const Subject &subject);

} // namespace rosso::dump
