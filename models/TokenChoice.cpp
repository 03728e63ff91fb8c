#include "models/TokenChoice.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace rosso {

namespace {

constexpr float kHidden = -std::numeric_limits<float>::infinity();

/// A number in (0, 1) that the seed and two counters determine: splitmix64, twice.
double uniform(uint64_t seed, uint64_t position, uint64_t token) {
  auto mix = [](uint64_t x) {
    x += 0x9E3779B97F4A7C15;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9;
    x = (x ^ x >> 27) * 0x94D049BB133111EB;
    return x ^ x >> 31;
  };
  const uint64_t bits = mix(mix(seed ^ mix(position)) + token);
  return (static_cast<double>(bits >> 11) + 0.5) * 0x1p-53;
}

/// ln(sum(exp(logits))).
double logSumOf(std::span<const float> logits) {
  const float largest = *std::ranges::max_element(logits);
  double sum = 0;
  for (float logit : logits)
    sum += std::exp(static_cast<double>(logit) - largest);
  return largest + std::log(sum);
}

/// The `count` largest, likeliest first; equals in the order of their numbers.
std::vector<Candidate> largest(std::span<const float> logits, size_t count) {
  std::vector<Candidate> all;
  all.reserve(logits.size());
  for (size_t i = 0; i < logits.size(); ++i)
    if (logits[i] != kHidden)
      all.emplace_back(logits[i], static_cast<TokenId>(i));
  const auto before = [](const Candidate &a, const Candidate &b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  };
  count = std::min(count, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<ptrdiff_t>(count), all.end(), before);
  all.resize(count);
  return all;
}

void report(std::span<const float> logits, const ChoiceOptions &options, double logSum,
            ChosenToken &chosen) {
  for (const auto &[logit, id] : largest(logits, static_cast<size_t>(*options.logprobs)))
    chosen.top.emplace_back(id, static_cast<float>(logit - logSum));
}

void penalise(std::span<float> logits, std::span<const TokenId> sequence,
              const SamplerOptions &options) {
  const auto window = std::min(sequence.size(), static_cast<size_t>(options.penaltyWindow));
  std::map<TokenId, int> times;
  for (TokenId id : sequence.last(window))
    if (id >= 0 && static_cast<size_t>(id) < logits.size())
      ++times[id];
  for (const auto &[id, count] : times) {
    float &logit = logits[static_cast<size_t>(id)];
    const auto repeat = static_cast<float>(options.repeatPenalty);
    logit = logit > 0 ? logit / repeat : logit * repeat;
    logit -= static_cast<float>(options.presencePenalty + count * options.frequencyPenalty);
  }
}

Status hideMasked(std::span<float> logits, std::span<const uint8_t> mask) {
  if (mask.empty())
    return {};
  if (mask.size() < (logits.size() + 7) / 8)
    return badInput("mask of " + std::to_string(mask.size()) + " bytes; a vocabulary of " +
                    std::to_string(logits.size()) + " tokens takes " +
                    std::to_string((logits.size() + 7) / 8));
  bool any = false;
  for (size_t i = 0; i < logits.size(); ++i)
    if (mask[i / 8] >> (i % 8) & 1)
      any = true;
    else
      logits[i] = kHidden;
  return any ? Status() : badInput("the mask allows no token");
}

bool needsOrder(const SamplerOptions &sampler) {
  return sampler.topK > 0 || sampler.topP < 1 || sampler.minP > 0;
}

/// The candidates that a sampler looks at, of a vocabulary of `size`.
int64_t candidatesOf(const SamplerOptions &sampler, int64_t size) {
  const int64_t count = sampler.isGreedy()     ? 1
                        : !needsOrder(sampler) ? size
                        : sampler.topK > 0     ? sampler.topK
                                               : kMostCandidates;
  return std::min(count, size);
}

/// Of candidates in descending order, how many top-p and min-p keep: the first at least.
size_t likelyOnes(std::span<const Candidate> candidates, const SamplerOptions &options) {
  double sum = 0;
  for (const Candidate &candidate : candidates)
    sum += std::exp(static_cast<double>(candidate.first) - candidates[0].first);
  double before = 0;
  size_t kept = 0;
  for (const Candidate &candidate : candidates) {
    const double p = std::exp(static_cast<double>(candidate.first) - candidates[0].first) / sum;
    if (kept > 0 && (before >= options.topP || p < options.minP / sum))
      break;
    before += p;
    ++kept;
  }
  return kept;
}

/// One of the candidates. The largest of (score + Gumbel noise) follows the softmax of the scores.
TokenId draw(std::span<const Candidate> candidates, size_t position,
             const SamplerOptions &sampler) {
  if (needsOrder(sampler))
    candidates = candidates.first(likelyOnes(candidates, sampler));
  TokenId drawn = -1;
  double best = -std::numeric_limits<double>::infinity();
  for (const auto &[score, id] : candidates) {
    const double noise =
        -std::log(-std::log(uniform(sampler.seed, position, static_cast<uint64_t>(id))));
    const double value = score / sampler.temperature + noise;
    if (value > best || drawn < 0) {
      best = value;
      drawn = id;
    }
  }
  return drawn;
}

} // namespace

bool fewAreEnough(const ChoiceOptions &options, int64_t count) {
  return !options.logprobs && options.bias.empty() && options.mask.empty() &&
         !options.sampler.hasPenalties() &&
         candidatesOf(options.sampler, std::numeric_limits<int64_t>::max()) <= count;
}

Result<ChosenToken> chooseAmong(std::span<const Candidate> candidates, size_t position,
                                const ChoiceOptions &options) {
  const SamplerOptions &sampler = options.sampler;
  ROSSO_CHECK(sampler.check());
  const auto count = candidatesOf(sampler, static_cast<int64_t>(candidates.size()));
  candidates = candidates.first(static_cast<size_t>(count));
  ChosenToken chosen;
  chosen.id = sampler.isGreedy() ? candidates[0].second : draw(candidates, position, sampler);
  return chosen;
}

Result<ChosenToken> chooseToken(std::span<float> logits, std::span<const TokenId> sequence,
                                const ChoiceOptions &options) {
  const SamplerOptions &sampler = options.sampler;
  ROSSO_CHECK(sampler.check());
  ChosenToken chosen;
  double logSum = 0;
  std::vector<float> own;
  if (options.logprobs) {
    logSum = logSumOf(logits);
    report(logits, options, logSum, chosen);
    own.assign(logits.begin(), logits.end());
  }
  for (const auto &[id, bias] : options.bias) {
    if (id < 0 || static_cast<size_t>(id) >= logits.size())
      return badInput("bias of token " + std::to_string(id) + "; the vocabulary has " +
                      std::to_string(logits.size()));
    logits[static_cast<size_t>(id)] += bias;
  }
  if (sampler.hasPenalties())
    penalise(logits, sequence, sampler);
  ROSSO_CHECK(hideMasked(logits, options.mask));

  if (sampler.isGreedy())
    chosen.id = static_cast<TokenId>(std::ranges::max_element(logits) - logits.begin());
  else
    chosen.id = draw(largest(logits, static_cast<size_t>(candidatesOf(
                                         sampler, static_cast<int64_t>(logits.size())))),
                     sequence.size(), sampler);
  if (options.logprobs)
    chosen.logprob = static_cast<float>(own[static_cast<size_t>(chosen.id)] - logSum);
  return chosen;
}

} // namespace rosso
