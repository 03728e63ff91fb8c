// The tokenizer of LLaMA 1 and 2, Mistral 7B and kin: SentencePiece's BPE.
//
// Spaces are written as ▁ (U+2581), usually with one before the text. Neighbouring pieces merge
// where the result is a token, the token of the highest score first. A character without a token
// falls back to the tokens of its bytes, <0x00> to <0xFF>.
// Source: Kudo 2018; bpe_model.cc of SentencePiece.
#pragma once

#include "models/io/Merge.h"
#include "models/io/TextModel.h"

#include <array>

namespace rosso {

class SentencePiece final : public TextModel {
public:
  /// From `tokenizer.ggml.scores` and kin. `vocabulary` must outlive the result.
  static Result<std::unique_ptr<TextModel>> create(const GgufFile &file,
                                                   const Vocabulary &vocabulary);

  Status encode(std::string_view text, bool first, std::vector<TokenId> &out) const override;
  std::string piece(TokenId id) const override;
  bool addsSpacePrefix() const override { return addsSpacePrefix_; }
  bool addsBos() const override { return true; }

private:
  explicit SentencePiece(const Vocabulary &vocabulary) : vocabulary_(vocabulary) {}
  Status rankTokens(const GgufFile &file);
  bool mayMergeInto(TokenId id) const;
  Status encodeChunk(std::string_view chunk, Merger &merger, std::vector<TokenId> &out) const;

  const Vocabulary &vocabulary_;
  std::vector<uint32_t> ranks_;           // by token: lower merges first
  std::array<TokenId, 256> byteTokens_{}; // -1: the vocabulary lacks this byte
  TokenId unknown_ = -1;
  bool addsSpacePrefix_ = true;
  bool wordsAreApart_ = false; // no token holds a ▁ after another character
};

} // namespace rosso
