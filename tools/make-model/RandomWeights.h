// Random weights, fast enough to fill a disk: real blocks of bell-shaped weights are packed once
// per format, and a tensor is a random sequence of them. Of formats that we cannot pack, the blocks
// are of random bits.
#pragma once

#include "ir/quant/QuantFormat.h"

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace rosso {

class RandomWeights {
public:
  explicit RandomWeights(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15 + 1) {}

  /// Fills `bytes` with a file's blocks of weights of the given deviation around zero. The size is
  /// a multiple of unitBytes(format).
  void fill(const QuantFormat &format, float deviation, std::span<uint8_t> bytes);
  static uint64_t unitBytes(const QuantFormat &format);

  /// One number around `mean`, never further off than 3.5 deviations.
  float bell(float mean, float deviation);

private:
  uint32_t next();
  void makeGridBlock(const QuantFormat &format, float deviation, std::span<uint8_t> file);
  const std::vector<uint8_t> &pool(const QuantFormat &format, float deviation);

  uint64_t state_;
  std::map<const QuantFormat *, std::vector<uint8_t>> pools_;
};

} // namespace rosso
