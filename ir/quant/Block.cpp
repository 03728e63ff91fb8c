#include "ir/quant/Block.h"

#include "support/Float.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>

namespace rosso {

namespace {

/// Calls `use` with each run of elements that lie side by side: the number of the first one, how
/// many they are, the byte of the first one, and the bit at which all of them begin.
template <typename Use> void forEachRun(const BitPlane &plane, Use use) {
  unsigned e = 0;
  for (unsigned byte = plane.offset; e < plane.count; byte += plane.run)
    for (unsigned bit = plane.bit; bit < 8 && e < plane.count; bit += plane.pitch) {
      const unsigned count = std::min(plane.run, plane.count - e);
      use(plane.first + e, count, byte, bit);
      e += count;
    }
}

void decodeElements(std::span<const BitPlane> planes, const uint8_t *block, uint8_t *elements) {
  for (const BitPlane &plane : planes)
    forEachRun(plane, [&](unsigned e, unsigned count, unsigned byte, unsigned bit) {
      for (unsigned i = 0; i < count; ++i)
        elements[e + i] |= (block[byte + i] >> bit & plane.mask()) << plane.shift;
    });
}

void encodeElements(std::span<const BitPlane> planes, const uint8_t *elements, uint8_t *block) {
  for (const BitPlane &plane : planes)
    forEachRun(plane, [&](unsigned e, unsigned count, unsigned byte, unsigned bit) {
      for (unsigned i = 0; i < count; ++i)
        block[byte + i] |= (elements[e + i] >> plane.shift & plane.mask()) << bit;
    });
}

int signExtend(unsigned value, unsigned bits) {
  return static_cast<int>(value << (32 - bits)) >> (32 - bits);
}

/// The E8M0Half code whose power of two is nearest to `value` in ratio.
uint8_t nearestE8M0Half(float value) {
  if (!(value > 0))
    return 0;
  const long exponent = std::lround(std::log2(static_cast<double>(value))) + 128;
  return static_cast<uint8_t>(std::clamp(exponent, 0l, 254l));
}

/// q8_a's record behind d: d * sum of the first half, of the second half, of all codes.
void storeSums(const QuantFormat &format, const Block &block, std::span<uint8_t> bytes) {
  const unsigned half = format.blockLen / 2;
  int sums[2] = {};
  for (unsigned i = 0; i < format.blockLen; ++i)
    sums[i / half] += codeValue(format, block.codes[i]);
  const float record[] = {block.d * static_cast<float>(sums[0]),
                          block.d * static_cast<float>(sums[1]),
                          block.d * static_cast<float>(sums[0] + sums[1])};
  assert(sizeof record == format.sumBytes);
  std::memcpy(bytes.data() + format.blockSize - format.sumBytes, record, sizeof record);
}

} // namespace

float loadScale(const BlockScale &scale, std::span<const uint8_t> bytes) {
  uint32_t bits = 0;
  for (unsigned i = 0; i < byteSize(scale.type); ++i)
    bits |= static_cast<uint32_t>(bytes[scale.offset + i]) << (8 * i);
  switch (scale.type) {
  case ScaleType::None:
    return 0;
  case ScaleType::F32:
    return std::bit_cast<float>(bits);
  case ScaleType::F16:
    return halfToFloat(static_cast<uint16_t>(bits));
  case ScaleType::BF16:
    return bfloatToFloat(static_cast<uint16_t>(bits));
  case ScaleType::E8M0Half:
    return e8m0HalfToFloat(static_cast<uint8_t>(bits));
  }
  return 0;
}

void storeScale(const BlockScale &scale, float value, std::span<uint8_t> bytes) {
  uint32_t bits = 0;
  switch (scale.type) {
  case ScaleType::None:
    break;
  case ScaleType::F32:
    bits = std::bit_cast<uint32_t>(value);
    break;
  case ScaleType::F16:
    bits = floatToHalf(value);
    break;
  case ScaleType::BF16:
    bits = floatToBfloat(value);
    break;
  case ScaleType::E8M0Half:
    bits = nearestE8M0Half(value);
    break;
  }
  for (unsigned i = 0; i < byteSize(scale.type); ++i)
    bytes[scale.offset + i] = static_cast<uint8_t>(bits >> (8 * i));
}

float roundScale(ScaleType type, float value) {
  uint8_t bytes[4] = {};
  storeScale({.type = type}, value, bytes);
  return loadScale({.type = type}, bytes);
}

Block decodeBlock(const QuantFormat &format, std::span<const uint8_t> bytes) {
  assert(bytes.size() >= format.blockSize);
  Block block;
  block.d = loadScale(format.d, bytes);
  block.dmin = loadScale(format.dmin, bytes);
  decodeElements(format.codes, bytes.data(), block.codes);
  decodeElements(format.scales, bytes.data(), block.scales);
  return block;
}

void encodeBlock(const QuantFormat &format, const Block &block, std::span<uint8_t> bytes) {
  assert(bytes.size() >= format.blockSize);
  std::fill_n(bytes.begin(), format.blockSize, 0);
  storeScale(format.d, block.d, bytes);
  storeScale(format.dmin, block.dmin, bytes);
  encodeElements(format.codes, block.codes, bytes.data());
  encodeElements(format.scales, block.scales, bytes.data());
  if (format.sumBytes)
    storeSums(format, block, bytes);
}

int groupScale(const QuantFormat &format, const Block &block, unsigned g) {
  if (format.scales.empty())
    return 1;
  const unsigned raw = block.scales[g];
  const int scale = format.scaleSigned ? signExtend(raw, format.scaleBits) : static_cast<int>(raw);
  return format.scaleStep * scale - format.scaleZero;
}

int groupMin(const QuantFormat &format, const Block &block, unsigned g) {
  return format.groupMins ? block.scales[format.groups() + g] : 1;
}

int codeValue(const QuantFormat &format, uint8_t code) {
  int value = code;
  if (!format.table.empty())
    value = format.table[code];
  else if (format.signedCodes)
    value = signExtend(code, format.codeBits);
  return value - format.zero;
}

} // namespace rosso
