#include "models/io/Bpe.h"

#include "models/io/Unicode.h"

#include <bit>
#include <unordered_map>

namespace rosso {
namespace {

/// GPT-2's alphabet: printable Latin-1 stands for itself, the other bytes for U+0100 and on.
struct ByteAlphabet {
  std::array<std::string, 256> text; // the character of each byte, as UTF-8
  std::array<int16_t, 0x144> byte;   // by code point; -1 where there is none

  ByteAlphabet() {
    byte.fill(-1);
    uint32_t next = 0x100;
    for (uint32_t b = 0; b < 256; ++b) {
      const bool itself = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      const uint32_t code = itself ? b : next++;
      appendUtf8(text[b], code);
      byte[code] = static_cast<int16_t>(b);
    }
  }
};

const ByteAlphabet &alphabet() {
  static const ByteAlphabet kAlphabet;
  return kAlphabet;
}

uint64_t pairKey(TokenId left, TokenId right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

size_t slotOf(uint64_t pair, size_t mask) {
  const uint64_t hash = pair * 0x9E3779B97F4A7C15; // 2^64 / golden ratio
  return (hash ^ hash >> 32) & mask;
}

} // namespace

Result<std::unique_ptr<TextModel>> Bpe::create(const GgufFile &file, const Vocabulary &vocabulary) {
  std::unique_ptr<Bpe> bpe(new Bpe(vocabulary));
  ROSSO_TRY(std::string_view pre, file.getString("tokenizer.ggml.pre", "default"));
  auto words = PreTokenizer::create(pre);
  if (!words)
    return words.error().in(file.path() + ": tokenizer.ggml.pre");
  bpe->words_ = *std::move(words);
  for (unsigned byte = 0; byte < 256; ++byte)
    bpe->byteTokens_[byte] = vocabulary.find(alphabet().text[byte]).value_or(-1);
  ROSSO_CHECK(bpe->learnMerges(file));
  return std::unique_ptr<TextModel>(std::move(bpe));
}

/// "left right" -> both, empty if there is no space between them.
static std::pair<std::string_view, std::string_view> partsOf(std::string_view merge) {
  const size_t space = merge.find(' ', 1);
  if (space == std::string_view::npos)
    return {};
  return {merge.substr(0, space), merge.substr(space + 1)};
}

Status Bpe::learnMerges(const GgufFile &file) {
  constexpr size_t kAhead = 16; // merges; far enough to hide a cache miss
  ROSSO_TRY(auto merges, file.getStringArray("tokenizer.ggml.merges"));
  slots_.resize(std::bit_ceil(merges.size() + merges.size() / 2 + 1));
  std::string joined;
  TokenId previous = -1;
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    if (rank + kAhead < merges.size()) {
      const auto [left, right] = partsOf(merges[rank + kAhead]);
      vocabulary_.prefetch(left);
      vocabulary_.prefetch(right);
    }
    const auto [left, right] = partsOf(merges[rank]);
    const auto error = [&](const std::string &what) {
      return badInput(file.path() + ": tokenizer.ggml.merges: entry " + std::to_string(rank) + " " +
                      quoted(merges[rank]) + " " + what);
    };
    if (left.empty())
      return error("is not two parts with a space between");
    joined.assign(left).append(right);
    const auto a = vocabulary_.find(left), b = vocabulary_.find(right);
    // Vocabularies mostly list tokens in the order in which the merges make them.
    const TokenId guess = previous + 1;
    const auto both = vocabulary_.has(guess) && vocabulary_.text(guess) == joined
                          ? guess
                          : vocabulary_.find(joined).value_or(-1);
    if (!a || !b || both < 0)
      return error("needs the token " +
                   quoted(!a   ? left
                          : !b ? right
                               : joined) +
                   ", which tokenizer.ggml.tokens lacks");
    addMerge(*a, *b, {static_cast<uint32_t>(rank), both});
    previous = both;
  }
  return {};
}

void Bpe::addMerge(TokenId left, TokenId right, Merger::Merge merge) {
  const uint64_t pair = pairKey(left, right);
  const size_t mask = slots_.size() - 1;
  size_t at = slotOf(pair, mask);
  while (slots_[at].pair != UINT64_MAX && slots_[at].pair != pair)
    at = (at + 1) & mask;
  if (slots_[at].pair != pair) // of two equal merges the first counts
    slots_[at] = {pair, merge};
}

std::optional<Merger::Merge> Bpe::findMerge(TokenId left, TokenId right) const {
  const uint64_t pair = pairKey(left, right);
  const size_t mask = slots_.size() - 1;
  for (size_t at = slotOf(pair, mask); slots_[at].pair != UINT64_MAX; at = (at + 1) & mask)
    if (slots_[at].pair == pair)
      return slots_[at].merge;
  return std::nullopt;
}

std::optional<TokenId> Bpe::findWhole(std::string_view word) const {
  std::string mapped;
  for (char c : word)
    mapped += alphabet().text[static_cast<uint8_t>(c)];
  const auto id = vocabulary_.find(mapped);
  return id && !vocabulary_.isSpecial(*id) ? id : std::nullopt;
}

Status Bpe::encodeWord(std::string_view word, Merger &merger, std::vector<TokenId> &out) const {
  if (words_.ignoresMerges())
    if (auto id = findWhole(word)) {
      out.push_back(*id);
      return {};
    }
  merger.clear();
  for (size_t i = 0; i < word.size(); ++i) {
    const auto byte = static_cast<uint8_t>(word[i]);
    if (byteTokens_[byte] < 0)
      return badInput("the vocabulary has no token for byte " + std::to_string(byte) +
                      ", which the text holds");
    merger.add(static_cast<uint32_t>(i), 1, byteTokens_[byte]);
  }
  merger.run(
      [&](const Merger::Symbol &a, const Merger::Symbol &b) { return findMerge(a.id, b.id); });
  merger.forEach([&](const Merger::Symbol &symbol) { out.push_back(symbol.id); });
  return {};
}

Status Bpe::encode(std::string_view text, bool /*first*/, std::vector<TokenId> &out) const {
  // Text repeats its words. A word's tokens are out[begin, end) of its first appearance.
  struct Range {
    size_t begin, end;
  };
  std::unordered_map<std::string_view, Range> seen;
  Merger merger;
  for (std::string_view word : words_.split(text)) {
    auto [it, isNew] = seen.try_emplace(word, Range{out.size(), 0});
    if (isNew) {
      ROSSO_CHECK(encodeWord(word, merger, out));
      it->second.end = out.size();
    } else {
      for (size_t i = it->second.begin; i < it->second.end; ++i)
        out.push_back(out[i]);
    }
  }
  return {};
}

std::string Bpe::piece(TokenId id) const {
  if (vocabulary_.kind(id) == TokenKind::UserDefined)
    return std::string(vocabulary_.text(id)); // stored as it appears in text
  std::string bytes;
  std::string_view rest = vocabulary_.text(id);
  for (Char c : decodeUtf8(rest)) {
    if (c.code() < alphabet().byte.size() && alphabet().byte[c.code()] >= 0)
      bytes += static_cast<char>(alphabet().byte[c.code()]);
    else
      bytes += rest.substr(0, c.byteLength()); // not of the alphabet: it stands for itself
    rest.remove_prefix(c.byteLength());
  }
  return bytes;
}

} // namespace rosso
