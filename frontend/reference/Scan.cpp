// Scans along an axis, and scatter: what depends on the order of elements.

#include "frontend/reference/Operations.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace rosso::reference {

namespace {

using Real = std::function<double(double, double)>;
using Whole = std::function<int64_t(int64_t, int64_t)>;

int64_t added(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
int64_t multiplied(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

/// The larger, or the smaller; NaN if either is.
double extreme(double a, double b, bool largest) {
  if (std::isnan(a) || std::isnan(b))
    return NAN;
  return largest ? std::max(a, b) : std::min(a, b);
}
int64_t extreme(int64_t a, int64_t b, bool largest, DType dtype) {
  bool less = isUnsigned(dtype) ? static_cast<uint64_t>(a) < static_cast<uint64_t>(b) : a < b;
  return less == largest ? b : a;
}

Result<Value> scan(const Call &call, const Real &real, const Whole &whole) {
  const Value &x = call.source(0);
  auto axis = static_cast<size_t>(call.intAttr("axis"));
  const auto stride = static_cast<size_t>(rowMajorStrides(x.shape)[axis]);
  const auto extent = static_cast<size_t>(x.shape[axis]);
  Value out = x;
  std::vector<double> sums(out.reals); // of which results are rounded
  for (size_t i = 0; i < static_cast<size_t>(x.count()); ++i) {
    if (i / stride % extent == 0)
      continue;
    if (out.isReal()) {
      sums[i] = real(sums[i - stride], sums[i]);
      out.reals[i] = rounded(sums[i], out.dtype, call.precision);
    } else {
      out.integers[i] = wrapped(whole(out.integers[i - stride], out.integers[i]), out.dtype);
    }
  }
  return out;
}

} // namespace

Result<Value> evaluateCumSum(const Call &call) { return scan(call, std::plus<>(), added); }
Result<Value> evaluateCumProd(const Call &call) {
  return scan(call, std::multiplies<>(), multiplied);
}
Result<Value> evaluateCumMax(const Call &call) {
  DType dtype = call.node.dtype;
  return scan(
      call, [](double a, double b) { return extreme(a, b, true); },
      [=](int64_t a, int64_t b) { return extreme(a, b, true, dtype); });
}
Result<Value> evaluateCumMin(const Call &call) {
  DType dtype = call.node.dtype;
  return scan(
      call, [](double a, double b) { return extreme(a, b, false); },
      [=](int64_t a, int64_t b) { return extreme(a, b, false, dtype); });
}

Result<Value> evaluateScatter(const Call &call) {
  const Value &index = call.source(1), &updates = call.source(2);
  const auto &combine = call.node.attr<std::string>("combine");
  Value out = call.source(0);
  const DType dtype = out.dtype;
  const auto width = static_cast<size_t>(rowMajorStrides(out.shape)[0]);
  auto joined = [&](double a, double b) {
    return combine == "set"    ? b
           : combine == "sum"  ? a + b
           : combine == "prod" ? a * b
                               : extreme(a, b, combine == "max");
  };
  auto joinedWhole = [&](int64_t a, int64_t b) {
    if (dtype == DType::Bool && combine == "sum")
      return a | b;
    return combine == "set"    ? b
           : combine == "sum"  ? added(a, b)
           : combine == "prod" ? multiplied(a, b)
                               : extreme(a, b, combine == "max", dtype);
  };
  for (size_t i = 0; i < index.integers.size(); ++i) {
    const int64_t row = index.integers[i];
    if (row < 0 || row >= out.shape[0])
      continue;
    for (size_t k = 0; k < width; ++k) {
      const size_t from = i * width + k, to = static_cast<size_t>(row) * width + k;
      if (out.isReal())
        out.reals[to] = rounded(joined(out.reals[to], updates.reals[from]), dtype, call.precision);
      else
        out.integers[to] = wrapped(joinedWhole(out.integers[to], updates.integers[from]), dtype);
    }
  }
  return out;
}

} // namespace rosso::reference
