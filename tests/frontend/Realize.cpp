// Values in memory: what realising shares, what writing in place changes and for whom, how graphs
// of any size and number stay cheap, and functions that are captured.

#include "frontend/Realize.h"

#include "frontend/BoundProgram.h"
#include "frontend/Capture.h"
#include "frontend/Variable.h"
#include "ir/quant/Formats.h"
#include "runtime/host/MemoryPool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace rosso {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Lt;

using Floats = std::vector<float>;
using Ints = std::vector<int32_t>;

void realized(Tensor &tensor) {
  Tensor *const one[] = {&tensor};
  Status status = realize(one);
  ASSERT_TRUE(status) << status.error().message;
}

Floats floatsOf(const Tensor &tensor) {
  auto values = tensor.toVector<float>();
  EXPECT_TRUE(values) << values.error().message;
  return values ? *values : Floats();
}

void assigned(Tensor target, const Tensor &value) {
  Status status = assign(target, value);
  ASSERT_TRUE(status) << status.error().message;
}

Tensor counting(int64_t n) {
  std::vector<float> values(static_cast<size_t>(n));
  std::iota(values.begin(), values.end(), 0.f);
  return Tensor::fromData(values);
}

TEST(Realize, ComputesOnceForAllHandles) {
  Tensor x = counting(4) + 1;
  Tensor sameNode = x;
  realized(x);
  EXPECT_EQ(sameNode.node()->op, Op::Buffer);
  EXPECT_THAT(floatsOf(sameNode * 2), ElementsAre(2, 4, 6, 8));
}

TEST(Realize, ConstantsNeedNoProgram) {
  const size_t before = programsKept().count;
  Tensor filled = Tensor::full({2, 3}, 2.5);
  realized(filled);
  EXPECT_THAT(floatsOf(filled), ElementsAre(2.5, 2.5, 2.5, 2.5, 2.5, 2.5));
  Tensor half = Tensor::full({2}, -1.0, DType::F16), truth = Tensor::full({3}, true);
  EXPECT_THAT(half.toHost()->bytes, ElementsAre(0x00, 0xBC, 0x00, 0xBC));
  EXPECT_THAT(truth.toHost()->bytes, ElementsAre(1, 1, 1));
  EXPECT_EQ(programsKept().count, before);
}

TEST(Realize, NothingHasNoElements) {
  Tensor none = Tensor::zeros({0, 3}) + counting(3);
  realized(none);
  EXPECT_THAT(floatsOf(none), IsEmpty());
}

TEST(Realize, TheSameComputationOnOtherDataRunsTheSameProgram) {
  EXPECT_THAT(floatsOf(counting(3) * 3 - 1), ElementsAre(-1, 2, 5));
  const size_t before = programsKept().count;
  EXPECT_THAT(floatsOf(Tensor::fromData(Floats{5, 6, 7}) * 3 - 1), ElementsAre(14, 17, 20));
  EXPECT_EQ(programsKept().count, before);
}

TEST(Realize, ViewsStayViewsAndReadOutInTheirOrder) {
  Tensor x = counting(12).reshape({3, 4});
  Tensor view = x.shrink({{1, 3}, {0, 4}}).permute({1, 0}).flip(0);
  realized(view);
  EXPECT_NE(view.node()->op, Op::Buffer);
  EXPECT_THAT(floatsOf(view), ElementsAre(7, 11, 6, 10, 5, 9, 4, 8));
  EXPECT_THAT(floatsOf(x.slice(1, 0, 4, 3).expand({3, 2})), ElementsAre(0, 3, 4, 7, 8, 11));
  EXPECT_THAT(floatsOf(x.permute({1, 0}).reshape({12})),
              ElementsAre(0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11));
  EXPECT_THAT(floatsOf(counting(3).repeatInterleave(2)), ElementsAre(0, 0, 1, 1, 2, 2));
}

// A block of q8_0 is an f16 scale and 32 codes: row n of this weight holds n + 1 everywhere.
TEST(Realize, QuantisedMemoryStaysInBlocks) {
  constexpr int64_t kRows = 40, kColumns = 64;
  std::vector<uint8_t> blocks;
  for (int n = 0; n < kRows; ++n)
    for (int block = 0; block < kColumns / 32; ++block) {
      blocks.insert(blocks.end(), {0x00, 0x38}); // 0.5
      blocks.insert(blocks.end(), 32, static_cast<uint8_t>(2 * (n + 1)));
    }
  const Tensor weight = Tensor::fromStorage(*Storage::copyOf(blocks, nullptr), {kRows, kColumns},
                                            *findFormat("q8_0"));
  for (int64_t rows : {1, 3, 40}) {
    Tensor ones = Tensor::ones({rows, kColumns});
    realized(ones);
    const Floats sums = floatsOf(ones.linear(weight));
    for (int64_t i = 0; i < rows * kRows; ++i)
      ASSERT_FLOAT_EQ(sums[static_cast<size_t>(i)], 64.f * static_cast<float>(i % kRows + 1));
    const Floats turned = floatsOf(weight.matmul(ones.transpose(0, 1))); // weight @ columns
    ASSERT_EQ(turned.size(), static_cast<size_t>(kRows * rows));
    for (size_t row = 0, i = 0; row < kRows; ++row)
      for (int64_t column = 0; column < rows; ++column, ++i)
        ASSERT_FLOAT_EQ(turned[i], 64.f * static_cast<float>(row + 1));
  }
  Tensor one = Tensor::ones({kColumns});
  realized(one);
  EXPECT_FLOAT_EQ(floatsOf(weight.matmul(one))[5], 64 * 6);
  const Floats numbers = floatsOf(weight); // whoever looks gets numbers
  EXPECT_EQ(numbers.size(), static_cast<size_t>(kRows * kColumns));
  EXPECT_EQ(numbers[6 * kColumns], 7);
}

TEST(Assign, WritesThroughViews) {
  Tensor x = counting(6).reshape({2, 3});
  realized(x);
  Tensor column = x.shrink({{0, 2}, {1, 2}});
  assigned(column, Tensor::fromData(Floats{40, 41}, {2, 1}));
  EXPECT_THAT(floatsOf(x), ElementsAre(0, 40, 2, 3, 41, 5));
  assigned(x.permute({1, 0}), counting(6).reshape({3, 2})); // all of it, in another order
  EXPECT_THAT(floatsOf(x), ElementsAre(0, 2, 4, 1, 3, 5));
  assigned(x, 7);
  EXPECT_THAT(floatsOf(column), ElementsAre(7, 7));
}

TEST(Assign, WritesThroughTheBitsOfAnotherType) {
  Tensor x = counting(4);
  Tensor bits = x.shrink({{1, 4}}).bitcast(DType::I32).flip(0).shrink({{0, 2}});
  assigned(bits, Tensor::fromData(Ints{0x40a00000, 0x3f000000})); // 5.0f and 0.5f
  EXPECT_THAT(floatsOf(x), ElementsAre(0, 1, 0.5f, 5));
}

TEST(Assign, WritesThroughViewsOfConstants) {
  Tensor zeros = Tensor::zeros({2, 2});
  Tensor before = zeros + 1;
  Tensor row = zeros.shrink({{1, 2}, {0, 2}});
  assigned(row, Tensor::full({1, 2}, 7));
  EXPECT_THAT(floatsOf(zeros), ElementsAre(0, 0, 7, 7));
  EXPECT_THAT(floatsOf(before), ElementsAre(1, 1, 1, 1));
  assigned(zeros, Tensor::full({2, 2}, 3));
  EXPECT_THAT(floatsOf(row), ElementsAre(3, 3));
  EXPECT_THAT(floatsOf(Tensor::zeros({2, 2})), ElementsAre(0, 0, 0, 0));
}

TEST(Assign, WhatWasComputedBeforeSeesTheOldContent) {
  Tensor x = counting(3);
  Tensor before = x + 10, twice = before * 2;
  assigned(x, Tensor::fromData(Floats{9, 9, 9}));
  EXPECT_THAT(floatsOf(twice), ElementsAre(20, 22, 24));
  EXPECT_THAT(floatsOf(x + 10), ElementsAre(19, 19, 19));
}

TEST(Assign, AValueMayReadItsTarget) {
  Tensor x = counting(4);
  assigned(x.shrink({{0, 2}}), x.shrink({{2, 4}}));
  EXPECT_THAT(floatsOf(x), ElementsAre(2, 3, 2, 3));
  assigned(x, x.flip(0) * 2);
  EXPECT_THAT(floatsOf(x), ElementsAre(6, 4, 6, 4));
}

TEST(Assign, LentMemoryIsNotWritten) {
  alignas(64) const float lent[4] = {1, 2, 3, 4};
  auto storage = Storage::lent({reinterpret_cast<const uint8_t *>(lent), sizeof lent},
                               std::make_shared<int>(), internDevice("host"));
  Tensor x = Tensor::fromStorage(storage, {4}, DType::F32);
  assigned(x.shrink({{0, 1}}), 50);
  EXPECT_THAT(floatsOf(x), ElementsAre(50, 2, 3, 4));
  EXPECT_EQ(lent[0], 1);
}

TEST(Assign, SaysWhatDoesNotFit) {
  Tensor x = counting(4);
  EXPECT_THAT(assign(x, counting(3)).error().message, HasSubstr("expand"));
  Tensor spread = counting(1).expand({4});
  EXPECT_THAT(assign(spread, counting(4)).error().message, HasSubstr("share memory"));
}

TEST(Realize, LongGraphsAreLinearAndFlat) {
  Tensor x = counting(2);
  for (int i = 0; i < 100'000; ++i)
    x = x + 1;
  EXPECT_THAT(floatsOf(x), ElementsAre(100'000, 100'001));
}

TEST(Realize, ManySmallRealisationsLeaveMemoryFlat) {
  Tensor x = counting(4);
  auto step = [&] {
    x = x * 1.5 - 1;
    realized(x);
  };
  step();
  const uint64_t before = hostMemoryUse().used;
  for (int i = 0; i < 20'000; ++i)
    step();
  EXPECT_EQ(hostMemoryUse().used, before);
  EXPECT_THAT(programsKept().count, Lt(programsKept().most + 1));
}

TEST(Realize, VariablesTakeTheValueTheyAreBoundTo) {
  Variable n("n", 1, 8);
  Tensor x = counting(8);
  for (int64_t value : {3, 5}) {
    bindVariable(n, value);
    Tensor part = x.shrink({{0, n}}) + 1;
    realized(part);
    EXPECT_EQ(floatsOf(part.sum())[0], value * (value + 1) / 2);
  }
}

TEST(Realize, DevicesDoNotMix) {
  Tensor here = Tensor::fromStorage(
      *Storage::copyOf(counting(2).node()->storage->bytes(), internDevice("host")), {2},
      DType::F32);
  auto there = moveTo(here, "emu");
  ASSERT_TRUE(there);
  EXPECT_THAT((here + *there).status().error().message, HasSubstr("host and emu"));
  EXPECT_EQ(deviceOf(*there + 1), "emu");
}

TEST(Capture, ReplaysWithOtherArguments) {
  Tensor weight = counting(4);
  Capture capture;
  Tensor x = capture.input({4}, DType::F32, defaultTensorDevice());
  Tensor y = x * weight;
  realized(y); // put off
  EXPECT_THAT(y.toHost().error().message, HasSubstr("captured"));
  auto function = capture.finish(std::vector{y, y.sum()});
  ASSERT_TRUE(function) << function.error().message;
  for (float factor : {1.f, 2.f}) {
    auto results = (*function)->call(std::vector{Tensor::full({4}, factor)});
    ASSERT_TRUE(results) << results.error().message;
    EXPECT_THAT(floatsOf((*results)[0]), ElementsAre(0, factor, 2 * factor, 3 * factor));
    EXPECT_THAT(floatsOf((*results)[1]), ElementsAre(6 * factor));
  }
  assigned(weight, Tensor::ones({4})); // read where it is, at each call
  EXPECT_THAT(floatsOf((*(*function)->call(std::vector{Tensor::full({4}, 3.f)}))[0]),
              ElementsAre(3, 3, 3, 3));
}

TEST(Capture, WritesBuffersInPlace) {
  Variable at("at", 0, 3);
  Tensor cache = Tensor::zeros({1, 4, 2});
  realized(cache);
  bindVariable(at, 0);
  Capture capture;
  Tensor x = capture.input({2}, DType::F32, defaultTensorDevice());
  Tensor before = cache.sum();
  assigned(cache.shrink({{0, 1}, {at, at + 1}, {0, 2}}).reshape({1, 2}), x);
  auto function = capture.finish(std::vector{before, cache.sum(), cache});
  ASSERT_TRUE(function) << function.error().message;
  for (int64_t position : {1, 3}) {
    auto results = (*function)->call(std::vector{Tensor::full({2}, static_cast<float>(position))},
                                     {{"at", position}});
    ASSERT_TRUE(results) << results.error().message;
    EXPECT_THAT(floatsOf((*results)[0]), ElementsAre(position == 1 ? 0 : 2));
    EXPECT_THAT(floatsOf((*results)[1]), ElementsAre(position == 1 ? 2 : 8));
  }
  EXPECT_THAT(floatsOf(cache), ElementsAre(0, 0, 1, 1, 0, 0, 3, 3));
}

TEST(Capture, WritesArgumentsInPlace) {
  Capture capture;
  Tensor x = capture.input({4}, DType::F32, defaultTensorDevice());
  Tensor two = Tensor::full({2}, 2.f), view = x.slice(0, 2, 4);
  ASSERT_TRUE(x.assignItem({Slice{1, 3}}, two));
  assigned(view, view + 1); // of what was there before
  Tensor doubled = x * 2;
  auto function = capture.finish(std::vector{doubled, x});
  ASSERT_TRUE(function) << function.error().message;

  Tensor argument = counting(4);
  auto results = (*function)->call(std::vector{argument});
  ASSERT_TRUE(results) << results.error().message;
  EXPECT_THAT(floatsOf((*results)[0]), ElementsAre(0, 4, 6, 8));
  EXPECT_THAT(floatsOf((*results)[1]), ElementsAre(0, 2, 3, 4));
  EXPECT_THAT(floatsOf(argument), ElementsAre(0, 2, 3, 4));
  auto refused = (*function)->call(std::vector{counting(8).stride({2})});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("pass a contiguous() one"));
}

TEST(Capture, ReadsBuffersWhereTheyAreEvenWithoutArguments) {
  Tensor x = counting(2);
  Capture capture;
  auto function = capture.finish(std::vector{x * 2});
  ASSERT_TRUE(function) << function.error().message;
  assigned(x, Tensor::full({2}, 5));
  auto results = (*function)->call({});
  ASSERT_TRUE(results) << results.error().message;
  EXPECT_THAT(floatsOf((*results)[0]), ElementsAre(10, 10));
}

TEST(Capture, ConstantsThatItMakesAreNewAtEveryCall) {
  Capture capture;
  Tensor x = capture.input({2}, DType::F32, defaultTensorDevice());
  Tensor sum = Tensor::zeros({2});
  ASSERT_TRUE(assign(sum, sum + x));
  auto function = capture.finish(std::vector{sum + x});
  ASSERT_TRUE(function) << function.error().message;
  for (int call = 0; call < 2; ++call)
    EXPECT_THAT(floatsOf((*(*function)->call(std::vector{counting(2)}))[0]), ElementsAre(0, 2));
}

TEST(Capture, ConstantsFromBeforeAreWrittenInPlace) {
  Tensor cache = Tensor::zeros({3});
  Variable p("p", 0, 2);
  bindVariable(p, 0);
  Capture capture;
  Tensor x = capture.input({1}, DType::F32, defaultTensorDevice());
  assigned(cache.shrink({{p, p + 1}}), x);
  auto function = capture.finish({});
  ASSERT_TRUE(function) << function.error().message;
  for (int64_t at : {2, 0}) {
    auto results =
        (*function)->call(std::vector{Tensor::full({1}, 4 + at, DType::F32)}, {{"p", at}});
    ASSERT_TRUE(results) << results.error().message;
  }
  EXPECT_THAT(floatsOf(cache), ElementsAre(4, 0, 6));
}

TEST(Capture, RefusesOtherShapes) {
  Capture capture;
  Tensor x = capture.input({4}, DType::F32, defaultTensorDevice());
  auto function = capture.finish(std::vector{x + 1});
  ASSERT_TRUE(function);
  EXPECT_THAT((*function)->call(std::vector{counting(3)}).error().message,
              HasSubstr("f32[3]; the function was captured with f32[4]"));
}

TEST(Kernels, SayWhatWouldRun) {
  Tensor x = counting(64).reshape({8, 8});
  auto kernels = kernelsOf(std::vector{((x + 1) * 2).sum(1)});
  ASSERT_TRUE(kernels) << kernels.error().message;
  ASSERT_EQ(kernels->size(), 1U);
  EXPECT_THAT((*kernels)[0].name, HasSubstr("reduce"));
}

} // namespace
} // namespace rosso
