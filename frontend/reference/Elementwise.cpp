// Elementwise operations. Floats are computed in double and rounded to the node's type; integers in
// 64 bits and wrapped to it.

#include "frontend/reference/Operations.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace rosso::reference {

namespace {

using Unsigned = uint64_t;

void put(Value &out, size_t i, double value, Precision precision) {
  out.reals[i] = rounded(value, out.dtype, precision);
}

/// One function for floats, one for the rest.
template <typename Real, typename Whole>
Result<Value> unary(const Call &call, Real real, Whole whole) {
  const Value &x = call.source(0);
  Value out = zeros(call.node.dtype, call.shape);
  for (size_t i = 0; i < x.reals.size(); ++i)
    put(out, i, real(x.reals[i]), call.precision);
  for (size_t i = 0; i < x.integers.size(); ++i)
    out.integers[i] = wrapped(whole(x.integers[i]), out.dtype);
  return out;
}

template <typename Real> Result<Value> onReals(const Call &call, Real real) {
  return unary(call, real, [](int64_t x) { return x; });
}

template <typename Real, typename Whole>
Result<Value> binary(const Call &call, Real real, Whole whole) {
  const Value &a = call.source(0), &b = call.source(1);
  Value out = zeros(call.node.dtype, call.shape);
  for (size_t i = 0; i < a.reals.size(); ++i)
    put(out, i, real(a.reals[i], b.reals[i]), call.precision);
  for (size_t i = 0; i < a.integers.size(); ++i)
    out.integers[i] = wrapped(whole(a.integers[i], b.integers[i]), out.dtype);
  return out;
}

template <typename Whole> Result<Value> onIntegers(const Call &call, Whole whole) {
  return binary(call, [](double a, double) { return a; }, whole);
}

/// A predicate on doubles, on int64s, and on u64s.
template <typename Predicate> Result<Value> compare(const Call &call, Predicate holds) {
  const Value &a = call.source(0), &b = call.source(1);
  Value out = zeros(DType::Bool, call.shape);
  for (size_t i = 0; i < out.integers.size(); ++i) {
    if (a.isReal())
      out.integers[i] = holds(a.reals[i], b.reals[i]);
    else if (isUnsigned(a.dtype))
      out.integers[i] =
          holds(static_cast<Unsigned>(a.integers[i]), static_cast<Unsigned>(b.integers[i]));
    else
      out.integers[i] = holds(a.integers[i], b.integers[i]);
  }
  return out;
}

/// `whole(a, b)` on the operands as unsigned numbers if that is their type, else as signed ones.
template <typename Function> auto bySign(const Call &call, Function whole) {
  bool isUnsignedType = isUnsigned(call.node.dtype);
  return [=](int64_t a, int64_t b) -> int64_t {
    if (isUnsignedType)
      return static_cast<int64_t>(whole(static_cast<Unsigned>(a), static_cast<Unsigned>(b)));
    return whole(a, b);
  };
}

template <typename T> T quotient(T a, T b) {
  if (b == 0)
    return 0;
  if constexpr (std::is_signed_v<T>)
    if (b == -1) // the least number has no negative; it wraps to itself
      return static_cast<T>(Unsigned{0} - static_cast<Unsigned>(a));
  return a / b;
}

template <typename T> T remainder(T a, T b) {
  if (b == 0)
    return 0;
  if constexpr (std::is_signed_v<T>)
    if (b == -1)
      return 0;
  return a % b;
}

bool holdsBits(DType dtype, int64_t bits) {
  return bits >= 0 && bits < 8 * static_cast<int64_t>(byteSize(dtype));
}

/// Towards zero; beyond the type's range its nearest end. NaN becomes 0.
int64_t truncated(double value, DType to) {
  if (to == DType::Bool)
    return value != 0; // NaN is not 0
  if (std::isnan(value))
    return 0;
  int bits = static_cast<int>(8 * byteSize(to));
  double end = std::ldexp(1.0, isUnsigned(to) ? bits : bits - 1); // the first beyond the range
  if (value >= end)
    return isUnsigned(to) ? -1 : static_cast<int64_t>(~Unsigned{0} >> (65 - bits));
  if (isUnsigned(to))
    return static_cast<int64_t>(static_cast<Unsigned>(std::max(value, 0.0)));
  return value < -end ? static_cast<int64_t>(-end) : static_cast<int64_t>(value);
}

double maximum(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::max(a, b); }
double minimum(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::min(a, b); }

} // namespace

Result<Value> evaluateCast(const Call &call) {
  const Value &x = call.source(0);
  Value out = zeros(call.node.dtype, call.shape);
  for (size_t i = 0; i < out.reals.size(); ++i)
    put(out, i, x.at(i), call.precision);
  for (size_t i = 0; i < out.integers.size(); ++i)
    out.integers[i] =
        wrapped(x.isReal() ? truncated(x.reals[i], out.dtype) : x.integers[i], out.dtype);
  return out;
}

Result<Value> evaluateBitcast(const Call &call) {
  return decode(call.node.dtype, call.shape, encode(call.source(0)));
}

Result<Value> evaluateNeg(const Call &call) {
  return unary(
      call, [](double x) { return -x; },
      [](int64_t x) { return static_cast<int64_t>(Unsigned{0} - static_cast<Unsigned>(x)); });
}

Result<Value> evaluateNot(const Call &call) {
  bool logical = call.node.dtype == DType::Bool;
  return unary(
      call, [](double x) { return x; }, [=](int64_t x) { return logical ? int64_t{x == 0} : ~x; });
}

Result<Value> evaluateExp2(const Call &call) {
  return onReals(call, [](double x) { return std::exp2(x); });
}
Result<Value> evaluateLog2(const Call &call) {
  return onReals(call, [](double x) { return std::log2(x); });
}
Result<Value> evaluateSin(const Call &call) {
  return onReals(call, [](double x) { return std::sin(x); });
}
Result<Value> evaluateSqrt(const Call &call) {
  return onReals(call, [](double x) { return std::sqrt(x); });
}
Result<Value> evaluateRsqrt(const Call &call) {
  return onReals(call, [](double x) { return 1 / std::sqrt(x); });
}
Result<Value> evaluateRecip(const Call &call) {
  return onReals(call, [](double x) { return 1 / x; });
}
Result<Value> evaluateTrunc(const Call &call) {
  return onReals(call, [](double x) { return std::trunc(x); });
}
Result<Value> evaluateFloor(const Call &call) {
  return onReals(call, [](double x) { return std::floor(x); });
}
Result<Value> evaluateRound(const Call &call) {
  // Half to even, whatever the rounding mode of the process.
  return onReals(call, [](double x) { return x - std::remainder(x, 1.0); });
}

Result<Value> evaluateAdd(const Call &call) {
  return binary(
      call, [](double a, double b) { return a + b; },
      [](Unsigned a, Unsigned b) { return static_cast<int64_t>(a + b); });
}

Result<Value> evaluateSub(const Call &call) {
  return binary(
      call, [](double a, double b) { return a - b; },
      [](Unsigned a, Unsigned b) { return static_cast<int64_t>(a - b); });
}

Result<Value> evaluateMul(const Call &call) {
  return binary(
      call, [](double a, double b) { return a * b; },
      [](Unsigned a, Unsigned b) { return static_cast<int64_t>(a * b); });
}

Result<Value> evaluateDiv(const Call &call) {
  return binary(
      call, [](double a, double b) { return a / b; },
      bySign(call, [](auto a, auto b) { return quotient(a, b); }));
}

Result<Value> evaluateMod(const Call &call) {
  return binary(
      call, [](double a, double b) { return std::fmod(a, b); },
      bySign(call, [](auto a, auto b) { return remainder(a, b); }));
}

Result<Value> evaluateMax(const Call &call) {
  return binary(call, maximum, bySign(call, [](auto a, auto b) { return std::max(a, b); }));
}

Result<Value> evaluateMin(const Call &call) {
  return binary(call, minimum, bySign(call, [](auto a, auto b) { return std::min(a, b); }));
}

Result<Value> evaluateAnd(const Call &call) {
  return onIntegers(call, [](int64_t a, int64_t b) { return a & b; });
}
Result<Value> evaluateOr(const Call &call) {
  return onIntegers(call, [](int64_t a, int64_t b) { return a | b; });
}
Result<Value> evaluateXor(const Call &call) {
  return onIntegers(call, [](int64_t a, int64_t b) { return a ^ b; });
}

Result<Value> evaluateShl(const Call &call) {
  DType dtype = call.node.dtype;
  return onIntegers(call, [=](int64_t a, int64_t bits) {
    return holdsBits(dtype, bits) ? static_cast<int64_t>(static_cast<Unsigned>(a) << bits) : 0;
  });
}

Result<Value> evaluateShr(const Call &call) {
  // Values are kept sign- or zero-extended, so that both shifts are one.
  DType dtype = call.node.dtype;
  return onIntegers(call, [=](int64_t a, int64_t bits) -> int64_t {
    if (isUnsigned(dtype))
      return holdsBits(dtype, bits) ? static_cast<int64_t>(static_cast<Unsigned>(a) >> bits) : 0;
    return a >> (holdsBits(dtype, bits) ? bits : 63);
  });
}

Result<Value> evaluateCmpLt(const Call &call) {
  return compare(call, [](auto a, auto b) { return a < b; });
}
Result<Value> evaluateCmpEq(const Call &call) {
  return compare(call, [](auto a, auto b) { return a == b; });
}
Result<Value> evaluateCmpNe(const Call &call) {
  return compare(call, [](auto a, auto b) { return a != b; });
}

Result<Value> evaluateWhere(const Call &call) {
  const Value &condition = call.source(0), &yes = call.source(1), &no = call.source(2);
  Value out = zeros(call.node.dtype, call.shape);
  for (size_t i = 0; i < out.reals.size(); ++i)
    out.reals[i] = condition.integers[i] ? yes.reals[i] : no.reals[i];
  for (size_t i = 0; i < out.integers.size(); ++i)
    out.integers[i] = condition.integers[i] ? yes.integers[i] : no.integers[i];
  return out;
}

} // namespace rosso::reference
