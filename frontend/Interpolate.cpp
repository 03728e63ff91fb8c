// Tensors at other sizes: what stands at places between the elements of the last axes, one axis
// after the other.

#include "frontend/Build.h"

#include <string>

namespace rosso {

using namespace build;

namespace {

/// Elements of an axis by the numbers [n] of places along it.
Tensor pick(const Tensor &x, int axis, const Tensor &places) { return x.indexSelect(axis, places); }

/// [n] as the weights of an axis of `rank`.
Tensor along(const Tensor &weights, int axis, int rank) {
  Shape shape(static_cast<size_t>(rank), 1);
  shape[static_cast<size_t>(axis)] = -1;
  return weights.reshape(std::move(shape));
}

/// Places are fractions with whole numerators, so that a place on an element is exactly on it.
Tensor linearly(const Tensor &x, int axis, int64_t to, bool alignCorners) {
  int64_t from = x.size(axis).constant();
  int64_t denominator = alignCorners ? to - 1 : 2 * to;
  Tensor i = Tensor::arange(to);
  Tensor numerator = alignCorners ? i * (from - 1) : (i * 2 + 1) * from - to;
  if (denominator == 0) { // one place, at the beginning
    numerator = i;
    denominator = 1;
  }
  numerator = numerator.clip(0, (from - 1) * denominator);
  Tensor low = pick(x, axis, numerator.floorDiv(denominator));
  Tensor high = pick(x, axis, (numerator + (denominator - 1)).floorDiv(denominator));
  Tensor share = (numerator % denominator).cast(DType::F32) / denominator;
  return low.lerp(high, along(share, axis, x.ndim()));
}

Tensor nearest(const Tensor &x, int axis, int64_t to, bool isExact) {
  int64_t from = x.size(axis).constant();
  if (to % from == 0) // every element as often; both ways agree
    return x.repeatInterleave(to / from, axis);
  double scale = static_cast<double>(from) / static_cast<double>(to);
  Tensor i = Tensor::arange(to, DType::F32);
  return pick(x, axis, ((isExact ? i + 0.5 : i) * scale).cast(DType::I32));
}

} // namespace

Tensor Tensor::interpolate(const std::vector<int64_t> &size, Interpolation mode,
                           bool alignCorners) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  int axes = static_cast<int>(size.size());
  if (axes == 0 || axes > ndim())
    return failed("interpolate", std::to_string(axes) + " sizes of a tensor " + str(shape()) +
                                     "; expected one to as many as it has axes");
  if (alignCorners && mode != Interpolation::Linear)
    return failed("interpolate", "aligned corners without weights; expected the mode linear");
  Tensor x = *this;
  for (int i = axes - 1; i >= 0; --i) {
    int axis = ndim() - axes + i;
    int64_t to = size[static_cast<size_t>(i)];
    Dim from = this->size(axis);
    if (to < 1 || !from.isConstant() || from.constant() < 1)
      return failed("interpolate", "axis " + std::to_string(axis) + " of a tensor " + str(shape()) +
                                       " to " + std::to_string(to) +
                                       "; expected constant positive extents");
    x = mode == Interpolation::Linear ? linearly(x, axis, to, alignCorners)
                                      : nearest(x, axis, to, mode == Interpolation::NearestExact);
  }
  return x.cast(dtype());
}

} // namespace rosso
