// What a decoder wants of its file, and the messages when it does not get it.
#include "ir/quant/Formats.h"
#include "models/DecoderGraph.h"
#include "models/io/GgufWriter.h"
#include "tests/models/TinyModel.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <numbers>

namespace rosso {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// The error of building the graph of a file, or "" if there is none.
Error errorOf(const std::string &path) {
  auto file = GgufFile::open(path);
  if (!file)
    return file.error();
  auto config = DecoderConfig::read(*file);
  if (!config)
    return config.error();
  auto graph = buildDecoderGraph(*file, *config, {.decoder = {64, &kF16}, .sampler = {}});
  return graph ? badInput("") : graph.error();
}

class BadModel : public testing::Test {
protected:
  BadModel() { model.randomize(3); }
  Error error(const std::function<void(GgufWriter &)> &change = {},
              const std::string &withoutKey = "") {
    const std::string path = temporaryPath("bad.gguf");
    model.write(path, change, withoutKey);
    return errorOf(path);
  }
  TinyModel model;
};

TEST_F(BadModel, None) { EXPECT_EQ(error().message, ""); }

TEST_F(BadModel, UnknownArchitecture) {
  model.architecture = "mamba";
  const Error found = error();
  EXPECT_EQ(found.code, ErrorCode::Unsupported);
  EXPECT_THAT(found.message, HasSubstr("key general.architecture: found 'mamba', wanted one of "
                                       "llama, mistral, qwen2, qwen3"));
}

TEST_F(BadModel, MissingKey) {
  EXPECT_THAT(error({}, "llama.block_count").message,
              AllOf(HasSubstr("bad.gguf"), HasSubstr("llama.block_count")));
}

TEST_F(BadModel, KeyOfAnotherType) {
  auto change = [](GgufWriter &writer) {
    writer.add("llama.block_count", std::string_view("two"));
  };
  EXPECT_THAT(error(change, "llama.block_count").message,
              AllOf(HasSubstr("llama.block_count"), HasSubstr("string")));
}

TEST_F(BadModel, KeyOutOfRange) {
  auto change = [](GgufWriter &writer) { writer.add("llama.block_count", uint32_t{0}); };
  EXPECT_THAT(error(change, "llama.block_count").message,
              HasSubstr("key llama.block_count: found 0, wanted 1 to "));
}

TEST_F(BadModel, HeadsThatDoNotDivide) {
  auto change = [](GgufWriter &writer) {
    writer.add("llama.attention.head_count_kv", uint32_t{3});
  };
  EXPECT_THAT(error(change, "llama.attention.head_count_kv").message,
              HasSubstr("found 3, wanted a divisor of the 4 heads"));
}

TEST_F(BadModel, Experts) {
  auto change = [](GgufWriter &writer) { writer.add("llama.expert_count", uint32_t{8}); };
  EXPECT_EQ(error(change).code, ErrorCode::Unsupported);
  EXPECT_THAT(error(change).message, HasSubstr("llama.expert_count: found 8"));
}

TEST_F(BadModel, UnknownScaling) {
  auto change = [](GgufWriter &writer) {
    writer.add("llama.rope.scaling.type", std::string_view("longrope"));
  };
  EXPECT_THAT(error(change).message, HasSubstr("found 'longrope', wanted none, linear or yarn"));
}

TEST_F(BadModel, MissingTensor) {
  model.extents.erase("blk.1.ffn_up.weight");
  EXPECT_THAT(error().message, HasSubstr("tensor blk.1.ffn_up.weight: not found, wanted [48, 32]"));
}

TEST_F(BadModel, TensorOfAnotherShape) {
  model.extents["blk.1.ffn_up.weight"] = {48, 32};
  EXPECT_THAT(error().message,
              HasSubstr("tensor blk.1.ffn_up.weight: found [32, 48], wanted [48, 32]"));
}

TEST_F(BadModel, TensorThatNobodyKnows) {
  model.tensors["blk.0.attn_sinks.weight"] = {1, 2, 3, 4};
  model.extents["blk.0.attn_sinks.weight"] = {4};
  EXPECT_EQ(error().code, ErrorCode::Unsupported);
  EXPECT_THAT(error().message, HasSubstr("tensor 'blk.0.attn_sinks.weight': no part of"));
}

TEST_F(BadModel, FrequencyFactorsOfAnotherSize) {
  model.frequencyFactors = {1, 2};
  model.randomize(3);
  EXPECT_THAT(error().message, HasSubstr("rope_freqs.weight: found 2 elements of f32, wanted 4"));
}

TEST_F(BadModel, QuantisedCacheOfOddHeads) {
  const std::string path = temporaryPath("model.gguf");
  model.write(path);
  auto file = GgufFile::open(path);
  auto config = DecoderConfig::read(*file);
  ASSERT_TRUE(config.ok());
  auto graph = buildDecoderGraph(*file, *config, {.decoder = {64, &kQ8_0}, .sampler = {}});
  ASSERT_FALSE(graph.ok());
  EXPECT_THAT(graph.error().message, HasSubstr("heads of 8 elements are not a multiple of the "
                                               "q8_0 block length; use a KV cache of f16"));
}

// Peng 2023, equations 20 to 23, worked out with the paper's names for 64 dimensions, base 10000,
// a factor of 4 over a trained context of 2048, alpha 1 and beta 32.
TEST(Rope, YarnMixesStretchedAndTrainedFrequencies) {
  TinyModel model{.width = 128, .heads = 2, .kvHeads = 1, .headWidth = 64, .context = 8192};
  model.randomize(1);
  const std::string path = temporaryPath("yarn.gguf");
  model.write(path, [](GgufWriter &writer) {
    writer.add("llama.rope.scaling.type", std::string_view("yarn"));
    writer.add("llama.rope.scaling.factor", 4.0f);
    writer.add("llama.rope.scaling.original_context_length", uint32_t{2048});
  });
  auto file = GgufFile::open(path);
  auto config = DecoderConfig::read(*file);
  ASSERT_TRUE(config.ok()) << config.error().message;
  ASSERT_EQ(config->ropeFrequencies.size(), 32u);
  EXPECT_NEAR(config->ropeMagnitude, 0.1 * std::log(4.0) + 1, 1e-12);
  auto trained = [](int i) { return std::pow(10000.0, -i / 32.0); };
  // Pair i turns 2048 * trained(i) / 2 pi times over the trained context: 32 times near pair 8.05,
  // once near pair 20.1. From 8 down nothing changes, from 21 on everything is stretched.
  for (int i = 0; i < 32; ++i) {
    const double mix = i <= 8 ? 0 : i >= 21 ? 1 : (i - 8) / 13.0;
    EXPECT_NEAR(config->ropeFrequencies[static_cast<size_t>(i)],
                trained(i) * (1 - mix) + trained(i) / 4 * mix, 1e-6)
        << i;
  }
}

} // namespace
} // namespace rosso
