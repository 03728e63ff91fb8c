// Which storage format each tensor of a model gets: the recipes that GGUF files are known by.
//
// A mix has a base format for matrices, a finer one for the output matrix (or the embedding, where
// it serves as output), and a finer one for attn_v and ffn_down in about half of the layers, since
// these two hurt most. Vectors, norms and routers stay in f32. Rows that are no multiple of the
// block length fall back to a format with shorter blocks.
// Source: llama.cpp's `llama_tensor_get_type` and `llama_ftype`.
#pragma once

#include "ir/quant/Formats.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace rosso {

struct QuantMix {
  std::string_view name;                 // "q4_k_m"
  uint32_t fileType = 0;                 // general.file_type
  const QuantFormat *base = nullptr;     // matrices
  const QuantFormat *output = nullptr;   // the output matrix
  const QuantFormat *moreBits = nullptr; // attn_v and ffn_down of the layers `getsMoreBits` names

  bool canBePacked() const { return !base->file; }
};

inline constexpr QuantMix kQuantMixes[] = {
    {"f32", 0, &kF32, &kF32, &kF32},
    {"f16", 1, &kF16, &kF16, &kF16},
    {"bf16", 32, &kBF16, &kBF16, &kBF16},
    {"q4_0", 2, &kQ4_0, &kQ6_K, &kQ4_0},
    {"q4_1", 3, &kQ4_1, &kQ6_K, &kQ4_1},
    {"q5_0", 8, &kQ5_0, &kQ6_K, &kQ5_0},
    {"q5_1", 9, &kQ5_1, &kQ6_K, &kQ5_1},
    {"q8_0", 7, &kQ8_0, &kQ8_0, &kQ8_0},
    {"q2_k", 10, &kQ2_K, &kQ6_K, &kQ3_K},
    {"q3_k", 11, &kQ3_K, &kQ6_K, &kQ3_K},
    {"q4_k", 14, &kQ4_K, &kQ6_K, &kQ4_K},
    {"q4_k_m", 15, &kQ4_K, &kQ6_K, &kQ6_K},
    {"q5_k", 16, &kQ5_K, &kQ6_K, &kQ5_K},
    {"q5_k_m", 17, &kQ5_K, &kQ6_K, &kQ6_K},
    {"q6_k", 18, &kQ6_K, &kQ6_K, &kQ6_K},
    {"iq4_nl", 25, &kIQ4_NL, &kQ6_K, &kIQ4_NL},
    {"iq4_xs", 30, &kIQ4_XS, &kQ6_K, &kIQ4_XS},
    {"mxfp4", 38, &kMXFP4, &kQ8_0, &kMXFP4},
    {"q1_0", 40, &kQ1_0, &kQ6_K, &kQ1_0},
    {"tq2_0", 37, &kTQ2_0, &kQ6_K, &kTQ2_0},
    // Read and made up, but not packed.
    {"iq1_s", 24, &kIQ1_S, &kQ5_K, &kIQ1_S},
    {"iq1_m", 31, &kIQ1_M, &kQ5_K, &kIQ1_M},
    {"iq2_xxs", 19, &kIQ2_XXS, &kQ5_K, &kIQ2_XXS},
    {"iq2_xs", 20, &kIQ2_XS, &kQ5_K, &kIQ2_XS},
    {"iq2_s", 28, &kIQ2_S, &kQ5_K, &kIQ2_S},
    {"iq3_xxs", 23, &kIQ3_XXS, &kQ5_K, &kIQ3_XXS},
    {"iq3_s", 26, &kIQ3_S, &kQ6_K, &kIQ3_S},
};

const QuantMix *findQuantMix(std::string_view name);
/// "f32, f16, ...", those that can be packed, for messages.
std::string quantMixNames();

/// What a mix must know of the whole model.
struct MixedModel {
  int layers = 0;
  bool hasOutput = false; // an output.weight of its own; else token_embd.weight is the output
};

/// The first and last eighth of the layers, and every third between.
bool getsMoreBits(int layer, int layers);

/// The format that `mix` gives a tensor; `ne` innermost first.
const QuantFormat &formatFor(const QuantMix &mix, const MixedModel &model, std::string_view name,
                             std::span<const int64_t> ne);

} // namespace rosso
