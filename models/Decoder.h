// The decoder: every model we run, on one screen (Decoder.cpp), written against the public tensor
// API and driven by the metadata and the tensors of its file.
//
// Letters: T new tokens, P tokens before them, D width of a token's vector, H heads, G kv heads,
// d head width, C context, V vocabulary. A step may extend several sequences: their tokens follow
// each other along T, and only attention tells them apart.
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
  int64_t slots = 1;                     // sequences that the KV cache holds
};

/// New tokens of one sequence: `tokens` of them, at positions from `start` on of the sequence in
/// `slot`.
struct SequencePart {
  Dim slot, start, tokens;
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
  /// The same for parts of several sequences, one after the other in `ids`. Rows::Last needs a
  /// single one.
  Tensor logits(const Tensor &ids, const std::vector<SequencePart> &parts, Rows rows,
                Outputs &updates);
  /// What logits are made of: tokens' vectors behind the last norm, f32 [T, D] or [1, D].
  Tensor hidden(const Tensor &ids, const std::vector<SequencePart> &parts, Rows rows,
                Outputs &updates);

  const DecoderConfig &config() const { return config_; }
  const DecoderOptions &options() const { return options_; }
  const Weights &weights() const { return weights_; }

private:
  /// Where the new tokens are, and how far each pair of a head has turned there.
  struct Step {
    const std::vector<SequencePart> &parts;
    Dim tokens;
    Tensor cosines, sines; // [T, r]
    Outputs &updates;
  };

  Step step(const std::vector<SequencePart> &parts, const Dim &tokens, Outputs &updates) const;
  Tensor attention(const Tensor &x, const std::string &layer, int64_t index, Step &step);
  Tensor feedForward(const Tensor &x, const std::string &layer);
  Tensor cached(const std::string &name, const Tensor &fresh, Step &step);
  Tensor sequence(const Tensor &cache, const SequencePart &part) const;
  Tensor norm(const Tensor &x, const std::string &name);
  Tensor embeddingTable(); // [V, D]
  Tensor project(const Tensor &x, const std::string &name, int64_t columns);

  DecoderConfig config_;
  DecoderOptions options_;
  Weights weights_;
  Tensor ropeFrequencies_; // [r]
};

} // namespace rosso
