// The laws of a decode run, as the emulated GPU counts them: a step is one doorbell, the host reads
// the token and nothing else, and after the start nothing is allocated. Every order between
// kernels, packets and copies is checked on the way, by strict mode.
#include "models/Llm.h"
#include "runtime/emulator/Emulator.h"
#include "tests/models/TinyModel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rosso::emulator {
namespace {

constexpr int64_t kSteps = 8;
const std::vector<TokenId> kPrompt{3, 17, 0, 39, 5};

std::string pathOf(const char *device) {
  std::string name = "rosso-laws-" + std::string(device) + ".gguf";
  std::ranges::replace_if(name, [](char c) { return c == ':' || c == ','; }, '-');
  return testing::TempDir() + name;
}

class Laws : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    TinyModel model;
    model.randomize(11);
    const std::string path = pathOf(GetParam());
    model.write(path);
    auto opened = GgufFile::open(path);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    file = std::make_unique<GgufFile>(*std::move(opened));
    llm = load(GetParam());
    ASSERT_TRUE(llm);
    counting = llm->deviceEngine()->executable().device().counting();
    ASSERT_NE(counting, nullptr);
  }
  std::unique_ptr<Llm> load(const char *device) {
    auto loaded =
        Llm::load(*file, {.context = 64, .device = device, .sampler = {.temperature = 0}});
    EXPECT_TRUE(loaded.ok()) << loaded.error().message;
    return loaded ? *std::move(loaded) : nullptr;
  }
  static std::vector<TokenId> generate(Llm &model) {
    std::vector<TokenId> tokens;
    for (auto next = model.prefill(kPrompt); tokens.size() < kSteps; next = model.decode()) {
      EXPECT_TRUE(next.ok()) << next.error().message;
      if (!next)
        break;
      tokens.push_back(*next);
    }
    return tokens;
  }

  std::unique_ptr<GgufFile> file;
  std::unique_ptr<Llm> llm;
  Counting *counting = nullptr;
};

TEST_P(Laws, AStepIsOneDoorbellAndTheHostReadsOnlyTheToken) {
  ASSERT_TRUE(llm->prefill(kPrompt).ok());
  ASSERT_TRUE(llm->decode().ok());
  const Totals before = counting->totals();
  for (int64_t i = 0; i < kSteps; ++i)
    ASSERT_TRUE(llm->decode().ok());
  const Totals after = counting->totals();

  EXPECT_EQ(after.doorbells - before.doorbells, kSteps);
  EXPECT_EQ(after.copyDoorbells, before.copyDoorbells);
  EXPECT_LE(after.roundTrips - before.roundTrips, kSteps);
  EXPECT_EQ(after.uploadBytes, before.uploadBytes);
  EXPECT_EQ(after.downloadBytes, before.downloadBytes);
  EXPECT_EQ(after.allocations, before.allocations);
  EXPECT_EQ(after.frees, before.frees);

  const uint64_t dispatches = after.dispatches - before.dispatches;
  EXPECT_GT(dispatches, kSteps);
  EXPECT_EQ(dispatches % kSteps, 0u);
  // To the host, each step: a token of at most 8 bytes, the signal, and for those who explain
  // failures, two words for the run and one at most for each dispatch.
  const uint64_t toHost = after.linkBytesToHost - before.linkBytesToHost;
  EXPECT_GE(toHost, 4u * kSteps);
  EXPECT_LE(toHost, (8 + 4 + 8) * kSteps + 4 * dispatches);
  EXPECT_GT(after.seconds, before.seconds);
}

TEST_P(Laws, StepsQueuedAheadAreOneDoorbellEachToo) {
  const std::vector<TokenId> oneByOne = generate(*llm);
  llm->rewind(0);
  ASSERT_TRUE(llm->prefill(kPrompt).ok());
  std::vector<TokenId> ahead(kSteps - 1); // prefill gave the first
  const Totals before = counting->totals();
  ASSERT_TRUE(llm->decode(ahead).ok());
  const Totals after = counting->totals();
  EXPECT_EQ(ahead, std::vector<TokenId>(oneByOne.begin() + 1, oneByOne.end()));
  EXPECT_EQ(after.doorbells - before.doorbells, ahead.size());
  EXPECT_EQ(after.copyDoorbells, before.copyDoorbells);
  EXPECT_EQ(after.downloadBytes, before.downloadBytes);
  EXPECT_EQ(after.allocations, before.allocations);
}

TEST_P(Laws, AllMemoryIsTakenBeforeTheFirstRun) {
  const Totals before = counting->totals();
  generate(*llm);
  const Totals after = counting->totals();
  EXPECT_EQ(after.allocations, before.allocations);
  EXPECT_EQ(after.allocatedBytes, before.allocatedBytes);
}

TEST_P(Laws, EveryDispatchIsCountedAndPredicted) {
  ASSERT_TRUE(llm->prefill(kPrompt).ok());
  counting->keepDispatches(true);
  ASSERT_TRUE(llm->decode().ok());
  counting->keepDispatches(false);
  const auto dispatches = counting->takeDispatches();
  ASSERT_FALSE(dispatches.empty());
  for (const DispatchCount &dispatch : dispatches) {
    EXPECT_THAT(dispatch.kernel, testing::Not(testing::StartsWith("code at"))) << dispatch.serial;
    EXPECT_GT(dispatch.counters.slots, 0u) << dispatch.kernel;
    EXPECT_EQ(dispatch.counters.workgroups, dispatch.groups) << dispatch.kernel;
    EXPECT_EQ(dispatch.counters.waves, uint64_t{dispatch.groups} * ((dispatch.threads + 31) / 32))
        << dispatch.kernel;
    EXPECT_GT(dispatch.predicted.seconds, 0.1e-6) << dispatch.kernel;
    EXPECT_LT(dispatch.predicted.seconds, 1e-3) << dispatch.kernel;
  }
  EXPECT_TRUE(counting->takeDispatches().empty());
}

TEST_P(Laws, TokensAreThoseOfTheReference) {
  auto reference = load("reference");
  ASSERT_TRUE(reference);
  EXPECT_EQ(generate(*llm), generate(*reference));
}

INSTANTIATE_TEST_SUITE_P(Devices, Laws,
                         testing::Values("emu", "emu:gfx1100,strict", "emu:gfx1201,strict"),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::ranges::replace_if(
                               name, [](unsigned char c) { return !std::isalnum(c); }, '_');
                           return name;
                         });

} // namespace
} // namespace rosso::emulator
