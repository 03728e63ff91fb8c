// How long a dispatch would take on the chip, from what was counted while it was emulated.
//
// Where a launch costs nothing but its slowest resource, its time is that resource's; launching,
// ramping up and draining come on top:
//
//   T = gap + (ramp + drain) / clock + (vram^4 + wave^4 + valu^4 + l0^4 + lds^4 + chain^4 +
//   link^4)^(1/4)
//
// The numbers are planning values, within 20 % where they could be compared with published
// measurements of an RX 7900 XTX; see docs/emulator.md.
#pragma once

#include "runtime/amd/Chip.h"
#include "runtime/emulator/Engine.h"
#include "runtime/emulator/Link.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace rosso::emulator {

/// What the time of a launch depends on besides what was counted.
struct LaunchFacts {
  uint32_t vgprs = 0;         // of a lane
  uint32_t ldsBytes = 0;      // of a work group
  uint32_t wavesPerGroup = 1; //
  bool wholeProcessor = true; // a work group may use both CUs of a WGP and their LDS
  bool dependent = true;      // on the launch before
  bool codeIsWarm = true;     // ran before, since code was last invalidated
};

/// The terms of a prediction, in the order they are printed.
enum class Bound : uint8_t { Vram, Wave, Valu, L0, Lds, Chain, Link, Launch };
inline constexpr size_t kBounds = 8;
std::string_view boundName(Bound bound); // "vram"

struct Prediction {
  double seconds = 0;
  std::array<double, kBounds> terms{}; // by Bound; Launch: gap, ramp and drain
  Bound bound = Bound::Launch;         // the largest
  uint64_t vramBytes = 0;              // that the model took
  double residentWaves = 0;            // of a CU
  double inFlightBytes = 0;            // that a CU has outstanding, of loads
};

/// Waves of a kernel that one CU holds at once: by registers, by LDS, by whole work groups.
double residentWaves(const amd::Chip &chip, const LaunchFacts &facts);

Prediction predict(const amd::Chip &chip, const Link &link, const LaunchFacts &facts,
                   const Counters &counters);

} // namespace rosso::emulator
