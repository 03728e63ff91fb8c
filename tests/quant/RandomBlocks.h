// Random blocks with finite scales, for tests of properties.
#pragma once

#include "ir/quant/Block.h"

#include <random>
#include <vector>

namespace rosso {

/// `count` blocks of random bits whose d and dmin lie in +-[0.01, 1).
inline std::vector<uint8_t> randomBlocks(const QuantFormat &format, size_t count,
                                         std::mt19937 &random) {
  std::vector<uint8_t> bytes(count * format.blockSize);
  for (uint8_t &byte : bytes)
    byte = static_cast<uint8_t>(random());
  std::uniform_real_distribution<float> magnitude(0.01f, 1.0f);
  auto finite = [&] { return random() % 2 ? magnitude(random) : -magnitude(random); };
  for (size_t b = 0; b < count; ++b) {
    const auto block = std::span(bytes).subspan(b * format.blockSize, format.blockSize);
    storeScale(format.d, finite(), block);
    storeScale(format.dmin, finite(), block);
  }
  return bytes;
}

} // namespace rosso
