// Pools: reductions of the windows that slide over the last axes.

#include "frontend/Spatial.h"

#include <algorithm>
#include <limits>

namespace rosso {

using namespace build;

namespace {

/// A pool whose arguments have been read.
struct Pool {
  std::vector<Window> windows;
  std::vector<Padding> given;  // as asked for
  std::vector<Padding> padded; // and what a last window hangs over in ceil mode
  Axes last() const {          // the axes of the kernel in what `slide` makes
    Axes axes(std::vector<int>{});
    for (size_t i = 0; i < windows.size(); ++i)
      axes.list.push_back(-1 - static_cast<int>(i));
    return axes;
  }
};

int64_t ceilDiv(int64_t a, int64_t b) { return a >= 0 ? (a + b - 1) / b : -(-a / b); }

Result<Pool> readPool(std::string_view where, const Tensor &t, const Spatial &kernel,
                      const std::optional<Spatial> &stride, const Spatial &dilation,
                      const Spatial &padding, bool ceilMode) {
  size_t axes = kernel.isForAll ? 2 : kernel.list.size(); // a lone number is a square
  ROSSO_TRY(std::vector<int64_t> sizes, eachAxis(where, "kernel", kernel, axes, 1));
  ROSSO_TRY(std::vector<int64_t> strides,
            eachAxis(where, "stride", stride.value_or(kernel), axes, 1));
  ROSSO_TRY(std::vector<int64_t> dilations, eachAxis(where, "dilation", dilation, axes, 1));
  Pool pool;
  ROSSO_TRY(pool.given, paddingOf(where, padding, axes));
  if (t.shape().size() < axes)
    return badInput(std::string(where) + ": a tensor " + str(t.shape()) + " by a kernel of " +
                    std::to_string(axes) + " axes; expected as many axes or more");
  pool.padded = pool.given;
  for (size_t i = 0; i < axes; ++i) {
    const Window &window = pool.windows.emplace_back(Window{sizes[i], strides[i], dilations[i]});
    const Dim &extent = t.shape()[t.shape().size() - axes + i];
    if (!extent.isConstant())
      return badInput(std::string(where) + ": a tensor " + str(t.shape()) +
                      "; expected constant spatial extents");
    if (!ceilMode)
      continue;
    int64_t inner = pool.given[i].before.constant() + extent.constant();
    int64_t whole = inner + pool.given[i].after.constant();
    int64_t count = ceilDiv(whole - window.reach(), window.stride) + 1;
    int64_t lastBegin = window.stride * (count - 1);
    // A window that begins in the padding after the tensor is left out.
    pool.padded[i].after = pool.given[i].after + lastBegin + window.reach() - whole -
                           std::max<int64_t>(lastBegin - (inner - 1), 0);
  }
  return pool;
}

/// The least value of a type, which no element is below.
double least(DType t) {
  if (isFloat8(t))
    return -0x1p16; // becomes the least: not all of them have infinities
  if (isFloat(t))
    return -std::numeric_limits<double>::infinity();
  bool isSigned = isInteger(t) && !isUnsigned(t);
  return isSigned ? static_cast<double>(int64_t{-1} << (8 * byteSize(t) - 1)) : 0;
}

} // namespace

Tensor Tensor::avgPool2d(const Spatial &kernel, const std::optional<Spatial> &stride,
                         const Spatial &dilation, const Spatial &padding, bool ceilMode,
                         PoolEdge edge) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  auto pool = readPool("avgPool2d", *this, kernel, stride, dilation, padding, ceilMode);
  if (!pool)
    return failed(pool.error());
  auto slid = [&](const Tensor &t, const std::vector<Padding> &edges) {
    return slide("avgPool2d", padSpatial(t, edges, 0), pool->windows);
  };
  Tensor windows = slid(*this, pool->padded);
  if (edge == PoolEdge::CountPadding && !ceilMode)
    return windows.mean(pool->last());
  // How many elements count is the same for all samples and channels.
  Shape spatial(shape().end() - static_cast<long>(pool->windows.size()), shape().end());
  Tensor ones = full(spatial, 1, dtype());
  std::vector<Padding> around = pool->padded;
  if (edge == PoolEdge::CountPadding) {
    for (size_t i = 0; i < around.size(); ++i) {
      spatial[i] = spatial[i] + pool->given[i].before + pool->given[i].after;
      around[i] = {0, around[i].after - pool->given[i].after};
    }
    ones = full(spatial, 1, dtype());
  }
  return windows.sum(pool->last()) / slid(ones, around).sum(pool->last());
}

Tensor Tensor::maxPool2d(const Spatial &kernel, const std::optional<Spatial> &stride,
                         const Spatial &dilation, const Spatial &padding, bool ceilMode) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  auto pool = readPool("maxPool2d", *this, kernel, stride, dilation, padding, ceilMode);
  if (!pool)
    return failed(pool.error());
  return slide("maxPool2d", padSpatial(*this, pool->padded, least(dtype())), pool->windows)
      .max(pool->last());
}

std::pair<Tensor, Tensor>
Tensor::maxPool2dWithIndices(const Spatial &kernel, const std::optional<Spatial> &stride,
                             const Spatial &dilation, const Spatial &padding, bool ceilMode) const {
  auto refused = [](const Tensor &error) { return std::pair(error, error); };
  if (auto bad = firstBad({*this}))
    return refused(*bad);
  auto pool = readPool("maxPool2d", *this, kernel, stride, dilation, padding, ceilMode);
  if (!pool)
    return refused(failed(pool.error()));
  size_t axes = pool->windows.size(), first = shape().size() - axes;
  Tensor slid = slide("maxPool2d", padSpatial(*this, pool->padded, least(dtype())), pool->windows);
  if (auto bad = firstBad({slid}))
    return refused(*bad);
  Tensor where = slid.flatten(-static_cast<int>(axes), -1).argmax(-1); // within the kernel

  // The place in the tensor, axis by axis; the kernel's last axis runs fastest.
  Tensor place = 0, within = where;
  int64_t step = 1;
  for (size_t i = axes; i-- > 0;) {
    const Window &window = pool->windows[i];
    Dim count = slid.size(static_cast<int>(first + i));
    Shape along(shape().size(), 1);
    along[first + i] = count;
    Tensor begin =
        arange(count).reshape(std::move(along)) * window.stride - pool->padded[i].before.constant();
    place = place + (begin + within % window.size * window.dilation) * step;
    within = within.floorDiv(window.size);
    step *= shape()[first + i].constant();
  }
  return {slid.max(pool->last()), place};
}

Tensor Tensor::maxUnpool2d(const Tensor &indices, const Spatial &kernel,
                           const std::optional<Spatial> &stride, const Spatial &dilation,
                           const Spatial &padding,
                           const std::optional<std::vector<int64_t>> &output) const {
  if (auto bad = firstBad({*this, indices}))
    return *bad;
  if (ndim() < 3 || shape() != indices.shape())
    return failed("maxUnpool2d", "values " + str(shape()) + " at places " + str(indices.shape()) +
                                     "; expected [N, C, spatial...] both");
  size_t axes = shape().size() - 2;
  Shape extents{size(0), size(1)};
  Dim places = 1;
  if (output) {
    if (output->size() < axes)
      return failed("maxUnpool2d", std::to_string(output->size()) + " output extents; expected " +
                                       std::to_string(axes));
    for (size_t i = output->size() - axes; i < output->size(); ++i)
      extents.push_back((*output)[i]);
  } else {
    auto sizes = eachAxis("maxUnpool2d", "kernel", kernel, axes, 1);
    auto strides = eachAxis("maxUnpool2d", "stride", stride.value_or(kernel), axes, 1);
    auto dilations = eachAxis("maxUnpool2d", "dilation", dilation, axes, 1);
    auto edges = paddingOf("maxUnpool2d", padding, axes);
    for (const auto *numbers : {&sizes, &strides, &dilations})
      if (!*numbers)
        return failed(numbers->error());
    if (!edges)
      return failed(edges.error());
    for (size_t i = 0; i < axes; ++i) {
      Window window{(*sizes)[i], (*strides)[i], (*dilations)[i]};
      extents.push_back((shape()[2 + i] - 1) * window.stride - (*edges)[i].before -
                        (*edges)[i].after + window.reach());
    }
  }
  for (size_t i = 2; i < extents.size(); ++i)
    places = places * extents[i].constant();
  Tensor at = indices.flatten(2, -1), zeros = full({size(0), size(1), places}, 0, dtype());
  return zeros.scatterReduce(2, at, flatten(2, -1), Scatter::Sum).reshape(std::move(extents));
}

} // namespace rosso
