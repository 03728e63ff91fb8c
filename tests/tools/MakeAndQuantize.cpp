// rosso-make-model and rosso-quantize from outside: files in, files out, exit codes, messages.
#include "ir/quant/Expand.h"
#include "ir/quant/Formats.h"
#include "models/io/Gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <string>

#include <sys/wait.h>

namespace rosso {
namespace {

using testing::HasSubstr;

struct Outcome {
  int exitCode;
  std::string output; // both streams
};

Outcome runTool(const std::string &command) {
  Outcome outcome{-1, ""};
  FILE *pipe = popen((std::string(ROSSO_BIN) + "/" + command + " 2>&1").c_str(), "r");
  char buffer[4096];
  while (const size_t count = std::fread(buffer, 1, sizeof buffer, pipe))
    outcome.output.append(buffer, count);
  const int status = pclose(pipe);
  outcome.exitCode = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

std::string temporary(const char *name) { return testing::TempDir() + "rosso_make_" + name; }

/// A model of the shape `tiny` in f32, made once.
const std::string &floatModel() {
  static const std::string kPath = [] {
    std::string path = temporary("tiny-f32.gguf");
    const Outcome made = runTool("rosso-make-model " + path + " --shape tiny --type f32");
    EXPECT_EQ(made.exitCode, 0) << made.output;
    return path;
  }();
  return kPath;
}

std::vector<float> weightsOf(const GgufFile &file, const GgufTensor &tensor) {
  const auto bytes = file.data(tensor);
  std::vector<float> weights(tensor.elements());
  expandRow(*tensor.format, bytes, weights);
  return weights;
}

TEST(MakeModel, TinyModelHasTheTensorsOfItsFamily) {
  const auto file = GgufFile::open(floatModel());
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(*file->getString("general.architecture"), "qwen2");
  EXPECT_EQ(*file->getU64("qwen2.block_count"), 2u);
  EXPECT_EQ(file->getStringArray("tokenizer.ggml.tokens")->size(), 512u);
  const GgufTensor *down = file->findTensor("blk.1.ffn_down.weight");
  ASSERT_NE(down, nullptr);
  EXPECT_EQ(down->ne, (std::vector<int64_t>{512, 256}));
  EXPECT_NE(file->findTensor("blk.0.attn_q.bias"), nullptr);

  double square = 0;
  for (float weight : weightsOf(*file, *down))
    square += double(weight) * weight;
  EXPECT_NEAR(std::sqrt(square / static_cast<double>(down->elements())), 0.02, 0.001);
}

TEST(MakeModel, SameSeedSameBytes) {
  const std::string a = temporary("a.gguf"), b = temporary("b.gguf"), c = temporary("c.gguf");
  ASSERT_EQ(runTool("rosso-make-model " + a + " --shape tiny --type q4_k_m").exitCode, 0);
  ASSERT_EQ(runTool("rosso-make-model " + b + " --shape tiny --type q4_k_m --seed 1").exitCode, 0);
  ASSERT_EQ(runTool("rosso-make-model " + c + " --shape tiny --type q4_k_m --seed 2").exitCode, 0);
  const auto fileA = GgufFile::open(a), fileB = GgufFile::open(b), fileC = GgufFile::open(c);
  ASSERT_TRUE(fileA.ok() && fileB.ok() && fileC.ok());
  const auto bytes = [](const GgufFile &file) {
    const auto data = file.data(*file.findTensor("blk.0.ffn_up.weight"));
    return std::vector<uint8_t>(data.begin(), data.end());
  };
  EXPECT_EQ(bytes(*fileA), bytes(*fileB));
  EXPECT_NE(bytes(*fileA), bytes(*fileC));
}

TEST(Quantize, WeightsStayNearAndMetadataStays) {
  const std::string out = temporary("tiny-q4_k_m.gguf");
  const Outcome outcome = runTool("rosso-quantize " + floatModel() + " " + out + " --type q4_k_m");
  ASSERT_EQ(outcome.exitCode, 0) << outcome.output;
  const auto before = GgufFile::open(floatModel()), after = GgufFile::open(out);
  ASSERT_TRUE(before.ok() && after.ok());
  EXPECT_EQ(*after->getU64("general.file_type"), 15u);
  EXPECT_EQ(*after->getF64("qwen2.rope.freq_base"), 10000.0);
  EXPECT_EQ(after->getStringArray("tokenizer.ggml.merges")->size(), 5u);
  ASSERT_EQ(after->tensors().size(), before->tensors().size());
  for (const GgufTensor &tensor : after->tensors()) {
    const GgufTensor *source = before->findTensor(tensor.name);
    ASSERT_NE(source, nullptr);
    EXPECT_EQ(tensor.ne, source->ne);
    const std::vector<float> found = weightsOf(*after, tensor);
    const std::vector<float> wanted = weightsOf(*before, *source);
    double error = 0, square = 0;
    for (size_t i = 0; i < found.size(); ++i) {
      error += std::pow(double(found[i]) - wanted[i], 2);
      square += std::pow(double(wanted[i]), 2);
    }
    const double limit = tensor.ne.size() == 1 ? 0 : tensor.format == &kQ6_K ? 0.02 : 0.08;
    EXPECT_LE(std::sqrt(error / square), limit) << tensor.name;
  }
  EXPECT_EQ(after->findTensor("output.weight")->format, &kQ6_K);
  EXPECT_EQ(after->findTensor("blk.0.attn_q.weight")->format, &kQ4_K);
}

TEST(Quantize, TheNumberOfThreadsDoesNotMatter) {
  const std::string one = temporary("one.gguf"), three = temporary("three.gguf");
  const std::string in = "rosso-quantize " + floatModel() + " ";
  ASSERT_EQ(runTool(in + one + " --type q5_k --threads 1").exitCode, 0);
  ASSERT_EQ(runTool(in + three + " --type q5_k --threads 3").exitCode, 0);
  const auto a = GgufFile::open(one), b = GgufFile::open(three);
  ASSERT_TRUE(a.ok() && b.ok());
  for (const GgufTensor &tensor : a->tensors())
    EXPECT_TRUE(std::ranges::equal(a->data(tensor), b->data(*b->findTensor(tensor.name))))
        << tensor.name;
}

// Indices into a grid are kept as the file has them, and mean weights of the deviation asked for.
TEST(Quantize, BlocksOfAGridAreKept) {
  const std::string made = temporary("iq3_xxs.gguf"), kept = temporary("kept.gguf");
  Outcome outcome = runTool("rosso-make-model " + made + " --shape tiny --type iq3_xxs");
  ASSERT_EQ(outcome.exitCode, 0) << outcome.output;
  outcome = runTool("rosso-quantize " + made + " " + kept + " --type q8_0");
  ASSERT_EQ(outcome.exitCode, 0) << outcome.output;
  const auto before = GgufFile::open(made), after = GgufFile::open(kept);
  ASSERT_TRUE(before.ok() && after.ok());
  const GgufTensor &tensor = *after->findTensor("blk.1.ffn_up.weight");
  EXPECT_EQ(tensor.format, &kIQ3_XXS);
  EXPECT_TRUE(
      std::ranges::equal(before->data(*before->findTensor(tensor.name)), after->data(tensor)));
  std::vector<uint8_t> blocks(tensor.bytes);
  ASSERT_TRUE(after->read(tensor, 0, blocks));
  std::vector<float> weights(tensor.elements());
  expandRow(*tensor.format, blocks, weights);
  double square = 0;
  for (float weight : weights)
    square += double(weight) * weight;
  EXPECT_NEAR(std::sqrt(square / static_cast<double>(weights.size())), 0.02, 1e-4);
}

TEST(Quantize, BadArgumentsAreNamed) {
  const std::string out = temporary("bad.gguf");
  const std::pair<std::string, const char *> cases[] = {
      {"rosso-quantize", "wanted an input and an output file"},
      {"rosso-quantize a b --type q9", "--type: found 'q9', wanted one of f32, f16"},
      {"rosso-quantize a b --type iq3_s", "--type: iq3_s is a type that we read but cannot pack"},
      {"rosso-quantize a b", "wanted --type"},
      {"rosso-quantize a a --type q4_0", "input and output are both 'a'"},
      {"rosso-quantize a b --type q4_0 --threads 0", "--threads: found '0', wanted 1 to 1024"},
      {"rosso-quantize a b --frob", "unknown option '--frob'"},
      {"rosso-quantize /no/such.gguf " + out + " --type q4_0", "/no/such.gguf"},
      {"rosso-quantize " + floatModel() + " /no/such/out.gguf --type q4_0",
       "/no/such/out.gguf: cannot create"},
      {"rosso-make-model x --shape gpt5 --type q4_0", "--shape: found 'gpt5', wanted one of tiny"},
      {"rosso-make-model x --shape tiny", "wanted a file name, --shape and --type"},
      {"rosso-make-model x --shape tiny --type q4_0 --seed y",
       "--seed: found 'y', wanted a number"},
  };
  for (const auto &[command, message] : cases) {
    const Outcome outcome = runTool(command);
    EXPECT_EQ(outcome.exitCode, 2) << command;
    EXPECT_THAT(outcome.output, HasSubstr(message)) << command;
  }
  EXPECT_FALSE(std::filesystem::exists(out));
}

} // namespace
} // namespace rosso
