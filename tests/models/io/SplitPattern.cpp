#include "models/io/SplitPattern.h"

#include "models/io/PreTokenizer.h"

#include <gmock/gmock.h>

#include <chrono>

namespace rosso {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<size_t> split(std::string_view regex, std::string_view text) {
  auto pattern = SplitPattern::compile(regex);
  EXPECT_TRUE(pattern) << pattern.error().message;
  std::vector<size_t> lengths;
  pattern->split(decodeUtf8(text), lengths);
  return lengths;
}

TEST(SplitPattern, MatchesAndGapsArePieces) {
  EXPECT_THAT(split("b+", "aabba"), ElementsAre(2, 2, 1));
  EXPECT_THAT(split("b+", "aa"), ElementsAre(2));
  EXPECT_THAT(split("b+", ""), IsEmpty());
}

TEST(SplitPattern, TheFirstAlternativeThatMatchesWins) {
  EXPECT_THAT(split("a|aa", "aaa"), ElementsAre(1, 1, 1));
  EXPECT_THAT(split("aa|a", "aaa"), ElementsAre(2, 1));
}

TEST(SplitPattern, RepetitionsGiveBack) {
  EXPECT_THAT(split("a*ab", "aaab"), ElementsAre(4));
  EXPECT_THAT(split(R"(\s+(?!\S))", "   x"), ElementsAre(2, 2));
  EXPECT_THAT(split(R"(\s*[\r\n]+)", "  \n\n  x"), ElementsAre(4, 3));
  EXPECT_THAT(split("a{1,3}", "aaaaa"), ElementsAre(3, 2));
  EXPECT_THAT(split("a{2}", "aaaaa"), ElementsAre(2, 2, 1));
}

TEST(SplitPattern, GroupsIgnoreCaseIfTheySayso) {
  EXPECT_THAT(split("(?i:'s|'ll)", "'S'lL's'x"), ElementsAre(2, 3, 2, 2));
  EXPECT_THAT(split("(?i:'s)", "'\u017F"), ElementsAre(2)); // long s folds to s
  EXPECT_THAT(split("a(?:b|c)?", "abaca"), ElementsAre(2, 2, 1));
}

TEST(SplitPattern, SetsHoldRangesEscapesAndProperties) {
  EXPECT_THAT(split(R"([^\p{L}\-\]]+)", "a-12]b"), ElementsAre(2, 2, 2));
  EXPECT_THAT(split(R"([\x{4E00}-\x{9FA5}]+)", "x\u4E2D\u6587y"), ElementsAre(1, 2, 1));
  EXPECT_THAT(split(R"(\s+$)", "  a  "), ElementsAre(3, 2));
}

TEST(SplitPattern, WhatTheSubsetLacksIsAnError) {
  for (const char *regex :
       {"(a|b)+", "[a", R"(\p{Greek})", R"(\w)", "(?=a)", "(?!a", "a{2", "[b-a]"})
    EXPECT_FALSE(SplitPattern::compile(regex)) << regex;
}

TEST(SplitPattern, LongRunsTakeLinearTime) {
  const size_t length = 1 << 18;
  const std::string runs[] = {std::string(length, ' ') + "x", std::string(length, 'a'),
                              std::string(length, 'A') + "1", std::string(length, '\n'),
                              std::string(length, '<')};
  for (const char *name : {"gpt-2", "qwen2", "llama-bpe", "gpt-4o", "tekken", "deepseek-llm",
                           "deepseek-coder", "deepseek-v3", "falcon", "jais-2"}) {
    auto words = PreTokenizer::create(name);
    ASSERT_TRUE(words) << words.error().message;
    for (const std::string &run : runs) {
      const auto begin = std::chrono::steady_clock::now();
      EXPECT_FALSE(words->split(run).empty());
      EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10)) << name;
    }
  }
}

TEST(PreTokenizer, EveryNameOfTheTableCompiles) {
  auto unknown = PreTokenizer::create("no such");
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message,
              HasSubstr("pre-tokenizer 'no such' is unknown, wanted one of "));
  std::string list = unknown.error().message.substr(unknown.error().message.find("one of ") + 7);
  for (size_t at = 0; at < list.size();) {
    const size_t comma = std::min(list.find(", ", at), list.size());
    auto words = PreTokenizer::create(list.substr(at, comma - at));
    EXPECT_TRUE(words) << words.error().message;
    at = comma + 2;
  }
}

} // namespace
} // namespace rosso
