// Vocabularies of real models, which are not part of this repository: skipped where they are
// absent.
#include "models/io/ChatTemplate.h"
#include "models/io/Tokenizer.h"

#include <gmock/gmock.h>

#include <filesystem>

namespace rosso {
namespace {

using testing::ElementsAre;

class RealVocabulary : public testing::Test {
protected:
  /// A tokenizer of `../shared/data/NAME` beside the sources.
  void open(const std::string &name) {
    const std::string path = std::string(ROSSO_SOURCE_DIR "/../shared/data/") + name;
    if (!std::filesystem::exists(path))
      GTEST_SKIP() << path << " is absent";
    auto file = GgufFile::open(path);
    ASSERT_TRUE(file) << file.error().message;
    if (file->find("tokenizer.chat_template")) {
      auto found = ChatTemplate::create(*file);
      ASSERT_TRUE(found) << found.error().message;
      chat = *found;
    }
    auto made = Tokenizer::create(*file);
    ASSERT_TRUE(made) << made.error().message;
    tokenizer = std::make_unique<Tokenizer>(*std::move(made));
  }
  std::vector<TokenId> encode(std::string_view text) {
    auto ids = tokenizer->encode(text, {.addBos = false});
    EXPECT_TRUE(ids);
    EXPECT_EQ(tokenizer->decode(*ids, {.skipBos = false}), text);
    return *ids;
  }

  std::unique_ptr<Tokenizer> tokenizer;
  std::optional<ChatTemplate> chat;
};

// Expected: the `tokenizers` library with this vocabulary and Qwen2's published pattern.
TEST_F(RealVocabulary, Qwen2) {
  open("vocab-qwen2.5.gguf");
  if (!tokenizer)
    return;
  EXPECT_THAT(encode("Hello, world!"), ElementsAre(9707, 11, 1879, 0));
  EXPECT_THAT(encode("<|im_start|>user\nWhat's 2+2?<|im_end|>\n"),
              ElementsAre(151644, 872, 198, 3838, 594, 220, 17, 10, 17, 30, 151645, 198));
  EXPECT_THAT(
      encode("  def f(x):\n\treturn x  # Größe 你好 🙂\r\n\r\n"),
      ElementsAre(220, 707, 282, 2075, 982, 853, 856, 220, 671, 137208, 220, 108386, 27484, 871));
  EXPECT_THAT(encode("DON'T 12345 naïve\u3000x"),
              ElementsAre(84641, 17323, 220, 16, 17, 18, 19, 20, 94880, 586, 22441, 87));
  // Expected: Jinja with this file's template.
  const std::vector<ChatMessage> messages = {{ChatRole::User, "Hi"}};
  EXPECT_EQ(chat->format(messages),
            "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful "
            "assistant.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_TRUE(tokenizer->endsGeneration(151645));
  EXPECT_TRUE(tokenizer->endsGeneration(151643));
}

// Expected: the `sentencepiece` library with a model of this vocabulary and its scores.
TEST_F(RealVocabulary, Stories) {
  open("stories260K-f32.gguf");
  if (!tokenizer)
    return;
  EXPECT_THAT(
      encode("Once upon a time, there was a little girl named Lily."),
      ElementsAre(403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426));
  EXPECT_THAT(encode("  two  spaces\n\tüñ中🙂"),
              ElementsAre(410, 410, 259, 424, 414, 410, 262, 427, 412, 331, 419, 13, 12, 198, 191,
                          493, 231, 187, 176, 243, 162, 156, 133));
}

} // namespace
} // namespace rosso
