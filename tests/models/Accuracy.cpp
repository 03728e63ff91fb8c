// How far a trained model's logits are from those of the reference evaluator, which reads the same
// packed weights and computes in f32: with activations in f32, and in int8 blocks.
#include "ir/quant/Expand.h"
#include "ir/quant/Formats.h"
#include "ir/quant/Pack.h"
#include "models/Llm.h"
#include "models/io/GgufWriter.h"
#include "models/io/Tokenizer.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

namespace rosso {
namespace {

constexpr const char *kText =
    "<|im_start|>system\nYou are the Rosso demo model.<|im_end|>\n<|im_start|>user\nTell me a "
    "story "
    "about a fox.<|im_end|>\n<|im_start|>assistant\nOnce upon a time there was a little fox named "
    "Rusty. Rusty lived in a deep forest. One day Rusty lost his red ball. He looked everywhere, "
    "but he could not find it. Then he met a cat who said, \"Do not be sad. I will help you.\" "
    "Together they searched all day. At last the cat found the red ball under a bush. Rusty was "
    "so happy that he gave the cat some apples. From that day on they were the best of friends."
    "<|im_end|>\n<|im_start|>user\nWhat is 3 + 4?<|im_end|>\n<|im_start|>assistant\n3 + 4 = 7."
    "<|im_end|>\n<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\nHello! I am";

/// A copy of a model with its matrices in another format.
void repack(const GgufFile &file, const QuantFormat &format, const std::string &path) {
  GgufWriter writer;
  for (std::string_view key : file.keys())
    writer.add(key, *file.find(key));
  auto formatOf = [&](const GgufTensor &tensor) {
    return tensor.shape.size() == 2 ? &format : tensor.format;
  };
  for (const GgufTensor &tensor : file.tensors())
    writer.addTensor(tensor.name, tensor.ne, *formatOf(tensor));
  ASSERT_TRUE(writer.open(path).ok());
  for (const GgufTensor &tensor : file.tensors()) {
    const auto columns = static_cast<size_t>(tensor.ne[0]);
    const auto rowBytes = tensor.format->rowBytes(tensor.ne[0]);
    std::vector<float> row(columns);
    std::vector<uint8_t> packed(formatOf(tensor)->rowBytes(tensor.ne[0]));
    for (uint64_t at = 0; at < tensor.bytes; at += rowBytes) {
      expandRow(*tensor.format, file.data(tensor).subspan(at, rowBytes), row);
      packRow(*formatOf(tensor), row, packed);
      ASSERT_TRUE(writer.append(packed).ok());
    }
  }
  ASSERT_TRUE(writer.finish().ok());
}

using Rows = std::vector<std::vector<double>>;

Rows logitsOf(const GgufFile &file, std::span<const TokenId> ids, LlmOptions options) {
  options.withLogits = true;
  auto llm = Llm::load(file, options);
  EXPECT_TRUE(llm.ok()) << llm.error().message;
  Rows rows;
  if (!llm)
    return rows;
  const auto vocabulary = static_cast<size_t>((*llm)->config().vocabulary);
  const Status status = (*llm)->logits(ids, [&](std::span<const float> values) {
    for (size_t at = 0; at < values.size(); at += vocabulary)
      rows.emplace_back(values.begin() + static_cast<ptrdiff_t>(at),
                        values.begin() + static_cast<ptrdiff_t>(at + vocabulary));
    return Status();
  });
  EXPECT_TRUE(status.ok()) << status.error().message;
  return rows;
}

struct Distance {
  double error = 0;      // |found - wanted| / |wanted|, Euclidean, of all logits
  double divergence = 0; // mean Kullback-Leibler divergence of the next token
  double sameFirst = 0;  // share of rows with the same likeliest token
};

std::vector<double> logSoftmax(const std::vector<double> &row) {
  const double most = *std::ranges::max_element(row);
  double sum = 0;
  for (double value : row)
    sum += std::exp(value - most);
  std::vector<double> logs;
  for (double value : row)
    logs.push_back(value - most - std::log(sum));
  return logs;
}

Distance distance(const Rows &found, const Rows &wanted) {
  Distance result;
  EXPECT_EQ(found.size(), wanted.size());
  if (found.size() != wanted.size())
    return {.error = INFINITY, .divergence = INFINITY};
  double difference = 0, size = 0;
  for (size_t r = 0; r < wanted.size(); ++r) {
    const auto p = logSoftmax(wanted[r]), q = logSoftmax(found[r]);
    for (size_t i = 0; i < p.size(); ++i) {
      difference += std::pow(found[r][i] - wanted[r][i], 2);
      size += std::pow(wanted[r][i], 2);
      result.divergence += std::exp(p[i]) * (p[i] - q[i]) / static_cast<double>(wanted.size());
    }
    const bool same =
        std::ranges::max_element(p) - p.begin() == std::ranges::max_element(q) - q.begin();
    result.sameFirst += same ? 1.0 / static_cast<double>(wanted.size()) : 0;
  }
  result.error = std::sqrt(difference / size);
  return result;
}

class AccuracyOf : public testing::TestWithParam<const QuantFormat *> {};

TEST_P(AccuracyOf, TheTrainedModel) {
  auto demo = GgufFile::open(ROSSO_SOURCE_DIR "/models/demo/rosso-demo.gguf");
  ASSERT_TRUE(demo.ok()) << demo.error().message;
  const std::string path =
      testing::TempDir() + "rosso-accuracy-" + std::string(GetParam()->name) + ".gguf";
  repack(*demo, *GetParam(), path);
  auto file = GgufFile::open(path);
  ASSERT_TRUE(file.ok()) << file.error().message;
  auto tokenizer = Tokenizer::create(*file);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  auto ids = tokenizer->encode(kText);
  ASSERT_TRUE(ids.ok());

  const Rows reference = logitsOf(*file, *ids, {.device = "reference"});
  const Distance exact = distance(logitsOf(*file, *ids, {.exact = true}), reference);
  const Distance int8 = distance(logitsOf(*file, *ids, {}), reference);
  const Distance packedCache = distance(logitsOf(*file, *ids, {.kvFormat = &kQ8_0}), reference);
  for (const auto &[name, d] :
       {std::pair{"exact", exact}, {"int8", int8}, {"kv q8_0", packedCache}})
    std::printf("%-6s %-8s %zu tokens: error %.2g, divergence %.2g, same first %.1f%%\n",
                std::string(GetParam()->name).c_str(), name, ids->size(), d.error, d.divergence,
                100 * d.sameFirst);
  EXPECT_LT(exact.error, 1e-3);
  EXPECT_LT(int8.divergence, 0.01);
  EXPECT_LT(packedCache.divergence, 0.01);
  EXPECT_GT(int8.sameFirst, 0.98);
}

INSTANTIATE_TEST_SUITE_P(Formats, AccuracyOf, testing::Values(&kQ8_0, &kQ4_K),
                         [](const auto &info) { return std::string(info.param->name); });

} // namespace
} // namespace rosso
