#include "tools/make-model/RandomWeights.h"

#include "ir/quant/Expand.h"
#include "ir/quant/Pack.h"

#include <cassert>
#include <cmath>
#include <cstring>
#include <numbers>

namespace rosso {

namespace {

constexpr unsigned kUnits = 4096; // different ones in a pool

/// Weights of a unit: one block, or several numbers of a plain float.
unsigned unitLen(const QuantFormat &format) { return format.isFloat() ? 32 : format.blockLen; }

} // namespace

/// The upper half of a 64-bit xorshift state, scrambled by a multiplication.
/// Source: Vigna, "An experimental exploration of Marsaglia's xorshift generators", xorshift64*.
uint32_t RandomWeights::next() {
  state_ ^= state_ >> 12;
  state_ ^= state_ << 25;
  state_ ^= state_ >> 27;
  return static_cast<uint32_t>(state_ * 0x2545F4914F6CDD1D >> 32);
}

float RandomWeights::bell(float mean, float deviation) {
  double sum = -2; // four uniform numbers: mean 2, variance 4/12
  for (int i = 0; i < 4; ++i)
    sum += next() / 4294967296.0;
  return mean + deviation * static_cast<float>(sum * std::numbers::sqrt3);
}

uint64_t RandomWeights::unitBytes(const QuantFormat &format) {
  return format.fileRowBytes(unitLen(format));
}

/// Any bits are a block of indices; d follows from what they stand for.
void RandomWeights::makeGridBlock(const QuantFormat &format, float deviation,
                                  std::span<uint8_t> file) {
  for (uint8_t &byte : file)
    byte = static_cast<uint8_t>(next());
  storeFileScale(*format.file, 1, file);
  std::vector<uint8_t> block(format.blockSize);
  std::vector<float> weights(format.blockLen);
  resolveGrid(format, file, block);
  expand(format, block, weights);
  double square = 0;
  for (float weight : weights)
    square += double{weight} * weight;
  const double mean = std::sqrt(square / format.blockLen);
  storeFileScale(*format.file, static_cast<float>(deviation / mean), file);
}

const std::vector<uint8_t> &RandomWeights::pool(const QuantFormat &format, float deviation) {
  std::vector<uint8_t> &pool = pools_[&format];
  if (pool.empty()) {
    const uint64_t unit = unitBytes(format);
    pool.resize(kUnits * unit);
    if (format.file) {
      for (unsigned i = 0; i < kUnits; ++i)
        makeGridBlock(format, deviation, std::span(pool).subspan(i * unit, unit));
      return pool;
    }
    std::vector<float> weights(static_cast<size_t>(kUnits) * unitLen(format));
    for (float &weight : weights)
      weight = bell(0, deviation);
    packRow(format, weights, pool);
  }
  return pool;
}

void RandomWeights::fill(const QuantFormat &format, float deviation, std::span<uint8_t> bytes) {
  const std::vector<uint8_t> &units = pool(format, deviation);
  const uint64_t unit = unitBytes(format);
  assert(bytes.size() % unit == 0);
  for (size_t at = 0; at < bytes.size(); at += unit)
    std::memcpy(bytes.data() + at, units.data() + next() % kUnits * unit, unit);
}

} // namespace rosso
