// Where a block lies in a row: consecutively, except in formats with split rows (q8_a).
#pragma once

#include "ir/quant/QuantFormat.h"

#include <algorithm>

namespace rosso {

/// Bytes of a block that hold its codes, at its beginning, in formats with split rows.
constexpr unsigned splitCodeBytes(const QuantFormat &format) {
  return format.blockLen * format.codeBits / 8;
}

/// Block `b` of a row of `blocks`; gathered into `buffer` if the row does not hold it in one piece.
inline std::span<const uint8_t> blockOfRow(const QuantFormat &format, std::span<const uint8_t> row,
                                           size_t blocks, size_t b, std::span<uint8_t> buffer) {
  if (!format.splitRows)
    return row.subspan(b * format.blockSize, format.blockSize);
  const size_t code = splitCodeBytes(format), rest = format.blockSize - code;
  std::copy_n(row.begin() + b * code, code, buffer.begin());
  std::copy_n(row.begin() + blocks * code + b * rest, rest, buffer.begin() + code);
  return buffer.first(format.blockSize);
}

/// The inverse: stores `block` as block `b` of the row.
inline void storeBlockOfRow(const QuantFormat &format, std::span<const uint8_t> block,
                            std::span<uint8_t> row, size_t blocks, size_t b) {
  if (!format.splitRows) {
    std::copy_n(block.begin(), format.blockSize, row.begin() + b * format.blockSize);
    return;
  }
  const size_t code = splitCodeBytes(format), rest = format.blockSize - code;
  std::copy_n(block.begin(), code, row.begin() + b * code);
  std::copy_n(block.begin() + code, rest, row.begin() + blocks * code + b * rest);
}

} // namespace rosso
