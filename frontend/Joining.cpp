// Several tensors as one, one as several, one several times.

#include "frontend/Build.h"

#include <algorithm>

namespace rosso {

using namespace build;

Tensor Tensor::cat(const std::vector<Tensor> &parts, int axis) {
  if (parts.empty())
    return failed("cat", "no tensors; expected one or more");
  if (auto bad = firstBad(parts))
    return *bad;
  auto at = resolveAxis(axis, parts[0].ndim());
  if (!at)
    return badAxis("cat", axis, parts[0].shape());
  DType common = parts[0].dtype();
  Shape total = parts[0].shape();
  Dim &joined = total[static_cast<size_t>(*at)];
  joined = 0;
  for (const Tensor &part : parts) {
    Shape others = part.shape(), expected = parts[0].shape();
    if (others.size() == expected.size()) {
      joined = joined + others[static_cast<size_t>(*at)];
      others.erase(others.begin() + *at);
      expected.erase(expected.begin() + *at);
    }
    if (others != expected)
      return failed("cat", str(parts[0].shape()) + " and " + str(part.shape()) +
                               "; expected equal extents except on axis " + std::to_string(*at));
    common = leastUpperDType(common, part.dtype());
  }
  if (parts.size() == 1)
    return parts[0];
  std::vector<Tensor> sources;
  for (const Tensor &part : parts)
    sources.push_back(part.cast(common));
  return make(Op::Concat, common, std::move(total), sources, {{"axis", int64_t{*at}}});
}

Tensor Tensor::stack(const std::vector<Tensor> &parts, int axis) {
  std::vector<Tensor> grown;
  for (const Tensor &part : parts) {
    grown.push_back(part.unsqueeze(axis));
    if (grown.back().ok() && part.shape() != parts[0].shape())
      return failed("stack", str(parts[0].shape()) + " and " + str(part.shape()) +
                                 "; expected equal shapes");
  }
  return cat(grown, axis);
}

std::vector<Tensor> Tensor::split(const std::vector<Dim> &sizes, int axis) const {
  Dim sum = 0;
  for (const Dim &part : sizes)
    sum = sum + part;
  auto refuse = [&](Tensor error) {
    return std::vector<Tensor>(std::max<size_t>(sizes.size(), 1), error);
  };
  if (auto bad = firstBad({*this}))
    return refuse(*bad);
  if (!resolveAxis(axis, ndim()))
    return refuse(badAxis("split", axis, shape()));
  if (!(sum == size(axis)))
    return refuse(failed("split", "sizes that sum to " + sum.str() + " of axis " +
                                      std::to_string(axis) + " of a tensor " + str(shape()) +
                                      "; expected the extent of the axis"));
  std::vector<Tensor> parts;
  Dim begin = 0;
  for (const Dim &part : sizes) {
    parts.push_back(slice(axis, begin, begin + part));
    begin = begin + part;
  }
  return parts;
}

std::vector<Tensor> Tensor::split(int64_t size, int axis) const {
  Dim extent = this->size(axis);
  if (ok() && (size < 1 || !extent.isConstant()))
    return {failed("split", "parts of " + std::to_string(size) + " of axis " +
                                std::to_string(axis) + " of a tensor " + str(shape()) +
                                "; expected a positive size and a constant extent")};
  std::vector<Dim> sizes;
  for (int64_t left = extent.constant(); ok() && left > 0; left -= size)
    sizes.push_back(std::min(size, left));
  if (ok() && sizes.empty())
    sizes.push_back(0);
  return split(sizes, axis);
}

std::vector<Tensor> Tensor::unbind(int axis) const {
  Dim extent = size(axis);
  if (!ok() || !resolveAxis(axis, ndim()))
    return {select(axis, 0)};
  if (!extent.isConstant())
    return {failed("unbind", "axis " + std::to_string(axis) + " of a tensor " + str(shape()) +
                                 "; expected a constant extent")};
  std::vector<Tensor> parts;
  for (int64_t i = 0; i < extent.constant(); ++i)
    parts.push_back(select(axis, i));
  return parts;
}

std::vector<Tensor> Tensor::chunk(int64_t parts, int axis) const {
  Dim extent = size(axis);
  if (auto part = parts > 0 ? extent.dividedBy(parts) : std::nullopt; part && ok())
    return split(std::vector<Dim>(static_cast<size_t>(parts), *part), axis);
  if (ok() && (parts < 1 || !extent.isConstant()))
    return {failed("chunk", std::to_string(parts) + " parts of axis " + std::to_string(axis) +
                                " of a tensor " + str(shape()) +
                                "; expected a number that divides it")};
  return split((extent.constant() + std::max<int64_t>(parts, 1) - 1) / std::max<int64_t>(parts, 1),
               axis);
}

Tensor Tensor::repeat(std::vector<int64_t> counts) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  if (counts.size() < shape().size())
    return failed("repeat", std::to_string(counts.size()) + " counts for a tensor " + str(shape()) +
                                "; expected one for each axis or more");
  // [n] -> [1, n] -> [count, n] -> [count * n] on every axis that is repeated at once.
  size_t added = counts.size() - shape().size();
  Shape apart, grown, joined;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] < 0)
      return failed("repeat", "count " + std::to_string(counts[i]) + "; expected 0 or more");
    Dim extent = i < added ? Dim(1) : shape()[i - added];
    if (counts[i] != 1) {
      apart.push_back(1);
      grown.push_back(counts[i]);
    }
    apart.push_back(extent);
    grown.push_back(extent);
    joined.push_back(extent * counts[i]);
  }
  return reshape(apart).expand(grown).reshape(joined);
}

Tensor Tensor::repeatInterleave(int64_t count) const {
  return flatten().repeatInterleave(count, 0);
}

Tensor Tensor::repeatInterleave(int64_t count, int axis) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  auto at = resolveAxis(axis, ndim());
  if (!at || count < 0)
    return at ? failed("repeatInterleave",
                       "count " + std::to_string(count) + "; expected 0 or more")
              : badAxis("repeatInterleave", axis, shape());
  if (count == 1)
    return *this;
  Shape grown = shape(), joined = shape();
  grown.insert(grown.begin() + *at + 1, count);
  joined[static_cast<size_t>(*at)] = joined[static_cast<size_t>(*at)] * count;
  return unsqueeze(*at + 1).expand(grown).reshape(joined);
}

} // namespace rosso
