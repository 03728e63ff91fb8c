// A block taken apart, by its descriptor alone.
#pragma once

#include "ir/quant/QuantFormat.h"

#include <cstdint>
#include <span>

namespace rosso {

/// The fields of one block, without interpretation: codes and scales are raw bits, zero-extended.
struct Block {
  float d = 0;
  float dmin = 0;
  uint8_t codes[kMaxBlockLen] = {};
  uint8_t scales[kMaxScales] = {}; // s[0..G), then m[0..G)
};

/// Reads the fields from `bytes`, a block of `format.blockSize` bytes.
Block decodeBlock(const QuantFormat &format, std::span<const uint8_t> bytes);

/// Writes the fields to `bytes`; d and dmin are rounded to the block's types. q8_a's sums as well.
void encodeBlock(const QuantFormat &format, const Block &block, std::span<uint8_t> bytes);

/// Reads and writes one float of a block at its offset. ScaleType::None reads as 0.
float loadScale(const BlockScale &scale, std::span<const uint8_t> bytes);
void storeScale(const BlockScale &scale, float value, std::span<uint8_t> bytes);
/// `value` as it will be read back. E8M0Half takes the nearest power of two.
float roundScale(ScaleType type, float value);

/// The factor of d for group g: scaleStep * s[g] - scaleZero, or 1 without group scales.
int groupScale(const QuantFormat &format, const Block &block, unsigned g);
/// The factor of dmin for group g: m[g], or 1 without group mins.
int groupMin(const QuantFormat &format, const Block &block, unsigned g);
/// The integer a code stands for: v(code) - zero.
int codeValue(const QuantFormat &format, uint8_t code);

} // namespace rosso
