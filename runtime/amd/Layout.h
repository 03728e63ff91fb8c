// Where the parts of an ArenaPlan lie on an AMD GPU: inputs and outputs in host memory, the rest in
// one block of VRAM, with the kernels' arguments behind it.
//
//   VRAM   | weights | states | scratch | arguments of every launch | variables |
//   host   | inputs | outputs |
#pragma once

#include "runtime/ArenaPlan.h"

#include <cstdint>
#include <vector>

namespace rosso::amd {

struct Layout {
  uint64_t hostBegin = 0, hostEnd = 0; // offsets of the plan: inputs and outputs
  uint64_t scratchInVram = 0;          // where the plan's scratch begins in VRAM
  uint64_t arguments = 0, argumentBytes = 0;
  uint64_t variables = 0, variableBytes = 0;
  uint64_t vramBytes = 0;
  std::vector<std::vector<uint64_t>> launchArguments; // [entry][launch], from `arguments`

  static Layout of(const Program &program, const ArenaPlan &plan);

  uint64_t hostBytes() const { return hostEnd - hostBegin; }
  bool inHostMemory(uint64_t planOffset) const {
    return planOffset >= hostBegin && planOffset < hostEnd;
  }
  /// Of an offset that is not in host memory.
  uint64_t inVram(uint64_t planOffset) const {
    return planOffset < hostBegin ? planOffset : planOffset - hostEnd + scratchInVram;
  }
};

} // namespace rosso::amd
