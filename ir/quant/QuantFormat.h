// A storage format of weights as data.
//
// Every block format stores, for `blockLen` weights, unsigned codes and a hierarchy of scales:
//
//   weight i = d * (scaleStep * s[g] - scaleZero) * (v(code i) - zero)  -  minSign * dmin * m[g]
//   g = i / groupLen
//
// `v` is the identity or a table; s and m are small integers per group (absent: their factors are
// 1); d and dmin are floats of the block (dmin absent: no second term). Formats.h has the entries;
// Block.h takes a block apart, Expand.h and Pack.h go to floats and back.
//
// That is a block in memory. Where a file stores it otherwise, `file` says how; see GridBlock.h.
#pragma once

#include "ir/quant/GridBlock.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace rosso {

/// A float of the block. E8M0Half is 2^(e - 128), the scale of MXFP4 with its table doubled.
enum class ScaleType : uint8_t { None, F32, F16, BF16, E8M0Half };

constexpr unsigned byteSize(ScaleType type) {
  constexpr unsigned kBytes[] = {0, 4, 2, 2, 1};
  return kBytes[static_cast<int>(type)];
}

struct BlockScale {
  ScaleType type = ScaleType::None;
  unsigned offset = 0; // bytes into the block
};

/// Where a field of bits begins, and how it is shared out between consecutive elements.
struct BitAddress {
  unsigned byte = 0;
  unsigned bit = 0;
};

/// `width` bits of each of `count` consecutive elements (codes or group scales).
///
/// Elements fill the low `pitch` bits of `run` bytes, then the next bits of the same bytes, until
/// those are full; then the next `run` bytes begin.
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

  /// Where element `first + e` lies in the block.
  constexpr BitAddress locate(unsigned e) const {
    const unsigned perByte = 8 / pitch;
    return {.byte = offset + e / (run * perByte) * run + e % run,
            .bit = pitch * (e / run % perByte) + bit};
  }
  constexpr unsigned mask() const { return (1u << width) - 1; }
};

/// For formats that no GGUF contains.
inline constexpr uint32_t kNoGgufType = ~0u;

struct QuantFormat {
  std::string_view name; // "q4_k"
  uint32_t ggufType = kNoGgufType;
  unsigned blockLen = 1;  // weights
  unsigned blockSize = 0; // bytes
  unsigned groupLen = 1;  // weights that share s and m; blockLen if there are no group scales
  BlockScale d = {}, dmin = {};
  std::span<const BitPlane> codes = {};  // elements: blockLen codes; empty for plain floats
  std::span<const BitPlane> scales = {}; // elements: s[0..G), then m[0..G) if `groupMins`
  unsigned codeBits = 0;
  unsigned scaleBits = 0;
  int zero = 0;
  int scaleZero = 0;
  int scaleStep = 1;
  bool groupMins = false;             // m[g] present
  int minSign = 1;                    // -1 where the second term is added (q4_1, q5_1: + m)
  bool scaleSigned = false;           // s is two's complement of scaleBits bits
  std::span<const int8_t> table = {}; // v, of 2^codeBits entries; empty: the identity
  bool signedCodes = false;           // codes are two's complement (q8_0)
  bool splitRows = false; // a row is the codes of all blocks, then the rest of all blocks
  unsigned sumBytes = 0;  // at the block's end: sums of codes, which expansion does not read
  const GridBlock *file = nullptr; // how a GGUF stores the block; null: as it is here

  constexpr unsigned groups() const { return blockLen / groupLen; }
  /// Group scales and group mins together.
  constexpr unsigned scaleCount() const {
    return scales.empty() ? 0 : groups() * (groupMins ? 2 : 1);
  }
  constexpr bool isFloat() const { return codes.empty(); }
  constexpr double bitsPerWeight() const { return 8.0 * blockSize / blockLen; }
  /// Bytes of a row. `cols` is a multiple of blockLen.
  constexpr uint64_t rowBytes(int64_t cols) const {
    return static_cast<uint64_t>(cols) / blockLen * blockSize;
  }

  // The same in a file.
  constexpr unsigned fileBlockSize() const { return file ? file->size : blockSize; }
  constexpr double fileBitsPerWeight() const { return 8.0 * fileBlockSize() / blockLen; }
  constexpr uint64_t fileRowBytes(int64_t cols) const {
    return static_cast<uint64_t>(cols) / blockLen * fileBlockSize();
  }
};

/// The largest block of any format, for buffers on the stack.
inline constexpr unsigned kMaxBlockLen = 256;
inline constexpr unsigned kMaxBlockSize = 256;
inline constexpr unsigned kMaxScales = 32;

} // namespace rosso
