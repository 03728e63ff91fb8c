// What lies between the host and the emulated GPU: how fast bytes pass, and how late.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace rosso::emulator {

struct Link {
  std::string_view name;     // "pcie4x16"
  std::string_view title;    // "PCIe 4.0 x16"
  double gigabytesPerSecond; // payload, each direction
  double writeSeconds;       // a posted write (a doorbell, a signal) until it arrives
  double readSeconds;        // a read until its first byte is back

  /// A copy of so many bytes across the link.
  double seconds(uint64_t bytes) const {
    return readSeconds + static_cast<double>(bytes) / (gigabytesPerSecond * 1e9);
  }
};

std::span<const Link> links();
/// Null if we do not know it.
const Link *findLink(std::string_view name);

} // namespace rosso::emulator
