// What a decoder computes, in loops over doubles, from the papers and not from our code:
// RMSNorm (Zhang 2019), rotary positions (Su 2021), grouped heads (Ainslie 2023), SwiGLU
// (Shazeer 2020). Keys and values are rounded to f16, as the cache keeps them.
#pragma once

#include "tests/models/TinyModel.h"

#include <vector>

namespace rosso {

/// Rows of vectors behind the last norm, one a token.
std::vector<std::vector<double>> plainHidden(const TinyModel &model, const std::vector<int> &ids);
/// Rows of logits, one a token.
std::vector<std::vector<double>> plainLogits(const TinyModel &model, const std::vector<int> &ids);

} // namespace rosso
