#include "models/io/ChatTemplate.h"

#include "tests/models/io/GgufBytes.h"
#include "tests/models/io/GoldenFile.h"

#include <gmock/gmock.h>

namespace rosso {
namespace {

using testing::HasSubstr;

/// "role\0text\0role\0text\0"
std::vector<ChatMessage> messagesOf(const std::string &packed) {
  std::vector<std::string> parts;
  for (size_t at = 0; at < packed.size(); at += parts.back().size() + 1)
    parts.emplace_back(packed.c_str() + at);
  std::vector<ChatMessage> messages;
  for (size_t i = 0; i + 1 < parts.size(); i += 2)
    messages.push_back({parts[i] == "system" ? ChatRole::System
                        : parts[i] == "user" ? ChatRole::User
                                             : ChatRole::Assistant,
                        parts[i + 1]});
  return messages;
}

// Expected: Jinja, see make_chat_golden.py.
TEST(ChatTemplate, EveryFamilyFormatsAsItsTemplateDoes) {
  const auto lines = readGolden("chat.txt");
  EXPECT_GE(lines.size(), 12u);
  for (const auto &line : lines) {
    auto chat = ChatTemplate::detect(fromHex(line[1]));
    ASSERT_TRUE(chat) << chat.error().message;
    EXPECT_EQ(chat->family(), line[0]);
    for (size_t i = 2; i + 1 < line.size(); i += 2)
      EXPECT_EQ(chat->format(messagesOf(fromHex(line[i]))), fromHex(line[i + 1])) << line[0];
  }
}

TEST(ChatTemplate, TheAnswerIsOnlyPromptedForIfAsked) {
  auto chat = ChatTemplate::detect("{{ '<|im_start|>' }}");
  ASSERT_TRUE(chat);
  const std::vector<ChatMessage> messages = {{ChatRole::User, "Hi"}};
  EXPECT_EQ(chat->format(messages, /*prompt=*/false), "<|im_start|>user\nHi<|im_end|>\n");
  EXPECT_EQ(chat->format(messages), "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
}

TEST(ChatTemplate, WhatIsComputedIsNoDefaultSystemMessage) {
  auto chat = ChatTemplate::detect("{{ '<|im_start|>system\\n' + text + '<|im_end|>' }}");
  ASSERT_TRUE(chat);
  EXPECT_EQ(chat->defaultSystem(), "");
}

TEST(ChatTemplate, NoTemplateAndUnknownOnesSayWhatToDo) {
  const auto errorOf = [](const GgufBytes &metadata) {
    const Bytes bytes = metadata.bytes();
    auto file = GgufFile::parse(bytes, "m.gguf");
    auto chat = ChatTemplate::create(*file);
    return chat ? std::string("no error") : chat.error().message;
  };
  EXPECT_EQ(errorOf(GgufBytes()),
            "m.gguf: there is no tokenizer.chat_template, so this may not be a chat model; use a "
            "plain prompt (-p) without --chat");
  const std::string unknown = errorOf(GgufBytes().string("tokenizer.chat_template", "{{ x }}"));
  EXPECT_THAT(unknown, HasSubstr("m.gguf: the chat template is of no known family, wanted one of "
                                 "llama3, phi4, chatml, gemma"));
  EXPECT_THAT(unknown, HasSubstr("write the turns into a plain prompt (-p)"));
  EXPECT_THAT(errorOf(GgufBytes().u32("tokenizer.chat_template", 1)), HasSubstr("wanted a string"));
}

} // namespace
} // namespace rosso
