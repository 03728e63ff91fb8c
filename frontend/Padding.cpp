// What lies around a tensor: constants, its own mirror image, its edge, its other end.

#include "frontend/Build.h"

#include <algorithm>
#include <cmath>

namespace rosso {

using namespace build;

namespace {

/// The number of a constant where a double holds it exactly.
std::optional<double> exactNumber(const Tensor &value) {
  if (value.node()->op != Op::Constant)
    return std::nullopt;
  const Attr &attr = *value.node()->find("value");
  if (const double *number = std::get_if<double>(&attr))
    return *number;
  int64_t whole = std::get<int64_t>(attr);
  constexpr int64_t kExact = int64_t{1} << 53;
  return whole >= -kExact && whole <= kExact ? std::optional(static_cast<double>(whole))
                                             : std::nullopt;
}

/// Without the extents that negative paddings cut off; those become 0.
Tensor cutNegative(const Tensor &t, std::vector<Padding> &padding) {
  std::vector<Range> ranges = wholeRanges(t.shape());
  for (size_t i = 0; i < padding.size(); ++i) {
    if (surelyNegative(padding[i].before))
      ranges[i].begin = padding[i].before * -1;
    if (surelyNegative(padding[i].after))
      ranges[i].end = t.shape()[i] + padding[i].after;
    if (surelyNegative(ranges[i].end - ranges[i].begin) || surelyNegative(ranges[i].end))
      return failed("pad", "(" + padding[i].before.str() + ", " + padding[i].after.str() +
                               ") of axis " + std::to_string(i) + " of a tensor " + str(t.shape()) +
                               "; expected to keep 0 or more elements");
    if (surelyNegative(padding[i].before))
      padding[i].before = 0;
    if (surelyNegative(padding[i].after))
      padding[i].after = 0;
  }
  return t.shrink(ranges);
}

Tensor padZeros(const Tensor &t, const std::vector<Padding> &padding, double value) {
  Shape before, after, padded;
  for (size_t i = 0; i < padding.size(); ++i) {
    before.push_back(padding[i].before);
    after.push_back(padding[i].after);
    padded.push_back(t.shape()[i] + padding[i].before + padding[i].after);
  }
  if (padded == t.shape())
    return t;
  return make(Op::Pad, t.dtype(), std::move(padded), {t},
              {{"before", before}, {"after", after}, {"value", value}});
}

Tensor padConstant(const Tensor &t, std::vector<Padding> padding, const Tensor &value) {
  Tensor kept = cutNegative(t, padding);
  if (auto bad = firstBad({kept}))
    return *bad;
  auto number = exactNumber(value);
  if (commonDType(t, value) != t.dtype() && number != 0.0) // the type must grow for the value
    return padZeros(Tensor::full(kept.shape(), true), padding, 0)
        .where(padZeros(kept, padding, 0), value);
  if (number) // as the type holds it: a bool's 2 is 1
    if (auto held = exactNumber(isFloat(t.dtype()) ? value : promote(value, t.dtype())))
      return padZeros(kept, padding, *held);
  Tensor inside = padZeros(Tensor::full(kept.shape(), true), padding, 0);
  return inside.where(padZeros(kept, padding, 0), promote(value, t.dtype()));
}

/// The part of one axis that is `count` elements from `begin` on, backwards for a mirror image.
Tensor edge(const Tensor &t, int axis, int64_t begin, int64_t count, bool isMirrored) {
  Tensor part = t.slice(axis, begin, begin + count);
  return isMirrored ? part.flip(axis) : part;
}

/// One axis with what its own elements say lies before and after it.
Tensor padFromInside(const Tensor &t, int axis, int64_t before, int64_t after, PadMode mode) {
  int64_t n = t.size(axis).constant();
  std::vector<Tensor> parts;
  auto repeated = [&](int64_t at, int64_t count) {
    Shape grown = t.shape();
    grown[static_cast<size_t>(axis)] = count;
    return t.slice(axis, at, at + 1).expand(std::move(grown));
  };
  if (before > 0)
    parts.push_back(mode == PadMode::Reflect     ? edge(t, axis, 1, before, true)
                    : mode == PadMode::Replicate ? repeated(0, before)
                                                 : edge(t, axis, n - before, before, false));
  parts.push_back(t);
  if (after > 0)
    parts.push_back(mode == PadMode::Reflect     ? edge(t, axis, n - 1 - after, after, true)
                    : mode == PadMode::Replicate ? repeated(n - 1, after)
                                                 : edge(t, axis, 0, after, false));
  return Tensor::cat(parts, axis);
}

/// The most elements of an axis that a mode can put at one of its ends.
int64_t mostPadding(int64_t extent, PadMode mode) {
  switch (mode) {
  case PadMode::Reflect:
    return extent - 1;
  case PadMode::Circular:
    return extent;
  default:
    return extent > 0 ? INT64_MAX : 0;
  }
}

/// Reflected and repeated edges are those of the whole tensor; what is negative cuts the result.
/// The other end of a circle is that of what is left of it.
Tensor padByMode(const Tensor &t, std::vector<Padding> padding, PadMode mode) {
  for (size_t i = 0; i < padding.size(); ++i)
    if (!padding[i].before.isConstant() || !padding[i].after.isConstant() ||
        !t.shape()[i].isConstant())
      return failed("pad", "axis " + std::to_string(i) + " of a tensor " + str(t.shape()) +
                               "; expected constant extents");
  std::vector<Padding> cuts(padding.size());
  Tensor padded = t;
  if (mode == PadMode::Circular)
    padded = cutNegative(t, padding);
  for (size_t i = 0; i < padding.size() && padded.ok(); ++i) {
    int64_t before = padding[i].before.constant(), after = padding[i].after.constant();
    int64_t extent = padded.shape()[i].constant();
    if (std::max(before, after) > std::max<int64_t>(mostPadding(extent, mode), 0))
      return failed("pad", "(" + padding[i].before.str() + ", " + padding[i].after.str() +
                               ") of axis " + std::to_string(i) + " of a tensor " + str(t.shape()) +
                               "; expected at most " +
                               std::to_string(std::max<int64_t>(mostPadding(extent, mode), 0)));
    padded = padFromInside(padded, static_cast<int>(i), std::max<int64_t>(before, 0),
                           std::max<int64_t>(after, 0), mode);
    cuts[i] = {std::min<int64_t>(before, 0), std::min<int64_t>(after, 0)};
  }
  return padded.ok() ? cutNegative(padded, cuts) : padded;
}

} // namespace

Tensor Tensor::pad(const std::vector<Padding> &padding, double value) const {
  return pad(padding, PadMode::Constant, value);
}

Tensor Tensor::pad(const std::vector<Padding> &padding, PadMode mode, const Tensor &value) const {
  if (auto bad = firstBad({*this, value}))
    return *bad;
  if (padding.size() != shape().size())
    return failed("pad", std::to_string(padding.size()) + " paddings of a tensor " + str(shape()) +
                             "; expected one for each axis");
  return mode == PadMode::Constant ? padConstant(*this, padding, value)
                                   : padByMode(*this, padding, mode);
}

Tensor Tensor::padTo(const std::vector<std::optional<Dim>> &extents, const Tensor &value) const {
  if (auto bad = firstBad({*this, value}))
    return *bad;
  if (extents.size() != shape().size())
    return failed("padTo", std::to_string(extents.size()) + " extents of a tensor " + str(shape()) +
                               "; expected one for each axis");
  std::vector<Padding> padding(extents.size());
  for (size_t i = 0; i < extents.size(); ++i) {
    padding[i].after = extents[i] ? *extents[i] - shape()[i] : Dim(0);
    if (surelyNegative(padding[i].after))
      return failed("padTo", "axis " + std::to_string(i) + " of a tensor " + str(shape()) + " to " +
                                 extents[i]->str() + "; expected at least its extent");
  }
  return padConstant(*this, padding, value);
}

} // namespace rosso
