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
};

const QuantMix *findQuantMix(std::string_view name);
/// "f32, f16, ..." for messages.
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
