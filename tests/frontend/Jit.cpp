// Captured functions: inputs, variables, weights, states that persist, and what they refuse.

#include "frontend/Jit.h"

#include "ir/quant/Formats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rosso {

namespace {

using testing::HasSubstr;
using Tensors = std::vector<Tensor>;

template <typename T> std::vector<T> valuesOf(const HostTensor &tensor) {
  auto values = tensor.values<T>();
  EXPECT_TRUE(values.ok()) << values.error().message;
  return values.ok() ? *values : std::vector<T>();
}

TEST(Realize, ComputesConstantsAndData) {
  Tensor x = Tensor::fromData<float>({1, 2, 3, 4}, {2, 2});
  auto values = (x.matmul(x) + 0.5).toVector<float>();
  ASSERT_TRUE(values.ok()) << values.error().message;
  EXPECT_EQ(*values, (std::vector{7.5f, 10.5f, 15.5f, 22.5f}));
}

TEST(Realize, BindsVariables) {
  Variable n("n", 1, 100);
  auto sum = Tensor::arange(n).sum().toVector<int>({n.bind(10)});
  ASSERT_TRUE(sum.ok()) << sum.error().message;
  EXPECT_EQ(*sum, std::vector{45});
}

TEST(Realize, DrawsTinygradsNumbers) {
  // Printed by tinygrad after Tensor.manual_seed(42).
  Tensor::manualSeed(42);
  auto numbers = Tensor::rand({5}).toVector<float>();
  ASSERT_TRUE(numbers.ok()) << numbers.error().message;
  EXPECT_EQ(*numbers, (std::vector{0.38104248046875f, 0.009775400161743164f, 0.1128007173538208f,
                                   0.1176995038986206f, 0.505361795425415f}));
}

TEST(Realize, RefusesWhatHasNoData) {
  auto missing = (Tensor::input("x", {2}) + 1).toHost();
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().message, "realize: the graph reads the input 'x', which has no data "
                                     "yet; compile a function of it");
  EXPECT_THAT(Tensor::ones({2, 3}).reshape({7}).toHost().error().message, HasSubstr("reshape: "));
  Variable n("n", 1, 100);
  EXPECT_EQ(Tensor::arange(n).toHost({n.bind(101)}).error().message,
            "variable 'n' is 101; expected 1 to 100");
}

TEST(Compile, ReplaysForEveryValueOfAVariable) {
  Variable n("n", 1, 8);
  auto mean = compile([](const Tensors &in) { return Tensors{in[0].mean(0), in[0].relu()}; },
                      {.inputs = {{"x", {n, 2}}}, .variables = {n}});
  ASSERT_TRUE(mean.ok()) << mean.error().message;
  for (int64_t rows : {3, 1, 8}) {
    std::vector<float> x;
    for (int64_t i = 0; i < 2 * rows; ++i)
      x.push_back(static_cast<float>(i - 1));
    auto out = (*mean)({HostTensor::of(x, {rows, 2})}, {n.bind(rows)});
    ASSERT_TRUE(out.ok()) << out.error().message;
    float last = static_cast<float>(rows) - 2;
    EXPECT_EQ(valuesOf<float>((*out)[0]), (std::vector{last, last + 1}));
    EXPECT_EQ((*out)[1].shape, (std::vector<int64_t>{rows, 2}));
    EXPECT_EQ(valuesOf<float>((*out)[1])[0], 0);
    EXPECT_EQ(valuesOf<float>((*out)[1]).back(), x.back());
  }
}

TEST(Compile, KeepsStatesFromCallToCall) {
  auto total = compile(
      [](const Tensors &in) {
        Tensor state = Tensor::state("total", {3});
        return Tensors{state.assign(state + in[0])};
      },
      {.inputs = {{"x", {3}}}});
  ASSERT_TRUE(total.ok()) << total.error().message;
  HostTensor x = HostTensor::of<float>({1, 2, 3}, {3});
  for (float calls : {1.0f, 2.0f, 3.0f}) {
    auto out = (*total)({x});
    ASSERT_TRUE(out.ok()) << out.error().message;
    EXPECT_EQ(valuesOf<float>((*out)[0]), (std::vector{calls, 2 * calls, 3 * calls}));
  }
  ASSERT_TRUE(total->resetStates().ok());
  EXPECT_EQ(valuesOf<float>((*(*total)({x}))[0]), (std::vector{1.0f, 2.0f, 3.0f}));
}

TEST(Compile, WritesStatesAtAVariablePosition) {
  Variable p("P", 0, 7), t("T", 1, 4);
  auto append = compile(
      [&](const Tensors &in) {
        Tensor cache = Tensor::state("cache", {8, 2}, DType::F16).assign({p, 0}, in[0]);
        return Tensors{cache.slice(0, 0, p + t).sum(0)};
      },
      {.inputs = {{"x", {t, 2}}}, .variables = {p, t}});
  ASSERT_TRUE(append.ok()) << append.error().message;
  auto first = (*append)({HostTensor::of<float>({1, 2, 3, 4}, {2, 2})}, {p.bind(0), t.bind(2)});
  ASSERT_TRUE(first.ok()) << first.error().message;
  auto sum = (*append)({HostTensor::of<float>({10, 20}, {1, 2})}, {p.bind(2), t.bind(1)});
  ASSERT_TRUE(sum.ok()) << sum.error().message;
  EXPECT_EQ((*sum)[0].dtype, DType::F16);
  EXPECT_EQ((*sum)[0].bytes, (std::vector<uint8_t>{0x00, 0x4B, 0x80, 0x4E})); // 14, 26

  auto outside = (*append)({HostTensor::of<float>({1, 2, 3, 4}, {2, 2})}, {p.bind(7), t.bind(2)});
  ASSERT_FALSE(outside.ok());
  EXPECT_EQ(outside.error().message, "a slice or an assignment leaves its tensor: -P - T + 8 is "
                                     "-1; expected 0 or more");
}

TEST(Compile, ReadsQuantisedWeights) {
  auto layer = compile(
      [](const Tensors &in) { return Tensors{in[0].linear(Tensor::weight("w", {17, 32}, kQ8_0))}; },
      {.inputs = {{"x", {1, 32}}}, .compile = {.exact = true}});
  ASSERT_TRUE(layer.ok()) << layer.error().message;
  std::vector<uint8_t> blocks; // row n: scale 1/2, code 2n in column n, else 0
  for (int row = 0; row < 17; ++row) {
    blocks.insert(blocks.end(), {0x00, 0x38});
    for (int column = 0; column < 32; ++column)
      blocks.push_back(static_cast<uint8_t>(row == column ? 2 * row : 0));
  }
  ASSERT_TRUE(layer->setWeight("w", blocks).ok());
  auto out = (*layer)({HostTensor::of(std::vector<float>(32, 1.0f), {1, 32})});
  ASSERT_TRUE(out.ok()) << out.error().message;
  std::vector<float> found = valuesOf<float>((*out)[0]);
  for (int row = 0; row < 17; ++row)
    EXPECT_EQ(found[static_cast<size_t>(row)], static_cast<float>(row));
  EXPECT_EQ(layer->setWeight("v", blocks).error().message,
            "weight 'v': the function has none of this name");
  EXPECT_EQ(layer->setWeight("w", std::span(blocks).first(34)).error().message,
            "weight 'w': 34 bytes; expected 578 of q8_0");
}

TEST(Compile, RefusesOtherInputs) {
  Variable n("n", 1, 8);
  auto twice = compile([](const Tensors &in) { return Tensors{in[0] * 2}; },
                       {.inputs = {{"x", {n, 2}}}, .variables = {n}});
  ASSERT_TRUE(twice.ok()) << twice.error().message;
  HostTensor x = HostTensor::of<float>({1, 2}, {1, 2});
  EXPECT_EQ((*twice)({}, {n.bind(1)}).error().message, "0 inputs; expected 1");
  EXPECT_EQ((*twice)({x}).error().message, "variable 'n' has no value; bind one");
  EXPECT_EQ((*twice)({x}, {n.bind(9)}).error().message, "variable 'n' is 9; expected 1 to 8");
  EXPECT_EQ((*twice)({x}, {n.bind(2)}).error().message,
            "input 'x': found f32[1, 2], 8 bytes; expected f32[2, 2]");
  HostTensor whole = HostTensor::of<int>({1, 2}, {1, 2});
  EXPECT_EQ((*twice)({whole}, {n.bind(1)}).error().message,
            "input 'x': found i32[1, 2], 8 bytes; expected f32[1, 2]");
  EXPECT_EQ(compile([](const Tensors &in) { return in; },
                    {.variables = {Variable("n", 1, 2), Variable("n", 1, 3)}})
                .error()
                .message,
            "variable 'n' has two different bounds");
}

} // namespace

} // namespace rosso
