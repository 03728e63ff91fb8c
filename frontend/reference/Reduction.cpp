// Reductions and selections along axes. The reduced axes are moved to the end, so that every
// result is a function of one row of consecutive elements.

#include "frontend/reference/Operations.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace rosso::reference {

namespace {

/// The source with the reduced axes last, and how many elements each result is made of.
struct Rows {
  Value value;
  size_t width;
};

Rows rowsOf(const Call &call) {
  const Value &x = call.source(0);
  const std::vector<int64_t> &axes = call.listAttr("axes");
  std::vector<int64_t> strides = rowMajorStrides(x.shape), shape, order;
  int64_t width = 1;
  for (bool reduced : {false, true})
    for (size_t i = 0; i < x.shape.size(); ++i)
      if ((std::find(axes.begin(), axes.end(), static_cast<int64_t>(i)) != axes.end()) == reduced) {
        shape.push_back(x.shape[i]);
        order.push_back(strides[i]);
        width *= reduced ? x.shape[i] : 1;
      }
  return {readStrided(x, shape, 0, order), static_cast<size_t>(width)};
}

template <typename Real, typename Whole>
Result<Value> reduce(const Call &call, double realStart, Real real, int64_t wholeStart,
                     Whole whole) {
  Rows rows = rowsOf(call);
  Value out = zeros(call.node.dtype, call.shape);
  for (size_t i = 0; i < out.reals.size(); ++i) {
    auto row = rows.value.reals.begin() + static_cast<long>(i * rows.width);
    double sum = std::accumulate(row, row + static_cast<long>(rows.width), realStart, real);
    out.reals[i] = rounded(sum, out.dtype, call.precision);
  }
  for (size_t i = 0; i < out.integers.size(); ++i) {
    auto row = rows.value.integers.begin() + static_cast<long>(i * rows.width);
    out.integers[i] = wrapped(
        std::accumulate(row, row + static_cast<long>(rows.width), wholeStart, whole), out.dtype);
  }
  return out;
}

/// The greatest and the least number of a type other than a float.
int64_t lowest(DType dtype) {
  return isUnsigned(dtype) || dtype == DType::Bool ? 0 : int64_t{-1} << (8 * byteSize(dtype) - 1);
}

int64_t highest(DType dtype) {
  if (dtype == DType::Bool)
    return 1;
  return isUnsigned(dtype) ? wrapped(-1, dtype) : ~lowest(dtype);
}

/// Whether a comes before b among integers of a type.
bool lessThan(DType dtype, int64_t a, int64_t b) {
  return isUnsigned(dtype) ? static_cast<uint64_t>(a) < static_cast<uint64_t>(b) : a < b;
}

/// Whether element a of a value is greater than element b; NaN is greater than every number.
bool greater(const Value &value, size_t a, size_t b) {
  if (!value.isReal())
    return lessThan(value.dtype, value.integers[b], value.integers[a]);
  double x = value.reals[a], y = value.reals[b];
  return x > y || (std::isnan(x) && !std::isnan(y));
}

/// In descending order, equals in the order they stand.
bool before(const Value &value, size_t a, size_t b) {
  return greater(value, a, b) || (!greater(value, b, a) && a < b);
}

} // namespace

Result<Value> evaluateReduceSum(const Call &call) {
  return reduce(call, 0.0, std::plus<>(), 0,
                [](uint64_t a, uint64_t b) { return static_cast<int64_t>(a + b); });
}

Result<Value> evaluateReduceProd(const Call &call) {
  return reduce(call, 1.0, std::multiplies<>(), 1,
                [](uint64_t a, uint64_t b) { return static_cast<int64_t>(a * b); });
}

Result<Value> evaluateReduceMax(const Call &call) {
  DType dtype = call.node.dtype;
  return reduce(
      call, -INFINITY,
      [](double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::max(a, b); },
      lowest(dtype), [=](int64_t a, int64_t b) { return lessThan(dtype, a, b) ? b : a; });
}

Result<Value> evaluateReduceMin(const Call &call) {
  DType dtype = call.node.dtype;
  return reduce(
      call, INFINITY,
      [](double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::min(a, b); },
      highest(dtype), [=](int64_t a, int64_t b) { return lessThan(dtype, b, a) ? b : a; });
}

Result<Value> evaluateArgMax(const Call &call) {
  Rows rows = rowsOf(call);
  if (rows.width == 0)
    return call.error("of no elements; expected one or more");
  Value out = zeros(call.node.dtype, call.shape);
  for (size_t i = 0; i < out.integers.size(); ++i) {
    size_t first = i * rows.width, best = first;
    for (size_t k = first + 1; k < first + rows.width; ++k)
      if (greater(rows.value, k, best))
        best = k;
    out.integers[i] = static_cast<int64_t>(best - first);
  }
  return out;
}

Result<Value> evaluateTopK(const Call &call) {
  const Value &x = call.source(0);
  size_t width = static_cast<size_t>(x.shape.back()), k = static_cast<size_t>(call.intAttr("k"));
  if (k > width)
    return call.error("k of " + std::to_string(width) + " elements; expected at most as many");
  Value out = zeros(call.node.dtype, call.shape);
  std::vector<size_t> order(width);
  for (size_t row = 0; width > 0 && row < static_cast<size_t>(x.count()) / width; ++row) {
    std::iota(order.begin(), order.end(), row * width);
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return before(x, a, b); });
    for (size_t i = 0; i < k; ++i)
      out.integers[row * k + i] = static_cast<int64_t>(order[i] - row * width);
  }
  return out;
}

} // namespace rosso::reference
