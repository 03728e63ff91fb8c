// Choosing a token from logits, on the host: for servers, where every request has numbers, a mask
// and biases of its own. The order is llama.cpp's, as in Sampler.h: bias, penalties, mask, top-k,
// top-p, min-p, temperature, one draw. The draw depends on the seed and the position alone.
//
// Where a request has neither masks nor anything else that moves logits, the likeliest few are all
// there is to know; the program orders those, and they are what the host reads.
#pragma once

#include "models/Sampler.h"
#include "models/io/Vocabulary.h"

#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace rosso {

struct ChoiceOptions {
  SamplerOptions sampler = {};
  std::vector<std::pair<TokenId, float>> bias = {}; // added to logits
  std::span<const uint8_t> mask = {};               // bit t: token t is allowed; empty: all are
  std::optional<int> logprobs = {}; // alternatives to report; none: no report at all
};

struct ChosenToken {
  TokenId id = -1;
  /// Of the model's own distribution, natural logarithm; filled in if asked for.
  std::optional<float> logprob;
  std::vector<std::pair<TokenId, float>> top; // likeliest first
};

using Candidate = std::pair<float, TokenId>; // logit, token

/// Whether the `count` likeliest tokens of the model are enough to choose by.
bool fewAreEnough(const ChoiceOptions &options, int64_t count);

/// The same token that `chooseToken` chooses, by all candidates that `fewAreEnough` wanted,
/// likeliest first. `position`: tokens before it.
Result<ChosenToken> chooseAmong(std::span<const Candidate> candidates, size_t position,
                                const ChoiceOptions &options);

/// `logits` of the token at position - 1; they are changed. `sequence` ends before the token to
/// choose. Errors: BadInput where the mask allows nothing, or names tokens beyond the vocabulary.
Result<ChosenToken> chooseToken(std::span<float> logits, std::span<const TokenId> sequence,
                                const ChoiceOptions &options);

} // namespace rosso
