// Attention against plain loops in f64: grouped heads, a cache longer than what is seen, causal.
#include "support/Float.h"
#include "tests/codegen/KernelHarness.h"

#include <gtest/gtest.h>

#include <cmath>

namespace rosso::testing {
namespace {

struct Case {
  int64_t heads, kvHeads, width, tokens, position;
};

class Attention : public ::testing::TestWithParam<Case> {};

constexpr int64_t kContext = 200;

TEST_P(Attention, AgreesWithPlainLoops) {
  const Case &c = GetParam();
  std::string d = std::to_string(c.width), h = std::to_string(c.heads);
  std::string q = "tensor<" + h + "x?x" + d + "xf32, #rosso.dims<\"T\">>";
  std::string kv = "tensor<" + std::to_string(c.kvHeads) + "x200x" + d + "xf16>";
  double scale = 1 / std::sqrt(static_cast<double>(c.width));
  char scaleText[40];
  std::snprintf(scaleText, sizeof scaleText, "%.17g", scale);
  KernelHarness harness(
      "module attributes {rosso.vars = {P = [0, 150], T = [1, 50]}} {\nfunc.func @main(%q: " + q +
      " {rosso.name = \"q\", rosso.space = \"input\"}, %k: " + kv +
      " {rosso.name = \"k\", rosso.space = \"state\"}, %v: " + kv +
      " {rosso.name = \"v\", rosso.space = \"state\"}) -> (" + q +
      " {rosso.name = \"y\"}) {\n  %y = rosso.kernel \"attention\" attention (%a = %q : " + q +
      ", %b = %k : " + kv + ", %c = %v : " + kv + ") -> " + q +
      " attributes {slots = [#rosso.slot<output, index 0, offset 0>]} {\n    %0 = rosso.attention "
      "%a, %b, %c causal scale " +
      scaleText + " length \"P + T\" : (" + q + ", " + kv + ", " + kv + ") -> " + q +
      "\n    rosso.yield %0 : " + q + "\n  }\n  return %y : " + q + "\n}\n}\n");
  auto halves = [](std::vector<float> values) {
    std::vector<uint16_t> bits;
    for (float value : values)
      bits.push_back(floatToHalf(3 * value));
    return bits;
  };
  auto cacheSize = static_cast<size_t>(c.kvHeads * kContext * c.width);
  std::vector<float> query = randomFloats(static_cast<size_t>(c.heads * c.tokens * c.width), 1);
  std::vector<uint16_t> keys = halves(randomFloats(cacheSize, 2));
  std::vector<uint16_t> values = halves(randomFloats(cacheSize, 3));
  harness.set("q", query);
  harness.set("k", keys);
  harness.set("v", values);
  harness.run({{"P", c.position}, {"T", c.tokens}});
  std::vector<float> y = harness.output<float>();

  for (int64_t head = 0; head < c.heads; ++head)
    for (int64_t t = 0; t < c.tokens; ++t) {
      int64_t row = head * c.tokens + t, kvHead = head / (c.heads / c.kvHeads);
      auto cache = [&](const std::vector<uint16_t> &from, int64_t position, int64_t i) {
        return double{
            halfToFloat(from[static_cast<size_t>((kvHead * kContext + position) * c.width + i)])};
      };
      std::vector<double> weights;
      double total = 0;
      for (int64_t s = 0; s <= c.position + t; ++s) {
        double score = 0;
        for (int64_t i = 0; i < c.width; ++i)
          score += query[static_cast<size_t>(row * c.width + i)] * cache(keys, s, i);
        weights.push_back(std::exp(score * scale));
        total += weights.back();
      }
      for (int64_t i = 0; i < c.width; ++i) {
        double sum = 0;
        for (size_t s = 0; s < weights.size(); ++s)
          sum += weights[s] / total * cache(values, static_cast<int64_t>(s), i);
        // Values are at most 3; scores of |q k| ~ 10 lose about 1e-6 each.
        EXPECT_NEAR(y[static_cast<size_t>(row * c.width + i)], sum, 2e-5)
            << "head " << head << " token " << t << " element " << i;
      }
    }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Attention,
                         ::testing::Values(Case{4, 2, 64, 1, 0}, Case{4, 2, 64, 1, 149},
                                           Case{4, 4, 8, 5, 0}, Case{6, 1, 128, 50, 100},
                                           Case{2, 2, 80, 3, 63}, Case{3, 3, 12, 2, 64}));

} // namespace
} // namespace rosso::testing
