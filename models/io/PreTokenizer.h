// Cutting text into the words within which byte-level BPE merges.
//
// A GGUF names its way in `tokenizer.ggml.pre`. Each is a row of a table: the published regular
// expressions, applied one after the other to the pieces that the one before left.
#pragma once

#include "models/io/SplitPattern.h"

#include <string_view>
#include <vector>

namespace rosso {

class PreTokenizer {
public:
  /// By the name in the GGUF; an unknown name is an error that lists the known ones.
  static Result<PreTokenizer> create(std::string_view name);

  /// The pieces of `text`, in order and without a gap.
  std::vector<std::string_view> split(std::string_view text) const;

  /// A word that is a token as a whole is that token, whatever the merges say.
  bool ignoresMerges() const { return ignoresMerges_; }
  /// Whether text begins with the BOS token where the file does not say.
  bool addsBos() const { return addsBos_; }

private:
  std::vector<SplitPattern> patterns_;
  bool ignoresMerges_ = false;
  bool addsBos_ = false;
};

} // namespace rosso
