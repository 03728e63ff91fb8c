// Pack: floats -> blocks, for every format by its descriptor.
//
// Scales are searched for, not just taken from the largest weight: each group's scale (and min)
// minimises the squared error, weighted towards large weights; group scales are then rounded with
// their neighbours tried, and d and dmin fitted to what was chosen. Eight-bit codes are simply
// rounded.
#pragma once

#include "ir/quant/QuantFormat.h"

#include <cstdint>
#include <span>

namespace rosso {

/// Packs `format.blockLen` finite floats into one block of `format.blockSize` bytes.
void pack(const QuantFormat &format, std::span<const float> weights, std::span<uint8_t> block);

/// Packs a row; `weights.size()` is a multiple of blockLen, `row` has its rowBytes. Also for
/// formats with split rows.
void packRow(const QuantFormat &format, std::span<const float> weights, std::span<uint8_t> row);

} // namespace rosso
