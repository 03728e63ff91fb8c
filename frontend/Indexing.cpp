// Indexing by tensors. The one row of Ops.def takes rows of axis 0; everything else computes the
// number of the row.

#include "frontend/Build.h"

namespace rosso {

using namespace build;

namespace {

/// The product of extents as an i32 scalar.
Tensor extentProduct(const Shape &extents) {
  if (auto count = elementCount(extents))
    return Tensor::variable(*count);
  Tensor count = 1;
  for (const Dim &extent : extents)
    count = count * Tensor::variable(extent);
  return count;
}

/// 0, 1, 2, ... along one axis of a tensor of this rank.
Tensor counting(const Dim &extent, size_t axis, size_t rank) {
  Shape shape(rank, 1);
  shape[axis] = extent;
  return Tensor::arange(extent).reshape(std::move(shape));
}

std::optional<Tensor> refuseIndex(std::string_view where, const Tensor &index) {
  if (isInteger(index.dtype()))
    return std::nullopt;
  return failed(where, "an index of " + std::string(name(index.dtype())) + "; expected integers");
}

} // namespace

Tensor Tensor::take(const Tensor &index) const {
  if (auto bad = firstBad({*this, index}))
    return *bad;
  if (auto bad = refuseIndex("take", index))
    return *bad;
  if (ndim() == 0)
    return failed("take", "rows of a scalar; expected one axis or more");
  Shape shape = index.shape();
  shape.insert(shape.end(), this->shape().begin() + 1, this->shape().end());
  return make(Op::Gather, dtype(), std::move(shape), {*this, index.cast(DType::I32)});
}

Tensor Tensor::indexSelect(int axis, const Tensor &index) const {
  if (auto bad = firstBad({*this, index}))
    return *bad;
  auto at = resolveAxis(axis, ndim());
  if (!at)
    return badAxis("indexSelect", axis, shape());
  if (index.ndim() != 1)
    return failed("indexSelect", "an index " + str(index.shape()) + "; expected one axis");
  return transpose(0, *at).take(index).transpose(0, *at);
}

Tensor Tensor::gather(int axis, const Tensor &index) const {
  if (auto bad = firstBad({*this, index}))
    return *bad;
  if (auto bad = refuseIndex("gather", index))
    return *bad;
  if (index.ndim() != ndim())
    return failed("gather", "an index " + str(index.shape()) + " for a tensor " + str(shape()) +
                                "; expected equal ranks");
  auto at = resolveAxis(axis, ndim());
  if (!at)
    return badAxis("gather", axis, shape());
  std::vector<Range> ranges;
  for (size_t i = 0; i < shape().size(); ++i)
    ranges.push_back({0, static_cast<int>(i) == *at ? shape()[i] : index.shape()[i]});
  Tensor table = shrink(ranges);
  Tensor rows = table.flatten();
  if (auto bad = firstBad({rows}))
    return *bad;
  Tensor row; // its number when the table lies row-major
  for (size_t i = 0; i < shape().size(); ++i) {
    bool indexed = static_cast<int>(i) == *at;
    if (!indexed && table.shape()[i] == Dim(1))
      continue;
    Tensor position =
        indexed ? index.cast(DType::I32) : counting(table.shape()[i], i, shape().size());
    Shape inner(table.shape().begin() + static_cast<long>(i) + 1, table.shape().end());
    if (elementCount(inner) != Dim(1))
      position = position * extentProduct(inner);
    row = row.defined() ? row + position : position;
  }
  return rows.take(row);
}

Tensor Tensor::oneHot(const Dim &classes) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  if (auto bad = refuseIndex("oneHot", *this))
    return *bad;
  return unsqueeze(-1).eq(arange(classes)).where(1, 0);
}

std::pair<Tensor, Tensor> Tensor::topk(int64_t k, int axis, bool largest) const {
  auto both = [](Tensor error) { return std::pair{error, error}; };
  if (auto bad = firstBad({*this}))
    return both(*bad);
  auto at = resolveAxis(axis, ndim());
  if (!at)
    return both(badAxis("topk", axis, shape()));
  Dim extent = size(*at);
  if (k < 0 || (extent.isConstant() && k > extent.constant()))
    return both(failed("topk", "k = " + std::to_string(k) + " of axis " + std::to_string(*at) +
                                   " of a tensor " + str(shape()) + "; expected 0 to its extent"));
  Tensor rows = transpose(*at, -1);
  Tensor ranked = largest ? rows : isFloat(dtype()) ? rows.neg() : rows.bitwiseNot();
  if (ranked.dtype() == DType::Bool)
    ranked = ranked.cast(DType::I32);
  Shape shape = rows.shape();
  shape.back() = k;
  Tensor where = make(Op::TopK, DType::I32, std::move(shape), {ranked}, {{"k", k}});
  return {rows.gather(-1, where).transpose(*at, -1), where.transpose(*at, -1)};
}

std::pair<Tensor, Tensor> Tensor::sort(int axis, bool descending) const {
  Dim extent = size(axis);
  if (ok() && resolveAxis(axis, ndim()) && !extent.isConstant()) {
    Tensor error = failed("sort", "axis " + std::to_string(axis) + " of a tensor " + str(shape()) +
                                      "; expected a constant extent");
    return {error, error};
  }
  return topk(extent.constant(), axis, descending);
}

} // namespace rosso
