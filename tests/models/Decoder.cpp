// The decoder against loops that know nothing of it, for every family; by the reference evaluator
// and compiled.
#include "models/Llm.h"
#include "models/MemoryPlan.h"
#include "models/Verify.h"
#include "tests/models/PlainDecoder.h"

#include <algorithm>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rosso {
namespace {

const std::vector<int> kIds{3, 17, 0, 39, 5, 5, 21, 8, 30, 12, 1};

TinyModel qwen2() { return {.architecture = "qwen2", .biases = true, .tied = true}; }

std::vector<std::pair<const char *, TinyModel>> families() {
  return {
      {"llama", {}},
      {"llamaFrequencyFactors", {.frequencyFactors = {1, 2, 4.5f, 8}}},
      {"llamaLinear", {.linearScaling = 4}},
      {"llamaOneKvHead", {.kvHeads = 1}},
      {"qwen2", qwen2()},
      {"qwen3", {.architecture = "qwen3", .headWidth = 16, .ropeBase = 1e6, .headNorms = true}},
  };
}

/// Rows of logits as a flat list, in parts of the given sizes.
std::vector<float> logitsOf(Llm &llm, const std::vector<int> &ids, std::vector<size_t> parts) {
  std::vector<float> all;
  size_t at = 0;
  for (size_t part : parts) {
    Status status = llm.logits(std::span(ids).subspan(at, part), [&](std::span<const float> rows) {
      all.insert(all.end(), rows.begin(), rows.end());
      return Status();
    });
    EXPECT_TRUE(status.ok()) << status.error().message;
    at += part;
  }
  return all;
}

/// |a - b| / |b|, Euclidean.
double relativeError(const std::vector<float> &found,
                     const std::vector<std::vector<double>> &wanted) {
  double difference = 0, size = 0;
  size_t i = 0;
  for (const auto &row : wanted)
    for (double value : row) {
      EXPECT_LT(i, found.size());
      difference += (found[i] - value) * (found[i] - value);
      size += value * value;
      ++i;
    }
  EXPECT_EQ(i, found.size());
  return std::sqrt(difference / size);
}

class DecoderOf : public testing::TestWithParam<std::pair<const char *, TinyModel>> {
protected:
  void SetUp() override {
    model = GetParam().second;
    model.randomize(7);
    path = testing::TempDir() + "rosso-decoder-" + GetParam().first + ".gguf";
    model.write(path);
    auto opened = GgufFile::open(path);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    file = std::make_unique<GgufFile>(*std::move(opened));
  }
  std::unique_ptr<Llm> load(LlmOptions options) {
    options.withLogits = true;
    auto llm = Llm::load(*file, options);
    EXPECT_TRUE(llm.ok()) << llm.error().message;
    return llm ? *std::move(llm) : nullptr;
  }

  TinyModel model;
  std::string path;
  std::unique_ptr<GgufFile> file;
};

// A cosine of an f32 angle of some tens is off by 2e-6; rounding keys to f16 in other places than
// the loops do is off by 5e-4 in one element of them.
constexpr double kLimit = 2e-4;

TEST_P(DecoderOf, ReferenceAgreesWithPlainLoops) {
  auto llm = load({.device = "reference"});
  ASSERT_TRUE(llm);
  EXPECT_LT(relativeError(logitsOf(*llm, kIds, {kIds.size()}), plainLogits(model, kIds)), kLimit);
}

TEST_P(DecoderOf, ChunksAgreeWithOneTokenAtATime) {
  auto whole = load({.device = "reference"});
  auto parts = load({.chunk = 4, .device = "reference"});
  ASSERT_TRUE(whole && parts);
  const std::vector<float> wanted = logitsOf(*whole, kIds, {kIds.size()});
  EXPECT_EQ(logitsOf(*parts, kIds, {5, 1, 1, 3, 1}).size(), wanted.size());
  parts->rewind(0);
  const std::vector<float> found = logitsOf(*parts, kIds, {5, 1, 1, 3, 1});
  for (size_t i = 0; i < wanted.size(); ++i)
    ASSERT_NEAR(found[i], wanted[i], 1e-5) << "logit " << i;
}

TEST_P(DecoderOf, DecodeContinuesPrefill) {
  auto llm = load({.device = "reference"});
  ASSERT_TRUE(llm);
  auto next = llm->prefill(kIds);
  std::vector<int> ids = kIds;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(next.ok()) << next.error().message;
    const std::vector<double> last = plainLogits(model, ids).back();
    EXPECT_EQ(*next, std::max_element(last.begin(), last.end()) - last.begin());
    ids.push_back(*next);
    next = llm->decode();
  }
}

TEST_P(DecoderOf, CompiledAgreesWithPlainLoops) {
  auto llm = load({.exact = true});
  ASSERT_TRUE(llm);
  const std::vector<float> found = logitsOf(*llm, kIds, {4, kIds.size() - 4});
  EXPECT_LT(relativeError(found, plainLogits(model, kIds)), kLimit);
}

TEST_P(DecoderOf, CompiledDecodesTheReferencesTokens) {
  auto compiled = load({.chunk = 4});
  auto reference = load({.device = "reference"});
  ASSERT_TRUE(compiled && reference);
  auto found = compiled->prefill(kIds), wanted = reference->prefill(kIds);
  for (int i = 0; i < 12; ++i) {
    ASSERT_TRUE(found.ok() && wanted.ok());
    EXPECT_EQ(*found, *wanted);
    found = compiled->decode();
    wanted = reference->decode();
  }
}

TEST_P(DecoderOf, StepsQueuedAheadGiveTheSameTokens) {
  auto one = load({.chunk = 4}), many = load({.chunk = 4});
  ASSERT_TRUE(one && many);
  ASSERT_TRUE(one->prefill(kIds).ok() && many->prefill(kIds).ok());
  std::vector<TokenId> found(21), wanted;
  for (size_t i = 0; i < found.size(); ++i)
    wanted.push_back(*one->decode());
  const Status status = many->decode(found);
  ASSERT_TRUE(status.ok()) << status.error().message;
  EXPECT_EQ(found, wanted);
  EXPECT_EQ(many->position(), one->position());
  EXPECT_EQ(*many->decode(), *one->decode());
}

TEST_P(DecoderOf, EveryKernelAgreesWithTheReference) {
  auto llm = load({.exact = true});
  ASSERT_TRUE(llm);
  auto report = verify(*file, *llm, kIds);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_GT(report->checks.size(), 20u);
  const KernelCheck *off = report->firstOff();
  EXPECT_EQ(off, nullptr) << off->entry << " " << off->kernel << " " << off->error;
}

TEST_P(DecoderOf, PlanBoundsWhatIsCompiled) {
  const LlmOptions options{.withLogits = true};
  auto llm = load(options);
  auto config = DecoderConfig::read(*file);
  ASSERT_TRUE(llm && config.ok());
  auto plan = planMemory(*file, *config, graphOptions(*config, options));
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  const MemoryFacts actual = llm->engine().memory();
  constexpr uint64_t kAlignment = 64 << 10; // slots and regions
  EXPECT_LE(actual.weights, plan->weights + kAlignment);
  EXPECT_LE(plan->weights, actual.weights + kAlignment);
  EXPECT_LE(actual.kv, plan->kv + kAlignment);
  EXPECT_LE(plan->kv, actual.kv + kAlignment);
  EXPECT_LE(actual.activations, plan->activations);
}

INSTANTIATE_TEST_SUITE_P(Families, DecoderOf, testing::ValuesIn(families()),
                         [](const auto &info) { return info.param.first; });

TEST(Verify, NamesTheKernelThatIsOff) {
  TinyModel model;
  model.randomize(2);
  const std::string path = temporaryPath("model.gguf");
  model.write(path);
  auto file = GgufFile::open(path);
  ASSERT_TRUE(file.ok());
  auto llm = Llm::load(*file, {.exact = true});
  ASSERT_TRUE(llm.ok()) << llm.error().message;
  Executable &executable = (*llm)->deviceEngine()->executable();
  const int weight = executable.findWeight("blk.1.ffn_down.weight"); // [32, 48]
  ASSERT_GE(weight, 0);
  std::ranges::fill(executable.weight(weight).first(64), uint8_t{0});
  auto report = verify(*file, **llm, kIds);
  ASSERT_TRUE(report.ok()) << report.error().message;
  const KernelCheck *off = report->firstOff();
  ASSERT_NE(off, nullptr);
  EXPECT_EQ(off->entry, "prefill");
  EXPECT_THAT(off->kernel, testing::HasSubstr("32x48"));
  EXPECT_GT(off->error, 1e-2);
  // Later kernels get the right values and agree again.
  EXPECT_FALSE(report->checks.back().off());
}

TEST(Session, RefusesWhatTheContextCannotHold) {
  TinyModel model = qwen2();
  model.randomize(1);
  const std::string path = temporaryPath("model.gguf");
  model.write(path);
  auto file = GgufFile::open(path);
  ASSERT_TRUE(file.ok());
  auto llm = Llm::load(*file, {.context = 8, .device = "reference"});
  ASSERT_TRUE(llm.ok()) << llm.error().message;
  auto tooLong = (*llm)->prefill(kIds);
  ASSERT_FALSE(tooLong.ok());
  EXPECT_EQ(tooLong.error().code, ErrorCode::BadInput);
  EXPECT_THAT(tooLong.error().message,
              testing::HasSubstr("0 tokens and 11 more, it holds 8; use a larger --ctx"));
  ASSERT_TRUE((*llm)->prefill(std::span(kIds).first(7)).ok());
  ASSERT_TRUE((*llm)->decode().ok());
  auto full = (*llm)->decode();
  ASSERT_FALSE(full.ok());
  EXPECT_THAT(full.error().message, testing::HasSubstr("8 tokens and 1 more, it holds 8"));
}

TEST(Session, RefusesTokensOutsideTheVocabulary) {
  TinyModel model;
  model.randomize(1);
  const std::string path = temporaryPath("model.gguf");
  model.write(path);
  auto file = GgufFile::open(path);
  ASSERT_TRUE(file.ok());
  auto llm = Llm::load(*file, {.device = "reference"});
  ASSERT_TRUE(llm.ok());
  const int wrong[] = {3, 40};
  auto result = (*llm)->prefill(wrong);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, "token id 40: wanted 0 to 39");
}

} // namespace
} // namespace rosso
