// Agreement with the published libraries, on their own answers: see make_tokenizer_golden.py.
#include "models/io/Tokenizer.h"

#include "models/io/PreTokenizer.h"
#include "tests/models/io/GgufBytes.h"
#include "tests/models/io/GoldenFile.h"

#include <gtest/gtest.h>

namespace rosso {
namespace {

TEST(TokenizerGolden, PreTokenizersCutLikeThePublishedPatterns) {
  std::string text;
  size_t compared = 0;
  for (const auto &line : readGolden("pretokenizer.txt")) {
    ASSERT_EQ(line.size(), 2u);
    if (line[0] == "text") {
      text = fromHex(line[1]);
      continue;
    }
    auto words = PreTokenizer::create(line[0]);
    ASSERT_TRUE(words) << words.error().message;
    std::vector<size_t> lengths;
    for (std::string_view word : words->split(text))
      lengths.push_back(word.size());
    EXPECT_EQ(lengths, numbersOf<size_t>(line[1])) << line[0] << " of " << text;
    ++compared;
  }
  EXPECT_GT(compared, 900u);
}

struct Golden {
  std::vector<std::string> tokens, merges;
  std::vector<int32_t> kinds;
  std::vector<float> scores;
  std::vector<std::vector<std::string>> cases; // "special" or "plain", text, ids

  explicit Golden(const std::string &name) {
    for (const auto &line : readGolden(name)) {
      if (line[0] == "token") {
        tokens.push_back(fromHex(line[1]));
        kinds.push_back(std::stoi(line[2]));
        if (line.size() > 3)
          scores.push_back(std::stof(line[3]));
      } else if (line[0] == "merge") {
        merges.push_back(fromHex(line[1]));
      } else {
        cases.push_back(line);
      }
    }
  }

  void check(const GgufBytes &metadata) const {
    const Bytes bytes = metadata.bytes();
    auto file = GgufFile::parse(bytes, "golden.gguf");
    ASSERT_TRUE(file) << file.error().message;
    auto tokenizer = Tokenizer::create(*file);
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    ASSERT_GT(cases.size(), 50u);
    for (const auto &line : cases) {
      const std::string text = fromHex(line[1]);
      auto ids = tokenizer->encode(text, {.addBos = false, .parseSpecial = line[0] == "special"});
      ASSERT_TRUE(ids) << ids.error().message;
      EXPECT_EQ(*ids, numbersOf<TokenId>(line[2])) << line[0] << ": " << text;
      EXPECT_EQ(tokenizer->decode(*ids, {.skipBos = false}), text);
    }
  }
};

TEST(TokenizerGolden, ByteLevelBpe) {
  const Golden golden("bpe.txt");
  GgufBytes file;
  file.string("tokenizer.ggml.model", "gpt2").string("tokenizer.ggml.pre", "qwen2");
  file.strings("tokenizer.ggml.tokens", golden.tokens);
  file.strings("tokenizer.ggml.merges", golden.merges);
  file.numbers<int32_t>("tokenizer.ggml.token_type", kI32, golden.kinds);
  golden.check(file);
}

TEST(TokenizerGolden, SentencePiece) {
  const Golden golden("sentencepiece.txt");
  GgufBytes file;
  file.string("tokenizer.ggml.model", "llama");
  file.strings("tokenizer.ggml.tokens", golden.tokens);
  file.numbers<float>("tokenizer.ggml.scores", kF32, golden.scores);
  file.numbers<int32_t>("tokenizer.ggml.token_type", kI32, golden.kinds);
  golden.check(file);
}

} // namespace
} // namespace rosso
