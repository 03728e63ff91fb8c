// A storage format of weights as data.
//
// Every block format stores, for `blockLen` weights, unsigned codes and a hierarchy of scales:
//
//   weight i = d * (s[g] - scaleZero) * (v(code i) - zero)  -  dmin * m[g]       g = i / groupLen
//
// `v` is the identity or a table; s and m are small integers per group (absent: 1); d and dmin are
// floats of the block (dmin absent: no second term). See Formats.h for the entries.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace rosso {

/// A float of the block. E8M0Half is 2^(e - 128), the scale of MXFP4 with its table doubled.
enum class ScaleType : uint8_t { None, F32, F16, BF16, E8M0Half };

struct BlockScale {
  ScaleType type = ScaleType::None;
  unsigned offset = 0; // bytes into the block
};

/// `width` bits of each of `count` consecutive elements (codes or group scales).
/// Element e (counted from `first`) lies in byte
///   offset + (e / (run * 8/width')) * run + e % run    at bit  width' * ((e / run) % (8/width'))
/// with width' = `pitch`: elements fill the low bits of `run` bytes, then the next bits of the
/// same bytes, until those are full; then the next `run` bytes begin.
///   q4_0 codes: run 16, pitch 4    q4_k codes: run 32, pitch 4    q6_k scales: run 1, pitch 8
struct BitPlane {
  unsigned offset = 0; // bytes into the block
  unsigned run = 1;    // bytes
  unsigned pitch = 8;  // bits from one element of a byte to the next
  unsigned bit = 0;    // where in its pitch the field begins (0 unless fields are interleaved)
  unsigned width = 8;  // bits of the field
  unsigned shift = 0;  // where these bits stand in the element
  unsigned first = 0;  // the elements this plane covers: [first, first + count)
  unsigned count = 0;
};

struct QuantFormat {
  std::string_view name; // "q4_k"
  uint32_t ggufType = 0; // GGUF's number for it
  unsigned blockLen = 1; // weights
  unsigned blockSize = 0; // bytes
  unsigned groupLen = 0; // weights that share s and m; blockLen if there are no group scales
  BlockScale d, dmin;
  std::span<const BitPlane> codes;  // elements: blockLen codes; empty for plain floats
  std::span<const BitPlane> scales; // elements: s[0..G), then m[0..G) if `groupMins`
  unsigned codeBits = 0;
  unsigned scaleBits = 0;
  int zero = 0;
  int scaleZero = 0;
  bool groupMins = false;        // m[g] present
  int minSign = 1;               // -1 where the second term is added (q4_1, q5_1: + m)
  bool scaleSigned = false;      // s is two's complement of scaleBits bits
  std::span<const int8_t> table; // v, of 2^codeBits entries; empty: identity. Values are signed.
  bool signedCodes = false;      // codes are two's complement (q8_0)

  unsigned groups() const { return blockLen / groupLen; }
  bool isFloat() const { return codes.empty(); }
  double bitsPerWeight() const { return 8.0 * blockSize / blockLen; }
};

} // namespace rosso
