// What the metadata of a GGUF file says about a decoder: sizes, norm, position encoding.
//
// A model family is one row of a table in DecoderConfig.cpp; everything else about a model (biases,
// norms of heads, whether the output is tied) is found in its tensors.
#pragma once

#include "frontend/Tensor.h"
#include "models/io/Gguf.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace rosso {

/// How the vectors of a text's tokens become the text's.
enum class Pooling { Mean, First, Last };

struct DecoderConfig {
  std::string architecture; // "qwen2", also the prefix of the keys
  std::string name;         // for people
  int64_t layers = 0;
  int64_t width = 0; // of a token's vector
  int64_t heads = 0;
  int64_t kvHeads = 0;
  int64_t headWidth = 0;
  int64_t feedForward = 0;
  int64_t vocabulary = 0;
  int64_t trainedContext = 0;
  double normEpsilon = 0;
  /// The mean where the file says nothing; none where the model ranks and does not embed.
  std::optional<Pooling> pooling = Pooling::Mean;
  bool trainedToEmbed = false; // the file names a pooling

  RopeStyle ropeStyle = RopeStyle::Neox;
  /// Radians per position of each pair of elements, all scaling included; r <= headWidth / 2.
  std::vector<float> ropeFrequencies;
  /// What both tables are multiplied by (YaRN lets attention sharpen with the context).
  double ropeMagnitude = 1;

  /// Elements of one layer's keys, which are those of its values, per token.
  int64_t kvWidth() const { return kvHeads * headWidth; }

  /// Errors name file, key, what was found and what was wanted.
  static Result<DecoderConfig> read(const GgufFile &file);
};

} // namespace rosso
