// SHA-256, for the names of cached programs and the checksums of their files.
// Source: FIPS 180-4.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace rosso {

class Sha256 {
public:
  using Digest = std::array<uint8_t, 32>;

  void add(std::span<const uint8_t> bytes);
  void add(std::string_view text) {
    add({reinterpret_cast<const uint8_t *>(text.data()), text.size()});
  }
  /// The digest of all that was added. The object is spent afterwards.
  Digest finish();

  static Digest of(std::span<const uint8_t> bytes) {
    Sha256 hash;
    hash.add(bytes);
    return hash.finish();
  }

private:
  void compress(const uint8_t *block);

  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> pending_ = {};
  uint64_t length_ = 0; // bytes added
};

/// Lower-case hex digits, two a byte.
std::string hex(std::span<const uint8_t> bytes);

} // namespace rosso
