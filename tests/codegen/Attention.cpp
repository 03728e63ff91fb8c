// Attention against plain loops in f64: grouped heads, caches longer than what is seen and in every
// format, masks; on the host and on the emulator.
#include "ir/quant/Expand.h"
#include "ir/quant/Formats.h"
#include "support/Float.h"
#include "tests/codegen/AttentionCase.h"
#include "tests/codegen/KernelHarness.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace rosso::testing {
namespace {

/// A cache of random numbers up to 3 as bytes, and the numbers.
struct Cache {
  std::vector<uint8_t> bytes;
  std::vector<double> numbers;

  template <typename T> void add(T stored, double number) {
    auto *raw = reinterpret_cast<const uint8_t *>(&stored);
    bytes.insert(bytes.end(), raw, raw + sizeof stored);
    if (!std::isnan(number))
      numbers.push_back(number);
  }

  Cache(const std::string &format, size_t count, uint32_t seed) {
    std::mt19937 engine(seed);
    if (format == "q8_0") {
      std::uniform_int_distribution<int> codes(-128, 127);
      std::uniform_real_distribution<float> scales(0.001f, 3.0f / 128);
      for (size_t block = 0; block < count / 32; ++block) {
        uint16_t scale = floatToHalf(scales(engine));
        add(scale, NAN);
        for (int i = 0; i < 32; ++i) {
          auto code = static_cast<int8_t>(codes(engine));
          add(code, double{halfToFloat(scale)} * code);
        }
      }
      return;
    }
    for (float x : randomFloats(count, seed)) {
      x *= 3;
      if (format == "f16") {
        uint16_t bits = floatToHalf(x);
        add(bits, halfToFloat(bits));
      } else if (format == "bf16") {
        auto bits = static_cast<uint16_t>(std::bit_cast<uint32_t>(x) >> 16);
        add(bits, std::bit_cast<float>(uint32_t{bits} << 16));
      } else {
        add(x, x);
      }
    }
  }
};

/// Rows of heads side by side in q8_a, as [H, T, d].
std::vector<float> unpacked(const std::vector<uint8_t> &bytes, const AttentionCase &c) {
  const int64_t all = c.heads * c.valueWidth, tokens = c.tokenCount();
  const size_t rowBytes = kQ8_A.rowBytes(all);
  std::vector<float> row(static_cast<size_t>(all));
  std::vector<float> y(static_cast<size_t>(all * tokens));
  for (int64_t t = 0; t < tokens; ++t) {
    expandRow(kQ8_A, std::span(bytes).subspan(static_cast<size_t>(t) * rowBytes, rowBytes), row);
    for (int64_t i = 0; i < all; ++i)
      y[static_cast<size_t>((i / c.valueWidth * tokens + t) * c.valueWidth + i % c.valueWidth)] =
          row[static_cast<size_t>(i)];
  }
  return y;
}

class Attention : public ::testing::TestWithParam<AttentionCase> {};

TEST_P(Attention, AgreesWithPlainLoops) {
  const AttentionCase &c = GetParam();
  const int64_t tokens = c.tokenCount(), length = c.position + tokens;
  KernelHarness harness(c.text(), c.device);
  auto size = [](int64_t a, int64_t b, int64_t d) { return static_cast<size_t>(a * b * d); };
  const std::vector<float> query = randomFloats(size(c.heads, tokens, c.keyWidth), 1);
  const Cache keys(c.cache, size(c.kvHeads, c.context, c.keyWidth), 2);
  const Cache values(c.cache, size(c.kvHeads, c.context, c.valueWidth), 3);
  const std::vector<float> mask = randomFloats(size(c.heads, tokens, length), 4);
  harness.set("q", query);
  harness.set("k", keys.bytes);
  harness.set("v", values.bytes);
  if (c.mask == Mask::OfHeads)
    harness.set("m", mask);
  else if (c.mask == Mask::Shared)
    harness.set("m", std::vector<float>(mask.begin(), mask.begin() + tokens * length));
  // Twice: what the first run leaves behind must not matter to the second.
  for (int run = 0; run < 2; ++run)
    harness.run({{"P", c.position}, {"T", tokens}});
  std::vector<float> y = harness.output<float>();
  if (c.gives == Gives::Blocks)
    y = unpacked(harness.output<uint8_t>(), c);

  for (int64_t head = 0; head < c.heads; ++head)
    for (int64_t t = 0; t < tokens; ++t) {
      const int64_t row = head * tokens + t, kvHead = head / (c.heads / c.kvHeads);
      auto cached = [&](const Cache &from, int64_t width, int64_t position, int64_t i) {
        return from.numbers[static_cast<size_t>((kvHead * c.context + position) * width + i)];
      };
      std::vector<double> weights;
      double total = 0;
      const int64_t seen = c.sees == Sees::Past ? c.position + t + 1 : length;
      for (int64_t s = 0; s < seen; ++s) {
        double score = 0;
        for (int64_t i = 0; i < c.keyWidth; ++i)
          score += double{query[static_cast<size_t>(row * c.keyWidth + i)]} *
                   cached(keys, c.keyWidth, s, i);
        score *= c.scale();
        if (c.mask != Mask::None)
          score += mask[static_cast<size_t>(
              ((c.mask == Mask::OfHeads ? head * tokens : 0) + t) * length + s)];
        weights.push_back(std::exp(score));
        total += weights.back();
      }
      for (int64_t i = 0; i < c.valueWidth; ++i) {
        double sum = 0;
        for (size_t s = 0; s < weights.size(); ++s)
          sum += weights[s] / total * cached(values, c.valueWidth, static_cast<int64_t>(s), i);
        ASSERT_NEAR(y[static_cast<size_t>(row * c.valueWidth + i)], sum, c.tolerance)
            << "head " << head << " token " << t << " element " << i;
      }
    }
}

// clang-format off
INSTANTIATE_TEST_SUITE_P(Host, Attention, ::testing::Values(
    AttentionCase{.heads = 4, .kvHeads = 2, .keyWidth = 64, .valueWidth = 64},
    AttentionCase{.heads = 4, .kvHeads = 2, .keyWidth = 64, .valueWidth = 64, .position = 149},
    AttentionCase{.heads = 4, .kvHeads = 4, .keyWidth = 8, .valueWidth = 8, .tokens = 5},
    AttentionCase{.heads = 6, .kvHeads = 1, .keyWidth = 128, .valueWidth = 128, .tokens = 50, .position = 100},
    AttentionCase{.heads = 2, .kvHeads = 2, .keyWidth = 80, .valueWidth = 80, .tokens = 3, .position = 63},
    AttentionCase{.heads = 3, .kvHeads = 3, .keyWidth = 12, .valueWidth = 12, .tokens = 2, .position = 64},
    AttentionCase{.cache = "q8_0", .heads = 4, .kvHeads = 2, .keyWidth = 64, .valueWidth = 32, .tokens = 4, .position = 70},
    AttentionCase{.cache = "bf16", .heads = 2, .kvHeads = 1, .tokens = 3, .position = 9, .mask = Mask::Shared},
    AttentionCase{.cache = "f32", .heads = 2, .kvHeads = 1, .tokens = 3, .position = 9, .mask = Mask::OfHeads, .sees = Sees::All},
    AttentionCase{.cache = "f32", .heads = 2, .kvHeads = 2, .keyWidth = 12, .valueWidth = 12, .tokens = 3, .position = 70, .mask = Mask::OfHeads},
    AttentionCase{.cache = "f32", .heads = 3, .kvHeads = 3, .keyWidth = 64, .valueWidth = 48, .tokens = 50, .position = 100, .mask = Mask::Shared}));

// One query row at a time, whatever it is made of.
INSTANTIATE_TEST_SUITE_P(GpuRows, Attention, ::testing::Values(
    AttentionCase{.device = "emu:gfx1100,strict", .heads = 4, .kvHeads = 4, .keyWidth = 8, .valueWidth = 8, .tokens = 5},
    AttentionCase{.device = "emu:gfx1100,strict", .heads = 3, .kvHeads = 3, .keyWidth = 12, .valueWidth = 12, .tokens = 2, .position = 64},
    AttentionCase{.device = "emu:gfx1100,strict", .heads = 2, .kvHeads = 1, .keyWidth = 40, .valueWidth = 300, .tokens = 2, .position = 33},
    AttentionCase{.device = "emu:gfx1100,strict", .cache = "q8_0", .heads = 2, .kvHeads = 2, .keyWidth = 32, .valueWidth = 32, .tokens = 2, .position = 70, .mask = Mask::Shared},
    AttentionCase{.device = "emu:gfx1100,strict", .cache = "bf16", .heads = 2, .kvHeads = 1, .tokens = 3, .position = 9, .mask = Mask::Shared},
    AttentionCase{.device = "emu:gfx1100,strict", .cache = "f32", .heads = 2, .kvHeads = 1, .tokens = 3, .position = 9, .mask = Mask::OfHeads, .sees = Sees::All}));

// One token, by matrix instructions: all heads of a key/value head together, one split or several.
INSTANTIATE_TEST_SUITE_P(GpuDecode, Attention, ::testing::Values(
    AttentionCase{.device = "emu:gfx1100,strict", .heads = 2, .kvHeads = 2, .keyWidth = 32, .valueWidth = 32, .tokens = 0},
    AttentionCase{.device = "emu:gfx1100,strict", .heads = 7, .kvHeads = 1, .keyWidth = 64, .valueWidth = 64, .tokens = 0, .position = 100},
    AttentionCase{.device = "emu:gfx1100,strict", .heads = 28, .kvHeads = 2, .keyWidth = 128, .valueWidth = 128, .tokens = 0, .position = 777, .context = 1000},
    // A code times its scale is rounded to f16: 3 / 2^12 each, and they average.
    AttentionCase{.device = "emu:gfx1100,strict", .cache = "q8_0", .heads = 5, .kvHeads = 1, .keyWidth = 64, .valueWidth = 64, .tokens = 0, .position = 200, .context = 300, .tolerance = 2e-4},
    AttentionCase{.device = "emu:gfx1100,strict", .cache = "q8_0", .heads = 14, .kvHeads = 2, .keyWidth = 128, .valueWidth = 128, .tokens = 0, .position = 30, .context = 300, .tolerance = 5e-4},
    AttentionCase{.device = "emu:gfx1100,strict", .heads = 12, .kvHeads = 1, .keyWidth = 48, .valueWidth = 96, .tokens = 0, .position = 500, .context = 600, .sees = Sees::All}));

// Packed as it is stored: a code is off by half a step, 3 / 127.
INSTANTIATE_TEST_SUITE_P(GpuBlocks, Attention, ::testing::Values(
    AttentionCase{.device = "emu:gfx1100,strict", .heads = 2, .kvHeads = 2, .keyWidth = 8, .valueWidth = 64, .tokens = 2, .gives = Gives::Blocks, .tolerance = 0.013},
    AttentionCase{.device = "emu:gfx1100,strict", .heads = 4, .kvHeads = 2, .keyWidth = 64, .valueWidth = 64, .tokens = 0, .position = 140, .gives = Gives::Blocks, .tolerance = 0.013},
    AttentionCase{.device = "emu:gfx1100,strict", .heads = 4, .kvHeads = 2, .keyWidth = 64, .valueWidth = 64, .tokens = 0, .gives = Gives::Blocks, .tolerance = 0.013},
    AttentionCase{.device = "emu:gfx1100,strict", .heads = 3, .kvHeads = 1, .keyWidth = 32, .valueWidth = 96, .tokens = 9, .position = 40, .gives = Gives::Blocks, .tolerance = 0.013}));

// Another way to lay out matrices, and a chip without them.
INSTANTIATE_TEST_SUITE_P(OtherGpus, Attention, ::testing::Values(
    AttentionCase{.device = "emu:gfx1201", .heads = 7, .kvHeads = 1, .keyWidth = 64, .valueWidth = 64, .tokens = 0, .position = 150},
    AttentionCase{.device = "emu:gfx1201", .cache = "q8_0", .heads = 7, .kvHeads = 1, .keyWidth = 64, .valueWidth = 64, .tokens = 0, .position = 150, .tolerance = 2e-4},
    AttentionCase{.device = "emu:gfx1201", .heads = 4, .kvHeads = 2, .keyWidth = 64, .valueWidth = 64, .tokens = 17, .position = 50, .tolerance = 1e-3},
    AttentionCase{.device = "emu:gfx1030", .heads = 2, .kvHeads = 1, .keyWidth = 64, .valueWidth = 64, .tokens = 2, .position = 50}));

// Many tokens, by matrix instructions. Queries and weights are rounded to f16: a score of 10 is off by
// up to 10 / 2^11, and so is its weight.
INSTANTIATE_TEST_SUITE_P(GpuPrefill, Attention, ::testing::Values(
    AttentionCase{.device = "emu:gfx1100,strict", .heads = 1, .kvHeads = 1, .tokens = 5, .context = 64, .tolerance = 1e-3},
    AttentionCase{.device = "emu:gfx1100,strict", .heads = 2, .kvHeads = 2, .keyWidth = 80, .valueWidth = 80, .tokens = 3, .position = 63, .tolerance = 1e-3},
    AttentionCase{.device = "emu:gfx1100,strict", .heads = 7, .kvHeads = 1, .keyWidth = 64, .valueWidth = 64, .tokens = 37, .position = 90, .tolerance = 1e-3},
    AttentionCase{.device = "emu:gfx1100,strict", .heads = 6, .kvHeads = 2, .keyWidth = 128, .valueWidth = 128, .tokens = 50, .position = 100, .tolerance = 1e-3},
    AttentionCase{.device = "emu:gfx1100,strict", .heads = 3, .kvHeads = 1, .keyWidth = 48, .valueWidth = 112, .tokens = 20, .position = 7, .sees = Sees::All, .tolerance = 1e-3},
    AttentionCase{.device = "emu:gfx1100,strict", .cache = "q8_0", .heads = 4, .kvHeads = 2, .keyWidth = 64, .valueWidth = 32, .tokens = 33, .position = 70, .tolerance = 1e-3}));
// clang-format on

} // namespace
} // namespace rosso::testing
