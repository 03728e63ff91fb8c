// The small float formats of weights, as exact conversions from and to f32.
//
// To f32 nothing is lost; from f32 we round to nearest, ties to even, as the hardware does.
// Denormals, infinities and NaN (which stays NaN) included. No tables, no hardware needed.
#pragma once

#include <bit>
#include <cstdint>

namespace rosso {

/// IEEE 754 binary16: sign, 5 bits of exponent (bias 15), 10 bits of mantissa.
constexpr float halfToFloat(uint16_t half) {
  const uint32_t sign = (half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 0x1F;
  const uint32_t mantissa = half & 0x3FF;
  if (exponent == 0) { // zero, or a denormal: mantissa * 2^-24, exact in f32
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
  }
  if (exponent == 0x1F)
    return std::bit_cast<float>(sign | 0x7F800000 | mantissa << 13);
  return std::bit_cast<float>(sign | (exponent + 127 - 15) << 23 | mantissa << 13);
}

constexpr uint16_t floatToHalf(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint16_t sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  const uint32_t magnitude = bits & 0x7FFFFFFF;
  uint32_t half = 0;
  if (magnitude > 0x7F800000) // NaN: quiet, with what fits of its payload
    half = 0x7E00 | (magnitude >> 13 & 0x3FF);
  else if (magnitude >= 0x477FF000) // 65520 and above round to infinity
    half = 0x7C00;
  else if (magnitude >= 0x38800000) // 2^-14: the smallest normal half
    half = (magnitude + 0xFFF + (magnitude >> 13 & 1) - (112u << 23)) >> 13;
  else // floats in [0.5, 1) are 2^-24 apart, as half denormals are: the addition rounds
    half = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) -
           std::bit_cast<uint32_t>(0.5f);
  return static_cast<uint16_t>(sign | half);
}

/// bfloat16: the upper half of an f32.
constexpr float bfloatToFloat(uint16_t bfloat) {
  return std::bit_cast<float>(static_cast<uint32_t>(bfloat) << 16);
}

constexpr uint16_t floatToBfloat(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7FFFFFFF) > 0x7F800000)
    return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

/// 2^(exponent - 128): half the value of an OCP E8M0 scale, whose bias is 127. All 256 codes are
/// finite; the lowest two give f32 denormals.
constexpr float e8m0HalfToFloat(uint8_t exponent) {
  const uint32_t bits = exponent < 2 ? 0x00200000u << exponent : (exponent - 1u) << 23;
  return std::bit_cast<float>(bits);
}

} // namespace rosso
