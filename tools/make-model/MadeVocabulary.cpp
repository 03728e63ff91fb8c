#include "tools/make-model/MadeVocabulary.h"

#include "models/io/Unicode.h"
#include "models/io/Vocabulary.h"

#include <string>
#include <vector>

namespace rosso {

namespace {

constexpr std::string_view kTokens = "tokenizer.ggml.tokens";
constexpr std::string_view kTypes = "tokenizer.ggml.token_type";
constexpr std::string_view kScores = "tokenizer.ggml.scores";

void addTokens(const std::vector<std::string> &tokens, const std::vector<int32_t> &types,
               GgufWriter &writer) {
  const std::vector<std::string_view> views(tokens.begin(), tokens.end());
  writer.add(kTokens, std::span<const std::string_view>(views));
  writer.add(kTypes, std::span<const int32_t>(types));
}

/// GPT-2's character for a byte: printable Latin-1 stands for itself, the others for U+0100 on.
std::vector<std::string> byteTokens() {
  std::vector<std::string> tokens;
  uint32_t substitute = 0x100;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const bool printable =
        (byte > 0x20 && byte < 0x7F) || (byte > 0xA0 && byte != 0xAD && byte <= 0xFF);
    tokens.emplace_back();
    appendUtf8(tokens.back(), printable ? byte : substitute++);
  }
  return tokens;
}

} // namespace

Status copyVocabulary(const GgufFile &file, uint32_t size, GgufWriter &writer) {
  ROSSO_TRY(auto texts, file.getStringArray(kTokens));
  ROSSO_TRY(auto kinds, file.getI64Array(kTypes));
  if (texts.size() > size || kinds.size() != texts.size())
    return badInput(file.path() + ": found " + std::to_string(texts.size()) + " tokens of " +
                    std::to_string(kinds.size()) + " types, wanted at most the " +
                    std::to_string(size) + " of the shape; choose another --shape or --vocab");
  if (texts.size() < size && file.find(kScores))
    return unsupported(file.path() + ": found " + std::to_string(texts.size()) +
                       " tokens with scores, which cannot be filled up to the " +
                       std::to_string(size) + " of the shape; use a byte-level BPE vocabulary");
  for (std::string_view key : file.keys())
    if (key.starts_with("tokenizer.") && key != kTokens && key != kTypes)
      writer.add(key, *file.find(key));

  std::vector<std::string> tokens(texts.begin(), texts.end());
  std::vector<int32_t> types(kinds.begin(), kinds.end());
  while (tokens.size() < size) {
    tokens.push_back("[PAD" + std::to_string(tokens.size()) + "]");
    types.push_back(static_cast<int32_t>(TokenKind::Unused));
  }
  addTokens(tokens, types, writer);
  return {};
}

void makeVocabulary(uint32_t size, GgufWriter &writer) {
  static constexpr std::string_view kMerges[] = {"t h", "i n", "e r", "a n", "th e"};
  static constexpr std::string_view kSpecials[] = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
  std::vector<std::string> tokens = byteTokens();
  for (std::string_view merge : kMerges) {
    tokens.emplace_back(merge);
    std::erase(tokens.back(), ' ');
  }
  while (tokens.size() + std::size(kSpecials) < size)
    tokens.push_back("<extra_" + std::to_string(tokens.size()) + ">");
  std::vector<int32_t> types(tokens.size(), static_cast<int32_t>(TokenKind::Normal));
  for (std::string_view special : kSpecials) {
    tokens.emplace_back(special);
    types.push_back(static_cast<int32_t>(TokenKind::Control));
  }
  writer.add("tokenizer.ggml.model", std::string_view("gpt2"));
  writer.add("tokenizer.ggml.pre", std::string_view("qwen2"));
  addTokens(tokens, types, writer);
  writer.add("tokenizer.ggml.merges", std::span<const std::string_view>(kMerges));
  writer.add("tokenizer.ggml.bos_token_id", size - 3);
  writer.add("tokenizer.ggml.eos_token_id", size - 1);
  writer.add("tokenizer.ggml.padding_token_id", size - 3);
  writer.add("tokenizer.ggml.add_bos_token", false);
}

} // namespace rosso
