// Which GPUs KFD shows, from its topology in sysfs.
#pragma once

#include "runtime/amd/Chip.h"
#include "runtime/amd/kfd/Kernel.h"
#include "runtime/amd/kfd/Sysfs.h"

#include <string>
#include <vector>

namespace rosso::amd::kfd {

inline constexpr const char *kNodesPath = "/sys/devices/virtual/kfd/kfd/topology/nodes";

/// A GPU node. Counts are those of the whole node.
struct Node {
  unsigned number = 0; // of its folder
  uint32_t gpuId = 0;
  uint32_t gfxTargetVersion = 0;
  uint32_t simds = 0, simdsPerCu = 0, wavesPerSimd = 0;
  uint32_t arrays = 0, arraysPerEngine = 0, cusPerArray = 0;
  uint32_t dies = 1; // "XCC"
  uint32_t ldsKiB = 0, scratchSlotsPerCu = 0;
  uint32_t renderMinor = 0;
  uint32_t copyEngines = 0, queuesPerCopyEngine = 0;
  uint32_t maxClockMHz = 0;
  uint32_t vendorId = 0, deviceId = 0, location = 0, domain = 0;
  uint64_t uniqueId = 0;
  uint32_t firmware = 0, copyFirmware = 0;       // versions
  uint64_t saveBytes = 0, controlStackBytes = 0; // of a queue; 0: the kernel does not say
  uint64_t publicVram = 0, privateVram = 0;      // that the host can and cannot map

  const Chip *chip = nullptr; // null: none of ours

  uint32_t computeUnits() const { return simdsPerCu && dies ? simds / simdsPerCu / dies : 0; }
  uint32_t shaderEngines() const {
    return arraysPerEngine && dies ? arrays / arraysPerEngine / dies : 0;
  }
  uint64_t vramBytes() const { return publicVram + privateVram; }
  std::string pciAddress() const; // "0000:03:00.0"
  std::string renderPath() const; // "/dev/dri/renderD128"
  std::string gfxName() const;    // "gfx1100"
};

struct Topology {
  std::vector<Node> gpus; // by number
  unsigned hidden = 0;    // nodes that this process may not see

  /// Without KFD: no GPUs. Errors: BadInput, on text that is not what the kernel writes.
  static Result<Topology> read(KernelInterface &kernel);
};

/// Of KFD's gfx_target_version: 110001 is gfx1101, 90010 is gfx90a.
std::string gfxName(uint32_t gfxTargetVersion);

/// The chip of this version; of several boards the one with as many compute units.
const Chip *findChip(uint32_t gfxTargetVersion, uint32_t computeUnits);

} // namespace rosso::amd::kfd
