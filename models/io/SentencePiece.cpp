#include "models/io/SentencePiece.h"

#include "models/io/Unicode.h"

#include <bit>
#include <cmath>
#include <cstdio>
#include <unordered_map>

namespace rosso {

constexpr std::string_view kSpace = "\xE2\x96\x81"; // ▁

/// Orders floats as unsigned integers: a higher score gives a lower rank.
static uint32_t rankOfScore(float score) {
  const auto bits = std::bit_cast<uint32_t>(score == 0 ? 0.0f : score); // -0 is 0
  return bits & 0x80000000 ? bits : ~(bits | 0x80000000);
}

/// Whether a ▁ follows something that is not a ▁.
static bool spansWords(std::string_view text) {
  while (text.starts_with(kSpace))
    text.remove_prefix(kSpace.size());
  return text.find(kSpace) != std::string_view::npos;
}

Result<std::unique_ptr<TextModel>> SentencePiece::create(const GgufFile &file,
                                                         const Vocabulary &vocabulary) {
  std::unique_ptr<SentencePiece> model(new SentencePiece(vocabulary));
  ROSSO_CHECK(model->rankTokens(file));
  ROSSO_TRY(model->addsSpacePrefix_, file.getBool("tokenizer.ggml.add_space_prefix", true));
  ROSSO_TRY(uint64_t unknown, file.getU64("tokenizer.ggml.unknown_token_id", 0));
  if (unknown < vocabulary.size())
    model->unknown_ = static_cast<TokenId>(unknown);

  for (unsigned byte = 0; byte < 256; ++byte) {
    char text[8];
    std::snprintf(text, sizeof(text), "<0x%02X>", byte);
    const auto id = vocabulary.find(text);
    model->byteTokens_[byte] = id && vocabulary.kind(*id) == TokenKind::Byte ? *id : -1;
  }
  model->wordsAreApart_ = true;
  for (size_t i = 0; i < vocabulary.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    if (model->mayMergeInto(id) && spansWords(vocabulary.text(id)))
      model->wordsAreApart_ = false;
  }
  return std::unique_ptr<TextModel>(std::move(model));
}

Status SentencePiece::rankTokens(const GgufFile &file) {
  ROSSO_TRY(auto scores, file.getF32Array("tokenizer.ggml.scores"));
  if (scores.size() != vocabulary_.size())
    return badInput(file.path() + ": tokenizer.ggml.scores has " + std::to_string(scores.size()) +
                    " entries, wanted " + std::to_string(vocabulary_.size()) +
                    ", one for each token");
  for (size_t i = 0; i < scores.size(); ++i) {
    if (std::isnan(scores[i]))
      return badInput(file.path() + ": tokenizer.ggml.scores of token " + std::to_string(i) +
                      " is not a number");
    ranks_.push_back(rankOfScore(scores[i]));
  }
  return {};
}

bool SentencePiece::mayMergeInto(TokenId id) const {
  const TokenKind kind = vocabulary_.kind(id);
  return kind != TokenKind::Control && kind != TokenKind::Unknown && kind != TokenKind::Byte;
}

Status SentencePiece::encodeChunk(std::string_view chunk, Merger &merger,
                                  std::vector<TokenId> &out) const {
  const auto tokenOf = [&](size_t begin, size_t length) -> TokenId {
    const auto id = vocabulary_.find(chunk.substr(begin, length));
    return id && mayMergeInto(*id) ? *id : -1;
  };
  merger.clear();
  for (size_t begin = 0; begin < chunk.size();) {
    const size_t length = std::max(1u, utf8Length(chunk.substr(begin)));
    merger.add(static_cast<uint32_t>(begin), static_cast<uint32_t>(length), tokenOf(begin, length));
    begin += length;
  }
  using Symbol = Merger::Symbol;
  merger.run([&](const Symbol &a, const Symbol &b) -> std::optional<Merger::Merge> {
    const TokenId id = tokenOf(a.begin, a.length + b.length);
    if (id < 0)
      return std::nullopt;
    return Merger::Merge{ranks_[id], id};
  });

  Status status;
  merger.forEach([&](const Symbol &symbol) {
    if (symbol.id >= 0) {
      out.push_back(symbol.id);
      return;
    }
    for (size_t i = symbol.begin; i < symbol.begin + symbol.length; ++i) {
      const TokenId id = byteTokens_[static_cast<uint8_t>(chunk[i])];
      if (id >= 0)
        out.push_back(id);
      else if (unknown_ < 0)
        status =
            badInput("the vocabulary has no token for byte " +
                     std::to_string(static_cast<uint8_t>(chunk[i])) + ", which the text holds");
      else if (i == symbol.begin) // one unknown token for a whole character
        out.push_back(unknown_);
    }
  });
  return status;
}

Status SentencePiece::encode(std::string_view text, bool first, std::vector<TokenId> &out) const {
  std::string escaped;
  escaped.reserve(text.size() + text.size() / 2);
  if (first && addsSpacePrefix_ && !text.empty())
    escaped += kSpace;
  for (char c : text)
    if (c == ' ')
      escaped += kSpace;
    else
      escaped += c;

  // No merge crosses the beginning of a word if no token does: then words are encoded one by one,
  // and those that repeat only once.
  struct Range {
    size_t begin, end; // in `out`
  };
  std::unordered_map<std::string_view, Range> seen;
  Merger merger;
  for (std::string_view rest = escaped; !rest.empty();) {
    size_t length = rest.size();
    if (wordsAreApart_) {
      size_t spaces = 0;
      while (rest.substr(spaces).starts_with(kSpace))
        spaces += kSpace.size();
      length = std::min(rest.find(kSpace, spaces), rest.size());
    }
    const std::string_view word = rest.substr(0, length);
    rest.remove_prefix(length);
    auto [it, isNew] = seen.try_emplace(word, Range{out.size(), 0});
    if (isNew) {
      ROSSO_CHECK(encodeChunk(word, merger, out));
      it->second.end = out.size();
    } else {
      for (size_t i = it->second.begin; i < it->second.end; ++i)
        out.push_back(out[i]);
    }
  }
  return {};
}

std::string SentencePiece::piece(TokenId id) const {
  const std::string_view text = vocabulary_.text(id);
  unsigned byte = 0;
  if (vocabulary_.kind(id) == TokenKind::Byte &&
      std::sscanf(std::string(text).c_str(), "<0x%2X>", &byte) == 1)
    return std::string(1, static_cast<char>(byte));
  std::string out;
  for (std::string_view rest = text; !rest.empty();) {
    const bool isSpace = rest.starts_with(kSpace);
    out += isSpace ? ' ' : rest[0];
    rest.remove_prefix(isSpace ? kSpace.size() : 1);
  }
  return out;
}

} // namespace rosso
