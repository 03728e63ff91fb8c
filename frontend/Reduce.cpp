// Reductions, and what is made of them. A reduction row keeps the reduced axes with extent 1;
// without `keepdim` a reshape drops them.

#include "frontend/Build.h"

#include <algorithm>

namespace rosso {

using namespace build;

namespace {

Shape withOnes(Shape shape, const std::vector<int> &axes) {
  for (int axis : axes)
    shape[static_cast<size_t>(axis)] = 1;
  return shape;
}

Shape without(const Shape &shape, const std::vector<int> &axes) {
  Shape kept;
  for (size_t i = 0; i < shape.size(); ++i)
    if (std::find(axes.begin(), axes.end(), static_cast<int>(i)) == axes.end())
      kept.push_back(shape[i]);
  return kept;
}

/// One reduction in the type of `t`.
Tensor reduce(Op op, std::string_view where, const Tensor &t, const Axes &axes, bool keepdim) {
  if (auto bad = firstBad({t}))
    return *bad;
  auto resolved = resolveAxes(where, axes, t.shape());
  if (!resolved)
    return failed(resolved.error());
  if (resolved->empty())
    return t.asWeak(false);
  Tensor reduced = make(op, t.dtype(), withOnes(t.shape(), *resolved), {t},
                        {{"axes", std::vector<int64_t>(resolved->begin(), resolved->end())}});
  return keepdim ? reduced : reduced.reshape(without(t.shape(), *resolved));
}

/// The reduction of a bool tensor as a reduction of the i32 numbers 0 and 1; of no elements, the
/// extremes of the type are less and greater than those.
Tensor reduceTruth(Op op, std::string_view where, const Tensor &t, const Axes &axes, bool keepdim) {
  return reduce(op, where, t.cast(DType::Bool).cast(DType::I32), axes, keepdim) > 0;
}

/// Large for small and small for large, without overflow.
Tensor inverse(const Tensor &t) { return isFloat(t.dtype()) ? t.neg() : t.bitwiseNot(); }

bool isHalf(DType t) { return isFloat(t) && byteSize(t) <= 2; }

} // namespace

Tensor Tensor::sum(const Axes &axes, bool keepdim) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  Tensor total = reduce(Op::ReduceSum, "sum", cast(sumDType(dtype())), axes, keepdim);
  return isHalf(dtype()) ? total.cast(dtype()) : total;
}

Tensor Tensor::sum(const Axes &axes, bool keepdim, DType type) const {
  if (type == DType::Bool)
    return any(axes, keepdim);
  Tensor accumulated = cast(type);
  if (isHalf(type))
    accumulated = accumulated.cast(DType::F32);
  return reduce(Op::ReduceSum, "sum", accumulated, axes, keepdim).cast(type);
}

Tensor Tensor::prod(const Axes &axes, bool keepdim, DType type) const {
  return cast(type).prod(axes, keepdim);
}

Tensor Tensor::prod(const Axes &axes, bool keepdim) const {
  if (ok() && dtype() == DType::Bool)
    return all(axes, keepdim);
  return reduce(Op::ReduceProd, "prod", *this, axes, keepdim);
}

Tensor Tensor::max(const Axes &axes, bool keepdim) const {
  if (ok() && dtype() == DType::Bool)
    return any(axes, keepdim);
  return reduce(Op::ReduceMax, "max", *this, axes, keepdim);
}

Tensor Tensor::min(const Axes &axes, bool keepdim) const {
  if (ok() && dtype() == DType::Bool)
    return all(axes, keepdim);
  return reduce(Op::ReduceMin, "min", *this, axes, keepdim);
}

Tensor Tensor::any(const Axes &axes, bool keepdim) const {
  return reduceTruth(Op::ReduceMax, "any", *this, axes, keepdim);
}

Tensor Tensor::all(const Axes &axes, bool keepdim) const {
  return reduceTruth(Op::ReduceMin, "all", *this, axes, keepdim);
}

Tensor Tensor::mean(const Axes &axes, bool keepdim) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  auto resolved = resolveAxes("mean", axes, shape());
  if (!resolved)
    return failed(resolved.error());
  Tensor total = cast(sumDType(dtype())).sum(axes, keepdim);
  return (total / countAlong(shape(), *resolved)).cast(isFloat(dtype()) ? dtype() : DType::F32);
}

Tensor Tensor::var(const Axes &axes, bool keepdim, int correction) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  auto resolved = resolveAxes("var", axes, shape());
  if (!resolved)
    return failed(resolved.error());
  Tensor squares = (*this - mean(axes, true)).square();
  Tensor total = squares.cast(sumDType(squares.dtype())).sum(axes, keepdim);
  Tensor count = (countAlong(shape(), *resolved) - correction).maximum(0);
  return (total / count).cast(isFloat(dtype()) ? dtype() : DType::F32);
}

Tensor Tensor::std(const Axes &axes, bool keepdim, int correction) const {
  return var(axes, keepdim, correction).sqrt();
}

std::pair<Tensor, Tensor> Tensor::varMean(const Axes &axes, bool keepdim, int correction) const {
  return {var(axes, keepdim, correction), mean(axes, keepdim)};
}

std::pair<Tensor, Tensor> Tensor::stdMean(const Axes &axes, bool keepdim, int correction) const {
  return {std(axes, keepdim, correction), mean(axes, keepdim)};
}

Tensor Tensor::normalize(double p, int axis, double epsilon) const {
  Tensor norm = p == 0 ? ne(0).sum(axis, true) : abs().pow(p).sum(axis, true).pow(1 / p);
  return *this / norm.maximum(epsilon);
}

Tensor Tensor::argmax(int axis, bool keepdim) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  if (ndim() == 0)
    return reshape({1}).argmax(axis, keepdim);
  auto at = resolveAxis(axis, ndim());
  if (!at)
    return badAxis("argmax", axis, shape());
  Tensor ranked = dtype() == DType::Bool ? cast(DType::I32) : *this;
  Tensor where = make(Op::ArgMax, DType::I32, withOnes(shape(), {*at}), {ranked},
                      {{"axes", std::vector<int64_t>{*at}}});
  return keepdim ? where : where.reshape(without(shape(), {*at}));
}

Tensor Tensor::argmax() const { return flatten().argmax(0); }

Tensor Tensor::argmin(int axis, bool keepdim) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  return inverse(*this).argmax(axis, keepdim);
}

Tensor Tensor::argmin() const { return flatten().argmin(0); }

Tensor Tensor::logsumexp(const Axes &axes, bool keepdim) const {
  Tensor highest = max(axes, true);
  Tensor total = (*this - highest).exp().sum(axes, keepdim).log();
  return total + (keepdim ? highest : highest.reshape(total.shape()));
}

Tensor Tensor::softmax(const Axes &axes, std::optional<DType> type) const {
  Tensor shifted = *this - max(axes, true);
  Tensor powers = (type ? shifted.cast(*type) : shifted).exp();
  return powers / powers.sum(axes, true);
}

Tensor Tensor::logSoftmax(const Axes &axes, std::optional<DType> type) const {
  Tensor shifted = *this - max(axes, true);
  if (type)
    shifted = shifted.cast(*type);
  return shifted - shifted.exp().sum(axes, true).log();
}

} // namespace rosso
