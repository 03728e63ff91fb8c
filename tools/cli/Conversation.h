// A chat: messages in turn, of which only the new part is read by the model each time.
#pragma once

#include "models/io/ChatTemplate.h"
#include "tools/cli/Generation.h"

#include <string>
#include <vector>

namespace rosso::cli {

class Conversation {
public:
  /// `system` may be empty: then the template's own.
  Conversation(Llm &llm, const Tokenizer &tokenizer, const ChatTemplate &chat,
               const std::string &system)
      : llm_(llm), tokenizer_(tokenizer), chat_(chat) {
    if (!system.empty())
      messages_.push_back({ChatRole::System, system});
  }

  /// Says something and writes the answer as `generation` does.
  Status say(const std::string &text, Generation &generation);

private:
  Llm &llm_;
  const Tokenizer &tokenizer_;
  const ChatTemplate &chat_;
  std::vector<ChatMessage> messages_;
  std::vector<TokenId> cached_; // what the KV cache holds
};

} // namespace rosso::cli
