// Writing to places that tensors name: scatter, its reductions, and assignment through brackets.
//
// One row of Ops.def writes: row after row of the updates goes to the row of the base that its
// number names, in order, so that of several the last stays.

#include "frontend/Build.h"
#include "frontend/Capture.h"
#include "frontend/Indexing.h"
#include "frontend/Realize.h"

#include <algorithm>
#include <cmath>

namespace rosso {

using namespace build;

namespace {

/// base [N, ...], index of any shape, updates index.shape + [...].
Tensor scatterRows(const Tensor &base, const Tensor &index, const Tensor &updates,
                   const char *combine) {
  if (elementCount(base.shape()) == Dim(0) || elementCount(updates.shape()) == Dim(0))
    return base;
  Tensor numbers = index.reshape({-1});
  Shape rows{numbers.size(0)};
  rows.insert(rows.end(), base.shape().begin() + 1, base.shape().end());
  return make(Op::Scatter, base.dtype(), base.shape(),
              {base, numbers, updates.reshape(std::move(rows))},
              {{"combine", std::string(combine)}});
}

struct Elements {
  Tensor number; // in the flat base
  Tensor source; // of the index's shape
};

/// What of `base` and `source` an element-wise scatter touches.
Result<Elements> elementsOf(const Tensor &base, int axis, const Tensor &index,
                            const Tensor &source) {
  if (auto bad = firstBad({base, index, source}))
    return *bad->node()->error;
  if (!isInteger(index.dtype()))
    return badInput("scatter: an index of " + std::string(name(index.dtype())) +
                    "; expected integers");
  auto at = resolveAxis(axis, std::max(base.ndim(), 1));
  if (!at)
    return *badAxis("scatter", axis, base.shape()).node()->error;
  bool fits = index.ndim() == base.ndim() && source.ndim() == base.ndim();
  for (size_t i = 0; fits && i < base.shape().size(); ++i)
    fits = !surelyNegative(source.shape()[i] - index.shape()[i]) &&
           (static_cast<int>(i) == *at || !surelyNegative(base.shape()[i] - index.shape()[i]));
  if (!fits)
    return badInput("scatter: an index " + str(index.shape()) + " and a source " +
                    str(source.shape()) + " for a tensor " + str(base.shape()) +
                    "; expected equal ranks and an index no larger than both, but for axis " +
                    std::to_string(*at) + " of the tensor");
  std::vector<Range> ranges = wholeRanges(index.shape());
  if (base.ndim() == 0) // one element, and place 0
    return Elements{index.eq(0).where(0, -1).reshape({1}), source.reshape({1})};
  return Elements{indexing::elementNumbers(base.shape(), *at, index), source.shrink(ranges)};
}

Tensor scatterElements(const Tensor &base, const Elements &elements, const char *combine) {
  Tensor flat = scatterRows(base.reshape({-1}), elements.number.flatten(),
                            elements.source.flatten(), combine);
  return flat.reshape(base.shape());
}

/// What does not change a reduction.
Tensor identityOf(Scatter reduce, DType t) {
  double infinity = std::numeric_limits<double>::infinity();
  int64_t bits = 8 * static_cast<int64_t>(byteSize(t));
  bool isSigned = isInteger(t) && !isUnsigned(t);
  int64_t least = isSigned ? -(int64_t{1} << (bits - 2)) * 2 : 0;
  int64_t most = t == DType::Bool ? 1 : isSigned ? -(least + 1) : -1; // -1: all bits
  switch (reduce) {
  case Scatter::Prod:
    return constant(int64_t{1}, t);
  case Scatter::Max:
    return isFloat(t) ? constant(-infinity, t) : constant(least, t);
  case Scatter::Min:
    return isFloat(t) ? constant(infinity, t) : constant(most, t);
  case Scatter::Sum:
  case Scatter::Mean:
    return constant(int64_t{0}, t);
  }
  return constant(int64_t{0}, t);
}

const char *combineOf(Scatter reduce) {
  switch (reduce) {
  case Scatter::Prod:
    return "prod";
  case Scatter::Max:
    return "max";
  case Scatter::Min:
    return "min";
  case Scatter::Sum:
  case Scatter::Mean:
    return "sum";
  }
  return "sum";
}

/// The type in which values meet: sums as in Tensor::sum, bools as numbers.
DType meetingDType(Scatter reduce, DType t) {
  if (reduce == Scatter::Sum || reduce == Scatter::Mean)
    return sumDType(t);
  if (t == DType::Bool)
    return DType::I32;
  return reduce == Scatter::Prod && isFloat(t) ? leastUpperDType(t, DType::F32) : t;
}

/// Whether an assignment through these brackets writes a view: a box, where it is recorded.
bool writesView(const std::vector<Index> &indices) {
  const bool isRecorded = Capture::current() != nullptr;
  return std::none_of(indices.begin(), indices.end(), [&](const Index &index) {
    const Slice *slice = std::get_if<Slice>(&index.value);
    return std::holds_alternative<Tensor>(index.value) || (isRecorded && slice && slice->step != 1);
  });
}

/// The elements of a view put back into their places among zeros; other places are not looked at.
Tensor spread(Tensor part, const Shape &shape, const std::vector<indexing::Cut> &cuts) {
  std::vector<Range> ranges = wholeRanges(shape);
  std::vector<Padding> padding(shape.size());
  std::vector<int> backwards;
  for (size_t i = 0; i < cuts.size(); ++i) {
    const auto &[begin, end, step] = cuts[i];
    int axis = static_cast<int>(i);
    int64_t stride = std::abs(step);
    if (stride != 1) { // every element followed by stride - 1 zeros, which the last need not have
      std::vector<Padding> gaps(shape.size() + 1);
      gaps[i + 1].after = stride - 1;
      part = part.unsqueeze(axis + 1).pad(gaps).flatten(axis, axis + 1);
      part = part.slice(axis, 0, end - begin);
    }
    if (step < 0)
      backwards.push_back(axis);
    padding[i] = {begin, shape[i] - end};
  }
  if (!backwards.empty())
    part = part.flip(backwards);
  return part.pad(padding);
}

/// Whether an element of `shape` lies in the view; nothing if all do.
std::optional<Tensor> insideMask(const Shape &shape, const std::vector<indexing::Cut> &cuts) {
  std::optional<Tensor> mask;
  auto both = [&](const Tensor &condition) { mask = mask ? *mask & condition : condition; };
  for (size_t i = 0; i < cuts.size(); ++i) {
    const auto &[begin, end, step] = cuts[i];
    Tensor at = counting(shape[i], i, shape.size());
    if (!(begin == Dim(0)))
      both(at >= Tensor::variable(begin));
    if (!(end == shape[i]))
      both(at < Tensor::variable(end));
    int64_t stride = std::abs(step);
    if (stride != 1)
      both((step < 0 ? Tensor::variable(end - 1) - at : at - Tensor::variable(begin))
               .fmod(stride)
               .eq(0));
  }
  return mask;
}

/// A view's elements in the order of its rows: tensors that index come first.
Tensor inRowOrder(const Tensor &value, const Shape &result, int count, int standsAt) {
  Tensor whole = value.expand(result);
  std::vector<int> order;
  for (int i = standsAt; i < standsAt + count; ++i)
    order.push_back(i);
  for (int i = 0; i < whole.ndim(); ++i)
    if (i < standsAt || i >= standsAt + count)
      order.push_back(i);
  return whole.permute(order);
}

/// `part` (of the view's kept shape) with `value` where its tensors of positions point.
Tensor putThrough(const Tensor &part, const indexing::View &view, const Tensor &value) {
  auto rows = indexing::rowsOf(part, view);
  if (!rows)
    return failed(rows.error());
  const Shape &places = rows->numbers.shape();
  Shape rest(rows->table.shape().begin() + 1, rows->table.shape().end());
  Shape result(rest.begin(), rest.begin() + rows->standsAt);
  result.insert(result.end(), places.begin(), places.end());
  result.insert(result.end(), rest.begin() + rows->standsAt, rest.end());
  Tensor updates = inRowOrder(value, result, static_cast<int>(places.size()), rows->standsAt);
  Tensor put = rows->table.putRows(rows->numbers, updates);
  // Back from [rows, rest...]: the indexed axes apart, and each where it was.
  Shape apart;
  std::vector<int> order(static_cast<size_t>(part.ndim()));
  int next = 0;
  for (int axis : view.indexed) {
    apart.push_back(part.shape()[static_cast<size_t>(axis)]);
    order[static_cast<size_t>(axis)] = next++;
  }
  apart.insert(apart.end(), rest.begin(), rest.end());
  for (int axis = 0; axis < part.ndim(); ++axis)
    if (std::find(view.indexed.begin(), view.indexed.end(), axis) == view.indexed.end())
      order[static_cast<size_t>(axis)] = next++;
  return put.reshape(std::move(apart)).permute(order);
}

} // namespace

Tensor Tensor::putRows(const Tensor &index, const Tensor &source) const {
  if (auto bad = firstBad({*this, index, source}))
    return *bad;
  if (!isInteger(index.dtype()))
    return failed("putRows",
                  "an index of " + std::string(name(index.dtype())) + "; expected integers");
  if (ndim() == 0)
    return failed("putRows", "rows of a scalar; expected one axis or more");
  Shape rows = index.shape();
  rows.insert(rows.end(), shape().begin() + 1, shape().end());
  Tensor updates = promote(source, dtype()).expand(std::move(rows));
  return updates.ok() ? scatterRows(*this, index.cast(DType::I32), updates, "set") : updates;
}

Tensor Tensor::scatter(int axis, const Tensor &index, const Tensor &source) const {
  auto elements = elementsOf(*this, axis, index, source);
  if (!elements)
    return failed(elements.error());
  elements->source = promote(elements->source, dtype());
  return scatterElements(*this, *elements, "set");
}

Tensor Tensor::scatterReduce(int axis, const Tensor &index, const Tensor &source, Scatter reduce,
                             bool includeSelf) const {
  auto elements = elementsOf(*this, axis, index, source);
  if (!elements)
    return failed(elements.error());
  DType meeting = meetingDType(reduce, dtype());
  Tensor base = cast(meeting);
  Tensor ones = full(elements->source.shape(), 1, DType::I32);
  auto count = [&](int64_t first, const char *combine) {
    Elements hits{elements->number, ones};
    return scatterElements(full(shape(), first, DType::I32), hits, combine);
  };
  if (!includeSelf)
    base = count(0, "set").ne(0).where(identityOf(reduce, meeting), base);
  elements->source = promote(elements->source, meeting);
  Tensor reduced = scatterElements(base, *elements, combineOf(reduce));
  bool keepsType = isFloat(dtype()) || (reduce != Scatter::Sum && reduce != Scatter::Mean);
  if (keepsType)
    reduced = reduced.cast(dtype());
  if (reduce != Scatter::Mean)
    return reduced;
  Tensor hits = count(includeSelf ? 1 : 0, "sum");
  return reduced / (includeSelf ? hits : hits.maximum(1));
}

Tensor Tensor::setItem(const std::vector<Index> &indices, const Tensor &value) const {
  if (auto bad = firstBad({*this, value}))
    return *bad;
  auto view = indexing::parse(*this, indices);
  if (!view)
    return failed(view.error());
  Shape cutShape;
  for (const indexing::Cut &cut : view->cuts)
    cutShape.push_back(cut.size());
  Tensor held = promote(value, dtype());
  Tensor part = view->places.empty()
                    ? held.expand(view->kept)
                    : putThrough(indexing::cut(*this, *view).reshape(view->kept), *view, held);
  if (!part.ok())
    return part;
  part = part.reshape(cutShape);
  Tensor written = spread(part, shape(), view->cuts);
  auto mask = insideMask(shape(), view->cuts);
  return mask ? mask->where(written, *this) : written;
}

Status Tensor::assignItem(const std::vector<Index> &indices, const Tensor &value) {
  ROSSO_CHECK(status());
  ROSSO_CHECK(takePromisedMemory(*this));
  const Capture *capture = Capture::current();
  if (!memoryOf(*node_) && !(capture && capture->writesMemory(*node_))) {
    Tensor written = setItem(indices, value);
    ROSSO_CHECK(written.status());
    *this = written;
    return {};
  }
  if (!writesView(indices))
    return rosso::assign(*this, setItem(indices, value));
  Tensor part = getItem(indices);
  return rosso::assign(part, value);
}

} // namespace rosso
