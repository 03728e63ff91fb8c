#include "tests/codegen/KernelHarness.h"

#include <gmock/gmock.h>

#include <cmath>
#include <numbers>

namespace rosso::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::Pointwise;

// softmax of each row, written out: max, subtract, 2^(x log2 e), sum, divide.
TEST(Reduce, SoftmaxOfRows) {
  KernelHarness harness(R"(
module attributes {rosso.vars = {T = [1, 4]}} {
func.func @main(%x: tensor<?x3xf32, #rosso.dims<"T">> {rosso.name = "x", rosso.space = "input"})
    -> (tensor<?x3xf32, #rosso.dims<"T">> {rosso.name = "y"}) {
  %y = rosso.kernel "softmax" reduce (%a = %x : tensor<?x3xf32, #rosso.dims<"T">>)
      -> tensor<?x3xf32, #rosso.dims<"T">> attributes {rows = [array<i64: 0>], slots = [#rosso.slot<output, index 0, offset 0>]} {
    %m = rosso.reduce_max %a [1] : tensor<?x3xf32, #rosso.dims<"T">> -> tensor<?x1xf32, #rosso.dims<"T">>
    %me = rosso.expand %m : tensor<?x1xf32, #rosso.dims<"T">> -> tensor<?x3xf32, #rosso.dims<"T">>
    %d = rosso.sub %a, %me : tensor<?x3xf32, #rosso.dims<"T">>
    %c = rosso.constant 1.4426950408889634 -> tensor<f32>
    %c1 = rosso.reshape %c : tensor<f32> -> tensor<1x1xf32>
    %c2 = rosso.expand %c1 : tensor<1x1xf32> -> tensor<?x3xf32, #rosso.dims<"T">>
    %p = rosso.mul %d, %c2 : tensor<?x3xf32, #rosso.dims<"T">>
    %e = rosso.exp2 %p : tensor<?x3xf32, #rosso.dims<"T">>
    %s = rosso.reduce_sum %e [1] : tensor<?x3xf32, #rosso.dims<"T">> -> tensor<?x1xf32, #rosso.dims<"T">>
    %se = rosso.expand %s : tensor<?x1xf32, #rosso.dims<"T">> -> tensor<?x3xf32, #rosso.dims<"T">>
    %r = rosso.div %e, %se : tensor<?x3xf32, #rosso.dims<"T">>
    rosso.yield %r : tensor<?x3xf32, #rosso.dims<"T">>
  }
  return %y : tensor<?x3xf32, #rosso.dims<"T">>
}
})");
  harness.set("x", std::vector<float>{0, std::numbers::ln2_v<float>, std::log(5.f), 100, 100, 100});
  harness.run({{"T", 2}});
  std::vector<float> y = harness.output<float>();
  y.resize(6);
  EXPECT_THAT(y, Pointwise(FloatNear(1e-6f), {0.125f, 0.25f, 0.625f, 1 / 3.f, 1 / 3.f, 1 / 3.f}));
}

TEST(Reduce, ArgMaxTakesTheFirstOfEquals) {
  KernelHarness harness(R"(
func.func @main(%x: tensor<2x5xf32> {rosso.name = "x", rosso.space = "input"})
    -> (tensor<2x1xi32> {rosso.name = "y"}) {
  %y = rosso.kernel "argmax" reduce (%a = %x : tensor<2x5xf32>) -> tensor<2x1xi32>
      attributes {rows = [array<i64: 0>], slots = [#rosso.slot<output, index 0, offset 0>]} {
    %m = rosso.argmax %a [1] : tensor<2x5xf32> -> tensor<2x1xi32>
    rosso.yield %m : tensor<2x1xi32>
  }
  return %y : tensor<2x1xi32>
})");
  harness.set("x", std::vector<float>{1, 7, 3, 7, 2, -5, -4, -9, -4, -8});
  harness.run();
  EXPECT_THAT(harness.output<int32_t>(), ElementsAre(1, 1));
}

TEST(TopK, SortsDescendingAndStably) {
  KernelHarness harness(R"(
func.func @main(%x: tensor<1x8xf32> {rosso.name = "x", rosso.space = "input"})
    -> (tensor<1x5xi32> {rosso.name = "y"}) {
  %y = rosso.kernel "topk" topk (%a = %x : tensor<1x8xf32>) -> tensor<1x5xi32>
      attributes {slots = [#rosso.slot<output, index 0, offset 0>]} {
    %m = rosso.topk %a k 5 : tensor<1x8xf32> -> tensor<1x5xi32>
    rosso.yield %m : tensor<1x5xi32>
  }
  return %y : tensor<1x5xi32>
})");
  harness.set("x", std::vector<float>{-1, 3, -0.0f, 3, 0, 1e9f, -INFINITY, 2});
  harness.run();
  EXPECT_THAT(harness.output<int32_t>(), ElementsAre(5, 1, 3, 7, 2));
}

} // namespace
} // namespace rosso::testing
