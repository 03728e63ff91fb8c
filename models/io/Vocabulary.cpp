#include "models/io/Vocabulary.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace rosso {

/// Multiplies and folds eight bytes at a time: the texts are short, and there are 150,000 of them.
static uint32_t hashOf(std::string_view text) {
  uint64_t hash = text.size();
  while (!text.empty()) {
    uint64_t word = 0;
    const size_t count = std::min<size_t>(text.size(), 8);
    std::memcpy(&word, text.data(), count);
    hash = (hash ^ word) * 0x9E3779B97F4A7C15; // 2^64 / golden ratio
    hash ^= hash >> 29;
    text.remove_prefix(count);
  }
  hash *= 0xBF58476D1CE4E5B9;
  return static_cast<uint32_t>(hash >> 32);
}

Result<Vocabulary> Vocabulary::create(const GgufFile &file) {
  ROSSO_TRY(auto tokens, file.getStringArray("tokenizer.ggml.tokens"));
  if (tokens.empty() || tokens.size() > INT32_MAX)
    return badInput(file.path() + ": tokenizer.ggml.tokens has " + std::to_string(tokens.size()) +
                    " entries, wanted 1 to 2^31 - 1");
  Vocabulary vocabulary;
  size_t bytes = 0;
  for (std::string_view token : tokens)
    bytes += token.size();
  if (bytes > UINT32_MAX)
    return badInput(file.path() + ": tokenizer.ggml.tokens has " + std::to_string(bytes) +
                    " bytes of text, wanted less than 2^32");
  vocabulary.texts_.reserve(bytes);
  vocabulary.begins_.reserve(tokens.size() + 1);
  for (std::string_view token : tokens) {
    vocabulary.begins_.push_back(vocabulary.texts_.size());
    vocabulary.texts_ += token;
  }
  vocabulary.begins_.push_back(bytes);

  vocabulary.kinds_.assign(tokens.size(), TokenKind::Normal);
  if (file.find("tokenizer.ggml.token_type")) {
    ROSSO_TRY(auto kinds, file.getI64Array("tokenizer.ggml.token_type"));
    if (kinds.size() != tokens.size())
      return badInput(file.path() + ": tokenizer.ggml.token_type has " +
                      std::to_string(kinds.size()) + " entries, wanted " +
                      std::to_string(tokens.size()) + ", one for each token");
    for (size_t i = 0; i < kinds.size(); ++i) {
      if (kinds[i] < 0 || kinds[i] > 6)
        return badInput(file.path() + ": tokenizer.ggml.token_type of token " + std::to_string(i) +
                        " is " + std::to_string(kinds[i]) + ", wanted 1 to 6");
      // 0 is llama.cpp's "undefined", which it treats like normal.
      vocabulary.kinds_[i] = kinds[i] == 0 ? TokenKind::Normal : static_cast<TokenKind>(kinds[i]);
    }
  }
  vocabulary.buildIndex();
  return vocabulary;
}

void Vocabulary::buildIndex() {
  constexpr TokenId kAhead = 16; // tokens; far enough to hide a cache miss
  slots_.resize(std::bit_ceil(size() + size() / 2 + 1));
  specialLead_.resize(256);
  const size_t mask = slots_.size() - 1;
  for (size_t i = 0; i < size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    if (has(id + kAhead))
      prefetch(text(id + kAhead));
    const uint32_t hash = hashOf(text(id));
    size_t at = hash & mask;
    while (slots_[at].id >= 0 && !holds(slots_[at], hash, text(id)))
      at = (at + 1) & mask;
    slots_[at] = {hash, id, static_cast<uint32_t>(begins_[i]),
                  static_cast<uint32_t>(text(id).size())};
    if (isSpecial(id) && !text(id).empty()) {
      specials_.push_back(id);
      specialLead_[static_cast<uint8_t>(text(id)[0])] = true;
    }
  }
  std::sort(specials_.begin(), specials_.end(),
            [&](TokenId a, TokenId b) { return std::pair(text(a), a) < std::pair(text(b), b); });
}

bool Vocabulary::holds(const Slot &slot, uint32_t hash, std::string_view wanted) const {
  return slot.hash == hash && slot.length == wanted.size() &&
         std::memcmp(texts_.data() + slot.begin, wanted.data(), wanted.size()) == 0;
}

std::optional<TokenId> Vocabulary::find(std::string_view wanted) const {
  const uint32_t hash = hashOf(wanted);
  const size_t mask = slots_.size() - 1;
  for (size_t at = hash & mask; slots_[at].id >= 0; at = (at + 1) & mask)
    if (holds(slots_[at], hash, wanted))
      return slots_[at].id;
  return std::nullopt;
}

void Vocabulary::prefetch(std::string_view wanted) const {
  __builtin_prefetch(&slots_[hashOf(wanted) & (slots_.size() - 1)]);
}

std::optional<Vocabulary::Special> Vocabulary::findSpecial(std::string_view haystack, size_t begin,
                                                           bool control) const {
  const auto byteAt = [&](TokenId id, size_t i) { return static_cast<uint8_t>(text(id)[i]); };
  for (; begin < haystack.size(); ++begin) {
    if (!specialLead_[static_cast<uint8_t>(haystack[begin])])
      continue;
    // [low, high): the special tokens that agree with the text so far; the shortest stands first.
    auto low = specials_.begin(), high = specials_.end();
    std::optional<Special> longest;
    for (size_t i = 0; low != high && begin + i < haystack.size(); ++i) {
      const auto byte = static_cast<uint8_t>(haystack[begin + i]);
      low = std::partition_point(
          low, high, [&](TokenId id) { return text(id).size() <= i || byteAt(id, i) < byte; });
      high = std::partition_point(low, high, [&](TokenId id) { return byteAt(id, i) == byte; });
      for (auto it = low; it != high && text(*it).size() == i + 1; ++it)
        if (control || kind(*it) == TokenKind::UserDefined)
          longest = Special{begin, i + 1, *it};
    }
    if (longest)
      return longest;
  }
  return std::nullopt;
}

} // namespace rosso
