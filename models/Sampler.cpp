#include "models/Sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rosso {

namespace {

/// The places of the numbers in the input "sampling".
enum SamplingNumber { InverseTemperature, TopP, MinP, Repeat, Presence, Frequency, Count };

Tensor number(SamplingNumber which) {
  return Tensor::input("sampling", {Count}).select(0, static_cast<int64_t>(which));
}

Tensor hidden() { return Tensor(-std::numeric_limits<float>::infinity()); }

Status inRange(const char *what, double value, double least, double most) {
  if (value >= least && value <= most)
    return {};
  return badInput(std::string(what) + ": found " + std::to_string(value) + ", wanted " +
                  std::to_string(least) + " to " + std::to_string(most));
}

} // namespace

Status SamplerOptions::check() const {
  ROSSO_CHECK(inRange("temperature", temperature, 0, 100));
  ROSSO_CHECK(inRange("top-p", topP, 0, 1));
  ROSSO_CHECK(inRange("min-p", minP, 0, 1));
  ROSSO_CHECK(inRange("repeat penalty", repeatPenalty, 0.01, 100));
  ROSSO_CHECK(inRange("presence penalty", presencePenalty, -100, 100));
  ROSSO_CHECK(inRange("frequency penalty", frequencyPenalty, -100, 100));
  ROSSO_CHECK(inRange("top-k", static_cast<double>(topK), 0, 1 << 24));
  return inRange("penalty window", static_cast<double>(penaltyWindow), 0, 1 << 20);
}

std::array<float, 6> SamplerOptions::numbers() const {
  const double inverse = isGreedy() ? 1 : 1 / temperature;
  return {static_cast<float>(inverse),
          static_cast<float>(topP),
          static_cast<float>(minP),
          static_cast<float>(repeatPenalty),
          static_cast<float>(presencePenalty),
          static_cast<float>(frequencyPenalty)};
}

std::array<uint32_t, 2> SamplerOptions::seedWords() const {
  return {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
}

Tensor Sampler::choose(const Tensor &logits, const Tensor &ids, const Dim &start,
                       Outputs &updates) const {
  const Dim position = start + ids.size(0); // of the token to choose
  Tensor scores = logits.toFloat();
  if (options_.hasPenalties())
    scores = penalised(scores, ids, start, updates);
  if (options_.isGreedy())
    return scores.argmax(-1);

  const Tensor inverse = number(InverseTemperature);
  if (options_.topK == 0 && options_.topP == 1) { // nothing needs an order
    if (options_.minP > 0)                        // p >= minP * most likely p, in scores
      scores = (scores < scores.max(-1, true) + number(MinP).log()).where(hidden(), scores);
    return (scores * inverse + noise(vocabulary_, position)).argmax(-1);
  }
  const int64_t k = std::min(options_.topK == 0 ? kMostCandidates : options_.topK, vocabulary_);
  const auto [best, where] = scores.topk(k); // [1, k], in descending order
  const Tensor likely = best.softmax(-1);
  const Tensor row = Tensor::arange(k).reshape({k, 1}), column = Tensor::arange(k).reshape({1, k});
  const Tensor before = (column < row).where(likely, 0.0f).sum(-1).reshape({1, k});
  const Tensor kept = (before < number(TopP)) & (likely >= likely.slice(-1, 0, 1) * number(MinP));
  const Tensor first = column.eq(0); // always kept
  const Tensor chosen =
      ((kept | first).where(best, hidden()) * inverse + noise(k, position)).argmax(-1, true);
  return where.reshape({k}).take(chosen.reshape({1}));
}

/// Scores of the tokens among the last `penaltyWindow` ones, lowered.
Tensor Sampler::penalised(const Tensor &scores, const Tensor &ids, const Dim &start,
                          Outputs &updates) const {
  const int64_t window = std::min(options_.penaltyWindow, context_);
  const Tensor history = Tensor::state("tokens", {context_}, DType::I32).assign({start}, ids);
  updates.emplace_back("state:tokens", history);
  const Tensor at = Tensor::arange(window) + Tensor::variable(start + ids.size(0) - window);
  const Tensor recent = (at >= 0).where(history.take(at.maximum(0)), -1);
  const Tensor isToken =
      Tensor::arange(vocabulary_).reshape({vocabulary_, 1}).eq(recent.reshape({1, window}));
  const Tensor times = isToken.where(1.0f, 0.0f).sum(-1).reshape({1, vocabulary_});
  const Tensor repeat = number(Repeat);
  const Tensor lowered = (scores > 0).where(scores / repeat, scores * repeat);
  return (times > 0).where(lowered - number(Presence), scores) - times * number(Frequency);
}

/// Gumbel noise, [1, count], by seed and position.
Tensor Sampler::noise(int64_t count, const Dim &position) const {
  const Tensor seed = Tensor::input("seed", {2}, DType::U32);
  const Tensor word = Tensor::variable(position).cast(DType::U32).reshape({1});
  const Tensor uniform = Tensor::randFrom(seed, Tensor::cat({word, word.zerosLike()}), {1, count});
  return -(-uniform.log()).log();
}

} // namespace rosso
