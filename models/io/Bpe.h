// Byte-level BPE, the tokenizer of GPT-2 and most that came after.
//
// Text is cut into words by patterns; a word's bytes are written as 256 printable characters (a
// space becomes Ġ), and neighbours merge in the order in which training learned the merges.
// Source: Radford 2019; `bytes_to_unicode` in GPT-2's encoder.py.
#pragma once

#include "models/io/Merge.h"
#include "models/io/PreTokenizer.h"
#include "models/io/TextModel.h"

#include <array>

namespace rosso {

class Bpe final : public TextModel {
public:
  /// From `tokenizer.ggml.merges` and `.pre`. `vocabulary` must outlive the result.
  static Result<std::unique_ptr<TextModel>> create(const GgufFile &file,
                                                   const Vocabulary &vocabulary);

  Status encode(std::string_view text, bool first, std::vector<TokenId> &out) const override;
  std::string piece(TokenId id) const override;
  bool addsBos() const override { return words_.addsBos(); }

private:
  explicit Bpe(const Vocabulary &vocabulary) : vocabulary_(vocabulary) {}
  Status learnMerges(const GgufFile &file);
  void addMerge(TokenId left, TokenId right, Merger::Merge merge);
  std::optional<Merger::Merge> findMerge(TokenId left, TokenId right) const;
  std::optional<TokenId> findWhole(std::string_view word) const;
  Status encodeWord(std::string_view word, Merger &merger, std::vector<TokenId> &out) const;

  const Vocabulary &vocabulary_;
  PreTokenizer words_;
  std::array<TokenId, 256> byteTokens_{}; // -1: the vocabulary lacks this byte

  struct Slot {
    uint64_t pair = UINT64_MAX; // left << 32 | right; all ones: empty
    Merger::Merge merge;
  };
  std::vector<Slot> slots_; // open addressing; a power of two, at most two thirds full
};

} // namespace rosso
