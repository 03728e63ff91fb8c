// Small words about bits, for those who check packets.
#pragma once

#include "support/Result.h"

#include <cstdint>
#include <cstdio>
#include <string>

namespace rosso::emulator {

constexpr uint32_t bit(unsigned position) { return uint32_t{1} << position; }
/// A mask of [high:low].
constexpr uint32_t bits(unsigned high, unsigned low) {
  return static_cast<uint32_t>((uint64_t{2} << high) - (uint64_t{1} << low));
}
constexpr uint32_t field(uint32_t dword, unsigned high, unsigned low) {
  return (dword & bits(high, low)) >> low;
}

inline std::string hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

inline Error malformed(std::string what) { return {ErrorCode::DeviceLost, std::move(what)}; }

} // namespace rosso::emulator
