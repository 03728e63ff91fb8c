// The decoder: every model we run, on one screen (Decoder.cpp), written against the public tensor
// API and driven by the metadata and the tensors of its file.
//
// Letters: T new tokens, P tokens before them, D width of a token's vector, H heads, G kv heads,
// d head width, C context, V vocabulary.
#pragma once

#include "models/DecoderConfig.h"
#include "models/Weights.h"

#include <string>
#include <utility>
#include <vector>

namespace rosso {

struct DecoderOptions {
  int64_t context = 0;                   // the most tokens the KV cache holds
  const QuantFormat *kvFormat = nullptr; // f16 or q8_0
};

/// Named results of an entry; those called "state:<name>" are updates that nobody else reads.
using Outputs = std::vector<std::pair<std::string, Tensor>>;

enum class Rows { All, Last };

class Decoder {
public:
  Decoder(const GgufFile &file, DecoderConfig config, DecoderOptions options);

  /// ids i32 [T], the tokens at positions start .. start + T - 1 -> logits f32 [T, V], or [1, V] of
  /// the last of them. Appends the updates of the KV cache to `updates`.
  Tensor logits(const Tensor &ids, const Dim &start, Rows rows, Outputs &updates);

  const DecoderConfig &config() const { return config_; }
  const DecoderOptions &options() const { return options_; }
  const Weights &weights() const { return weights_; }

private:
  /// Where the new tokens are, and how far each pair of a head has turned there.
  struct Step {
    Dim start, tokens;
    Tensor cosines, sines; // [T, r]
    Outputs &updates;
  };

  Step step(const Dim &start, const Dim &tokens, Outputs &updates) const;
  Tensor attention(const Tensor &x, const std::string &layer, int64_t index, Step &step);
  Tensor feedForward(const Tensor &x, const std::string &layer);
  Tensor cached(const std::string &name, const Tensor &fresh, Step &step);
  Tensor norm(const Tensor &x, const std::string &name);
  Tensor project(const Tensor &x, const std::string &name, int64_t columns);

  DecoderConfig config_;
  DecoderOptions options_;
  Weights weights_;
  Tensor ropeFrequencies_; // [r]
};

} // namespace rosso
