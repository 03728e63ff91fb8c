// Shapes with variables, types, and the messages of bad calls.

#include "Golden.h"

#include "ir/quant/Formats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rosso {

namespace {

const Variable P("P", 0, 1023), T("T", 1, 512);

Tensor in(Shape shape, DType dtype = DType::F32) { return Tensor::input("x", shape, dtype); }

// --- symbolic shapes ---

struct ShapeCase {
  const char *expected;
  Tensor tensor;
};

TEST(SymbolicShapes, AreInferred) {
  Tensor x = in({T, 896}), cache = Tensor::state("k", {2, 1024, 64}, DType::F16);
  const ShapeCase cases[] = {
      {"[T, 14, 64]", x.reshape({T, 14, 64})},
      {"[T, 14, 64]", x.reshape({T, -1, 64})},
      {"[T, 14, 64]", x.reshape({-1, 14, 64})},
      {"[T, 14, 64]", x.unflatten(-1, {14, 64})},
      {"[14, T, 64]", x.reshape({T, 14, 64}).transpose(0, 1)},
      {"[896*T]", x.flatten()},
      {"[T, 2, 448]", x.reshape({T * 2, 448}).reshape({T, 2, 448})},
      {"[1, T, 896]", x.unsqueeze(0)},
      {"[T, 896]", x + x.mean(-1, true)},
      {"[T, 896]", x * in({896})},
      {"[T]", x.sum(1)},
      {"[896]", x.max(0)},
      {"[P + T, 896]", Tensor::cat({in({P, 896}), x})},
      {"[T + 3, 896]", x.pad({{1, 2}, {}})},
      {"[1, 896]", x.slice(0, T - 1, T)},
      {"[896]", x[T - 1]},
      {"[2, P + T, 64]", cache.slice(1, 0, P + T)},
      {"[2, 1024, 64]", cache.assign({0, P, 0}, in({2, T, 64}))},
      {"[T, 5]", x.linear(in({5, 896}))},
      {"[T, 5]", x.matmul(in({896, 5}))},
      {"[3, T, 5]", in({3, T, 7}).matmul(in({7, 5}))},
      {"[T, P + T]", in({T, 64}).matmul(in({P + T, 64}).T())},
      {"[T]", Tensor::arange(T)},
      {"[T, 3]", Tensor::full({T, 3}, 1)},
      {"[T, P + T]", Tensor::ones({T, P + T}).tril(P)},
      {"[T, 896]", Tensor::weight("e", {1000, 896}, kQ8_0).take(in({T}, DType::I32))},
      {"[14, T, 64]", in({14, T, 64}).causalAttention(in({2, P + T, 64}), in({2, P + T, 64}))},
      {"[14, T, 64]", in({14, T, 64}).rope(Tensor::ropeAngles(Tensor::arange(T), 64, 1e4))},
      {"[T, 4]", in({T * 2, 4}).stride({2, 1})},
      {"[2*T, 4]", in({T, 4}).repeat({2, 1})},
      {"[T, 8]", in({T, 4}).repeatInterleave(2, 1)},
      {"[T, 448]", x.chunk(2, 1)[1]},
      {"[T, 5]", in({T, 100}).topk(5).second},
  };
  for (const ShapeCase &c : cases)
    EXPECT_EQ(str(c.tensor.shape()), c.expected) << message(c.tensor);
}

TEST(SymbolicShapes, GiveTheValuesOfTheMoment) {
  // One graph: the mean of the first T of 0, 1, 2, ..., and P + T as a number.
  Tensor mean = Tensor::arange(T, DType::F32).mean();
  Tensor sum = Tensor::variable(P + T * 2 + 1);
  EXPECT_EQ(elements(mean, {{"T", 5}}), std::vector{2.0});
  EXPECT_EQ(elements(mean, {{"T", 8}}), std::vector{3.5});
  EXPECT_EQ(elements(sum, {{"T", 5}, {"P", 7}}), std::vector{18.0});
}

TEST(SymbolicShapes, SliceAtAVariable) {
  Tensor window = Tensor::arange(10).slice(0, P, P + T);
  EXPECT_EQ(elements(window, {{"P", 3}, {"T", 2}}), (std::vector{3.0, 4.0}));
}

TEST(SymbolicShapes, GatherAlongAnAxis) {
  Tensor table = Tensor::arange(T * 4).reshape({T, 4});
  Tensor index = Tensor::full({T, 1}, 2);
  EXPECT_EQ(elements(table.gather(1, index), {{"T", 3}}), (std::vector{2.0, 6.0, 10.0}));
}

// --- types ---

TEST(Promotion, FollowsTheLattice) {
  using enum DType;
  struct {
    DType a, b, expected;
  } cases[] = {
      {Bool, Bool, Bool}, {Bool, I8, I8},  {Bool, F16, F16},  {I8, U8, I16},     {I8, U16, I32},
      {I32, U8, I32},     {I32, U32, I64}, {I64, U32, I64},   {I64, U64, F32},   {I8, U64, F32},
      {U16, U32, U32},    {I64, F16, F16}, {U64, BF16, BF16}, {F16, BF16, F32},  {F16, F32, F32},
      {I32, F64, F64},    {F32, F64, F64}, {U8, U8, U8},      {I16, BF16, BF16},
  };
  for (const auto &c : cases) {
    EXPECT_EQ(leastUpperDType(c.a, c.b), c.expected) << name(c.a) << " " << name(c.b);
    EXPECT_EQ(leastUpperDType(c.b, c.a), c.expected) << name(c.b) << " " << name(c.a);
  }
}

TEST(Promotion, LetsNumbersGiveWay) {
  EXPECT_EQ((in({2}, DType::F16) * 2.5).dtype(), DType::F16);
  EXPECT_EQ((in({2}, DType::BF16) + 1).dtype(), DType::BF16);
  EXPECT_EQ((in({2}, DType::U8) + 1).dtype(), DType::U8);
  EXPECT_EQ((in({2}, DType::I64) * 2.5).dtype(), DType::F32);
  EXPECT_EQ((in({2}, DType::Bool) + 1).dtype(), DType::I32);
  EXPECT_EQ((in({2}, DType::F64) * 0.1).dtype(), DType::F64);
  EXPECT_EQ((in({2}, DType::I8) + true).dtype(), DType::I8);
  EXPECT_EQ((in({2}, DType::Bool).where(1, 2)).dtype(), DType::I32);
  EXPECT_EQ((in({2}, DType::Bool).where(1, 2.0)).dtype(), DType::F32);
  // Only the number is weak: what it was computed into is not.
  EXPECT_EQ((in({2}, DType::F16) + Tensor::full({2}, 1.0)).dtype(), DType::F32);
}

TEST(Promotion, KeepsNumbersWhole) {
  EXPECT_EQ(valueOf(in({}, DType::F64).fullLike(0.1)).reals[0], 0.1);
  EXPECT_EQ(valueOf(Tensor::full({}, 0xFFFFFFFFu, DType::U32)).integers[0], 0xFFFFFFFF);
  EXPECT_EQ(valueOf(Tensor::full({}, 300, DType::U8)).integers[0], 44);
  EXPECT_EQ(valueOf(Tensor::full({}, -1, DType::U64)).at(0), 18446744073709551615.0);
}

TEST(Types, OfReductions) {
  auto sum = [](DType t) { return in({4}, t).sum().dtype(); };
  EXPECT_EQ(sum(DType::Bool), DType::I32);
  EXPECT_EQ(sum(DType::I8), DType::I32);
  EXPECT_EQ(sum(DType::U16), DType::U32);
  EXPECT_EQ(sum(DType::I64), DType::I64);
  EXPECT_EQ(sum(DType::F16), DType::F16);
  EXPECT_EQ(in({4}, DType::I8).mean().dtype(), DType::F32);
  EXPECT_EQ(in({4}, DType::F16).mean().dtype(), DType::F16);
  EXPECT_EQ(in({4}, DType::F64).var().dtype(), DType::F64);
  EXPECT_EQ(in({4}, DType::I8).max().dtype(), DType::I8);
  EXPECT_EQ(in({4}, DType::I8).argmax().dtype(), DType::I32);
}

TEST(Types, HalvesSumInSinglePrecision) {
  // 4096 ones and then 1: an f16 sum would stick at 2048.
  EXPECT_EQ(elements(Tensor::ones({4097}, DType::F16).sum()), std::vector{4096.0});
  EXPECT_EQ(elements(Tensor::ones({4000}, DType::F16).sum()), std::vector{4000.0});
  Tensor row = Tensor::ones({1, 3000}, DType::F16);
  EXPECT_EQ(row.matmul(row.T()).dtype(), DType::F16);
  EXPECT_EQ(elements(row.linear(row)), std::vector{3000.0});
}

TEST(Types, RoundAfterEveryOperation) {
  Tensor third = Tensor::full({}, 1, DType::F16) / 3;
  EXPECT_EQ(elements(third), std::vector{0.333251953125}); // 0x3555
  Tensor bf16 = Tensor::full({}, 1, DType::BF16) / 3;
  EXPECT_EQ(elements(bf16), std::vector{0.333984375}); // 0x3EAB
  EXPECT_EQ(valueOf(third, {}, reference::Precision::Exact).reals[0], 1.0 / 3);
}

TEST(Types, IntegersWrap) {
  EXPECT_EQ(elements(Tensor::full({}, 2147483647) + 1), std::vector{-2147483648.0});
  EXPECT_EQ(elements(Tensor::full({}, 200, DType::U8) + 100), std::vector{44.0});
  EXPECT_EQ(elements(-Tensor::full({}, 1, DType::U16)), std::vector{65535.0});
  EXPECT_EQ(elements(Tensor::full({}, INT64_MIN, DType::I64).truncDiv(-1)),
            std::vector{-9223372036854775808.0});
  EXPECT_EQ(elements(Tensor::full({}, 7).truncDiv(0)), std::vector{0.0});
  EXPECT_EQ(elements(Tensor::full({}, 7).fmod(0)), std::vector{0.0});
}

TEST(Types, CastsTruncate) {
  Tensor x = Tensor::fromData<float>({-1.9f, 1.9f, 300.0f, NAN});
  EXPECT_EQ(elements(x.cast(DType::I32)), (std::vector{-1.0, 1.0, 300.0, 0.0}));
  Tensor far = Tensor::fromData<double>({-1e30, -3, 200, 1e30});
  EXPECT_EQ(elements(far.cast(DType::I8)), (std::vector{-128.0, -3.0, 127.0, 127.0}));
  EXPECT_EQ(elements(far.cast(DType::U8)), (std::vector{0.0, 0.0, 200.0, 255.0}));
  EXPECT_EQ(valueOf(far.cast(DType::I64)).integers,
            (std::vector<int64_t>{INT64_MIN, -3, 200, INT64_MAX}));
  EXPECT_EQ(valueOf(far.cast(DType::U64)).integers, (std::vector<int64_t>{0, 0, 200, -1}));
  EXPECT_EQ(elements(x.cast(DType::Bool)), (std::vector{1.0, 1.0, 1.0, 1.0}));
  EXPECT_EQ(elements(Tensor::full({}, 1.0).bitcast(DType::U32)), std::vector{1065353216.0});
}

TEST(Types, BooleansComputeByLogic) {
  Tensor a = Tensor::fromData<bool>({true, true, false, false});
  Tensor b = Tensor::fromData<bool>({true, false, true, false});
  EXPECT_EQ(elements(a + b), (std::vector{1.0, 1.0, 1.0, 0.0}));
  EXPECT_EQ(elements(a * b), (std::vector{1.0, 0.0, 0.0, 0.0}));
  EXPECT_EQ(elements(a < b), (std::vector{0.0, 0.0, 1.0, 0.0}));
  EXPECT_EQ(elements(a.eq(b)), (std::vector{1.0, 0.0, 0.0, 1.0}));
  EXPECT_EQ(elements(a.ne(b)), (std::vector{0.0, 1.0, 1.0, 0.0}));
  EXPECT_EQ(elements(a.sum()), std::vector{2.0});
  EXPECT_EQ((a + b).dtype(), DType::Bool);
}

TEST(Types, OddFloats) {
  Tensor x = Tensor::fromData<float>({1, INFINITY, -INFINITY, NAN});
  EXPECT_EQ(elements(x.isnan()), (std::vector{0.0, 0.0, 0.0, 1.0}));
  EXPECT_EQ(elements(x.isinf()), (std::vector{0.0, 1.0, 1.0, 0.0}));
  EXPECT_EQ(elements(x.isfinite()), (std::vector{1.0, 0.0, 0.0, 0.0}));
  Tensor mixed = Tensor::fromData<float>({1, NAN, 3, -INFINITY});
  EXPECT_TRUE(std::isnan(elements(mixed.max())[0]));
  EXPECT_EQ(elements(mixed.argmax()), std::vector{1.0});
  EXPECT_EQ(elements(mixed.topk(3).second), (std::vector{1.0, 2.0, 0.0}));
  // A negative base to odd, even and fractional powers; anything to the power 0.
  Tensor base = Tensor::fromData<float>({-2, -2, -2, -2});
  Tensor power = base.pow(Tensor::fromData<float>({3, 2, 0, 0.25f}));
  std::vector<double> found = elements(power);
  EXPECT_NEAR(found[0], -8, 1e-5);
  EXPECT_NEAR(found[1], 4, 1e-5);
  EXPECT_EQ(found[2], 1);
  EXPECT_TRUE(std::isnan(found[3]));
}

// --- errors ---

struct ErrorCase {
  Tensor tensor;
  const char *expected;
};

TEST(Errors, SayWhatWasFoundAndWanted) {
  Tensor x = in({2, 3}), t = in({T, 4});
  const ErrorCase cases[] = {
      {x + in({4, 3}), "add: shapes [2, 3] and [4, 3] do not broadcast: 2 meets 4; expected equal "
                       "extents or 1"},
      {t * in({5}),
       "mul: shapes [T, 4] and [5] do not broadcast: 4 meets 5; expected equal extents "
       "or 1"},
      {t + in({2, 4}), "add: shapes [T, 4] and [2, 4] do not broadcast: T meets 2; expected equal "
                       "extents or 1"},
      {x.reshape({4, 2}), "reshape: [2, 3] has 6 elements, [4, 2] has 8; expected as many"},
      {t.reshape({T, 5}), "reshape: [T, 4] has 4*T elements, [T, 5] has 5*T; expected as many"},
      {x.reshape({-1, 4}), "reshape: [2, 3] to [-1, 4]: 6 elements are not a multiple of 4"},
      {x.reshape({-1, -1}), "reshape: more than one -1 in [-1, -1]"},
      {x.permute({0, 0}), "permute: 2 axes of a tensor [2, 3]; expected every axis once"},
      {x.permute({0, 2}), "permute: axis 2 of a tensor [2, 3]; expected -2 to 1"},
      {x.sum(2), "sum: axis 2 of a tensor [2, 3]; expected -2 to 1"},
      {x.argmax(-3), "argmax: axis -3 of a tensor [2, 3]; expected -2 to 1"},
      {x.expand({4, 3}), "expand: [2, 3] to [4, 3]; expected equal extents where the tensor's are "
                         "not 1"},
      {x.shrink({{0, 2}, {2, 4}}), "shrink: [2, 4) of axis 1 of a tensor [2, 3]; expected a range "
                                   "inside the axis"},
      {x.pad({{-1, -2}, {}}), "pad: (-1, -2) of axis 0 of a tensor [2, 3]; expected to keep 0 or "
                              "more elements"},
      {x.select(0, 2), "select: element 2 of axis 0 of a tensor [2, 3]; expected one inside the "
                       "axis"},
      {Tensor::cat({x, in({2, 4})}, 0), "cat: [2, 3] and [2, 4]; expected equal extents except on "
                                        "axis 0"},
      {Tensor::cat(std::vector<Tensor>{}), "cat: no tensors; expected one or more"},
      {x.split({Dim(1), Dim(1)}, 1)[0], "split: sizes that sum to 2 of axis 1 of a tensor [2, 3]; "
                                        "expected the extent of the axis"},
      {x.matmul(x), "matmul: [2, 3] by [2, 3]: 3 columns meet 2 rows; expected as many"},
      {x.linear(in({5, 4})), "linear: [2, 3] by a weight [5, 4]; expected [..., K] by [N, K]"},
      {x & 1, "and: operands of f32 and i32; expected integers or bools"},
      {in({2}, DType::Bool) << 1.5, "shl: operands of bool and f32; expected integers"},
      {in({2}, DType::Bool) - true, "sub: operands of bool; expected numbers; cast one, or use ^"},
      {x.bitcast(DType::F64),
       "bitcast: f32 [2, 3] to f64; expected a last axis whose bytes are whole elements"},
      {x.take(in({2})), "take: an index of f32; expected integers"},
      {x.topk(4).first, "topk: k = 4 of axis 1 of a tensor [2, 3]; expected 0 to its extent"},
      {in({2}, DType::I32).pow(-1),
       "pow: an integer to a negative power; cast the base to a float"},
      {in({3, 2, 8}).scaledDotProductAttention(in({2, 5, 8}), in({2, 5, 8})),
       "scaledDotProductAttention: q [3, 2, 8], k [2, 5, 8], v [2, 5, 8]: 3 query heads share 2 "
       "key/value heads; expected a multiple"},
      {Tensor::weight("blk.0.w", {4, 48}, kQ4_0),
       "weight 'blk.0.w': rows of [4, 48] are not a "
       "multiple of the q4_0 block length 32; store this "
       "tensor as f16"},
      {Tensor::input("", {1}), "input '': expected a name"},
      {Tensor::input("x", {-2}), "input 'x': extent -2 in [-2]; expected 0 or more"},
      {Tensor::fromData<float>({1, 2}, {3}), "fromData: 2 elements of f32 for the shape [3]; "
                                             "expected 3"},
      {x.assign(x), "assign: the target is a input; expected a state or the result of an earlier "
                    "assign"},
      {Tensor::state("s", {4}).assign({2}, in({3})), "assign: a value [3] at [2] does not fit into "
                                                     "a state [4] on axis 0"},
      {Tensor() + x, "tensor: an empty tensor was used; give it a value first"},
      {Tensor::arange(0, 4, 0), "arange: step 0; expected another number"},
  };
  for (const ErrorCase &c : cases)
    EXPECT_EQ(message(c.tensor), c.expected);
}

TEST(Errors, TheFirstOneTravels) {
  Tensor bad = in({2, 3}).reshape({7});
  Tensor later = (bad + in({9})).softmax().linear(in({1, 1})).rope(bad, RopeStyle::Neox);
  EXPECT_EQ(message(later), message(bad));
  EXPECT_EQ(message(in({2}).where(bad, 0)), message(bad));
  EXPECT_EQ(message(Tensor::cat({in({2}), bad})), message(bad));
  EXPECT_EQ(message(bad.chunk(3)[0]), message(bad));
  EXPECT_EQ(message(bad.topk(1).second), message(bad));
}

} // namespace

} // namespace rosso
