// The dwords of a ring, which goes on at its beginning, or of an indirect buffer, which does not.
#pragma once

#include "runtime/emulator/packets/Bits.h"

#include <cstdint>
#include <cstring>
#include <span>
#include <string>

namespace rosso::emulator {

class Stream {
public:
  Stream(const uint8_t *data, uint64_t dwords) : data_(data), dwords_(dwords) {}

  uint64_t dwords() const { return dwords_; }
  uint32_t operator[](uint64_t position) const {
    uint32_t value;
    std::memcpy(&value, data_ + position % dwords_ * 4, 4);
    return value;
  }

private:
  const uint8_t *data_;
  uint64_t dwords_;
};

/// A packet out of its stream. Dwords are counted as manuals do: 0 is the header.
struct Packet {
  std::span<const uint32_t> dwords;

  uint32_t operator[](size_t i) const { return dwords[i]; }
  uint32_t bodyDwords() const { return static_cast<uint32_t>(dwords.size()) - 1; }
  uint64_t pair(size_t low) const { return uint64_t{dwords[low + 1]} << 32 | dwords[low]; }

  /// Errors unless dword `i` has no bits but these.
  Status only(size_t i, uint32_t allowed, const char *what) const {
    if (uint32_t others = dwords[i] & ~allowed)
      return malformed("dword " + std::to_string(i) + " (" + what + ") = " + hex(dwords[i]) +
                       ": reserved bits " + hex(others) + " are set");
    return {};
  }
  /// The address in dwords `low` and `low + 1`. Errors: misaligned, or more than 48 bits.
  Result<uint64_t> address(size_t low, uint64_t alignment, const char *what) const {
    const uint64_t address = pair(low);
    if (address % alignment)
      return malformed(std::string(what) + " " + hex(address) + " is not a multiple of " +
                       std::to_string(alignment));
    if (address >> 48)
      return malformed(std::string(what) + " " + hex(address) + " has more than 48 bits");
    return address;
  }
  /// "c0031500 00000001 ...", at most a dozen dwords.
  std::string dump() const {
    constexpr size_t kMost = 12;
    std::string text;
    char dword[12];
    for (size_t i = 0; i < dwords.size() && i < kMost; ++i) {
      std::snprintf(dword, sizeof dword, "%s%08x", i ? " " : "", dwords[i]);
      text += dword;
    }
    return dwords.size() > kMost ? text + " ..." : text;
  }
};

} // namespace rosso::emulator
