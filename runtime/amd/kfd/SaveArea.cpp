#include "runtime/amd/kfd/SaveArea.h"

#include <algorithm>

namespace rosso::amd::kfd {
namespace {

constexpr uint64_t roundUp(uint64_t value, uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}
constexpr uint64_t pages(uint64_t bytes) { return roundUp(bytes, 4096); }

constexpr uint64_t kWavesPerCu = 32;
// Of a compute unit, besides its vector registers:
constexpr uint64_t kScalarRegisterBytes = 0x4000, kLdsBytes = 0x10000, kHwRegisterBytes = 0x1000;
// Of the control stack: a header, a record per wave, and eight bytes.
constexpr uint64_t kHeaderBytes = 40, kWaveRecordBytes = 12, kTailBytes = 8;
constexpr uint64_t kGfx10ControlStackLimit = 0x7000;
constexpr uint64_t kDebugBytesPerWave = 32;

/// Vector registers of a compute unit.
uint64_t vectorRegisterBytes(uint32_t gfxTargetVersion) {
  switch (gfxTargetVersion) {
  case 110000:
  case 110001:
  case 110501:
  case 120000:
  case 120001:
    return 0x60000;
  default:
    return 0x40000;
  }
}

} // namespace

SaveArea SaveArea::of(const Node &node) {
  const uint64_t cus = node.computeUnits(), waves = cus * kWavesPerCu;
  uint64_t control = pages(kHeaderBytes + kWaveRecordBytes * waves + kTailBytes);
  if (node.gfxTargetVersion / 10000 == 10)
    control = std::min(control, kGfx10ControlStackLimit);
  const uint64_t data = pages(cus * (vectorRegisterBytes(node.gfxTargetVersion) +
                                     kScalarRegisterBytes + kLdsBytes + kHwRegisterBytes));
  const uint64_t save = node.saveBytes ? node.saveBytes : control + data;

  SaveArea area;
  area.controlStackBytes =
      static_cast<uint32_t>(node.controlStackBytes ? node.controlStackBytes : control);
  area.saveBytes = static_cast<uint32_t>(save);
  area.debugBytes = roundUp(kDebugBytesPerWave * waves, 64);
  area.mappedBytes = pages((save + area.debugBytes) * node.dies);
  return area;
}

} // namespace rosso::amd::kfd
