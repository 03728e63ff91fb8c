// Several sequences in one model: each gets the tokens that it would get alone, whatever runs
// beside it, however its prompt was cut, rewound, copied or guessed.
#include "models/SlotEngine.h"

#include "models/io/GgufWriter.h"
#include "tests/models/PlainDecoder.h"

#include <algorithm>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <numeric>
#include <random>

namespace rosso {
namespace {

using testing::ElementsAre;
using testing::FloatNear;
using testing::HasSubstr;

using Ids = std::vector<TokenId>;

const Ids kFirst{3, 17, 0, 39, 5}, kSecond{5, 21, 8}, kThird{30, 12, 1, 1, 2, 9, 33};

ChoiceOptions greedy() { return {.sampler = {.temperature = 0}}; }

class Slots : public testing::Test {
protected:
  void SetUp() override {
    model.biases = true;
    model.randomize(11);
    load({.slots = 4, .chunk = 4, .exact = true});
  }

  /// `pooling`: what the file says, as GGUF numbers it.
  void load(const SlotEngineOptions &options, uint32_t pooling = 0) {
    engine.reset(); // before the file that it reads
    const std::string path = temporaryPath("slots.gguf");
    model.write(path, [&](GgufWriter &writer) {
      if (pooling)
        writer.add(model.architecture + ".pooling_type", pooling);
    });
    auto opened = GgufFile::open(path);
    ASSERT_TRUE(opened) << opened.error().message;
    file = std::make_unique<GgufFile>(*std::move(opened));
    auto loaded = SlotEngine::load(*file, options);
    ASSERT_TRUE(loaded) << loaded.error().message;
    engine = *std::move(loaded);
  }

  /// What greedy decoding of the plain loops gives after `prompt`.
  Ids expected(Ids prompt, size_t count) {
    Ids tokens;
    for (size_t i = 0; i < count; ++i) {
      const auto rows = plainLogits(model, std::vector<int>(prompt.begin(), prompt.end()));
      const auto &last = rows.back();
      tokens.push_back(static_cast<TokenId>(std::ranges::max_element(last) - last.begin()));
      prompt.push_back(tokens.back());
    }
    return tokens;
  }

  std::vector<std::vector<ChosenToken>> run(const std::vector<SlotRow> &rows) {
    auto chosen = engine->run(rows);
    EXPECT_TRUE(chosen) << chosen.error().message;
    return chosen ? *chosen : std::vector<std::vector<ChosenToken>>(rows.size());
  }
  TokenId one(int64_t slot, const Ids &tokens) {
    const auto chosen = run({{slot, tokens, greedy()}});
    return chosen[0].size() == 1 ? chosen[0][0].id : -1;
  }
  Ids generate(int64_t slot, const Ids &prompt, size_t count) {
    Ids tokens{one(slot, prompt)};
    while (tokens.size() < count)
      tokens.push_back(one(slot, {tokens.back()}));
    return tokens;
  }

  TinyModel model;
  std::unique_ptr<GgufFile> file;
  std::unique_ptr<SlotEngine> engine;
};

TEST_F(Slots, EachSequenceGetsItsOwnTokens) {
  const std::vector<Ids> prompts{kFirst, kSecond, kThird};
  std::vector<Ids> found(3);
  for (size_t i = 0; i < 3; ++i)
    found[i].push_back(one(static_cast<int64_t>(3 - i), prompts[i]));
  for (int step = 0; step < 5; ++step) { // three rows: a batch of two and a half, so to speak
    std::vector<SlotRow> rows;
    for (size_t i = 0; i < 3; ++i)
      rows.push_back({static_cast<int64_t>(3 - i), {found[i].back()}, greedy()});
    const auto chosen = run(rows);
    for (size_t i = 0; i < 3; ++i)
      found[i].push_back(chosen[i][0].id);
  }
  for (size_t i = 0; i < 3; ++i)
    EXPECT_EQ(found[i], expected(prompts[i], 6)) << i;
}

TEST_F(Slots, APromptBesideDecodingDisturbsNobody) {
  Ids found{one(0, kFirst)};
  const auto chosen = run({{0, {found.back()}, greedy()}, {1, kThird}});
  EXPECT_TRUE(chosen[1].empty());
  found.push_back(chosen[0][0].id);
  EXPECT_EQ(found, expected(kFirst, 2));
  Ids whole = kThird;
  whole.push_back(7);
  EXPECT_EQ(one(1, {7}), expected(whole, 1)[0]);
}

TEST_F(Slots, RewindingForgetsExactly) {
  generate(2, kThird, 4);
  EXPECT_EQ(engine->rewind(2, 3), 3);
  EXPECT_THAT(engine->sequence(2), ElementsAre(30, 12, 1));
  EXPECT_EQ(generate(2, {4, 4}, 3), expected({30, 12, 1, 4, 4}, 3));
  EXPECT_EQ(engine->rewind(2, 100), 7);
  EXPECT_EQ(engine->rewind(2, -1), 0);
}

TEST_F(Slots, ACopiedPrefixIsAsGoodAsARead) {
  one(0, kThird);
  const int64_t copied = engine->copy(0, 3, 5);
  if (copied == 0)
    GTEST_SKIP() << "the host does not see this device's memory";
  EXPECT_EQ(copied, 5);
  EXPECT_EQ(generate(3, {6}, 3), expected({30, 12, 1, 1, 2, 6}, 3));
}

TEST_F(Slots, RightGuessesAreTakenAtOnceAndWrongOnesForgotten) {
  const Ids truth = expected(kFirst, 6);
  Ids guessed = kFirst;
  guessed.insert(guessed.end(), truth.begin(), truth.begin() + 3);
  const auto right = run({{0, guessed, greedy(), 3}});
  ASSERT_EQ(right[0].size(), 4U);
  for (size_t i = 0; i < 4; ++i)
    EXPECT_EQ(right[0][i].id, truth[i]);
  EXPECT_EQ(engine->sequence(0).size(), kFirst.size() + 3);

  Ids wrong = kFirst;
  wrong.insert(wrong.end(), {truth[0], (truth[1] + 1) % 40, truth[2]});
  const auto half = run({{1, wrong, greedy(), 3}});
  ASSERT_EQ(half[0].size(), 2U); // the guess that was right, and what follows it
  EXPECT_EQ(half[0][1].id, truth[1]);
  EXPECT_EQ(engine->sequence(1).size(), kFirst.size() + 1);
  EXPECT_EQ(generate(1, {truth[1]}, 4), Ids(truth.begin() + 2, truth.end()));
}

TEST_F(Slots, ALongPromptFillsTheContextAndNoMore) {
  const Ids prompt(64, 9);
  EXPECT_EQ(one(0, prompt), expected(prompt, 1)[0]);
  EXPECT_THAT(engine->run(std::vector<SlotRow>{{0, {1}, greedy()}}).error().message,
              HasSubstr("context is full: 64 tokens and 1 more"));
}

TEST_F(Slots, TextsOfAnyLengthAreEmbedded) {
  // Chunks of four; keys and values are f16 on both sides, so that f32 sums are what differs.
  const std::vector<Ids> texts{{3}, kThird, Ids(64, 9)};
  for (uint32_t pooling : {0U, 1U, 2U, 3U}) {
    load({.slots = 2, .chunk = 4, .exact = true, .embeds = pooling == 0}, pooling);
    ASSERT_TRUE(engine->embeds());
    for (const Ids &text : texts) {
      const auto rows = plainHidden(model, std::vector<int>(text.begin(), text.end()));
      std::vector<double> wanted = rows[0];
      if (pooling < 2)
        for (size_t i = 0; i < wanted.size(); ++i)
          wanted[i] = std::accumulate(rows.begin(), rows.end(), 0.0,
                                      [&](double sum, const auto &row) { return sum + row[i]; });
      if (pooling == 3)
        wanted = rows.back();
      const double length =
          std::sqrt(std::inner_product(wanted.begin(), wanted.end(), wanted.begin(), 0.0));
      engine->rewind(1, 0);
      auto found = engine->embed(1, text);
      ASSERT_TRUE(found) << found.error().message;
      for (size_t i = 0; i < wanted.size(); ++i)
        EXPECT_NEAR((*found)[i], wanted[i] / length, 1e-5) << "pooling " << pooling;

      engine->rewind(0, 0); // the same in pieces of other sizes
      for (size_t i = 0; i < text.size(); i += 3)
        found = engine->embed(0, std::span(text).subspan(i, std::min<size_t>(3, text.size() - i)));
      for (size_t i = 0; i < wanted.size(); ++i)
        EXPECT_NEAR((*found)[i], wanted[i] / length, 1e-5) << "pooling " << pooling;
    }
  }
}

TEST_F(Slots, EmbedsOnlyWhatItReadFromTheBeginning) {
  EXPECT_FALSE(engine->embeds());
  EXPECT_THAT(engine->embed(0, kFirst).error().message, HasSubstr("without a way to embed"));
  load({.slots = 2, .exact = true, .embeds = true}, /*pooling=*/4); // ranks
  EXPECT_FALSE(engine->embeds());
  load({.slots = 2, .exact = true, .embeds = true});
  one(0, kFirst);
  EXPECT_THAT(engine->embed(0, kSecond).error().message, HasSubstr("of which 0 were embedded"));
  engine->rewind(0, 0);
  EXPECT_TRUE(engine->embed(0, kSecond));
  EXPECT_EQ(one(0, {7}), expected({5, 21, 8, 7}, 1)[0]); // it can be continued as any other
}

TEST_F(Slots, RefusesRowsThatCannotBe) {
  auto refused = [&](const SlotRow &row) {
    return engine->run(std::vector<SlotRow>{row}).error().message;
  };
  EXPECT_THAT(refused({4, {1}}), HasSubstr("there are 4"));
  EXPECT_THAT(refused({0, {}}), HasSubstr("without tokens"));
  EXPECT_THAT(refused({0, {40}}), HasSubstr("wanted 0 to 39"));
  EXPECT_THAT(refused({0, {1, 2}, greedy(), 2}), HasSubstr("draft of 2"));
  const std::vector<SlotRow> twice{{0, {1}}, {0, {2}}};
  EXPECT_THAT(engine->run(twice).error().message, HasSubstr("two rows"));
}

TEST_F(Slots, LogitsAreReadOnlyWhereARequestNeedsThem) {
  model.vocabulary = 500;
  model.randomize(12);
  load({.slots = 4, .chunk = 4, .exact = true});
  auto readBy = [&](const std::vector<SlotRow> &rows) {
    const uint64_t before = engine->bytesRead();
    run(rows);
    return engine->bytesRead() - before;
  };
  const uint64_t few = 64 * (sizeof(float) + sizeof(TokenId)), all = 500 * sizeof(float);
  ChoiceOptions sampled{.sampler = {.temperature = 0.8}};
  EXPECT_EQ(readBy({{0, kThird}}), 0U); // a part of a prompt
  EXPECT_EQ(readBy({{0, kFirst, greedy()}}), few);
  EXPECT_EQ(readBy({{0, {7}, greedy()}}), few);
  EXPECT_EQ(readBy({{0, {7}, sampled}}), few);
  EXPECT_EQ(readBy({{0, {7}, greedy()}, {1, {7}, sampled}}), 2 * few);
  ChoiceOptions reporting = sampled;
  reporting.logprobs = 1;
  EXPECT_EQ(readBy({{0, {7}, reporting}}), all);
  EXPECT_EQ(readBy({{0, {7}, reporting}, {1, {7}, sampled}}), 2 * (all + few));

  ChoiceOptions wide = sampled; // nothing is so unlikely that it cannot be drawn
  wide.sampler.topK = 0;
  EXPECT_EQ(readBy({{0, {7}, wide}}), all);
}

// --- choosing ---

ChosenToken chosen(std::vector<float> logits, const ChoiceOptions &options,
                   const Ids &sequence = {}) {
  auto token = chooseToken(logits, sequence, options);
  EXPECT_TRUE(token) << token.error().message;
  return token ? *token : ChosenToken();
}

TEST(TokenChoice, BiasPenaltiesAndMaskMoveTheBest) {
  const std::vector<float> logits{1, 4, 3, 2};
  ChoiceOptions options = greedy();
  EXPECT_EQ(chosen(logits, options).id, 1);
  options.bias = {{3, 2.5f}};
  EXPECT_EQ(chosen(logits, options).id, 3);
  options = greedy();
  options.sampler.repeatPenalty = 2; // 4 / 2 < 3
  EXPECT_EQ(chosen(logits, options, {1}).id, 2);
  options.sampler.repeatPenalty = 1;
  options.sampler.frequencyPenalty = 0.75; // twice: 4 - 1.5 < 3
  EXPECT_EQ(chosen(logits, options, {1, 1}).id, 2);
  EXPECT_EQ(chosen(logits, options, {1}).id, 1);
  options = greedy();
  const std::vector<uint8_t> mask{0b1001};
  options.mask = mask;
  EXPECT_EQ(chosen(logits, options).id, 3);
}

TEST(TokenChoice, ReportsTheModelsOwnProbabilities) {
  ChoiceOptions options = greedy();
  options.bias = {{0, 10.0f}};
  options.logprobs = 2;
  const float half = std::log(0.5f), quarter = std::log(0.25f); // of 1/4, 1/2, 1/4
  const ChosenToken token = chosen({quarter, half, quarter}, options);
  EXPECT_EQ(token.id, 0);
  EXPECT_THAT(*token.logprob, FloatNear(quarter, 1e-6));
  ASSERT_EQ(token.top.size(), 2U);
  EXPECT_EQ(token.top[0].first, 1);
  EXPECT_THAT(token.top[0].second, FloatNear(half, 1e-6));
  EXPECT_EQ(token.top[1].first, 0); // the first of equals
}

TEST(TokenChoice, DrawsFollowTheDistribution) {
  const std::vector<float> logits{std::log(0.6f), std::log(0.3f), std::log(0.1f)};
  ChoiceOptions options{.sampler = {.temperature = 1, .topK = 0, .topP = 1, .minP = 0}};
  std::vector<int> times(3);
  const int draws = 20000;
  for (int i = 0; i < draws; ++i) {
    options.sampler.seed = static_cast<uint64_t>(i);
    ++times[static_cast<size_t>(chosen(logits, options).id)];
  }
  for (size_t i = 0; i < 3; ++i) // five standard deviations
    EXPECT_NEAR(times[i], draws * std::exp(logits[i]), 350);
  options.sampler.topP = 0.7; // 0.6 is not enough, 0.9 is
  for (int i = 0; i < 200; ++i) {
    options.sampler.seed = static_cast<uint64_t>(i);
    EXPECT_NE(chosen(logits, options).id, 2);
  }
  options.sampler = {.temperature = 1, .topK = 0, .topP = 1, .minP = 0.4, .seed = 3}; // 0.3 > 0.24
  for (int i = 0; i < 200; ++i) {
    options.sampler.seed = static_cast<uint64_t>(i);
    EXPECT_NE(chosen(logits, options).id, 2);
  }
}

TEST(TokenChoice, TheLikeliestFewGiveWhatAllWouldGive) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, 3);
  for (uint64_t seed = 0; seed < 300; ++seed) {
    std::vector<float> logits(200);
    for (float &logit : logits)
      logit = std::round(normal(random) * 4) / 4; // some are equal
    std::vector<Candidate> few;
    for (size_t i = 0; i < logits.size(); ++i)
      few.emplace_back(logits[i], static_cast<TokenId>(i));
    std::ranges::sort(few, {}, [](const Candidate &c) { return std::pair(-c.first, c.second); });
    few.resize(64);
    const ChoiceOptions options{.sampler = {.temperature = seed % 3 * 0.7,
                                            .topK = static_cast<int64_t>(1 + seed % 64),
                                            .topP = seed % 2 ? 0.9 : 1,
                                            .minP = seed % 5 ? 0.05 : 0,
                                            .seed = seed}};
    ASSERT_TRUE(fewAreEnough(options, 64));
    const Ids sequence(seed % 7, 0);
    const auto found = chooseAmong(few, sequence.size(), options);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->id, chosen(logits, options, sequence).id) << seed;
  }
}

TEST(TokenChoice, WhatMovesLogitsNeedsAllOfThem) {
  const std::vector<uint8_t> mask{0xFF};
  EXPECT_TRUE(fewAreEnough(greedy(), 1));
  EXPECT_FALSE(fewAreEnough({.sampler = {.temperature = 1, .topK = 65}}, 64));
  EXPECT_FALSE(fewAreEnough({.sampler = {.temperature = 1, .topK = 0}}, 64)); // top-p looks at more
  EXPECT_FALSE(fewAreEnough({.sampler = {.repeatPenalty = 1.1}}, 64));
  EXPECT_FALSE(fewAreEnough({.bias = {{1, 1.0f}}}, 64));
  EXPECT_FALSE(fewAreEnough({.mask = mask}, 64));
  EXPECT_FALSE(fewAreEnough({.logprobs = 0}, 64));
}

TEST(TokenChoice, RefusesWhatAllowsNothing) {
  std::vector<float> logits{1, 2};
  const std::vector<uint8_t> none{0};
  ChoiceOptions options = greedy();
  options.mask = none;
  EXPECT_THAT(chooseToken(logits, {}, options).error().message, HasSubstr("allows no token"));
  options = greedy();
  options.bias = {{2, 1.0f}};
  EXPECT_THAT(chooseToken(logits, {}, options).error().message, HasSubstr("token 2"));
}

} // namespace
} // namespace rosso
