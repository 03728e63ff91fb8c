#include "tests/models/TinyModel.h"

#include "ir/quant/Formats.h"
#include "models/io/GgufWriter.h"

#include <gtest/gtest.h>
#include <random>

namespace rosso {

void TinyModel::add(const std::string &name, std::vector<int64_t> ne, unsigned seed, float scale,
                    float offset) {
  std::mt19937 random(seed + static_cast<unsigned>(tensors.size()) * 7919);
  std::normal_distribution<float> normal(offset, scale);
  int64_t count = 1;
  for (int64_t extent : ne)
    count *= extent;
  std::vector<float> &values = tensors[name];
  for (int64_t i = 0; i < count; ++i)
    values.push_back(normal(random));
  extents[name] = std::move(ne);
}

void TinyModel::randomize(unsigned seed) {
  tensors.clear();
  extents.clear();
  const int64_t q = heads * headWidth, kv = kvHeads * headWidth;
  auto matrix = [&](const std::string &name, int64_t rows, int64_t columns) {
    add(name + ".weight", {columns, rows}, seed, 1 / std::sqrt(static_cast<float>(columns)));
  };
  auto norm = [&](const std::string &name, int64_t extent) {
    add(name + ".weight", {extent}, seed, 0.2f, 1.0f);
  };
  matrix("token_embd", vocabulary, width);
  for (int64_t i = 0; i < layers; ++i) {
    const std::string layer = "blk." + std::to_string(i) + ".";
    norm(layer + "attn_norm", width);
    matrix(layer + "attn_q", q, width);
    matrix(layer + "attn_k", kv, width);
    matrix(layer + "attn_v", kv, width);
    matrix(layer + "attn_output", width, q);
    if (biases) {
      add(layer + "attn_q.bias", {q}, seed, 0.5f);
      add(layer + "attn_k.bias", {kv}, seed, 0.5f);
      add(layer + "attn_v.bias", {kv}, seed, 0.5f);
    }
    if (headNorms) {
      norm(layer + "attn_q_norm", headWidth);
      norm(layer + "attn_k_norm", headWidth);
    }
    norm(layer + "ffn_norm", width);
    matrix(layer + "ffn_gate", feedForward, width);
    matrix(layer + "ffn_up", feedForward, width);
    matrix(layer + "ffn_down", width, feedForward);
  }
  norm("output_norm", width);
  if (!tied)
    matrix("output", vocabulary, width);
  if (!frequencyFactors.empty()) {
    tensors["rope_freqs.weight"] = frequencyFactors;
    extents["rope_freqs.weight"] = {static_cast<int64_t>(frequencyFactors.size())};
  }
}

void TinyModel::write(const std::string &path, const std::function<void(GgufWriter &)> &change,
                      const std::string &withoutKey) const {
  GgufWriter writer;
  auto add = [&](const std::string &key, auto value) {
    if (key != withoutKey)
      writer.add(key, value);
  };
  auto size = [&](const std::string &key, int64_t value) {
    add(architecture + "." + key, static_cast<uint32_t>(value));
  };
  add("general.architecture", std::string_view(architecture));
  size("context_length", context);
  size("embedding_length", width);
  size("block_count", layers);
  size("feed_forward_length", feedForward);
  size("attention.head_count", heads);
  size("attention.head_count_kv", kvHeads);
  if (hasKeyLength()) {
    size("attention.key_length", headWidth);
    size("attention.value_length", headWidth);
  }
  add(architecture + ".attention.layer_norm_rms_epsilon", static_cast<float>(normEpsilon));
  add(architecture + ".rope.freq_base", static_cast<float>(ropeBase));
  if (linearScaling != 1) {
    add(architecture + ".rope.scaling.type", std::string_view("linear"));
    add(architecture + ".rope.scaling.factor", static_cast<float>(linearScaling));
  }
  if (change)
    change(writer);
  for (const auto &[name, ne] : extents)
    writer.addTensor(name, ne, kF32);
  ASSERT_TRUE(writer.open(path).ok());
  for (const auto &[name, ne] : extents) {
    const std::vector<float> &values = tensors.at(name);
    const auto *bytes = reinterpret_cast<const uint8_t *>(values.data());
    ASSERT_TRUE(writer.append({bytes, values.size() * sizeof(float)}).ok());
  }
  ASSERT_TRUE(writer.finish().ok());
}

std::string temporaryPath(const std::string &name) {
  return testing::TempDir() + "rosso-" +
         testing::UnitTest::GetInstance()->current_test_info()->name() + "-" + name;
}

} // namespace rosso
