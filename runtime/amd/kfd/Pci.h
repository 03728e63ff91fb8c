// AMD's GPUs on the PCI bus, whether or not a driver has them.
#pragma once

#include "runtime/amd/Chip.h"
#include "runtime/amd/kfd/Kernel.h"
#include "runtime/amd/kfd/Sysfs.h"

#include <string>
#include <vector>

namespace rosso::amd::kfd {

struct PciLink {
  double gigaTransfers = 0; // a second and lane; 0: not known
  uint32_t lanes = 0;

  /// Of one direction, after line coding: PCIe 1 and 2 send 8 bits as 10, later ones 128 as 130.
  double bytesPerSecond() const;
};

struct PciGpu {
  std::string address; // "0000:03:00.0"
  uint32_t deviceId = 0;
  std::string driver;     // empty: none
  uint64_t barBytes = 0;  // of region 0: the host's window into VRAM
  uint64_t vramBytes = 0; // as the amdgpu driver says; 0: it does not
  PciLink link, mostLink; // of the GPU's own port
  PciLink narrowest;      // of all on the way to the processor: boards have switches inside
};

inline constexpr const char *kPciPath = "/sys/bus/pci/devices";

/// The chip that a PCI device id stands for; null if it is not one we know.
const Chip *chipOfDevice(uint32_t deviceId);

/// Display controllers of AMD, by address.
std::vector<PciGpu> listPciGpus(KernelInterface &kernel);
/// Bytes of a region of a device; 0 if there is none.
uint64_t readRegionBytes(KernelInterface &kernel, const std::string &address, unsigned region);

} // namespace rosso::amd::kfd
