// Vocabularies small enough to encode by hand.
#pragma once

#include "models/io/Tokenizer.h"
#include "tests/models/io/GgufBytes.h"

#include <gtest/gtest.h>

namespace rosso {

/// a b c Ġ (a space) ab Ġa Ġab <bos> <end> xx; "ab" merges first, then "Ġ a", then "Ġ ab".
inline GgufBytes tinyBpe() {
  const std::vector<std::string> tokens = {"a",   "b",     "c",     "Ġ",  "ab", "Ġa",
                                           "Ġab", "<bos>", "<end>", "xx", "x"};
  const std::vector<std::string> merges = {"a b", "Ġ a", "Ġ ab"};
  const std::vector<int32_t> kinds = {1, 1, 1, 1, 1, 1, 1, 3, 3, 4, 1};
  GgufBytes file;
  file.string("tokenizer.ggml.model", "gpt2").string("tokenizer.ggml.pre", "gpt-2");
  file.strings("tokenizer.ggml.tokens", tokens).strings("tokenizer.ggml.merges", merges);
  file.numbers<int32_t>("tokenizer.ggml.token_type", kI32, kinds);
  file.u32("tokenizer.ggml.bos_token_id", 7).u32("tokenizer.ggml.eos_token_id", 8);
  return file;
}

/// All 256 bytes (ids 0 to 255), a few merges, two control tokens and a user-defined one.
inline GgufBytes byteBpe() {
  std::vector<std::string> tokens;
  uint32_t next = 0x100; // GPT-2's alphabet: bytes that do not print come after Latin-1
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const bool prints = (byte > 0x20 && byte < 0x7F) || (byte > 0xA0 && byte != 0xAD);
    appendUtf8(tokens.emplace_back(), prints ? byte : next++);
  }
  std::vector<int32_t> kinds(256, 1);
  const auto add = [&](const char *text, int32_t kind) {
    tokens.emplace_back(text);
    kinds.push_back(kind);
  };
  for (const char *text : {"ab", "Ġa", "Ġab", "aa", "aaaa", "ĠĠ"})
    add(text, 1);
  add("<|end|>", 3);
  add("<|", 3);
  add("\n\n", 4);
  const std::vector<std::string> merges = {"a b", "Ġ a", "Ġ ab", "a a", "aa aa", "Ġ Ġ"};
  GgufBytes file;
  file.string("tokenizer.ggml.model", "gpt2").string("tokenizer.ggml.pre", "qwen2");
  file.strings("tokenizer.ggml.tokens", tokens).strings("tokenizer.ggml.merges", merges);
  file.numbers<int32_t>("tokenizer.ggml.token_type", kI32, kinds);
  return file;
}

/// <unk> <s> </s> <0x00>..<0xFF> (3 + byte), then 259 ▁, 260 a, 261 b, 262 ab, 263 ▁ab, 264 ▁a, 265
/// é.
inline GgufBytes tinySentencePiece() {
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  std::vector<int32_t> kinds = {2, 3, 3};
  std::vector<float> scores = {0, 0, 0};
  for (int byte = 0; byte < 256; ++byte) {
    char text[8];
    std::snprintf(text, sizeof(text), "<0x%02X>", byte);
    tokens.emplace_back(text);
    kinds.push_back(6);
    scores.push_back(0);
  }
  for (const char *text : {"▁", "a", "b", "ab", "▁ab", "▁a", "é"}) {
    tokens.emplace_back(text);
    kinds.push_back(1);
  }
  scores.insert(scores.end(), {-10, -11, -12, -2, -3, -1, -13});
  GgufBytes file;
  file.string("tokenizer.ggml.model", "llama").strings("tokenizer.ggml.tokens", tokens);
  file.numbers<float>("tokenizer.ggml.scores", kF32, scores);
  file.numbers<int32_t>("tokenizer.ggml.token_type", kI32, kinds);
  file.u32("tokenizer.ggml.bos_token_id", 1).u32("tokenizer.ggml.eos_token_id", 2);
  return file;
}

inline Result<Tokenizer> tokenizerOf(const GgufBytes &metadata) {
  const Bytes bytes = metadata.bytes();
  ROSSO_TRY(GgufFile file, GgufFile::parse(bytes, "m.gguf"));
  return Tokenizer::create(file);
}

} // namespace rosso
