#include "models/io/Tokenizer.h"

#include "tests/models/io/TinyVocabulary.h"

#include <gmock/gmock.h>

#include <cmath>

namespace rosso {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<TokenId> encode(const GgufBytes &file, std::string_view text,
                            EncodeOptions options = {}) {
  auto tokenizer = tokenizerOf(file);
  EXPECT_TRUE(tokenizer) << tokenizer.error().message;
  auto ids = tokenizer->encode(text, options);
  EXPECT_TRUE(ids) << ids.error().message;
  return *ids;
}

std::string errorOf(const GgufBytes &file) {
  auto tokenizer = tokenizerOf(file);
  return tokenizer ? "no error" : tokenizer.error().message;
}

TEST(Bpe, MergesInTheOrderOfTheirRanks) {
  EXPECT_THAT(encode(tinyBpe(), "ab"), ElementsAre(4));
  EXPECT_THAT(encode(tinyBpe(), "aab"), ElementsAre(0, 4));
  EXPECT_THAT(encode(tinyBpe(), " ab"), ElementsAre(6)); // "a b", then "Ġ ab"
  EXPECT_THAT(encode(tinyBpe(), " ac"), ElementsAre(5, 2));
  EXPECT_THAT(encode(tinyBpe(), ""), IsEmpty());
}

TEST(Bpe, MergesStayWithinAWord) {
  EXPECT_THAT(encode(tinyBpe(), "a b"), ElementsAre(0, 3, 1)); // "a" and " b"
}

TEST(Bpe, SpecialTokensAreFoundInText) {
  EXPECT_THAT(encode(tinyBpe(), "a<end>b"), ElementsAre(0, 8, 1));
  EXPECT_THAT(encode(tinyBpe(), "xxx"), ElementsAre(9, 10));
  // A user-defined token always is, a control token only if asked for.
  EXPECT_THAT(encode(tinyBpe(), "xx", {.parseSpecial = false}), ElementsAre(9));
  auto tokenizer = tokenizerOf(tinyBpe());
  auto ids = tokenizer->encode("a<end>", {.parseSpecial = false});
  ASSERT_FALSE(ids); // '<' has no token here
  EXPECT_EQ(ids.error().message, "the vocabulary has no token for byte 60, which the text holds");
}

TEST(Bpe, BosIsAddedIfTheFileWantsIt) {
  EXPECT_THAT(encode(tinyBpe(), "a"), ElementsAre(0));
  GgufBytes file = tinyBpe();
  file.boolean("tokenizer.ggml.add_bos_token", true).boolean("tokenizer.ggml.add_eos_token", true);
  EXPECT_THAT(encode(file, "a"), ElementsAre(7, 0, 8));
  EXPECT_THAT(encode(file, "a", {.addBos = false}), ElementsAre(0));
  auto tokenizer = tokenizerOf(file);
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{7, 0, 8}), "a");
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{7, 0, 8}, {.skipBos = false}), "<bos>a<end>");
}

TEST(Bpe, ControlTokensCanBeHidden) {
  auto tokenizer = tokenizerOf(tinyBpe());
  const std::vector<TokenId> ids = {0, 8, 9, 6};
  EXPECT_EQ(tokenizer->decode(ids), "a<end>xx ab");
  EXPECT_EQ(tokenizer->decode(ids, {.showControl = false}), "axx ab");
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{0, -5, 1000000, 1}), "ab");
}

TEST(Bpe, AWordThatIsATokenNeedsNoMergesForLlama3) {
  GgufBytes file;
  file.string("tokenizer.ggml.model", "gpt2").string("tokenizer.ggml.pre", "llama-bpe");
  file.strings("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b", "aba"});
  file.strings("tokenizer.ggml.merges", std::vector<std::string>{});
  EXPECT_THAT(encode(file, "aba"), ElementsAre(2));
  EXPECT_THAT(encode(file, "ab"), ElementsAre(0, 1));
}

TEST(SentencePieceTest, MergesByScore) {
  EXPECT_THAT(encode(tinySentencePiece(), "ab"), ElementsAre(1, 263)); // ▁a, then ▁ab
  EXPECT_THAT(encode(tinySentencePiece(), "aab"), ElementsAre(1, 264, 262));
  EXPECT_THAT(encode(tinySentencePiece(), "bab"), ElementsAre(1, 259, 261, 262));
}

TEST(SentencePieceTest, FallsBackToBytes) {
  EXPECT_THAT(encode(tinySentencePiece(), "é", {.addBos = false}), ElementsAre(259, 265));
  EXPECT_THAT(encode(tinySentencePiece(), "ü", {.addBos = false}),
              ElementsAre(259, 3 + 0xC3, 3 + 0xBC));
  EXPECT_THAT(encode(tinySentencePiece(), "\xFF", {.addBos = false}), ElementsAre(259, 3 + 0xFF));
  EXPECT_THAT(encode(tinySentencePiece(), "\n", {.addBos = false}), ElementsAre(259, 3 + 0x0A));
}

TEST(SentencePieceTest, ASpaceGoesBeforeTextAndComesOffAgain) {
  auto tokenizer = tokenizerOf(tinySentencePiece());
  ASSERT_TRUE(tokenizer);
  for (const char *text : {"", "ab", " ab", "  ab  ", "a</s>b", "a</s> b", "</s>", "é\n\xFFü a"}) {
    auto ids = tokenizer->encode(text);
    ASSERT_TRUE(ids);
    EXPECT_EQ(tokenizer->decode(*ids), text);
  }
  EXPECT_THAT(encode(tinySentencePiece(), "", {}), ElementsAre(1));
  GgufBytes without = tinySentencePiece();
  without.boolean("tokenizer.ggml.add_space_prefix", false);
  EXPECT_THAT(encode(without, "a", {.addBos = false}), ElementsAre(260));
}

TEST(SentencePieceTest, TextThatLooksLikeASpecialTokenIsNone) {
  // "<s>" as plain text falls apart into bytes.
  EXPECT_THAT(encode(tinySentencePiece(), "<s>", {.addBos = false, .parseSpecial = false}),
              ElementsAre(259, 3 + '<', 3 + 's', 3 + '>'));
}

TEST(Tokenizer, StreamsWholeCharacters) {
  auto tokenizer = tokenizerOf(tinySentencePiece());
  ASSERT_TRUE(tokenizer);
  StreamDecoder stream(*tokenizer);
  EXPECT_EQ(stream.push(264), " a"); // follows a prompt: the space counts
  EXPECT_EQ(stream.push(3 + 0xE4), "");
  EXPECT_EQ(stream.push(3 + 0xB8), "");
  EXPECT_EQ(stream.push(3 + 0xAD), "\xE4\xB8\xAD");
  EXPECT_EQ(stream.push(3 + 0xF0), "");
  EXPECT_EQ(stream.push(261), "\uFFFD"
                              "b");
  EXPECT_EQ(stream.push(2), ""); // </s> is not shown
  EXPECT_EQ(stream.push(3 + 0xC3), "");
  EXPECT_EQ(stream.finish(), "\uFFFD");
  EXPECT_EQ(StreamDecoder(*tokenizer, /*continues=*/false).push(264), "a");
}

TEST(Tokenizer, KnowsWhatEndsATurn) {
  auto tokenizer = tokenizerOf(tinyBpe());
  EXPECT_TRUE(tokenizer->endsGeneration(8));
  EXPECT_FALSE(tokenizer->endsGeneration(7));
  EXPECT_FALSE(tokenizer->endsGeneration(0));
  GgufBytes chat;
  chat.string("tokenizer.ggml.model", "gpt2");
  chat.strings("tokenizer.ggml.tokens", std::vector<std::string>{"a", "<|im_end|>", "<|eot_id|>"});
  chat.strings("tokenizer.ggml.merges", std::vector<std::string>{});
  chat.numbers<int32_t>("tokenizer.ggml.token_type", kI32, std::vector<int32_t>{1, 3, 1});
  auto other = tokenizerOf(chat);
  ASSERT_TRUE(other) << other.error().message;
  EXPECT_TRUE(other->endsGeneration(1));
  EXPECT_FALSE(other->endsGeneration(2)); // a normal token may only look like one
}

TEST(Tokenizer, BadMetadataIsNamed) {
  const std::vector<std::string> none, tokens = {"a", "b"};
  EXPECT_EQ(errorOf(GgufBytes()), "m.gguf: key 'tokenizer.ggml.model' is missing, wanted a string");
  EXPECT_EQ(errorOf(GgufBytes().string("tokenizer.ggml.model", "bert")),
            "m.gguf: tokenizer.ggml.model is 'bert', wanted gpt2 or llama");
  const auto gpt2 = [] { return GgufBytes().string("tokenizer.ggml.model", "gpt2"); };
  EXPECT_THAT(errorOf(gpt2()), HasSubstr("'tokenizer.ggml.tokens' is missing"));
  EXPECT_THAT(errorOf(gpt2().strings("tokenizer.ggml.tokens", none)),
              HasSubstr("tokenizer.ggml.tokens has 0 entries"));
  EXPECT_THAT(errorOf(gpt2().strings("tokenizer.ggml.tokens", tokens)),
              HasSubstr("'tokenizer.ggml.merges' is missing"));

  const auto merged = [&](const std::string &merge) {
    return errorOf(gpt2()
                       .strings("tokenizer.ggml.tokens", tokens)
                       .strings("tokenizer.ggml.merges", std::vector<std::string>{merge}));
  };
  EXPECT_EQ(merged("ab"),
            "m.gguf: tokenizer.ggml.merges: entry 0 'ab' is not two parts with a space between");
  EXPECT_EQ(merged(""),
            "m.gguf: tokenizer.ggml.merges: entry 0 '' is not two parts with a space between");
  EXPECT_EQ(merged("a b"),
            "m.gguf: tokenizer.ggml.merges: entry 0 'a b' needs the token 'ab', which "
            "tokenizer.ggml.tokens lacks");

  EXPECT_THAT(
      errorOf(GgufBytes()
                  .string("tokenizer.ggml.model", "gpt2")
                  .strings("tokenizer.ggml.tokens", tokens)
                  .string("tokenizer.ggml.pre", "newest")),
      HasSubstr("m.gguf: tokenizer.ggml.pre: pre-tokenizer 'newest' is unknown, wanted one of"));

  const auto typed = [&](const std::vector<int32_t> &kinds) {
    return errorOf(gpt2()
                       .strings("tokenizer.ggml.tokens", tokens)
                       .numbers<int32_t>("tokenizer.ggml.token_type", kI32, kinds));
  };
  EXPECT_THAT(typed({1}), HasSubstr("token_type has 1 entries, wanted 2"));
  EXPECT_THAT(typed({1, 9}), HasSubstr("token_type of token 1 is 9, wanted 1 to 6"));

  EXPECT_THAT(errorOf(tinyBpe().u32("tokenizer.ggml.eot_token_id", 11)),
              HasSubstr("tokenizer.ggml.eot_token_id is 11, wanted one of the 11 tokens"));

  const auto scored = [&](const std::vector<float> &scores) {
    return errorOf(GgufBytes()
                       .string("tokenizer.ggml.model", "llama")
                       .strings("tokenizer.ggml.tokens", tokens)
                       .numbers<float>("tokenizer.ggml.scores", kF32, scores));
  };
  EXPECT_THAT(scored({0}), HasSubstr("scores has 1 entries, wanted 2"));
  EXPECT_THAT(scored({0, NAN}), HasSubstr("scores of token 1 is not a number"));
}

TEST(Tokenizer, LongTextTakesNotMuchLongerThanShort) {
  for (const GgufBytes &file : {tinyBpe(), tinySentencePiece()}) {
    auto tokenizer = tokenizerOf(file);
    for (const char *unit : {"a", "ab", " ", "aab "}) {
      std::string text;
      while (text.size() < 1 << 20)
        text += unit;
      auto ids = tokenizer->encode(text);
      ASSERT_TRUE(ids);
      EXPECT_EQ(tokenizer->decode(*ids), text);
    }
  }
}

} // namespace
} // namespace rosso
