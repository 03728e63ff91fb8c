// Ops that move elements without changing them. Extents may be symbolic wherever the arithmetic on
// them stays linear; what cannot be decided here is checked with the variables' bounds
// (`validate`).

#include "frontend/Build.h"

#include <algorithm>
#include <numeric>

namespace rosso {

using namespace build;

namespace {

/// A product of extents: variables (each as often as it occurs) -> coefficient.
using Polynomial = std::map<std::vector<std::string>, int64_t>;

Polynomial product(const Shape &shape) {
  Polynomial total{{{}, 1}};
  for (const Dim &extent : shape) {
    Polynomial next;
    for (const auto &[variables, coefficient] : total) {
      if (extent.constant() != 0)
        next[variables] += coefficient * extent.constant();
      for (const auto &[name, factor] : extent.terms()) {
        auto monomial = variables;
        monomial.insert(std::upper_bound(monomial.begin(), monomial.end(), name), name);
        next[monomial] += coefficient * factor;
      }
    }
    std::erase_if(next, [](const auto &term) { return term.second == 0; });
    total = std::move(next);
  }
  return total;
}

std::string countText(const Shape &shape) {
  if (auto count = elementCount(shape))
    return count->str();
  std::string text;
  for (const Dim &extent : shape)
    text += (text.empty() ? "(" : " * (") + extent.str() + ")";
  return text;
}

/// The extent that makes `rest` hold as many elements as `whole`.
std::optional<Dim> missingExtent(Shape whole, const Shape &rest) {
  Shape divisors;
  for (const Dim &extent : rest) { // what both have needs no division
    auto twin = std::find(whole.begin(), whole.end(), extent);
    if (twin != whole.end())
      whole.erase(twin);
    else
      divisors.push_back(extent);
  }
  auto dividend = elementCount(whole), divisor = elementCount(divisors);
  if (!dividend || !divisor)
    return std::nullopt;
  if (divisor->isConstant())
    return dividend->dividedBy(divisor->constant());
  const auto &[name, coefficient] = *divisor->terms().begin();
  auto match = dividend->terms().find(name);
  if (match == dividend->terms().end() || match->second % coefficient != 0)
    return std::nullopt;
  int64_t ratio = match->second / coefficient;
  return *divisor * ratio == *dividend ? std::optional<Dim>(ratio) : std::nullopt;
}

Tensor sliceBackwards(const Tensor &t, int axis, const Dim &begin, const Dim &end, int64_t step) {
  Dim extent = t.size(axis);
  if (!extent.isConstant() || !begin.isConstant() || !end.isConstant())
    return failed("slice", "a negative step of axis " + std::to_string(axis) + " of " +
                               str(t.shape()) + "; expected constant extents");
  // Element begin is number extent - 1 - begin from the back.
  int64_t n = extent.constant();
  int64_t first = std::min(fromFront(begin, extent).constant(), n - 1);
  int64_t stop = end.constant() < 0 ? std::max<int64_t>(end.constant() + n, -1) : end.constant();
  return t.flip(axis).slice(axis, n - 1 - first, std::max(n - 1 - stop, n - 1 - first), -step);
}

} // namespace

Tensor Tensor::reshape(Shape shape) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  Shape wanted = shape;
  auto isOpen = [](const Dim &extent) { return extent == Dim(-1); };
  auto open = std::find_if(shape.begin(), shape.end(), isOpen);
  if (std::count_if(shape.begin(), shape.end(), isOpen) > 1)
    return failed("reshape", "more than one -1 in " + str(wanted));
  if (open != shape.end()) {
    Shape rest(shape.begin(), open);
    rest.insert(rest.end(), open + 1, shape.end());
    auto extent = missingExtent(this->shape(), rest);
    if (!extent)
      return failed("reshape", str(this->shape()) + " to " + str(wanted) + ": " +
                                   countText(this->shape()) + " elements are not a multiple of " +
                                   countText(rest));
    *open = *extent;
  }
  if (product(this->shape()) != product(shape))
    return failed("reshape", str(this->shape()) + " has " + countText(this->shape()) +
                                 " elements, " + str(wanted) + " has " + countText(shape) +
                                 "; expected as many");
  if (std::any_of(shape.begin(), shape.end(), surelyNegative))
    return failed("reshape", "negative extent in " + str(wanted));
  if (shape == this->shape())
    return *this;
  if (isQuantized() && node_->op == Op::Buffer && !shape.empty() &&
      shape.back().dividedBy(node_->format->blockLen)) // the same blocks in other rows
    return fromStorage(node_->storage, std::move(shape), *node_->format);
  return make(Op::Reshape, dtype(), std::move(shape), {*this});
}

Tensor Tensor::flatten(int first, int last) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  if (ndim() == 0)
    return reshape({1});
  auto from = resolveAxis(first, ndim()), to = resolveAxis(last, ndim());
  if (!from || !to)
    return badAxis("flatten", from ? last : first, shape());
  if (*to < *from)
    return failed("flatten", "axes " + std::to_string(*from) + " to " + std::to_string(*to) +
                                 "; expected them in order");
  Shape inner(shape().begin() + *from, shape().begin() + *to + 1);
  auto count = elementCount(inner);
  if (!count)
    return failed("flatten", "axes " + str(inner) +
                                 " have a product of variables; expected one symbolic extent");
  Shape flat(shape().begin(), shape().begin() + *from);
  flat.push_back(*count);
  flat.insert(flat.end(), shape().begin() + *to + 1, shape().end());
  return reshape(std::move(flat));
}

Tensor Tensor::unflatten(int axis, Shape extents) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  auto at = resolveAxis(axis, ndim());
  if (!at)
    return badAxis("unflatten", axis, shape());
  Shape split(shape().begin(), shape().begin() + *at);
  split.insert(split.end(), extents.begin(), extents.end());
  split.insert(split.end(), shape().begin() + *at + 1, shape().end());
  return reshape(std::move(split));
}

Tensor Tensor::squeeze() const {
  if (auto bad = firstBad({*this}))
    return *bad;
  Shape kept;
  std::copy_if(shape().begin(), shape().end(), std::back_inserter(kept),
               [](const Dim &extent) { return !(extent == Dim(1)); });
  return reshape(std::move(kept));
}

Tensor Tensor::squeeze(int axis) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  auto at = resolveAxis(axis, ndim());
  if (!at)
    return badAxis("squeeze", axis, shape());
  if (!(shape()[static_cast<size_t>(*at)] == Dim(1)))
    return *this;
  Shape kept = shape();
  kept.erase(kept.begin() + *at);
  return reshape(std::move(kept));
}

Tensor Tensor::unsqueeze(int axis) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  auto at = resolveAxis(axis, ndim() + 1);
  if (!at)
    return failed("unsqueeze", "axis " + std::to_string(axis) + " of a tensor " + str(shape()) +
                                   "; expected " + std::to_string(-ndim() - 1) + " to " +
                                   std::to_string(ndim()));
  Shape grown = shape();
  grown.insert(grown.begin() + *at, 1);
  return reshape(std::move(grown));
}

Tensor Tensor::permute(std::vector<int> axes) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  std::vector<int64_t> order;
  Shape permuted;
  for (int axis : axes) {
    auto at = resolveAxis(axis, ndim());
    if (!at)
      return badAxis("permute", axis, shape());
    order.push_back(*at);
    permuted.push_back(shape()[static_cast<size_t>(*at)]);
  }
  std::vector<int64_t> sorted = order, identity(shape().size());
  std::sort(sorted.begin(), sorted.end());
  std::iota(identity.begin(), identity.end(), 0);
  if (sorted != identity)
    return failed("permute", std::to_string(order.size()) + " axes of a tensor " + str(shape()) +
                                 "; expected every axis once");
  if (order == identity)
    return *this;
  return make(Op::Permute, dtype(), std::move(permuted), {*this}, {{"axes", std::move(order)}});
}

Tensor Tensor::transpose(int a, int b) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  auto x = resolveAxis(a, ndim()), y = resolveAxis(b, ndim());
  if (!x || !y)
    return badAxis("transpose", x ? b : a, shape());
  std::vector<int> order(shape().size());
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[static_cast<size_t>(*x)], order[static_cast<size_t>(*y)]);
  return permute(std::move(order));
}

Tensor Tensor::expand(Shape shape) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  Shape wanted = shape;
  size_t rank = this->shape().size();
  for (size_t i = 0; i < rank && i < shape.size(); ++i)
    if (Dim &extent = shape[shape.size() - 1 - i]; extent == Dim(-1))
      extent = this->shape()[rank - 1 - i];
  auto target = broadcastShape("expand", this->shape(), shape);
  if (!target || *target != shape || std::any_of(shape.begin(), shape.end(), surelyNegative))
    return failed("expand", str(this->shape()) + " to " + str(wanted) +
                                "; expected equal extents where the tensor's are not 1");
  return broadcastTo(*this, shape);
}

Tensor Tensor::shrink(const std::vector<Range> &ranges) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  if (ranges.size() != shape().size())
    return failed("shrink", std::to_string(ranges.size()) + " ranges of a tensor " + str(shape()) +
                                "; expected one for each axis");
  Shape begin, size;
  for (size_t i = 0; i < ranges.size(); ++i) {
    const Dim &extent = shape()[i];
    begin.push_back(fromFront(ranges[i].begin, extent));
    Dim end = fromFront(ranges[i].end, extent);
    size.push_back(end - begin[i]);
    if (surelyNegative(begin[i]) || surelyNegative(size[i]) || surelyNegative(extent - end))
      return failed("shrink", "[" + ranges[i].begin.str() + ", " + ranges[i].end.str() +
                                  ") of axis " + std::to_string(i) + " of a tensor " +
                                  str(shape()) + "; expected a range inside the axis");
  }
  if (size == shape())
    return *this;
  return make(Op::Shrink, dtype(), std::move(size), {*this}, {{"begin", begin}});
}

Tensor Tensor::shrinkTo(const std::vector<std::optional<Dim>> &extents) const {
  std::vector<Range> ranges = wholeRanges(shape());
  for (size_t i = 0; i < std::min(ranges.size(), extents.size()); ++i)
    if (extents[i])
      ranges[i].end = *extents[i];
  ranges.resize(extents.size());
  return shrink(ranges);
}

Tensor Tensor::slice(int axis, const Dim &begin, const Dim &end, int64_t step) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  auto at = resolveAxis(axis, ndim());
  if (!at)
    return badAxis("slice", axis, shape());
  if (step == 0)
    return failed("slice", "step 0; expected another number");
  if (step < 0)
    return sliceBackwards(*this, *at, begin, end, step);
  std::vector<Range> ranges;
  for (const Dim &extent : shape())
    ranges.push_back({0, extent});
  Range &range = ranges[static_cast<size_t>(*at)];
  Dim extent = range.end;
  range.begin = clampedTo(fromFront(begin, extent), extent);
  range.end = clampedTo(fromFront(end, extent), extent);
  if (surelyNegative(range.end - range.begin))
    range.end = range.begin;
  Tensor cut = shrink(ranges);
  if (step == 1)
    return cut;
  std::vector<int64_t> strides(shape().size(), 1);
  strides[static_cast<size_t>(*at)] = step;
  return cut.stride(std::move(strides));
}

Tensor Tensor::select(int axis, const Dim &at) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  auto resolved = resolveAxis(axis, ndim());
  if (!resolved)
    return badAxis("select", axis, shape());
  Dim extent = size(*resolved), position = fromFront(at, extent);
  if (surelyNegative(position) || surelyNegative(extent - position - 1))
    return failed("select", "element " + at.str() + " of axis " + std::to_string(*resolved) +
                                " of a tensor " + str(shape()) + "; expected one inside the axis");
  Shape rest = shape();
  rest.erase(rest.begin() + *resolved);
  return slice(*resolved, position, position + 1).reshape(std::move(rest));
}

Tensor Tensor::flip(const Axes &axes) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  auto resolved = resolveAxes("flip", axes, shape());
  if (!resolved)
    return failed(resolved.error());
  return make(Op::Flip, dtype(), shape(), {*this},
              {{"axes", std::vector<int64_t>(resolved->begin(), resolved->end())}});
}

Tensor Tensor::stride(std::vector<int64_t> strides) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  if (strides.size() != shape().size())
    return failed("stride", std::to_string(strides.size()) + " strides of a tensor " +
                                str(shape()) + "; expected one for each axis");
  Shape strided;
  for (size_t i = 0; i < strides.size(); ++i) {
    if (strides[i] < 1)
      return failed("stride", "stride " + std::to_string(strides[i]) + "; expected 1 or more");
    const Dim &extent = shape()[i];
    if (strides[i] > 1 && extent.isConstant())
      strided.push_back((extent.constant() + strides[i] - 1) / strides[i]);
    else if (auto quotient = extent.dividedBy(strides[i]))
      strided.push_back(*quotient);
    else
      return failed("stride", "extent " + extent.str() + " by " + std::to_string(strides[i]) +
                                  "; expected a constant or a multiple");
  }
  if (strided == shape())
    return *this;
  return make(Op::Stride, dtype(), std::move(strided), {*this}, {{"strides", std::move(strides)}});
}

} // namespace rosso
