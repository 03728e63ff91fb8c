// Scans: every element of an axis becomes what it and those before it combine to. Sums, products
// and extremes are ops of their own; what has no op is scanned block by block.

#include "frontend/Build.h"

#include <limits>

namespace rosso {

using namespace build;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kBlock = 32; // elements whose sums are made directly, each from its own beginning

/// A scan in the type of `t`.
Tensor cumulated(Op op, const Tensor &t, int axis) {
  if (auto bad = firstBad({t}))
    return *bad;
  auto at = resolveAxis(axis, t.ndim());
  if (t.ndim() == 0 && (axis == 0 || axis == -1))
    return t.asWeak(false);
  if (!at)
    return badAxis(mnemonic(op), axis, t.shape());
  if (!t.size(*at).isConstant())
    return failed(mnemonic(op), "axis " + std::to_string(*at) + " of a tensor " + str(t.shape()) +
                                    "; expected a constant extent");
  if (t.size(*at) == Dim(0))
    return t.asWeak(false);
  return make(op, t.dtype(), t.shape(), {t}, {{"axis", int64_t{*at}}});
}

/// The extremes so far and where the first of them was. A place is remembered where an element
/// goes beyond all before it; those places are their own scan.
std::pair<Tensor, Tensor> extremes(Op op, const Tensor &t, int axis) {
  bool isBool = t.ok() && t.dtype() == DType::Bool;
  Tensor x = isBool ? t.cast(DType::I32) : t;
  Tensor values = cumulated(op, x, axis);
  if (auto bad = firstBad({values}))
    return {*bad, *bad};
  if (x.ndim() == 0)
    return {t.asWeak(false), Tensor::full({}, 0, DType::I32)};
  int at = *resolveAxis(axis, x.ndim());
  Dim extent = x.size(at);
  if (extent == Dim(0))
    return {t.asWeak(false), Tensor::full(x.shape(), 0, DType::I32)};
  Tensor before = values.slice(at, 0, extent - 1), here = x.slice(at, 1, extent);
  Tensor goesBeyond = op == Op::CumMax ? here > before : here < before;
  if (isFloat(x.dtype()))
    goesBeyond = goesBeyond | (here.isnan() & before.isnan().logicalNot());
  Shape along(x.shape().size(), 1);
  along[static_cast<size_t>(at)] = extent - 1;
  Tensor places = (Tensor::arange(extent - 1) + 1).reshape(std::move(along));
  std::vector<Padding> first(x.shape().size());
  first[static_cast<size_t>(at)].before = 1;
  places = cumulated(Op::CumMax, goesBeyond.where(places, 0).pad(first), at);
  return {isBool ? values.cast(DType::Bool) : values, places};
}

/// log(e^a + e^b), also where both are -infinity.
Tensor logOfSum(const Tensor &a, const Tensor &b) {
  Tensor highest = a.maximum(b);
  Tensor shift = highest.eq(-kInfinity).where(0.0, highest);
  return ((a - shift).exp() + (b - shift).exp()).log() + shift;
}

/// `t` with `count` times -infinity before or after the last axis.
Tensor padLast(const Tensor &t, int64_t before, int64_t after) {
  std::vector<Padding> padding(t.shape().size());
  padding.back() = {before, after};
  return t.pad(padding, -kInfinity);
}

/// log(sum of e^x) of elements 0 .. i of the last axis.
Tensor logSums(const Tensor &t) {
  int64_t count = t.size(-1).constant();
  if (count <= kBlock) {
    Tensor windows = padLast(t, count - 1, 0).window(-1, count); // [.., i, 0 .. i at the end]
    Tensor highest = windows.max(-1, true);
    Tensor shift = highest.eq(-kInfinity).where(0.0, highest);
    return (windows - shift).exp().sum(-1).log() + shift.squeeze(-1);
  }
  int64_t blocks = (count + kBlock - 1) / kBlock;
  Tensor inner = logSums(padLast(t, 0, blocks * kBlock - count).unflatten(-1, {blocks, kBlock}));
  Tensor totals = logSums(inner.select(-1, kBlock - 1)).slice(-1, 0, blocks - 1);
  Tensor base = padLast(totals, 1, 0).unsqueeze(-1); // of the blocks before
  return logOfSum(inner, base).flatten(-2, -1).slice(-1, 0, count);
}

} // namespace

Tensor Tensor::cumsum(int axis) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  bool isHalf = isFloat(dtype()) && byteSize(dtype()) <= 2;
  Tensor total = cumulated(Op::CumSum, cast(sumDType(dtype())), axis);
  return isHalf ? total.cast(dtype()) : total;
}

Tensor Tensor::cumprod(int axis) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  if (dtype() == DType::Bool)
    return cumulated(Op::CumMin, cast(DType::I32), axis).cast(DType::Bool);
  return cumulated(Op::CumProd, *this, axis);
}

std::pair<Tensor, Tensor> Tensor::cummax(int axis) const {
  return extremes(Op::CumMax, *this, axis);
}

std::pair<Tensor, Tensor> Tensor::cummin(int axis) const {
  return extremes(Op::CumMin, *this, axis);
}

Tensor Tensor::logcumsumexp(int axis) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  if (ndim() == 0)
    return *this;
  auto at = resolveAxis(axis, ndim());
  if (!at || !size(*at).isConstant())
    return badAxis("logcumsumexp", axis, shape());
  Tensor x = cast(floatDType(dtype()));
  if (size(*at) == Dim(0))
    return x;
  return logSums(x.transpose(*at, -1)).transpose(*at, -1);
}

} // namespace rosso
