// What the two kinds of tokenizers have in common: text without special tokens <-> tokens.
#pragma once

#include "models/io/Vocabulary.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace rosso {

class TextModel {
public:
  virtual ~TextModel() = default;

  /// Appends the tokens of `text`. `first`: the text begins the input or follows a special token.
  virtual Status encode(std::string_view text, bool first, std::vector<TokenId> &out) const = 0;
  /// The bytes that a token stands for, unless it is a control or unknown token.
  virtual std::string piece(TokenId id) const = 0;

  /// Whether `encode` puts a space before text that is `first`.
  virtual bool addsSpacePrefix() const { return false; }
  /// Whether BOS is put before the input where the file does not say.
  virtual bool addsBos() const = 0;
};

} // namespace rosso
