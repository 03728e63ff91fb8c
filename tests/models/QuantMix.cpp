// Expectations from published GGUF files: Qwen2.5-7B-Instruct and -0.5B-Instruct in Q4_K_M.
#include "models/io/QuantMix.h"

#include <gtest/gtest.h>

#include <vector>

namespace rosso {
namespace {

std::string_view typeOf(const char *mix, MixedModel model, const char *name,
                        std::vector<int64_t> ne) {
  return formatFor(*findQuantMix(mix), model, name, ne).name;
}

TEST(QuantMix, MediumMixOfAnUntiedModel) {
  const MixedModel qwen7b{.layers = 28, .hasOutput = true};
  EXPECT_EQ(typeOf("q4_k_m", qwen7b, "token_embd.weight", {3584, 152064}), "q4_k");
  EXPECT_EQ(typeOf("q4_k_m", qwen7b, "output.weight", {3584, 152064}), "q6_k");
  EXPECT_EQ(typeOf("q4_k_m", qwen7b, "blk.0.ffn_down.weight", {18944, 3584}), "q6_k");
  EXPECT_EQ(typeOf("q4_k_m", qwen7b, "blk.3.ffn_down.weight", {18944, 3584}), "q4_k");
  EXPECT_EQ(typeOf("q4_k_m", qwen7b, "blk.5.attn_v.weight", {3584, 512}), "q6_k");
  EXPECT_EQ(typeOf("q4_k_m", qwen7b, "blk.27.attn_v.weight", {3584, 512}), "q6_k");
  EXPECT_EQ(typeOf("q4_k_m", qwen7b, "blk.0.attn_q.weight", {3584, 3584}), "q4_k");
  EXPECT_EQ(typeOf("q4_k_m", qwen7b, "blk.0.attn_q.bias", {3584}), "f32");
  EXPECT_EQ(typeOf("q4_k_m", qwen7b, "blk.0.attn_norm.weight", {3584}), "f32");
}

// 14 of 28: layers 0 to 2, 5, 8, 11, 14, 17, 20, 23, and 24 to 27.
TEST(QuantMix, HalfOfTheLayersGetMoreBits) {
  std::vector<int> layers;
  for (int layer = 0; layer < 28; ++layer)
    if (getsMoreBits(layer, 28))
      layers.push_back(layer);
  EXPECT_EQ(layers, (std::vector{0, 1, 2, 5, 8, 11, 14, 17, 20, 23, 24, 25, 26, 27}));
}

// Rows of 896 weights are no multiple of 256: q4_k becomes q5_0, q6_k becomes q8_0.
TEST(QuantMix, ShortRowsFallBack) {
  const MixedModel qwen05b{.layers = 24, .hasOutput = false};
  EXPECT_EQ(typeOf("q4_k_m", qwen05b, "token_embd.weight", {896, 151936}), "q8_0");
  EXPECT_EQ(typeOf("q4_k_m", qwen05b, "blk.0.attn_q.weight", {896, 896}), "q5_0");
  EXPECT_EQ(typeOf("q4_k_m", qwen05b, "blk.0.attn_v.weight", {896, 128}), "q8_0");
  EXPECT_EQ(typeOf("q4_k_m", qwen05b, "blk.0.ffn_down.weight", {4864, 896}), "q6_k");
  EXPECT_EQ(typeOf("q3_k", qwen05b, "blk.0.attn_q.weight", {896, 896}), "iq4_nl");
  EXPECT_EQ(typeOf("q4_0", qwen05b, "blk.0.attn_q.weight", {80, 80}), "f16");
  EXPECT_EQ(typeOf("q4_k", qwen05b, "blk.0.attn_q.weight", {80, 80}), "f16");
}

TEST(QuantMix, EveryMixIsFoundByItsName) {
  for (const QuantMix &mix : kQuantMixes)
    EXPECT_EQ(findQuantMix(mix.name), &mix);
  EXPECT_EQ(findQuantMix("q4_k_xl"), nullptr);
}

} // namespace
} // namespace rosso
