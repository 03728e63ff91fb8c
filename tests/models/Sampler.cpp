// The choice of the next token: what is drawn, how often, and what never.
#include "models/Sampler.h"

#include "frontend/reference/Evaluator.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rosso {
namespace {

constexpr int64_t kVocabulary = 6;

/// Draws with many seeds from fixed logits, by the reference.
class Draw {
public:
  Draw(SamplerOptions options, std::vector<float> logits, std::vector<int32_t> ids = {0})
      : options_(options), logits_(std::move(logits)), ids_(std::move(ids)) {
    const Dim count = static_cast<int64_t>(ids_.size());
    const Tensor tokens = Tensor::input("tokens", {count}, DType::I32);
    Outputs updates;
    const Sampler sampler(options_, 32, kVocabulary);
    const Tensor token = sampler.choose(Tensor::input("logits", {1, kVocabulary}), tokens,
                                        Dim::variable("P"), updates);
    EXPECT_TRUE(token.ok()) << token.status().error().message;
    EXPECT_EQ(token.shape(), Shape{1});
    Outputs outputs{{"token", token}};
    outputs.insert(outputs.end(), updates.begin(), updates.end());
    entry_ = makeEntry("sample", outputs);
  }

  int operator()(uint64_t seed, int64_t position = 0) {
    options_.seed = seed;
    const auto numbers = options_.numbers();
    const auto words = options_.seedWords();
    auto bytes = [](const auto &list) {
      return std::span(reinterpret_cast<const uint8_t *>(list.data()),
                       list.size() * sizeof(list[0]));
    };
    reference::Evaluator evaluator([&](const Node &leaf) -> Result<std::span<const uint8_t>> {
      const auto &name = leaf.attr<std::string>("name");
      return name == "logits"   ? bytes(logits_)
             : name == "tokens" ? bytes(ids_)
             : name == "seed"   ? bytes(words)
                                : bytes(numbers);
    });
    auto result = evaluator.run(entry_, {{"P", position}}, states_);
    EXPECT_TRUE(result.ok()) << result.error().message;
    return static_cast<int>((*result)[0].integers[0]);
  }

  /// How often each token comes in `count` draws.
  std::vector<double> shares(int count) {
    std::vector<double> shares(kVocabulary);
    for (int seed = 0; seed < count; ++seed)
      shares[static_cast<size_t>((*this)(static_cast<uint64_t>(seed)))] += 1.0 / count;
    return shares;
  }

private:
  SamplerOptions options_;
  std::vector<float> logits_;
  std::vector<int32_t> ids_;
  GraphEntry entry_;
  std::map<std::string, reference::Value> states_;
};

SamplerOptions everything(double temperature = 1) {
  return {.temperature = temperature, .topK = 0, .topP = 1, .minP = 0};
}

// Probabilities 0.4, 0.3, 0.15, 0.1, 0.05, 0, out of order.
const std::vector<float> kLogits{std::log(0.1f), std::log(0.4f),  -INFINITY,
                                 std::log(0.3f), std::log(0.05f), std::log(0.15f)};

/// Four standard deviations of a share of `count` draws.
double tolerance(double share, int count) { return 4 * std::sqrt(share * (1 - share) / count); }

void expectShares(const std::vector<double> &found, const std::vector<double> &wanted, int count) {
  for (size_t i = 0; i < wanted.size(); ++i)
    EXPECT_NEAR(found[i], wanted[i], tolerance(wanted[i], count) + 1e-12) << "token " << i;
}

TEST(Sampler, GreedyTakesTheLikeliest) {
  EXPECT_EQ(Draw({.temperature = 0}, kLogits)(1), 1);
  EXPECT_EQ(Draw({.temperature = 0}, {3, 7, 7, 1, 0, 0})(1), 1); // the first of equals
}

TEST(Sampler, FollowsTheSoftmax) {
  constexpr int kCount = 2000;
  expectShares(Draw(everything(), kLogits).shares(kCount), {0.1, 0.4, 0, 0.3, 0.05, 0.15}, kCount);
}

TEST(Sampler, TemperatureSharpens) {
  constexpr int kCount = 1000;
  // p^2 / sum p^2 with a sum of 0.285
  expectShares(Draw(everything(0.5), kLogits).shares(kCount),
               {0.01 / 0.285, 0.16 / 0.285, 0, 0.09 / 0.285, 0.0025 / 0.285, 0.0225 / 0.285},
               kCount);
}

TEST(Sampler, TopKKeepsTheLikeliest) {
  constexpr int kCount = 1000;
  SamplerOptions options = everything();
  options.topK = 2;
  expectShares(Draw(options, kLogits).shares(kCount), {0, 4.0 / 7, 0, 3.0 / 7, 0, 0}, kCount);
}

TEST(Sampler, TopPKeepsTheTokenThatCrossesIt) {
  constexpr int kCount = 1000;
  SamplerOptions options = everything();
  options.topP = 0.75; // 0.4 + 0.3 does not reach it, 0.15 does
  expectShares(Draw(options, kLogits).shares(kCount),
               {0, 0.4 / 0.85, 0, 0.3 / 0.85, 0, 0.15 / 0.85}, kCount);
  options.topP = 0; // one token always stays
  EXPECT_EQ(Draw(options, kLogits)(9), 1);
}

TEST(Sampler, MinPIsAShareOfTheLikeliest) {
  constexpr int kCount = 1000;
  SamplerOptions options = everything();
  options.minP = 0.3; // at least 0.12
  const std::vector<double> wanted{0, 0.4 / 0.85, 0, 0.3 / 0.85, 0, 0.15 / 0.85};
  expectShares(Draw(options, kLogits).shares(kCount), wanted, kCount);
  options.topK = 5;
  expectShares(Draw(options, kLogits).shares(kCount), wanted, kCount);
}

TEST(Sampler, SeedAndPositionDecide) {
  Draw draw(everything(), kLogits);
  std::vector<int> one, again, other;
  for (int64_t position = 0; position < 20; ++position) {
    one.push_back(draw(5, position));
    again.push_back(draw(5, position));
    other.push_back(draw(6, position));
  }
  EXPECT_EQ(one, again);
  EXPECT_NE(one, other);
  EXPECT_NE(one, std::vector<int>(20, one[0]));
}

// Scores of tokens seen lately: divided if positive, multiplied if negative; then lowered once,
// and once for each time.
TEST(Sampler, PenaltiesLowerWhatWasSeen) {
  SamplerOptions options{.temperature = 0, .repeatPenalty = 2};
  EXPECT_EQ(Draw(options, {4, 3, 0, 0, 0, 0}, {0})(1), 1);          // 4 / 2 < 3
  EXPECT_EQ(Draw(options, {4, 1.9f, 0, 0, 0, 0}, {0})(1), 0);       // 4 / 2 > 1.9
  EXPECT_EQ(Draw(options, {-1, -1.9f, -3, -3, -3, -3}, {0})(1), 1); // -1 * 2 < -1.9
  options = {.temperature = 0, .presencePenalty = 2};
  EXPECT_EQ(Draw(options, {4, 1.9f, 0, 0, 0, 0}, {0, 0, 0})(1), 0);
  options = {.temperature = 0, .frequencyPenalty = 2};
  EXPECT_EQ(Draw(options, {4, 1.9f, 0, 0, 0, 0}, {0, 0, 0})(1), 1);
}

TEST(Sampler, PenaltiesReachBackOverTheWindowOnly) {
  SamplerOptions options{.temperature = 0, .presencePenalty = 9, .penaltyWindow = 2};
  EXPECT_EQ(Draw(options, {4, 3, 2, 0, 0, 0}, {0, 1, 2})(1), 0);
  options.penaltyWindow = 3;
  EXPECT_EQ(Draw(options, {4, 3, 2, 0.5f, 0, 0}, {0, 1, 2})(1), 3);
}

TEST(Sampler, PositionsBeforeTheFirstAreNoTokens) {
  // A window of 8 at position 0 holds one token; token 0 was not seen.
  SamplerOptions options{.temperature = 0, .presencePenalty = 9, .penaltyWindow = 8};
  EXPECT_EQ(Draw(options, {4, 3, 2, 0, 0, 0}, {1})(1, 0), 0);
}

TEST(Sampler, RefusesNumbersOutOfRange) {
  SamplerOptions options;
  options.topP = 1.5;
  ASSERT_FALSE(options.check().ok());
  EXPECT_THAT(options.check().error().message, testing::HasSubstr("top-p: found 1.5"));
  options = {.temperature = -1};
  EXPECT_FALSE(options.check().ok());
  options = {.temperature = NAN};
  EXPECT_FALSE(options.check().ok());
}

} // namespace
} // namespace rosso
