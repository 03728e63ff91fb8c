// matvec and matmul of every format against plain loops over expanded weights, in f64.
#include "ir/quant/Expand.h"
#include "ir/quant/Formats.h"
#include "tests/codegen/KernelHarness.h"
#include "tests/quant/RandomBlocks.h"

#include <gtest/gtest.h>

#include <cmath>

namespace rosso::testing {
namespace {

struct Case {
  const QuantFormat *format;
  int64_t tokens; // 1: matvec; else the bound of T, run at this value
  bool exact;
  int64_t rows, columns;
  std::string target = "host";

  bool onHost() const { return target.starts_with("host"); }
};

std::string weightElement(const QuantFormat &format) {
  return format.isFloat() ? std::string(format.name)
                          : "!rosso.quant<" + std::string(format.name) + ">";
}

std::string moduleOf(const Case &c) {
  std::string k = std::to_string(c.columns), n = std::to_string(c.rows);
  bool single = c.tokens == 1;
  auto tensor = [&](const std::string &extent, const std::string &element) {
    return single ? "tensor<1x" + extent + "x" + element + ">"
                  : "tensor<?x" + extent + "x" + element + ", #rosso.dims<\"T\">>";
  };
  std::string x = tensor(k, "f32"), q = tensor(k, "!rosso.quant<q8_a>"), y = tensor(n, "f32");
  std::string w = "tensor<" + n + "x" + k + "x" + weightElement(*c.format) + ">";
  std::string in = c.exact ? x : q;
  std::string text = "module attributes {rosso.scratch_bytes = 4000000 : i64";
  if (!single)
    text += ", rosso.vars = {T = [1, 300]}";
  text += "} {\nfunc.func @main(%x: " + x +
          " {rosso.name = \"x\", rosso.space = \"input\"}, %w: " + w +
          " {rosso.name = \"w\", rosso.space = \"weight\", rosso.layout = \"" +
          (c.onHost() ? "tile16" : "tile32") + "\"}) -> (" + y + " {rosso.name = \"y\"}) {\n";
  if (!c.exact)
    text += "  %q = rosso.kernel \"quantize\" map (%a = %x : " + x + ") -> " + q +
            " attributes {slots = [#rosso.slot<scratch, index 0, offset 0>]} {\n    %0 = "
            "rosso.quantize %a : " +
            x + " -> " + q + "\n    rosso.yield %0 : " + q + "\n  }\n";
  text += std::string("  %y = rosso.kernel \"linear\" ") + (single ? "matvec" : "matmul") +
          " (%a = " + (c.exact ? "%x" : "%q") + " : " + in + ", %b = %w : " + w + ") -> " + y +
          " attributes {slots = [#rosso.slot<output, index 0, offset 0>], barrier} {\n    %0 = "
          "rosso.linear %a, %b : (" +
          in + ", " + w + ") -> " + y + "\n    rosso.yield %0 : " + y +
          "\n  }\n  return %y : " + y + "\n}\n}\n";
  return text;
}

class Contraction : public ::testing::TestWithParam<Case> {};

TEST_P(Contraction, AgreesWithExpandedWeights) {
  const Case &c = GetParam();
  const QuantFormat &format = *c.format;
  KernelHarness harness(moduleOf(c), c.target);
  size_t rowBytes = static_cast<size_t>(c.columns / format.blockLen) * format.blockSize;
  std::mt19937 random(7);
  std::vector<uint8_t> blocks =
      randomBlocks(format, static_cast<size_t>(c.rows * c.columns / format.blockLen), random);
  std::vector<float> x = randomFloats(static_cast<size_t>(c.tokens * c.columns), 3);
  harness.set("w", blocks);
  harness.set("x", x);
  harness.run(c.tokens == 1 ? VarValues{} : VarValues{{"T", c.tokens}});
  std::vector<float> y = harness.output<float>();

  std::vector<float> row(static_cast<size_t>(c.columns));
  for (int64_t n = 0; n < c.rows; ++n) {
    expandRow(format, std::span(blocks).subspan(static_cast<size_t>(n) * rowBytes, rowBytes), row);
    for (int64_t t = 0; t < c.tokens; ++t) {
      double sum = 0, bound = 1e-30;
      for (int64_t k = 0; k < c.columns; ++k) {
        double product =
            double{row[static_cast<size_t>(k)]} * x[static_cast<size_t>(t * c.columns + k)];
        sum += product;
        // f32 rounding of a product and of the sums; or half a step of 1/127 of the block's
        // largest activation, which is at most 1.
        bound += c.exact ? std::abs(product) * 2e-6
                         : std::abs(row[static_cast<size_t>(k)]) * (0.5 / 127) * 1.01;
      }
      // Rounding errors of the activations are independent: they add like a random walk, for
      // which six deviations of a uniform error are a safe bound.
      EXPECT_NEAR(y[static_cast<size_t>(t * c.rows + n)], sum, bound)
          << format.name << " row " << n << " token " << t;
    }
  }
}

std::vector<Case> cases(const std::string &target) {
  std::vector<Case> all;
  for (const QuantFormat *format : kStoredFormats) {
    if (format->splitRows)
      continue;
    bool isFloat = format->isFloat();
    int64_t k = isFloat ? 172 : format->blockLen > 32 ? 768 : 416;
    for (int64_t tokens : {1, 2, 7, 261}) {
      // In memory those that a file stores by grids are as others are, but for their numbers.
      if (format->file && tokens != 1 && tokens != 261)
        continue;
      all.push_back({format, tokens, true, 40, k, target});
      if (!isFloat)
        all.push_back({format, tokens, false, 40, k, target});
    }
  }
  return all;
}

#ifdef __x86_64__
// CPUs with less than this one may have: AVX2 alone, and portable vectors.
std::vector<Case> lesserCpus() {
  std::vector<Case> all;
  for (const char *cpu : {"x86-64-v3", "x86-64-v2"}) {
    if (std::string(cpu) == "x86-64-v3" && !__builtin_cpu_supports("avx2"))
      continue;
    for (const QuantFormat *format :
         {&kQ4_0, &kQ8_0, &kQ4_K, &kQ6_K, &kIQ4_NL, &kIQ2_S, &kQ1_0, &kTQ2_0})
      for (int64_t tokens : {1, 7})
        all.push_back({format, tokens, false, 40, 768, std::string("host:") + cpu});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(LesserCpus, Contraction, ::testing::ValuesIn(lesserCpus()),
                         [](const auto &info) {
                           const Case &c = info.param;
                           return std::string(c.format->name) + "_tokens" +
                                  std::to_string(c.tokens) +
                                  (c.target.ends_with("v3") ? "_avx2" : "_portable");
                         });
#endif

std::string nameOf(const ::testing::TestParamInfo<Case> &info) {
  const Case &c = info.param;
  return std::string(c.format->name) + "_tokens" + std::to_string(c.tokens) +
         (c.exact ? "_exact" : "_int8");
}

INSTANTIATE_TEST_SUITE_P(EveryFormat, Contraction, ::testing::ValuesIn(cases("host")), nameOf);
INSTANTIATE_TEST_SUITE_P(OnEmulatedGpu, Contraction, ::testing::ValuesIn(cases("emu:gfx1100")),
                         nameOf);

} // namespace
} // namespace rosso::testing
