// Indexing: what stands between brackets, and tables read by tensors of positions.
//
// Brackets are understood in two steps. Positions, slices and new axes make a view: one range, one
// step and one direction for each axis. Tensors of positions then read rows of that view: the axes
// they index become one axis in front, and the row's number is computed from all of them. The one
// row of Ops.def that reads by number takes rows of axis 0 and gives zeros outside.

#include "frontend/Indexing.h"

#include "frontend/Build.h"

#include <algorithm>

namespace rosso {

using namespace build;

namespace {

using indexing::Cut;
using indexing::Rows;
using indexing::View;

/// The product of extents as an i32 scalar.
Tensor extentProduct(const Shape &extents) {
  if (auto count = elementCount(extents))
    return Tensor::variable(*count);
  Tensor count = 1;
  for (const Dim &extent : extents)
    count = count * Tensor::variable(extent);
  return count;
}

std::optional<Tensor> refuseIndex(std::string_view where, const Tensor &index) {
  if (isInteger(index.dtype()))
    return std::nullopt;
  return failed(where, "an index of " + std::string(name(index.dtype())) + "; expected integers");
}

bool mayExceedI32(DType t) { return byteSize(t) > 4 || t == DType::U32; }

/// Positions of elements that may lie outside [0, extent): there -1.
Tensor insideOrMinusOne(const Tensor &index, const Dim &extent) {
  Tensor inside = index < promote(Tensor::variable(extent), index.dtype());
  if (!isUnsigned(index.dtype()))
    inside = inside & (index >= 0);
  return inside.where(index.cast(DType::I32), -1);
}

/// The i32 that `Op::Gather` and `Op::Scatter` want: what an i32 cannot hold is outside.
Tensor asRowNumber(const Tensor &index, const Dim &rows) {
  return mayExceedI32(index.dtype()) ? insideOrMinusOne(index, rows) : index.cast(DType::I32);
}

/// Python's meaning of begin:end:step on an axis of `extent`.
Result<Cut> cutOf(const Slice &slice, const Dim &extent) {
  auto isConstant = [](const std::optional<Dim> &dim) { return !dim || dim->isConstant(); };
  if (slice.step == 0)
    return badInput("slice: step 0; expected another number");
  if (!extent.isConstant() || !isConstant(slice.begin) || !isConstant(slice.end)) {
    Dim begin = clampedTo(fromFront(slice.begin.value_or(0), extent), extent);
    Dim end = clampedTo(fromFront(slice.end.value_or(extent), extent), extent);
    if (slice.step != 1)
      return badInput("slice: step " + std::to_string(slice.step) + " from " + begin.str() +
                      " to " + end.str() + "; expected constant extents, or step 1");
    return Cut{begin, end, 1};
  }
  const int64_t n = extent.constant(), low = slice.step > 0 ? 0 : -1,
                high = slice.step > 0 ? n : n - 1;
  auto place = [&](const std::optional<Dim> &dim, int64_t otherwise) {
    if (!dim)
      return otherwise;
    int64_t at = dim->constant();
    return std::clamp(at < 0 ? at + n : at, low, high);
  };
  int64_t begin = place(slice.begin, slice.step > 0 ? 0 : n - 1);
  int64_t end = place(slice.end, slice.step > 0 ? n : -1);
  if (slice.step > 0 ? end <= begin : end >= begin)
    return Cut{0, 0, 1};
  if (slice.step > 0)
    return Cut{begin, end, slice.step};
  return Cut{end + 1, begin + 1, slice.step};
}

/// Masks become the positions of what is true in them, one tensor for each of their axes.
Result<std::vector<Index>> withoutMasks(const std::vector<Index> &indices) {
  std::vector<Index> plain;
  for (const Index &index : indices) {
    const Tensor *mask = std::get_if<Tensor>(&index.value);
    if (!mask || mask->dtype() != DType::Bool || mask->ndim() == 0) {
      plain.push_back(index);
      continue;
    }
    Tensor places = mask->nonzero();
    ROSSO_CHECK(places.status());
    for (int axis = 0; axis < mask->ndim(); ++axis)
      plain.push_back(places.select(1, axis));
  }
  return plain;
}

/// One index for each axis of the tensor, besides new axes.
Result<std::vector<Index>> completed(const std::vector<Index> &indices, const Shape &shape) {
  size_t named = 0, rests = 0;
  for (const Index &index : indices) {
    rests += std::holds_alternative<Ellipsis>(index.value);
    named += !std::holds_alternative<Ellipsis>(index.value) &&
             !std::holds_alternative<NewAxis>(index.value);
  }
  if (rests > 1)
    return badInput("index: two ellipses; expected one");
  if (named > shape.size())
    return badInput("index: " + std::to_string(named) + " indices of a tensor " + str(shape));
  std::vector<Index> all;
  auto addRest = [&] { all.insert(all.end(), shape.size() - named, Index(Slice{})); };
  for (const Index &index : indices) {
    if (std::holds_alternative<Ellipsis>(index.value))
      addRest();
    else
      all.push_back(index);
  }
  if (!rests)
    addRest();
  return all;
}

/// `t` with some axes first, in their order.
Tensor withFirst(const Tensor &t, const std::vector<int> &axes) {
  std::vector<int> order = axes;
  for (int i = 0; i < t.ndim(); ++i)
    if (std::find(axes.begin(), axes.end(), i) == axes.end())
      order.push_back(i);
  return t.permute(order);
}

/// `count` leading axes moved to begin at `to`.
Tensor withLeadingAt(const Tensor &t, int count, int to) {
  std::vector<int> order;
  for (int i = count; i < count + to; ++i)
    order.push_back(i);
  for (int i = 0; i < count; ++i)
    order.push_back(i);
  for (int i = count + to; i < t.ndim(); ++i)
    order.push_back(i);
  return t.permute(order);
}

} // namespace

namespace indexing {

Result<View> parse(const Tensor &t, const std::vector<Index> &indices) {
  ROSSO_TRY(std::vector<Index> plain, withoutMasks(indices));
  ROSSO_TRY(std::vector<Index> all, completed(plain, t.shape()));
  View view;
  size_t axis = 0;
  for (const Index &index : all) {
    if (std::holds_alternative<NewAxis>(index.value)) {
      view.kept.push_back(1);
      continue;
    }
    const Dim &extent = t.shape()[axis++];
    if (const Dim *at = std::get_if<Dim>(&index.value)) {
      Dim place = fromFront(*at, extent);
      if (surelyNegative(place) || surelyNegative(extent - place - 1))
        return badInput("index: element " + at->str() + " of axis " + std::to_string(axis - 1) +
                        " of a tensor " + str(t.shape()) + "; expected one inside the axis");
      view.cuts.push_back({place, place + 1, 1});
      continue;
    }
    if (const Slice *slice = std::get_if<Slice>(&index.value)) {
      ROSSO_TRY(Cut cut, cutOf(*slice, extent));
      view.cuts.push_back(cut);
      view.kept.push_back(cut.size());
      continue;
    }
    const Tensor &places = std::get<Tensor>(index.value);
    ROSSO_CHECK(places.status());
    if (auto bad = refuseIndex("index", places))
      return *bad->node()->error;
    view.cuts.push_back({0, extent, 1});
    view.indexed.push_back(static_cast<int>(view.kept.size()));
    view.places.push_back(places);
    view.kept.push_back(extent);
  }
  return view;
}

Tensor cut(const Tensor &t, const View &view) {
  std::vector<Range> ranges;
  std::vector<int> backwards;
  std::vector<int64_t> strides;
  for (size_t i = 0; i < view.cuts.size(); ++i) {
    const Cut &cut = view.cuts[i];
    ranges.push_back({cut.begin, cut.end});
    if (cut.step < 0)
      backwards.push_back(static_cast<int>(i));
    strides.push_back(std::abs(cut.step));
  }
  Tensor part = t.shrink(ranges);
  if (!backwards.empty())
    part = part.flip(backwards);
  return part.stride(std::move(strides));
}

Result<Rows> rowsOf(const Tensor &t, const View &view) {
  Shape common;
  for (const Tensor &places : view.places) {
    ROSSO_TRY(common, broadcastShape("index", common, places.shape()));
  }
  const bool isSingle = view.places.size() == 1;
  Shape extents;
  for (int axis : view.indexed)
    extents.push_back(t.shape()[static_cast<size_t>(axis)]);
  Tensor number;
  for (size_t i = 0; i < view.places.size(); ++i) {
    Tensor at = view.places[i];
    Tensor extent = promote(Tensor::variable(extents[i]), at.dtype());
    if (!isUnsigned(at.dtype()))
      at = (at < 0).where(at + extent, at);
    if (isSingle) {
      number = asRowNumber(at, extents[i]);
      break;
    }
    Shape inner(extents.begin() + static_cast<long>(i) + 1, extents.end());
    Tensor row = insideOrMinusOne(at, extents[i]);
    Tensor part = (row < 0).where(-1, row * extentProduct(inner));
    if (!number.defined())
      number = part;
    else
      number = ((number < 0) | (part < 0)).where(-1, number + part);
  }
  Rows rows;
  rows.numbers = broadcastTo(number, common);
  rows.table = withFirst(t, view.indexed);
  if (!isSingle) {
    auto count = elementCount(extents);
    if (!count)
      return badInput("index: axes " + str(extents) + "; expected at most one symbolic extent");
    Shape merged{*count};
    merged.insert(merged.end(), rows.table.shape().begin() + static_cast<long>(extents.size()),
                  rows.table.shape().end());
    rows.table = rows.table.reshape(std::move(merged));
  }
  bool together =
      view.indexed.back() - view.indexed.front() + 1 == static_cast<int>(view.indexed.size());
  rows.standsAt = together ? view.indexed.front() : 0;
  return rows;
}

} // namespace indexing

Tensor Tensor::getItem(const std::vector<Index> &indices) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  auto view = indexing::parse(*this, indices);
  if (!view)
    return failed(view.error());
  Tensor part = indexing::cut(*this, *view).reshape(view->kept);
  if (view->places.empty() || !part.ok())
    return part;
  auto rows = indexing::rowsOf(part, *view);
  if (!rows)
    return failed(rows.error());
  return withLeadingAt(rows->table.take(rows->numbers), rows->numbers.ndim(), rows->standsAt);
}

Tensor Tensor::take(const Tensor &index) const {
  if (auto bad = firstBad({*this, index}))
    return *bad;
  if (auto bad = refuseIndex("take", index))
    return *bad;
  if (ndim() == 0)
    return failed("take", "rows of a scalar; expected one axis or more");
  Shape rows = index.shape();
  rows.insert(rows.end(), shape().begin() + 1, shape().end());
  if (size(0) == Dim(0))
    return zeros(std::move(rows), dtype());
  return make(Op::Gather, dtype(), std::move(rows), {*this, asRowNumber(index, size(0))});
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

Tensor indexing::elementNumbers(const Shape &table, int axis, const Tensor &index) {
  Tensor row;
  auto at = static_cast<size_t>(axis);
  for (size_t i = 0; i < table.size(); ++i) {
    if (i != at && table[i] == Dim(1))
      continue;
    Tensor position =
        i == at ? insideOrMinusOne(index, table[i]) : counting(index.shape()[i], i, table.size());
    Shape inner(table.begin() + static_cast<long>(i) + 1, table.end());
    if (elementCount(inner) != Dim(1))
      position = position * extentProduct(inner);
    row = row.defined() ? row + position : position;
  }
  if (table.size() == 1)
    return row;
  // -1 on the axis must not reach the element before.
  Tensor inside = insideOrMinusOne(index, table[at]) >= 0;
  return inside.where(row, -1);
}

Tensor Tensor::gather(int axis, const Tensor &index) const {
  if (auto bad = firstBad({*this, index}))
    return *bad;
  if (auto bad = refuseIndex("gather", index))
    return *bad;
  if (index.ndim() != ndim())
    return failed("gather", "an index " + str(index.shape()) + " for a tensor " + str(shape()) +
                                "; expected equal ranks");
  if (ndim() == 0)
    return reshape({1}).take(index);
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
  return rows.take(indexing::elementNumbers(table.shape(), *at, index));
}

Tensor Tensor::oneHot(const Dim &classes) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  if (auto bad = refuseIndex("oneHot", *this))
    return *bad;
  if (surelyNegative(classes))
    return failed("oneHot", classes.str() + " classes; expected 0 or more");
  return unsqueeze(-1).eq(arange(classes)).where(1, 0);
}

} // namespace rosso
