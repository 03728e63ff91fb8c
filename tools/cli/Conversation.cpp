#include "tools/cli/Conversation.h"

#include <algorithm>

namespace rosso::cli {

Status Conversation::say(const std::string &text, Generation &generation) {
  messages_.push_back({ChatRole::User, text});
  ROSSO_TRY(std::vector<TokenId> ids, tokenizer_.encode(chat_.format(messages_)));
  // An answer encoded again may differ from the tokens that were sampled: keep what is the same.
  const auto differs = std::mismatch(ids.begin(), ids.end(), cached_.begin(), cached_.end()).first;
  const size_t same =
      std::min(static_cast<size_t>(differs - ids.begin()), ids.size() - 1); // one is always read
  llm_.rewind(static_cast<int64_t>(same));
  ROSSO_CHECK(generation.run(std::span(ids).subspan(same)));
  messages_.push_back({ChatRole::Assistant, generation.text});
  cached_ = std::move(ids);
  cached_.insert(cached_.end(), generation.tokens.begin(), generation.tokens.end());
  cached_.resize(std::min(cached_.size(), static_cast<size_t>(llm_.position())));
  return {};
}

} // namespace rosso::cli
