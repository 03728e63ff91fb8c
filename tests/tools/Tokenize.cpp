// rosso-tokenize from outside: text in, ids out, and back; exit codes and messages.
#include "tests/models/io/TinyVocabulary.h"

#include <gmock/gmock.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <unistd.h>

#include <sys/wait.h>

namespace rosso {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class Tokenize : public testing::Test {
protected:
  struct Outcome {
    int exitCode = -1;
    std::string output, errors;
  };

  void SetUp() override {
    const auto *test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() /
              ("rosso-tokenize-" + std::string(test->name()) + "-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string &name, std::string_view bytes) {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return folder_ / name;
  }
  std::string model() {
    GgufBytes file = byteBpe();
    file.u32("tokenizer.ggml.bos_token_id", 262).boolean("tokenizer.ggml.add_bos_token", true);
    const Bytes bytes = file.bytes();
    return write("m.gguf", {reinterpret_cast<const char *>(bytes.bytes().data()), bytes.size()});
  }
  Outcome run(const std::string &arguments, std::string_view input = {}) {
    const std::string in = write("in", input), out = folder_ / "out", err = folder_ / "err";
    const std::string command =
        ROSSO_BIN "/rosso-tokenize " + arguments + " < " + in + " > " + out + " 2> " + err;
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, readAll(out), readAll(err)};
  }

private:
  static std::string readAll(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::filesystem::path folder_;
};

// Ids below 256 are bytes, 256 is "ab", 258 " ab", 262 "<|end|>" and also BOS.
TEST_F(Tokenize, PrintsIdsSeparatedByCommas) {
  const Outcome outcome = run(model(), "cab ab<|end|>");
  EXPECT_EQ(outcome.exitCode, 0);
  EXPECT_EQ(outcome.output, "262,99,256,258,262\n");
  EXPECT_EQ(outcome.errors, "");
  EXPECT_EQ(run(model() + " --no-bos", "cab").output, "99,256\n");
  EXPECT_EQ(run(model() + " --no-bos --no-special", "<|").output, "60,124\n");
  EXPECT_EQ(run(model() + " --no-bos", "").output, "\n");
}

TEST_F(Tokenize, DecodesToTheSameBytes) {
  const std::string text("a\xFF\xC3 \n\0 ab<|end|>", 16);
  for (const char *option : {"", " --no-bos"}) {
    const Outcome ids = run(model() + option, text);
    ASSERT_EQ(ids.exitCode, 0) << ids.errors;
    EXPECT_EQ(run(model() + " --decode" + option, ids.output).output, text);
  }
  EXPECT_EQ(run(model() + " --decode", " 99\n256 , 258\t").output, "cab ab");
}

TEST_F(Tokenize, BadInputExitsWithTwoAndOneMessage) {
  const auto expectError = [](const Outcome &outcome, const std::string &message) {
    EXPECT_EQ(outcome.exitCode, 2);
    EXPECT_EQ(outcome.output, "");
    EXPECT_THAT(outcome.errors, StartsWith("error: "));
    EXPECT_THAT(outcome.errors, HasSubstr(message));
  };
  expectError(run(""), "no model; see rosso-tokenize --help");
  expectError(run("a.gguf b.gguf"), "two models, 'a.gguf' and 'b.gguf', wanted one");
  expectError(run(model() + " --frobnicate"), "unknown option '--frobnicate'");
  expectError(run("/nowhere.gguf"), "/nowhere.gguf: open: No such file or directory");
  expectError(run(write("text", "no model at all")), "it is no GGUF file");
  for (const char *ids : {"1,x", "265", "-1", "99999999999", "1;2"})
    expectError(run(model() + " --decode", ids), "wanted ids from 0 to 264");
}

TEST_F(Tokenize, Explains) {
  const Outcome outcome = run("--help");
  EXPECT_EQ(outcome.exitCode, 0);
  EXPECT_THAT(outcome.output, StartsWith("usage: rosso-tokenize MODEL"));
}

} // namespace
} // namespace rosso
