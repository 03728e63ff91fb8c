// Windows, rotations and diagonals: movements that a view with strides of its own would make, here
// composed of ops that the compiler knows.

#include "frontend/Build.h"

#include <algorithm>

namespace rosso {

using namespace build;

namespace {

/// The axes of a tensor of this rank without two of them, then those two.
std::vector<int> withLast(int rank, int a, int b) {
  std::vector<int> order;
  for (int i = 0; i < rank; ++i)
    if (i != a && i != b)
      order.push_back(i);
  order.push_back(a);
  order.push_back(b);
  return order;
}

} // namespace

Tensor Tensor::roll(int64_t shift) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  return flatten().roll({shift}, {0}).reshape(shape());
}

Tensor Tensor::roll(const std::vector<int64_t> &shifts, const std::vector<int> &axes) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  if (shifts.size() != axes.size())
    return failed("roll", std::to_string(shifts.size()) + " shifts of " +
                              std::to_string(axes.size()) + " axes; expected as many");
  Tensor rolled = *this;
  for (size_t i = 0; i < axes.size(); ++i) {
    auto at = resolveAxis(axes[i], ndim());
    if (!at)
      return badAxis("roll", axes[i], shape());
    const Dim &extent = shape()[static_cast<size_t>(*at)];
    if (!extent.isConstant())
      return failed("roll", "axis " + std::to_string(*at) + " of a tensor " + str(shape()) +
                                "; expected a constant extent");
    int64_t n = extent.constant();
    int64_t moved = n ? (shifts[i] % n + n) % n : 0;
    if (moved)
      rolled = cat({rolled.slice(*at, n - moved, n), rolled.slice(*at, 0, n - moved)}, *at);
  }
  return rolled;
}

Tensor Tensor::unfold(int axis, int64_t size, int64_t step) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  auto at = resolveAxis(axis, ndim());
  if (!at)
    return badAxis("unfold", axis, shape());
  const Dim &extent = shape()[static_cast<size_t>(*at)];
  if (size < 0 || step < 1 || !extent.isConstant() || size > extent.constant())
    return failed("unfold", "windows of " + std::to_string(size) + " every " +
                                std::to_string(step) + " of axis " + std::to_string(*at) +
                                " of a tensor " + str(shape()) +
                                "; expected a positive step and windows that fit");
  if (size > 0)
    return window(*at, size, step);
  Shape none = shape();
  none[static_cast<size_t>(*at)] = extent.constant() / step + 1;
  none.push_back(0);
  return zeros(std::move(none), dtype());
}

Tensor Tensor::diag() const {
  if (auto bad = firstBad({*this}))
    return *bad;
  if (ndim() != 1)
    return failed("diag", "a tensor " + str(shape()) + "; expected one axis");
  Dim n = size(0);
  Tensor isOnDiagonal = arange(n).reshape({n, 1}).eq(arange(n).reshape({1, n}));
  return isOnDiagonal.where(reshape({n, 1}), zerosLike().reshape({n, 1}));
}

Tensor Tensor::diagonal(int64_t offset, int axis1, int axis2) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  auto a = resolveAxis(axis1, ndim()), b = resolveAxis(axis2, ndim());
  if (!a || !b)
    return badAxis("diagonal", a ? axis2 : axis1, shape());
  if (*a == *b)
    return failed("diagonal", "axis " + std::to_string(*a) + " twice; expected two axes");
  Tensor matrices = permute(withLast(ndim(), *a, *b));
  const Dim &rows = matrices.size(-2), &columns = matrices.size(-1);
  if (!rows.isConstant() || !columns.isConstant())
    return failed("diagonal", "axes of a tensor " + str(shape()) + "; expected constant extents");
  int64_t firstRow = std::max<int64_t>(-offset, 0), firstColumn = std::max<int64_t>(offset, 0);
  int64_t n =
      std::max<int64_t>(std::min(rows.constant() - firstRow, columns.constant() - firstColumn), 0);
  Shape kept(matrices.shape().begin(), matrices.shape().end() - 2);
  kept.push_back(n);
  if (n == 0)
    return zeros(std::move(kept), dtype());
  // Of n * n elements in a row, with n more behind them, the diagonal is every (n + 1)-th.
  Tensor square =
      matrices.slice(-2, firstRow, firstRow + n).slice(-1, firstColumn, firstColumn + n);
  std::vector<Padding> padding(square.shape().size() - 1);
  padding.back().after = n;
  return square.flatten(-2).pad(padding).unflatten(-1, {n, n + 1}).select(-1, 0);
}

} // namespace rosso
