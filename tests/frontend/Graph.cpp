// The graph itself: canonical text, numbers, long chains, validation against variables' bounds.

#include "Golden.h"

#include "ir/quant/Formats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rosso {

namespace {

using testing::HasSubstr;

/// relu(x) by a quantised weight, for T tokens.
Graph example() {
  Variable tokens("T", 1, 8);
  Tensor x = Tensor::input("x", {tokens, 256});
  Tensor y = x.relu().linear(Tensor::weight("w", {64, 256}, kQ4_K));
  return {{{"T", tokens.bounds()}}, {makeEntry("main", {{"y", y}})}};
}

TEST(Print, IsCanonical) {
  EXPECT_EQ(print(example()), "var T [1, 8]\n"
                              "entry main\n"
                              "%0 = input {name = \"x\"} : f32[T, 256]\n"
                              "%1 = constant {value = 0.0} : f32[]\n"
                              "%2 = reshape %1 : f32[1, 1]\n"
                              "%3 = expand %2 : f32[T, 256]\n"
                              "%4 = max %0, %3 : f32[T, 256]\n"
                              "%5 = weight {name = \"w\"} : q4_k:f32[64, 256]\n"
                              "%6 = dequant %5 : f32[64, 256]\n"
                              "%7 = linear %4, %6 : f32[T, 64]\n"
                              "output y = %7\n");
}

TEST(Print, DependsOnTheGraphAlone) {
  std::string first = print(example());
  Tensor unrelated = Tensor::ones({3}) + 1; // the process moves on
  EXPECT_EQ(print(example()), first);
}

TEST(Print, DoesNotShowTheDataOfBuffers) {
  auto withData = [](float value) {
    return print({{}, {makeEntry("e", {{"y", Tensor::fromData<float>({value}) * 2}})}});
  };
  EXPECT_EQ(withData(1), withData(2));
}

TEST(Print, SharesNodesBetweenEntries) {
  Tensor w = Tensor::weight("w", {4});
  Graph graph{{}, {makeEntry("a", {{"y", w + 1}}), makeEntry("b", {{"z", w}})}};
  std::string text = print(graph);
  EXPECT_EQ(text.find("weight"), text.rfind("weight"));
  EXPECT_THAT(text, HasSubstr("entry b\noutput z = %0\n"));
}

TEST(Print, TellsNumbersApart) {
  auto text = [](Tensor t) { return print({{}, {makeEntry("e", {{"y", t}})}}); };
  EXPECT_THAT(text(Tensor::full({}, 1, DType::I32)), HasSubstr("{value = 1}"));
  EXPECT_THAT(text(Tensor::full({}, 1, DType::F32)), HasSubstr("{value = 1.0}"));
  EXPECT_THAT(text(Tensor::full({}, 0.1, DType::F64)), HasSubstr("{value = 0.1}"));
  EXPECT_THAT(text(Tensor::full({}, 1e300, DType::F64)), HasSubstr("{value = 1e+300}"));
  EXPECT_THAT(text(Tensor::full({}, -INFINITY)), HasSubstr("{value = -inf}"));
  EXPECT_THAT(text(Tensor::weight("a \"b\"\n", {1})), HasSubstr(R"({name = "a \"b\"\n"})"));
}

TEST(NumberNodes, IsWhatPrintShows) {
  Tensor x = Tensor::input("x", {2});
  Tensor y = x * x;
  auto numbers = numberNodes({{}, {makeEntry("e", {{"y", y}})}});
  EXPECT_EQ(numbers.at(x.node().get()), 0);
  EXPECT_EQ(numbers.at(y.node().get()), 1);
}

TEST(BufferLeaves, AreNumberedByFirstUse) {
  Tensor a = Tensor::fromData<float>({1}), b = Tensor::fromData<float>({2});
  auto leaves = bufferLeaves({{}, {makeEntry("e", {{"y", b - a + b}})}});
  EXPECT_THAT(leaves, testing::ElementsAre(b.node().get(), a.node().get()));
}

TEST(LongChains, NeedNoDeepStack) {
  constexpr int kOps = 100'000;
  Tensor t = Tensor::input("x", {4});
  Tensor step = Tensor::input("step", {4});
  for (int n = 0; n < kOps; ++n)
    t = n % 2 ? t + step : t * step;
  Graph graph{{}, {makeEntry("e", {{"y", t}})}};
  EXPECT_EQ(topologicalOrder(graph.entries[0]).size(), kOps + 2u);
  EXPECT_THAT(print(graph), HasSubstr("output y = %100001\n"));
  EXPECT_TRUE(validate(graph).ok());
}

TEST(LongChains, KeepWhatOthersHold) {
  Tensor x = Tensor::input("x", {4});
  Tensor middle;
  {
    Tensor t = x;
    for (int n = 0; n < 1000; ++n) {
      t = t + x;
      if (n == 500)
        middle = t;
    }
  }
  EXPECT_EQ(middle.node()->sources[1], x.node());
  EXPECT_EQ(topologicalOrder(makeEntry("e", {{"y", middle}})).size(), 502u);
}

// --- validate ---

Status validated(const Tensor &t, VarTable vars) {
  return validate({std::move(vars), {makeEntry("main", {{"y", t}})}});
}

TEST(Validate, ReturnsTheErrorOfABadCall) {
  Status status = validated(Tensor::ones({2, 3}).reshape({4}) * 2, {});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::BadInput);
  EXPECT_EQ(status.error().message, "reshape: [2, 3] has 6 elements, [4] has 4; expected as many");
}

TEST(Validate, WantsBoundsOfEveryVariable) {
  Status status = validated(Tensor::input("x", {Dim::variable("T")}), {});
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr("variable 'T' has no bounds"));
}

TEST(Validate, RefusesWindowsThatNeverFit) {
  Variable p("P", 0, 0), t("T", 0, 0); // the bounds are the graph's
  Tensor cut = Tensor::input("x", {16, 2}).shrink({{p, p + t}, {0, 2}});
  EXPECT_TRUE(validated(cut, {{"P", {0, 16}}, {"T", {1, 6}}}).ok());
  EXPECT_THAT(validated(cut, {{"P", {16, 20}}, {"T", {1, 6}}}).error().message,
              HasSubstr("shrink: axis 0 of [16, 2] never holds T elements from P"));
  Tensor updated = Tensor::state("s", {16}).assign({p}, Tensor::ones({1}));
  EXPECT_THAT(validated(updated, {{"P", {16, 16}}}).error().message,
              HasSubstr("update: axis 0 of [16] never holds 1 elements from P"));
}

TEST(RequiredNonNegative, IsWhatTheBoundsDoNotPromise) {
  Variable p("P", 0, 15), t("T", 1, 6);
  Tensor state = Tensor::state("s", {16});
  Tensor updated = state.assign({p}, Tensor::input("x", {t}));
  Graph graph{{{"P", p.bounds()}, {"T", t.bounds()}},
              {makeEntry("e", {{"y", updated.slice(0, 0, p + t).sum() + updated.slice(0, 0, p)}})}};
  EXPECT_EQ(requiredNonNegative(graph), std::vector<Dim>{Dim(16) - p - t});
}

TEST(RequiredNonNegative, HoldsWhatIsPadded) {
  Variable p("P", 1, 16);
  Tensor padded = Tensor::input("x", {p}).pad({{0, Dim(15) - p}});
  Graph graph{{{"P", p.bounds()}}, {makeEntry("e", {{"y", padded}})}};
  EXPECT_EQ(requiredNonNegative(graph), std::vector<Dim>{Dim(15) - p});
}

TEST(Validate, RefusesExtentsThatCanBeNegative) {
  Tensor t = Tensor::input("x", {Dim::variable("T") - 2});
  EXPECT_TRUE(validated(t, {{"T", {2, 5}}}).ok());
  EXPECT_THAT(validated(t, {{"T", {1, 5}}}).error().message, HasSubstr("can be negative"));
}

TEST(Validate, RefusesEmptyOutputs) {
  EXPECT_THAT(validated(Tensor(), {}).error().message, HasSubstr("output 'y' is an empty tensor"));
}

} // namespace

} // namespace rosso
