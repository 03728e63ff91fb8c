#include "models/io/ChatTemplate.h"

#include <algorithm>

namespace rosso {

/// One way to write a chat. Source of each: the template in a model of the family.
struct ChatFamily {
  struct Turn {
    std::string_view before, after;
  };
  std::string_view name;
  std::vector<std::string_view> markers; // a template that holds all of them is of this family
  Turn system, user, assistant;
  std::string_view prompt;       // after which the model answers
  bool systemInUserTurn = false; // the system message stands inside the first user's turn
  bool trims = false;            // white space around a message is dropped
  std::string_view bos = {};     // what a chat begins with, if a later turn repeats it
};

namespace {

/// The first that fits counts, so that the more special stand first.
const std::vector<ChatFamily> &families() {
  static const std::vector<ChatFamily> kFamilies = {
      {.name = "llama3",
       .markers = {"<|start_header_id|>"},
       .system = {"<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>"},
       .user = {"<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"},
       .assistant = {"<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"},
       .prompt = "<|start_header_id|>assistant<|end_header_id|>\n\n",
       .trims = true},
      {.name = "phi4",
       .markers = {"<|im_sep|>"},
       .system = {"<|im_start|>system<|im_sep|>", "<|im_end|>"},
       .user = {"<|im_start|>user<|im_sep|>", "<|im_end|>"},
       .assistant = {"<|im_start|>assistant<|im_sep|>", "<|im_end|>"},
       .prompt = "<|im_start|>assistant<|im_sep|>"},
      {.name = "chatml",
       .markers = {"<|im_start|>"},
       .system = {"<|im_start|>system\n", "<|im_end|>\n"},
       .user = {"<|im_start|>user\n", "<|im_end|>\n"},
       .assistant = {"<|im_start|>assistant\n", "<|im_end|>\n"},
       .prompt = "<|im_start|>assistant\n"},
      {.name = "gemma",
       .markers = {"<start_of_turn>"},
       .system = {"", "\n\n"},
       .user = {"<start_of_turn>user\n", "<end_of_turn>\n"},
       .assistant = {"<start_of_turn>model\n", "<end_of_turn>\n"},
       .prompt = "<start_of_turn>model\n",
       .systemInUserTurn = true,
       .trims = true},
      {.name = "mistral-v7",
       .markers = {"[SYSTEM_PROMPT]"},
       .system = {"[SYSTEM_PROMPT] ", "[/SYSTEM_PROMPT]"},
       .user = {"[INST] ", "[/INST]"},
       .assistant = {" ", "</s>"},
       .prompt = ""},
      {.name = "llama2",
       .markers = {"<<SYS>>", "[INST]"},
       .system = {"<<SYS>>\n", "\n<</SYS>>\n\n"},
       .user = {"<s>[INST] ", " [/INST]"},
       .assistant = {" ", " </s>"},
       .prompt = "",
       .systemInUserTurn = true,
       .trims = true,
       .bos = "<s>"},
      {.name = "mistral-v3",
       .markers = {"[INST]", "[AVAILABLE_TOOLS]"},
       .system = {"", "\n\n"},
       .user = {"[INST] ", "[/INST]"},
       .assistant = {" ", "</s>"},
       .prompt = "",
       .systemInUserTurn = true},
      {.name = "mistral",
       .markers = {"[INST]"},
       .system = {"", "\n\n"},
       .user = {"[INST] ", " [/INST]"},
       .assistant = {"", "</s>"},
       .prompt = "",
       .systemInUserTurn = true},
      {.name = "deepseek",
       .markers = {"<｜User｜>", "<｜Assistant｜>"},
       .system = {"", ""},
       .user = {"<｜User｜>", ""},
       .assistant = {"<｜Assistant｜>", "<｜end▁of▁sentence｜>"},
       .prompt = "<｜Assistant｜>"},
      {.name = "command-r",
       .markers = {"<|START_OF_TURN_TOKEN|>"},
       .system = {"<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>", "<|END_OF_TURN_TOKEN|>"},
       .user = {"<|START_OF_TURN_TOKEN|><|USER_TOKEN|>", "<|END_OF_TURN_TOKEN|>"},
       .assistant = {"<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>", "<|END_OF_TURN_TOKEN|>"},
       .prompt = "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
       .trims = true},
      {.name = "granite",
       .markers = {"<|start_of_role|>"},
       .system = {"<|start_of_role|>system<|end_of_role|>", "<|end_of_text|>\n"},
       .user = {"<|start_of_role|>user<|end_of_role|>", "<|end_of_text|>\n"},
       .assistant = {"<|start_of_role|>assistant<|end_of_role|>", "<|end_of_text|>\n"},
       .prompt = "<|start_of_role|>assistant<|end_of_role|>"},
      {.name = "phi3",
       .markers = {"<|assistant|>", "<|end|>"},
       .system = {"<|system|>\n", "<|end|>\n"},
       .user = {"<|user|>\n", "<|end|>\n"},
       .assistant = {"<|assistant|>\n", "<|end|>\n"},
       .prompt = "<|assistant|>\n"},
      {.name = "stablelm",
       .markers = {"<|assistant|>", "<|endoftext|>"},
       .system = {"<|system|>\n", "<|endoftext|>\n"},
       .user = {"<|user|>\n", "<|endoftext|>\n"},
       .assistant = {"<|assistant|>\n", "<|endoftext|>\n"},
       .prompt = "<|assistant|>\n"},
      {.name = "zephyr",
       .markers = {"<|user|>", "eos_token"},
       .system = {"<|system|>\n", "</s>\n"},
       .user = {"<|user|>\n", "</s>\n"},
       .assistant = {"<|assistant|>\n", "</s>\n"},
       .prompt = "<|assistant|>\n"},
  };
  return kFamilies;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n\v\f";
  const size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos)
    return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) + 1 - begin);
}

std::string listOfFamilies() {
  std::string list;
  for (const ChatFamily &family : families())
    list += (list.empty() ? "" : ", ") + std::string(family.name);
  return list;
}

/// The system message that a template holds as a literal, "...system\nYou are ...<|im_end|>", in
/// which a newline may be written \n. Anything that Jinja would still compute is none.
std::string literalSystem(std::string_view jinja, const ChatFamily::Turn &system) {
  constexpr size_t kMaxLength = 4096;
  const std::string_view name = trimmed(system.before), end = trimmed(system.after);
  for (size_t at = 0; (at = jinja.find(name, at)) != std::string_view::npos;) {
    at += name.size();
    std::string_view text = jinja.substr(at, kMaxLength);
    const size_t newline = text.starts_with("\\n") ? 2 : text.starts_with("\n") ? 1 : 0;
    const size_t length = text.find(end);
    if (newline == 0 || length == std::string_view::npos)
      continue;
    text = text.substr(newline, length - newline);
    if (!text.empty() && text.find_first_of("'\"{}\\") == std::string_view::npos)
      return std::string(text);
  }
  return {};
}

} // namespace

Result<ChatTemplate> ChatTemplate::create(const GgufFile &file) {
  constexpr std::string_view kKey = "tokenizer.chat_template";
  if (!file.find(kKey))
    return unsupported(file.path() + ": there is no " + std::string(kKey) +
                       ", so this may not be a chat model; use a plain prompt (-p) without --chat");
  ROSSO_TRY(std::string_view jinja, file.getString(kKey));
  auto made = detect(jinja);
  if (!made)
    return made.error().in(file.path());
  return made;
}

Result<ChatTemplate> ChatTemplate::detect(std::string_view jinja) {
  const auto fits = [&](const ChatFamily &family) {
    return std::all_of(family.markers.begin(), family.markers.end(), [&](std::string_view marker) {
      return jinja.find(marker) != std::string_view::npos;
    });
  };
  const auto it = std::find_if(families().begin(), families().end(), fits);
  if (it == families().end())
    return unsupported("the chat template is of no known family, wanted one of " +
                       listOfFamilies() +
                       "; write the turns into a plain prompt (-p) the way this model wants them");
  ChatTemplate made;
  made.family_ = &*it;
  if (it->name == "chatml")
    made.defaultSystem_ = literalSystem(jinja, it->system);
  // LLaMA 3.1 and on always begin with a date; this is the one their templates fall back to.
  if (it->name == "llama3" && jinja.find("Cutting Knowledge Date") != std::string_view::npos)
    made.systemPreamble_ = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n";
  return made;
}

std::string_view ChatTemplate::family() const { return family_->name; }

std::string ChatTemplate::format(std::span<const ChatMessage> messages, bool prompt) const {
  const ChatFamily &family = *family_;
  const auto write = [](const ChatFamily::Turn &turn, std::string_view text) {
    return std::string(turn.before) + std::string(text) + std::string(turn.after);
  };
  std::string out, heldSystem;
  const auto writeSystem = [&](std::string_view text) {
    (family.systemInUserTurn ? heldSystem : out) +=
        write(family.system, systemPreamble_ + std::string(text));
  };

  const bool hasSystem = !messages.empty() && messages.front().role == ChatRole::System;
  if (!hasSystem && (!defaultSystem_.empty() || !systemPreamble_.empty()))
    writeSystem(defaultSystem_);
  for (const ChatMessage &message : messages) {
    const std::string_view text = family.trims ? trimmed(message.text) : message.text;
    switch (message.role) {
    case ChatRole::System:
      writeSystem(text);
      break;
    case ChatRole::User:
      out += write(family.user, heldSystem + std::string(text));
      heldSystem.clear();
      break;
    case ChatRole::Assistant:
      out += write(family.assistant, text);
      break;
    }
  }
  if (prompt)
    out += family.prompt;
  if (!family.bos.empty() && out.starts_with(family.bos))
    out.erase(0, family.bos.size());
  return out;
}

} // namespace rosso
