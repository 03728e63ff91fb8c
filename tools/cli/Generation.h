// Writes the continuation of a prompt to standard output as it comes, and times it.
#pragma once

#include "models/Llm.h"
#include "models/io/Tokenizer.h"

#include <string>
#include <vector>

namespace rosso::cli {

struct GenerationOptions {
  int64_t mostTokens = 0; // 0: until the model or the context ends
  bool printIds = false;
  bool ignoreEnd = false;
};

class Generation {
public:
  /// `tokenizer` may be null if ids are printed; then no token ends the text.
  Generation(Llm &llm, const Tokenizer *tokenizer, GenerationOptions options)
      : llm_(llm), tokenizer_(tokenizer), options_(options) {}

  Status run(std::span<const TokenId> prompt);

  // Of the last run.
  std::vector<TokenId> tokens; // what was generated, without the one that ended it
  std::string text;            // the same, where text was written
  size_t promptTokens = 0;
  double promptSeconds = 0, decodeSeconds = 0;
  size_t decodeSteps = 0;

  double promptRate() const { return promptSeconds > 0 ? promptTokens / promptSeconds : 0; }
  double rate() const { return decodeSeconds > 0 ? decodeSteps / decodeSeconds : 0; }

private:
  bool ends(TokenId id) const;

  Llm &llm_;
  const Tokenizer *tokenizer_;
  GenerationOptions options_;
};

} // namespace rosso::cli
