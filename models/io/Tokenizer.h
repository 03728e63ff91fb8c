// Text <-> tokens, from the metadata of a GGUF file.
//
//   tokenizer.ggml.model  "gpt2": byte-level BPE (Bpe.h), "llama": SentencePiece (SentencePiece.h)
//   .tokens .token_type   the vocabulary (Vocabulary.h)
//   .bos_token_id ...     the tokens with a role
//
// Decoding what was encoded gives the same bytes again, also for text that is not valid UTF-8;
// only SentencePiece cannot tell a ▁ in the text from a space. No normalisation is done: where a
// tokenizer.json asks for NFC (Qwen2), text that is not in NFC may get other tokens here.
#pragma once

#include "models/io/TextModel.h"
#include "models/io/Unicode.h"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rosso {

struct EncodeOptions {
  bool addBos = true;       // put BOS and EOS around the text, if the model wants them
  bool parseSpecial = true; // "<|im_end|>" in the text is that token; else it is plain text
};

struct DecodeOptions {
  bool skipBos = true;     // leave out the BOS and EOS that encoding puts around the text
  bool showControl = true; // write other control tokens as they are named; else leave them out
};

class Tokenizer {
public:
  /// The result does not need `file` any more.
  static Result<Tokenizer> create(const GgufFile &file);

  Result<std::vector<TokenId>> encode(std::string_view text, EncodeOptions options = {}) const;
  /// The bytes, which may be invalid UTF-8 if the tokens are. Ids outside the vocabulary give none.
  std::string decode(std::span<const TokenId> ids, DecodeOptions options = {}) const;

  /// The bytes that a token adds to a text that goes on; of a control token its name.
  std::string piece(TokenId id) const {
    bool first = false;
    return piece(id, first, /*showControl=*/true);
  }

  const Vocabulary &vocabulary() const { return *vocabulary_; }
  std::optional<TokenId> bos() const { return bos_; }
  std::optional<TokenId> eos() const { return eos_; }
  bool addsBos() const { return addsBos_; }
  bool addsEos() const { return addsEos_; }
  /// Whether a model that samples this token has ended its turn.
  bool endsGeneration(TokenId id) const;

private:
  friend class StreamDecoder;
  Status readRoles(const GgufFile &file);
  /// The bytes of one token. `first`: it begins the text or follows a special token; updated.
  std::string piece(TokenId id, bool &first, bool showControl) const;

  std::unique_ptr<Vocabulary> vocabulary_; // never null; `model_` refers to it
  std::unique_ptr<TextModel> model_;
  std::optional<TokenId> bos_, eos_;
  std::vector<TokenId> ends_; // ordered
  bool addsBos_ = false, addsEos_ = false;
};

/// Decodes tokens as they are sampled; every string it gives is valid UTF-8.
class StreamDecoder {
public:
  /// `continues`: the tokens follow a prompt, so that a space before the first one counts.
  explicit StreamDecoder(const Tokenizer &tokenizer, bool continues = true,
                         bool showControl = false)
      : tokenizer_(tokenizer), first_(!continues), showControl_(showControl) {}

  /// What is certain by now; characters whose bytes have not all come are held back.
  std::string push(TokenId id) { return utf8_.push(tokenizer_.piece(id, first_, showControl_)); }
  /// The rest, with U+FFFD for a character that was never completed.
  std::string finish() { return utf8_.finish(); }

private:
  const Tokenizer &tokenizer_;
  Utf8Stream utf8_;
  bool first_;
  bool showControl_;
};

} // namespace rosso
