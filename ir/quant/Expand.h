// Expand: blocks -> floats. Slow, literal, derived from the descriptor alone: it defines "correct".
#pragma once

#include "ir/quant/QuantFormat.h"

#include <cstdint>
#include <span>

namespace rosso {

/// Expands one block of `format.blockSize` bytes to `format.blockLen` floats.
void expand(const QuantFormat &format, std::span<const uint8_t> block, std::span<float> weights);

/// Expands a row; `weights.size()` is a multiple of blockLen, `row` has its rowBytes. Also for
/// formats with split rows.
void expandRow(const QuantFormat &format, std::span<const uint8_t> row, std::span<float> weights);

} // namespace rosso
