// The tokens of a model: their texts, kinds, and the way back from text to token.
#pragma once

#include "models/io/Gguf.h"
#include "support/Result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rosso {

using TokenId = int32_t;

/// GGUF's `tokenizer.ggml.token_type`. Control tokens stand for no text (<|im_end|>); user-defined
/// ones are found in text before anything else is; byte tokens are written <0x0A>.
enum class TokenKind : uint8_t { Normal = 1, Unknown, Control, UserDefined, Unused, Byte };

class Vocabulary {
public:
  /// From `tokenizer.ggml.tokens` and `.token_type`. Copies the texts: the file may be closed.
  static Result<Vocabulary> create(const GgufFile &file);

  size_t size() const { return kinds_.size(); }
  bool has(TokenId id) const { return id >= 0 && static_cast<size_t>(id) < size(); }
  /// As the file stores it: byte-level BPE writes a space as Ġ, SentencePiece as ▁.
  std::string_view text(TokenId id) const {
    return std::string_view(texts_).substr(begins_[id], begins_[id + 1] - begins_[id]);
  }
  TokenKind kind(TokenId id) const { return kinds_[id]; }
  /// Whether the kind is one that text is cut at: control, unknown and user-defined.
  bool isSpecial(TokenId id) const {
    return kind(id) == TokenKind::Control || kind(id) == TokenKind::Unknown ||
           kind(id) == TokenKind::UserDefined;
  }
  /// The token of exactly this text; of several, the last.
  std::optional<TokenId> find(std::string_view text) const;
  /// Begins to fetch what `find` will read, for loops over many texts.
  void prefetch(std::string_view text) const;

  struct Special {
    size_t begin = 0, length = 0;
    TokenId id = 0;
  };
  /// The first special token in `text` from `begin` on, the longest of those that begin there.
  /// Without `control` only user-defined tokens are looked for.
  std::optional<Special> findSpecial(std::string_view text, size_t begin, bool control) const;

private:
  struct Slot {
    uint32_t hash = 0;
    TokenId id = -1;                // empty
    uint32_t begin = 0, length = 0; // of the text, so that a miss costs one access to memory
  };

  void buildIndex();
  bool holds(const Slot &slot, uint32_t hash, std::string_view text) const;

  std::string texts_; // all of them, one after the other
  std::vector<size_t> begins_;
  std::vector<TokenKind> kinds_;

  std::vector<Slot> slots_;       // open addressing; a power of two, at most two thirds full
  std::vector<TokenId> specials_; // ordered by text
  std::vector<bool> specialLead_; // by byte: whether a special token begins with it
};

} // namespace rosso
