// Compiled programs against the reference, in every type: integers must agree to the bit, at the
// ends of their ranges as well.

#include "Golden.h"

#include "frontend/Jit.h"
#include "frontend/reference/Value.h"

#include <cmath>
#include <gtest/gtest.h>

namespace rosso {

namespace {

struct Named {
  const char *name;
  Tensor tensor;
};

/// Numbers of a type: small ones, and the ends of its range.
std::vector<double> numbersOf(DType dtype, bool divisors) {
  std::vector<double> numbers{0, 1, 2, 3, 5, 7, 100, 13};
  if (divisors)
    numbers = {3, 1, 7, 0, 2, 5, 11, 100};
  if (!isUnsigned(dtype) && dtype != DType::Bool)
    numbers.insert(numbers.end(), {-1, -2, -7, -100, -13});
  else
    numbers.insert(numbers.end(), {4, 6, 9, 60, 99});
  if (isInteger(dtype)) {
    double top = std::ldexp(1.0, static_cast<int>(8 * byteSize(dtype)) - !isUnsigned(dtype));
    double high = byteSize(dtype) == 8 ? top / 2 : top - 1; // exact as a double
    numbers.insert(numbers.end(), {high, isUnsigned(dtype) ? high : -top, 1});
  } else {
    numbers.insert(numbers.end(), {0.5, -0.375, 1.5});
  }
  if (dtype == DType::Bool)
    for (double &number : numbers)
      number = static_cast<int>(number) % 2;
  return numbers;
}

/// A weight of data in a type, so that nothing is folded away.
Tensor dataOf(DType dtype, bool divisors) {
  std::vector<double> numbers = numbersOf(dtype, divisors);
  reference::Value value = reference::zeros(dtype, {static_cast<int64_t>(numbers.size())});
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (value.isReal())
      value.reals[i] = numbers[i];
    else
      value.integers[i] = numbers[i] < 0x1p63 ? static_cast<int64_t>(numbers[i]) : INT64_MIN;
  }
  return Tensor::fromBytes(reference::encode(value), {static_cast<int64_t>(numbers.size())}, dtype);
}

std::vector<Named> opsOf(DType dtype) {
  Tensor a = dataOf(dtype, false), b = dataOf(dtype, true);
  Tensor grid = a.reshape({4, 4});
  std::vector<Named> ops{
      {"add", a + b},
      {"mul", a * b},
      {"max", a.maximum(b)},
      {"min", a.minimum(b)},
      {"lt", a < b},
      {"eq", a.eq(b)},
      {"ne", a.ne(b)},
      {"where", (a < b).where(a, b)},
      {"neg", -a},
      {"toF32", a.toFloat()},
      {"toI32", a.clip(0, 100).toInt()},
      {"toBool", a.toBool()},
      {"toBF16", a.cast(DType::BF16)},
      {"toF64", a.cast(DType::F64)},
      {"sum", grid.sum(1)},
      {"columnSums", grid.sum(0)},
      {"greatest", grid.max(1)},
      {"least", grid.min()},
      {"argmax", grid.argmax(1)},
      {"argmin", grid.argmin(0)},
      {"transposed", grid.transpose()},
      {"padded", grid.pad({{1, 0}, {0, 2}}, 1)},
      {"joined", Tensor::cat({a, b})},
      {"backwards", a.flip(0)},
      {"every2nd", a.slice(0, 1, 16, 2)},
      {"taken", grid.take(Tensor::fromData<int>({3, 0, 3}))},
      {"topk", grid.topk(2).first},
      {"topkWhere", grid.topk(2).second},
  };
  if (dtype != DType::Bool) {
    std::vector<Named> arithmetic{
        {"sub", a - b},
        {"abs", a.abs()},
        {"sign", a.sign()},
        {"product", grid.clip(0, 3).prod(1)},
        {"matmul", grid.clip(0, 5).matmul(b.reshape({4, 4}).clip(0, 5))},
        {"linear", grid.clip(0, 5).linear(b.reshape({4, 4}).clip(0, 5))},
    };
    ops.insert(ops.end(), arithmetic.begin(), arithmetic.end());
  }
  if (isInteger(dtype)) {
    std::vector<Named> integer{
        {"truncDiv", a.truncDiv(b)},
        {"floorDiv", a.floorDiv(b)},
        {"fmod", a.fmod(b)},
        {"mod", a % b},
        {"and", a & b},
        {"or", a | b},
        {"xor", a ^ b},
        {"not", ~a},
        {"shl", a << 3},
        {"shr", a >> 2},
        {"toI64", a.cast(DType::I64)},
        {"toU8", a.cast(DType::U8)},
        {"toI16", a.cast(DType::I16)},
    };
    ops.insert(ops.end(), integer.begin(), integer.end());
  }
  if (isFloat(dtype)) {
    Tensor c = b + 0.5;
    std::vector<Named> real{
        {"div", a / c},
        {"exp2", (a / 16).exp2()},
        {"log2", a.abs().log2()},
        {"sin", a.sin()},
        {"sqrt", a.abs().sqrt()},
        {"recip", c.reciprocal()},
        {"trunc", a.trunc()},
        {"floor", a.floor()},
        {"round", (a / 2).round()},
        {"tanh", a.tanh()},
        {"softmax", grid.softmax()},
        {"mean", grid.mean(1)},
        {"toI8", a.cast(DType::I8)},
        {"toF16", a.half()},
        {"toU8", (a * 10).cast(DType::U8)},
    };
    ops.insert(ops.end(), real.begin(), real.end());
  }
  return ops;
}

/// How far apart two floats of a type may be: a few roundings of it, relative to the value.
double toleranceOf(DType dtype) {
  switch (dtype) {
  case DType::F16:
    return 4e-3;
  case DType::BF16:
    return 3e-2;
  case DType::F32:
    return 2e-6;
  default:
    return 4e-14;
  }
}

class EveryType : public testing::TestWithParam<DType> {};

TEST_P(EveryType, CompiledIsTheReference) {
  std::vector<Named> ops = opsOf(GetParam());
  auto compiled = compile([&](const std::vector<Tensor> &) {
    std::vector<Tensor> results;
    for (const Named &op : ops)
      results.push_back(op.tensor);
    return results;
  });
  ASSERT_TRUE(compiled.ok()) << compiled.error().message;
  auto results = (*compiled)({});
  ASSERT_TRUE(results.ok()) << results.error().message;
  for (size_t n = 0; n < ops.size(); ++n) {
    reference::Value expected = valueOf(ops[n].tensor);
    const HostTensor &result = (*results)[n];
    auto found = reference::decode(result.dtype, result.shape, result.bytes);
    ASSERT_TRUE(found.ok()) << ops[n].name << ": " << found.error().message;
    EXPECT_EQ(found->shape, expected.shape) << ops[n].name;
    EXPECT_EQ(found->integers, expected.integers) << ops[n].name;
    double tolerance = std::max(toleranceOf(GetParam()), toleranceOf(result.dtype));
    for (size_t i = 0; i < expected.reals.size(); ++i) {
      double wanted = expected.reals[i], got = found->reals[i];
      bool close =
          wanted == got || std::abs(wanted - got) <= tolerance * std::max(1.0, std::abs(wanted));
      EXPECT_TRUE(close) << ops[n].name << "[" << i << "] is " << got << ", not " << wanted;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, EveryType,
                         testing::Values(DType::Bool, DType::I8, DType::I16, DType::I32, DType::I64,
                                         DType::U8, DType::U16, DType::U32, DType::U64, DType::F16,
                                         DType::BF16, DType::F32, DType::F64),
                         [](const auto &info) { return std::string(name(info.param)); });

} // namespace

} // namespace rosso
