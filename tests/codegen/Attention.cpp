// Attention against plain loops in f64: grouped heads, caches longer than what is seen and in every
// format, masks; on the host and on the emulator.
#include "support/Float.h"
#include "tests/codegen/KernelHarness.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace rosso::testing {
namespace {

enum class Mask { None, Shared, OfHeads };
enum class Sees { Past, All };

struct Case {
  const char *device = "host";
  const char *cache = "f16";
  int64_t heads = 1, kvHeads = 1, keyWidth = 16, valueWidth = 16;
  int64_t tokens = 1;    // 0: one, and the kernel is compiled for one
  int64_t position = 0;  // of the first token
  int64_t context = 200; // the cache's size
  Mask mask = Mask::None;
  Sees sees = Sees::Past;
  /// Values are at most 3; scores of |q k| ~ 10 lose about 1e-6 each.
  double tolerance = 2e-5;

  int64_t tokenCount() const { return tokens ? tokens : 1; }
};

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

std::string text(double number) {
  char digits[40];
  std::snprintf(digits, sizeof digits, "%.17g", number);
  return digits;
}

double scaleOf(const Case &c) { return 1 / std::sqrt(static_cast<double>(c.keyWidth)); }

std::string moduleOf(const Case &c) {
  const bool one = c.tokens == 0;
  const std::string t = one ? "1" : "?", length = one ? "P + 1" : "P + T";
  const std::string element =
      std::string(c.cache) == "q8_0" ? "!rosso.quant<q8_0>" : std::string(c.cache);
  auto rows = [&](int64_t width) {
    return "tensor<" + std::to_string(c.heads) + "x" + t + "x" + std::to_string(width) + "xf32" +
           (one ? ">" : ", #rosso.dims<\"T\">>");
  };
  auto cache = [&](int64_t width) {
    return "tensor<" + std::to_string(c.kvHeads) + "x" + std::to_string(c.context) + "x" +
           std::to_string(width) + "x" + element + ">";
  };
  const std::string q = rows(c.keyWidth), y = rows(c.valueWidth), k = cache(c.keyWidth),
                    v = cache(c.valueWidth);
  std::string mask = "tensor<";
  if (c.mask == Mask::OfHeads)
    mask += std::to_string(c.heads) + "x";
  mask += t + "x?xf32, #rosso.dims<" + (one ? "" : "\"T\", ") + "\"" + length + "\">>";
  const bool masked = c.mask != Mask::None;
  auto argument = [](const std::string &name, const std::string &type, const std::string &space) {
    return "%" + name + ": " + type + " {rosso.name = \"" + name + "\", rosso.space = \"" + space +
           "\"}";
  };
  return "module attributes {rosso.vars = {P = [0, " + std::to_string(c.context - 1) +
         "], T = [1, 64]}} {\nfunc.func @main(" + argument("q", q, "input") + ", " +
         argument("k", k, "state") + ", " + argument("v", v, "state") +
         (masked ? ", " + argument("m", mask, "input") : "") + ") -> (" + y +
         " {rosso.name = \"y\"}) {\n  %y = rosso.kernel \"attention\" attention (%a = %q : " + q +
         ", %b = %k : " + k + ", %c = %v : " + v + (masked ? ", %d = %m : " + mask : "") + ") -> " +
         y +
         " attributes {slots = [#rosso.slot<output, index 0, offset 0>]} {\n"
         "    %0 = rosso.attention %a, %b, %c" +
         (masked ? " mask %d : " + mask : "") + (c.sees == Sees::Past ? " causal" : "") +
         " scale " + text(scaleOf(c)) + " length \"" + length + "\" : (" + q + ", " + k + ", " + v +
         ") -> " + y + "\n    rosso.yield %0 : " + y + "\n  }\n  return %y : " + y + "\n}\n}\n";
}

class Attention : public ::testing::TestWithParam<Case> {};

TEST_P(Attention, AgreesWithPlainLoops) {
  const Case &c = GetParam();
  const int64_t tokens = c.tokenCount(), length = c.position + tokens;
  KernelHarness harness(moduleOf(c), c.device);
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
  const std::vector<float> untouched(64 * size(c.heads, 1, c.valueWidth));
  // Twice: what the first run leaves behind must not matter to the second.
  for (int run = 0; run < 2; ++run)
    harness.run({{"P", c.position}, {"T", tokens}});
  const std::vector<float> y = harness.output<float>();

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
        score *= scaleOf(c);
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
    Case{.heads = 4, .kvHeads = 2, .keyWidth = 64, .valueWidth = 64},
    Case{.heads = 4, .kvHeads = 2, .keyWidth = 64, .valueWidth = 64, .position = 149},
    Case{.heads = 4, .kvHeads = 4, .keyWidth = 8, .valueWidth = 8, .tokens = 5},
    Case{.heads = 6, .kvHeads = 1, .keyWidth = 128, .valueWidth = 128, .tokens = 50, .position = 100},
    Case{.heads = 2, .kvHeads = 2, .keyWidth = 80, .valueWidth = 80, .tokens = 3, .position = 63},
    Case{.heads = 3, .kvHeads = 3, .keyWidth = 12, .valueWidth = 12, .tokens = 2, .position = 64},
    Case{.cache = "q8_0", .heads = 4, .kvHeads = 2, .keyWidth = 64, .valueWidth = 32, .tokens = 4, .position = 70},
    Case{.cache = "bf16", .heads = 2, .kvHeads = 1, .tokens = 3, .position = 9, .mask = Mask::Shared},
    Case{.cache = "f32", .heads = 2, .kvHeads = 1, .tokens = 3, .position = 9, .mask = Mask::OfHeads, .sees = Sees::All}));

// One query row at a time, whatever it is made of.
INSTANTIATE_TEST_SUITE_P(GpuRows, Attention, ::testing::Values(
    Case{.device = "emu", .heads = 4, .kvHeads = 4, .keyWidth = 8, .valueWidth = 8, .tokens = 5},
    Case{.device = "emu", .heads = 3, .kvHeads = 3, .keyWidth = 12, .valueWidth = 12, .tokens = 2, .position = 64},
    Case{.device = "emu", .heads = 2, .kvHeads = 1, .keyWidth = 40, .valueWidth = 300, .tokens = 2, .position = 33},
    Case{.device = "emu", .cache = "q8_0", .heads = 2, .kvHeads = 2, .keyWidth = 32, .valueWidth = 32, .tokens = 2, .position = 70, .mask = Mask::Shared},
    Case{.device = "emu", .cache = "bf16", .heads = 2, .kvHeads = 1, .tokens = 3, .position = 9, .mask = Mask::Shared},
    Case{.device = "emu", .cache = "f32", .heads = 2, .kvHeads = 1, .tokens = 3, .position = 9, .mask = Mask::OfHeads, .sees = Sees::All}));

// One token, by matrix instructions: all heads of a key/value head together, one split or several.
INSTANTIATE_TEST_SUITE_P(GpuDecode, Attention, ::testing::Values(
    Case{.device = "emu", .heads = 2, .kvHeads = 2, .keyWidth = 32, .valueWidth = 32, .tokens = 0},
    Case{.device = "emu", .heads = 7, .kvHeads = 1, .keyWidth = 64, .valueWidth = 64, .tokens = 0, .position = 100},
    Case{.device = "emu", .heads = 28, .kvHeads = 2, .keyWidth = 128, .valueWidth = 128, .tokens = 0, .position = 777, .context = 1000},
    // A code times its scale is rounded to f16: 3 / 2^12 each, and they average.
    Case{.device = "emu", .cache = "q8_0", .heads = 5, .kvHeads = 1, .keyWidth = 64, .valueWidth = 64, .tokens = 0, .position = 200, .context = 300, .tolerance = 2e-4},
    Case{.device = "emu", .cache = "q8_0", .heads = 14, .kvHeads = 2, .keyWidth = 128, .valueWidth = 128, .tokens = 0, .position = 30, .context = 300, .tolerance = 5e-4},
    Case{.device = "emu", .heads = 12, .kvHeads = 1, .keyWidth = 48, .valueWidth = 96, .tokens = 0, .position = 500, .context = 600, .sees = Sees::All}));

// Many tokens, by matrix instructions. Queries and weights are rounded to f16: a score of 10 is off by
// up to 10 / 2^11, and so is its weight.
INSTANTIATE_TEST_SUITE_P(GpuPrefill, Attention, ::testing::Values(
    Case{.device = "emu", .heads = 1, .kvHeads = 1, .tokens = 5, .context = 64, .tolerance = 1e-3},
    Case{.device = "emu", .heads = 2, .kvHeads = 2, .keyWidth = 80, .valueWidth = 80, .tokens = 3, .position = 63, .tolerance = 1e-3},
    Case{.device = "emu", .heads = 7, .kvHeads = 1, .keyWidth = 64, .valueWidth = 64, .tokens = 37, .position = 90, .tolerance = 1e-3},
    Case{.device = "emu", .heads = 6, .kvHeads = 2, .keyWidth = 128, .valueWidth = 128, .tokens = 50, .position = 100, .tolerance = 1e-3},
    Case{.device = "emu", .heads = 3, .kvHeads = 1, .keyWidth = 48, .valueWidth = 112, .tokens = 20, .position = 7, .sees = Sees::All, .tolerance = 1e-3},
    Case{.device = "emu", .cache = "q8_0", .heads = 4, .kvHeads = 2, .keyWidth = 64, .valueWidth = 32, .tokens = 33, .position = 70, .tolerance = 1e-3}));
// clang-format on

} // namespace
} // namespace rosso::testing
