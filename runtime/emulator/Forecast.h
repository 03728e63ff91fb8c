// What the dispatches of a run add up to: predicted time, and what bounds it.
#pragma once

#include "runtime/emulator/Emulator.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace rosso::emulator {

struct Forecast {
  struct Kernel {
    std::string name;
    uint64_t dispatches = 0;
    double seconds = 0;
    uint64_t vramBytes = 0;
    Bound bound = Bound::Launch; // of its longest dispatch
    double longest = 0;
  };

  uint64_t dispatches = 0;
  double seconds = 0;                  // of the GPU, launches included
  std::array<double, kBounds> bound{}; // seconds of the dispatches that each bounds
  uint64_t vramBytes = 0;
  std::vector<Kernel> kernels; // the most expensive first

  /// What bounds most of the time.
  Bound mostly() const;
  /// "vram 81 %, launch 12 %, wave 7 %": shares of one percent and more.
  std::string shares() const;
};

Forecast addUp(std::span<const DispatchCount> dispatches);

} // namespace rosso::emulator
