// A made-up machine: what its sysfs says about GPUs. Numbers of two real boards, from the driver's
// published formulas and their data sheets.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace rosso::amd::kfd {

struct FakeGpu {
  unsigned node = 1;
  uint32_t gpuId = 0x6C2A;
  uint32_t gfxTargetVersion = 110000;
  unsigned computeUnits = 96, arrays = 12;
  unsigned renderMinor = 128, bus = 3;
  uint64_t vramBytes = uint64_t{24} << 30;
  uint64_t barBytes = uint64_t{32} << 30;
  bool hostSeesVram = true; // "large BAR"
  // What a compute queue needs, worked out by hand.
  uint32_t controlStackBytes = 40960;
  uint32_t saveBytes = 46047232;
  uint64_t saveAreaBytes = 46145536;
  bool publishesSaveSizes = false; // Linux 6.12 and later
  bool known = true;
};

/// RX 7900 XTX and RX 7900 XT.
FakeGpu fakeXtx();
FakeGpu fakeXt();

/// Paths and texts. Links are paths to their targets.
struct FakeFiles {
  std::map<std::string, std::string> files, links;
  std::map<std::string, int> errors; // -errno of reading

  void add(const FakeGpu &gpu);
  /// The processor, node 0.
  void addProcessor();
};

} // namespace rosso::amd::kfd
