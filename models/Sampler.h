// Choosing the next token, as part of the graph.
//
// Greedy is one argmax. Otherwise, in llama.cpp's order: penalties on tokens seen lately, the
// top-k candidates, top-p, min-p, then the temperature, and one draw by the Gumbel trick: the
// candidate with the largest (score + noise), which follows the softmax of the scores.
//
// Only what changes the shape of the graph is compiled in. Numbers are inputs that the host writes
// once: "sampling" f32 [6] (SamplerOptions::numbers) and "seed" u32 [2]; the noise is a function of
// the seed and the position alone.
#pragma once

#include "frontend/Tensor.h"
#include "models/Decoder.h"

#include <array>
#include <cstdint>

namespace rosso {

struct SamplerOptions {
  double temperature = 0; // 0: greedy
  int64_t topK = 40;      // 0: all
  double topP = 0.95;     // 1: all
  double minP = 0.05;     // 0: all
  double repeatPenalty = 1, presencePenalty = 0, frequencyPenalty = 0;
  int64_t penaltyWindow = 64; // tokens
  uint64_t seed = 0;

  bool isGreedy() const { return temperature == 0; }
  bool hasPenalties() const {
    return penaltyWindow > 0 &&
           (repeatPenalty != 1 || presencePenalty != 0 || frequencyPenalty != 0);
  }
  /// An error that names a number out of range.
  Status check() const;
  /// The contents of the inputs "sampling" and "seed".
  std::array<float, 6> numbers() const;
  std::array<uint32_t, 2> seedWords() const;
};

/// Where top-p has no top-k before it, it looks at this many candidates.
inline constexpr int64_t kMostCandidates = 1024;

class Sampler {
public:
  Sampler(SamplerOptions options, int64_t context, int64_t vocabulary)
      : options_(options), context_(context), vocabulary_(vocabulary) {}

  /// logits [1, V] of the token at position start + T - 1, where `ids` [T] are the tokens at
  /// start .. -> the next token, i32 [1].
  Tensor choose(const Tensor &logits, const Tensor &ids, const Dim &start, Outputs &updates) const;

private:
  Tensor penalised(const Tensor &scores, const Tensor &ids, const Dim &start,
                   Outputs &updates) const;
  Tensor noise(int64_t count, const Dim &position) const;

  SamplerOptions options_;
  int64_t context_, vocabulary_;
};

} // namespace rosso
