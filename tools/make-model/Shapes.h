// The shapes of well-known models: what a file of random weights must have to cost what they cost.
// Source: each model's config.json as published; `tiny` is ours, for tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace rosso {

struct ModelShape {
  std::string_view name;
  std::string_view architecture; // as general.architecture names it
  uint32_t layers, width, heads, kvHeads, headWidth, feedForward, vocabulary, context;
  float ropeBase, normEpsilon;
  bool tied;              // token_embd.weight is the output matrix, too
  bool biases = false;    // on q, k and v
  bool headNorms = false; // on q and k
  float ropeFactor = 0;   // LLaMA 3's scaling of the rotation frequencies; 0: none
};

// clang-format off
inline constexpr ModelShape kModelShapes[] = {
  // name            arch    layers width heads kv head   ffn  vocab  context  rope   eps   tied   bias   norms  factor
  {"tiny",           "qwen2",   2,  256,   4,  2,  64,   512,    512,  1024,  1e4f, 1e-6f, false, true},
  {"tiny-llama",     "llama",   2,  256,   4,  2,  64,   512,    512,  1024,  1e4f, 1e-5f, true,  false, false, 8},
  {"tiny-qwen3",     "qwen3",   2,  256,   4,  2, 128,   512,    512,  1024,  1e4f, 1e-6f, true,  false, true},
  {"qwen2.5-0.5b",   "qwen2",  24,  896,  14,  2,  64,  4864, 151936, 32768,  1e6f, 1e-6f, true,  true},
  {"qwen2.5-1.5b",   "qwen2",  28, 1536,  12,  2, 128,  8960, 151936, 32768,  1e6f, 1e-6f, true,  true},
  {"qwen2.5-3b",     "qwen2",  36, 2048,  16,  2, 128, 11008, 151936, 32768,  1e6f, 1e-6f, true,  true},
  {"qwen2.5-7b",     "qwen2",  28, 3584,  28,  4, 128, 18944, 152064, 32768,  1e6f, 1e-6f, false, true},
  {"qwen2.5-14b",    "qwen2",  48, 5120,  40,  8, 128, 13824, 152064, 32768,  1e6f, 1e-5f, false, true},
  {"qwen3-0.6b",     "qwen3",  28, 1024,  16,  8, 128,  3072, 151936, 40960,  1e6f, 1e-6f, true,  false, true},
  {"qwen3-8b",       "qwen3",  36, 4096,  32,  8, 128, 12288, 151936, 40960,  1e6f, 1e-6f, false, false, true},
  {"llama-3.1-8b",   "llama",  32, 4096,  32,  8, 128, 14336, 128256, 131072, 5e5f, 1e-5f, false, false, false, 8},
  {"llama-3.2-1b",   "llama",  16, 2048,  32,  8,  64,  8192, 128256, 131072, 5e5f, 1e-5f, true,  false, false, 32},
};
// clang-format on

inline const ModelShape *findModelShape(std::string_view name) {
  for (const ModelShape &shape : kModelShapes)
    if (shape.name == name)
      return &shape;
  return nullptr;
}

/// "tiny, qwen2.5-0.5b, ..." for messages.
inline std::string modelShapeNames() {
  std::string names;
  for (const ModelShape &shape : kModelShapes)
    names.append(names.empty() ? "" : ", ").append(shape.name);
  return names;
}

} // namespace rosso
