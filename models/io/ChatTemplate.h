// Turning messages into the text that a chat model was trained on.
//
// Files carry a template in Jinja, `tokenizer.chat_template`. This does not run Jinja: it tells the
// family of the template by the markers in its text, and formats as that family does. Tools,
// images and other roles are left to a full implementation.
#pragma once

#include "models/io/Gguf.h"
#include "support/Result.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rosso {

enum class ChatRole { System, User, Assistant };

struct ChatMessage {
  ChatRole role = ChatRole::User;
  std::string text;
};

struct ChatFamily; // a row of the table in ChatTemplate.cpp

class ChatTemplate {
public:
  /// From a file's metadata. No template, or one of no known family, is an error that says what to
  /// do instead.
  static Result<ChatTemplate> create(const GgufFile &file);
  /// From the template's text.
  static Result<ChatTemplate> detect(std::string_view jinja);

  std::string_view family() const;
  /// What the template puts in when no system message is given; mostly empty.
  const std::string &defaultSystem() const { return defaultSystem_; }

  /// The messages as text, up to where the assistant's answer begins if `prompt`. To be encoded
  /// with special tokens and BOS: a BOS at the very beginning is left to the tokenizer.
  std::string format(std::span<const ChatMessage> messages, bool prompt = true) const;

private:
  const ChatFamily *family_ = nullptr; // never null once made
  std::string systemPreamble_;         // stands before every system message
  std::string defaultSystem_;
};

} // namespace rosso
