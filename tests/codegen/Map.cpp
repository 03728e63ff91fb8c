#include "tests/codegen/KernelHarness.h"

#include <gmock/gmock.h>

#include <cmath>

namespace rosso::testing {
namespace {

using ::testing::ElementsAre;

std::string unaryModule(const std::string &op, int count) {
  std::string t = "tensor<" + std::to_string(count) + "xf32>";
  return "func.func @main(%x: " + t + " {rosso.name = \"x\", rosso.space = \"input\"}) -> (" + t +
         " {rosso.name = \"y\"}) {\n"
         "  %y = rosso.kernel \"map_" +
         op + "\" map (%a = %x : " + t + ") -> " + t +
         " attributes {slots = [#rosso.slot<output, index 0, offset 0>]} {\n"
         "    %0 = rosso." +
         op + " %a : " + t + "\n    rosso.yield %0 : " + t + "\n  }\n  return %y : " + t + "\n}\n";
}

/// Largest error of `op` against `truth` in units of the last place of the f32 result.
void expectUlps(const std::string &op, const std::vector<float> &x, double (*truth)(double),
                double bound) {
  KernelHarness harness(unaryModule(op, static_cast<int>(x.size())));
  harness.set("x", x);
  harness.run();
  std::vector<float> y = harness.output<float>();
  for (size_t i = 0; i < x.size(); ++i) {
    double exact = truth(x[i]);
    auto rounded = static_cast<float>(exact);
    if (std::isnan(exact)) {
      EXPECT_TRUE(std::isnan(y[i])) << op << "(" << x[i] << ")";
      continue;
    }
    if (std::isinf(rounded)) {
      EXPECT_EQ(y[i], rounded) << op << "(" << x[i] << ")";
      continue;
    }
    if (std::abs(rounded) < 1e-37f) {
      EXPECT_NEAR(y[i], rounded, 1e-37) << op << "(" << x[i] << ")";
      continue;
    }
    double ulp = std::abs(std::nextafter(rounded, INFINITY) - rounded);
    EXPECT_LE(std::abs(y[i] - exact) / ulp, bound) << op << "(" << x[i] << ") = " << y[i];
  }
}

std::vector<float> spread(float from, float to, int count) {
  std::vector<float> x;
  for (int i = 0; i < count; ++i)
    x.push_back(from + (to - from) * static_cast<float>(i) / static_cast<float>(count - 1));
  return x;
}

TEST(Map, Exp2IsWithinTwoUlps) {
  std::vector<float> x = spread(-126, 127.9f, 4093);
  for (float special : {0.f, -200.f, 200.f, INFINITY, -INFINITY, NAN})
    x.push_back(special);
  expectUlps("exp2", x, [](double v) { return std::exp2(v); }, 2);
}

TEST(Map, Log2IsWithinThreeUlpsAwayFromOne) {
  std::vector<float> x = spread(1.5f, 1e6f, 2000);
  for (float small : spread(1e-38f, 0.7f, 2000))
    x.push_back(small);
  for (float special : {0.f, -1.f, 1.f, 2.f, INFINITY, NAN, 1e-42f})
    x.push_back(special);
  expectUlps("log2", x, [](double v) { return std::log2(v); }, 3);
}

TEST(Map, SinIsWithinOneUlp) {
  std::vector<float> x = spread(-40000, 40000, 5001);
  for (float small : spread(-7, 7, 1001))
    x.push_back(small);
  expectUlps("sin", x, [](double v) { return std::sin(v); }, 1);
}

// [2, 3] transposed, with a flipped axis, a pad and a slice: written out by hand.
TEST(Map, MovementsBecomeIndices) {
  KernelHarness harness(R"(
func.func @main(%x: tensor<2x3xf32> {rosso.name = "x", rosso.space = "input"})
    -> (tensor<3x4xf32> {rosso.name = "y"}) {
  %y = rosso.kernel "k" map (%a = %x : tensor<2x3xf32>) -> tensor<3x4xf32>
      attributes {slots = [#rosso.slot<output, index 0, offset 0>]} {
    %0 = rosso.permute %a [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
    %1 = rosso.flip %0 [0] : tensor<3x2xf32> -> tensor<3x2xf32>
    %2 = rosso.pad %1 before ["0", "1"] after ["0", "1"] value 9.0 : tensor<3x2xf32> -> tensor<3x4xf32>
    rosso.yield %2 : tensor<3x4xf32>
  }
  return %y : tensor<3x4xf32>
})");
  harness.set("x", std::vector<float>{1, 2, 3, 4, 5, 6});
  harness.run();
  EXPECT_THAT(harness.output<float>(), ElementsAre(9, 3, 6, 9, 9, 2, 5, 9, 9, 1, 4, 9));
}

// A slice of a state moves with the variable P; the rest of the state stays.
TEST(Map, UpdateWritesASliceInPlace) {
  KernelHarness harness(R"(
module attributes {rosso.vars = {P = [0, 2], T = [1, 2]}} {
func.func @main(%x: tensor<?x2xf32, #rosso.dims<"T">> {rosso.name = "x", rosso.space = "input"},
                %s: tensor<4x2xf16> {rosso.name = "s", rosso.space = "state"})
    -> (tensor<4x2xf16> {rosso.name = "state:s"}) {
  %y = rosso.kernel "k" map (%a = %x : tensor<?x2xf32, #rosso.dims<"T">>, %b = %s : tensor<4x2xf16>)
      -> tensor<4x2xf16> attributes {slots = [#rosso.slot<state, index 1, offset 0>]} {
    %0 = rosso.cast %a : tensor<?x2xf32, #rosso.dims<"T">> -> tensor<?x2xf16, #rosso.dims<"T">>
    %1 = rosso.update %0 into %b ["P", "0"] : tensor<?x2xf16, #rosso.dims<"T">> into tensor<4x2xf16>
    rosso.yield %1 : tensor<4x2xf16>
  }
  return %y : tensor<4x2xf16>
}
})");
  harness.set("x", std::vector<float>{1, 2, 3, 4});
  harness.run({{"P", 2}, {"T", 2}});
  // f16: 1 = 0x3c00, 2 = 0x4000, 3 = 0x4200, 4 = 0x4400
  EXPECT_THAT(harness.state<uint16_t>("s"),
              ElementsAre(0, 0, 0, 0, 0x3c00, 0x4000, 0x4200, 0x4400));
}

} // namespace
} // namespace rosso::testing
