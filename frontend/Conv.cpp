// Convolutions in one to three dimensions, as products of matrices: the patches that meet the
// kernel are a view of the padded input, so that a kernel may read them in place.
//
// Letters: N samples, G groups, C channels of a group, F filters of a group, K elements of a patch
// (channel by channel), O places of the output.

#include "frontend/Spatial.h"

#include <algorithm>

namespace rosso {

using namespace build;

namespace build {

Result<std::vector<int64_t>> eachAxis(std::string_view where, std::string_view what,
                                      const Spatial &numbers, size_t axes, int64_t least) {
  std::vector<int64_t> each = numbers.list;
  if (each.size() == 1)
    each.resize(axes, each[0]);
  if (each.size() != axes)
    return badInput(std::string(where) + ": " + std::string(what) + " of " +
                    std::to_string(each.size()) + " numbers; expected one or " +
                    std::to_string(axes));
  for (int64_t number : each)
    if (number < least)
      return badInput(std::string(where) + ": " + std::string(what) + " " + std::to_string(number) +
                      "; expected " + std::to_string(least) + " or more");
  return each;
}

Result<std::vector<Padding>> paddingOf(std::string_view where, const Spatial &padding,
                                       size_t axes) {
  std::vector<int64_t> list = padding.list;
  if (list.size() == 1)
    list.resize(axes, list[0]);
  if (list.size() != axes && list.size() != 2 * axes)
    return badInput(std::string(where) + ": padding must be one number, " + std::to_string(axes) +
                    " or " + std::to_string(2 * axes) + " of them; found " +
                    std::to_string(list.size()));
  std::vector<Padding> pairs;
  for (size_t i = 0; i < axes; ++i) {
    size_t fromLast = 2 * (axes - 1 - i);
    pairs.push_back(list.size() == axes ? Padding{list[i], list[i]}
                                        : Padding{list[fromLast], list[fromLast + 1]});
  }
  return pairs;
}

Tensor padSpatial(const Tensor &t, const std::vector<Padding> &padding, double value) {
  if (auto bad = firstBad({t}))
    return *bad;
  std::vector<Padding> all(t.shape().size() - padding.size());
  all.insert(all.end(), padding.begin(), padding.end());
  bool isNone = std::all_of(all.begin(), all.end(), [](const Padding &p) {
    return p.before == Dim(0) && p.after == Dim(0);
  });
  Tensor around = isFloat(t.dtype()) ? Tensor(value) : constant(value, t.dtype());
  return isNone ? t : t.pad(all, PadMode::Constant, around);
}

Tensor slide(std::string_view where, const Tensor &t, const std::vector<Window> &windows) {
  if (auto bad = firstBad({t}))
    return *bad;
  int first = t.ndim() - static_cast<int>(windows.size());
  Tensor slid = t;
  for (size_t i = 0; i < windows.size(); ++i) {
    int axis = first + static_cast<int>(i);
    Dim extent = t.size(axis);
    if (extent.isConstant() && extent.constant() < windows[i].reach())
      return failed(where, "a kernel that reaches over " + std::to_string(windows[i].reach()) +
                               " elements of an axis of " + extent.str() +
                               "; expected no more than the padded input has");
    slid = slid.window(axis, windows[i].size, windows[i].stride, windows[i].dilation);
  }
  return slid;
}

} // namespace build

namespace {

/// The product of constant extents.
int64_t countOf(const Shape &shape, size_t begin, size_t end) {
  int64_t count = 1;
  for (size_t i = begin; i < end; ++i)
    count *= shape[i].constant();
  return count;
}

/// Why these shapes do not convolve, or nothing.
std::optional<Tensor> refuse(std::string_view where, const Tensor &x, const Tensor &weight,
                             int64_t groups, bool isTransposed) {
  std::string found = "input " + str(x.shape()) + ", weight " + str(weight.shape()) + ", " +
                      std::to_string(groups) + " groups";
  bool isConstant = true;
  for (const Shape *shape : {&x.shape(), &weight.shape()})
    isConstant = isConstant && std::all_of(shape->begin(), shape->end(),
                                           [](const Dim &d) { return d.isConstant(); });
  if (weight.ndim() < 3 || x.ndim() != weight.ndim() || groups < 1 || !isConstant)
    return failed(where, found + "; expected [N, channels, spatial...] and a weight of one rank");
  int64_t channels = x.size(1).constant();
  int64_t wanted = isTransposed ? weight.size(0).constant() : groups * weight.size(1).constant();
  if (channels != wanted || weight.size(0).constant() % groups != 0)
    return failed(where, found + ": the input has " + std::to_string(channels) +
                             " channels, the weight wants " + std::to_string(wanted));
  return std::nullopt;
}

} // namespace

Tensor Tensor::window(int axis, int64_t size, int64_t step, int64_t dilation) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  auto at = resolveAxis(axis, ndim());
  if (!at)
    return badAxis("window", axis, shape());
  Dim room = shape()[static_cast<size_t>(*at)] - ((size - 1) * dilation + 1);
  std::optional<Dim> last = room.dividedBy(step < 1 ? 1 : step);
  if (room.isConstant() && step >= 1)
    last = Dim(room.constant() / step);
  if (size < 1 || step < 1 || dilation < 1 || (room.isConstant() && room.constant() < 0) || !last)
    return failed("window", "size " + std::to_string(size) + ", step " + std::to_string(step) +
                                ", dilation " + std::to_string(dilation) + " on axis " +
                                std::to_string(*at) + " of a tensor " + str(shape()) +
                                "; expected positive numbers and a window that fits");
  Shape windows = shape();
  windows[static_cast<size_t>(*at)] = *last + 1;
  windows.push_back(size);
  if (size == 1) { // a movement that others understand too
    std::vector<int64_t> strides(shape().size(), 1);
    strides[static_cast<size_t>(*at)] = step;
    return stride(std::move(strides)).reshape(std::move(windows));
  }
  return make(Op::Window, dtype(), std::move(windows), {*this},
              {{"axis", int64_t{*at}}, {"dilation", dilation}, {"size", size}, {"step", step}});
}

namespace {

/// The shape of a bias for each channel: [1, channels, 1...].
Shape alongChannels(size_t axes) {
  Shape shape(2 + axes, 1);
  shape[1] = -1;
  return shape;
}

} // namespace

Tensor Tensor::conv2d(const Tensor &weight, const std::optional<Tensor> &bias, int64_t groups,
                      const Spatial &stride, const Spatial &dilation, const Spatial &padding,
                      std::optional<DType> type) const {
  if (auto bad = firstBad({*this, weight}))
    return *bad;
  if (auto bad = refuse("conv2d", *this, weight, groups, false))
    return *bad;
  size_t axes = weight.shape().size() - 2;
  auto strides = eachAxis("conv2d", "stride", stride, axes, 1);
  auto dilations = eachAxis("conv2d", "dilation", dilation, axes, 1);
  auto edges = paddingOf("conv2d", padding, axes);
  if (!strides || !dilations || !edges)
    return failed(!strides ? strides.error() : !dilations ? dilations.error() : edges.error());

  std::vector<Window> windows;
  for (size_t i = 0; i < axes; ++i)
    windows.push_back(
        {weight.size(static_cast<int>(2 + i)).constant(), (*strides)[i], (*dilations)[i]});
  Tensor slid =
      slide("conv2d", padSpatial(*this, *edges, 0), windows); // [N, GC, out..., kernel...]
  if (auto bad = firstBad({slid}))
    return *bad;
  Dim samples = size(0);
  int64_t channels = weight.size(1).constant(), filters = weight.size(0).constant() / groups;
  int64_t kernel = countOf(weight.shape(), 2, 2 + axes);
  int64_t places = countOf(slid.shape(), 2, 2 + axes);
  DType common = commonDType(*this, weight);
  DType result = type.value_or(isFloat(common) ? common : sumDType(common));

  Tensor output;
  if (channels == 1 && filters == 1) { // every channel by itself: no matrix to speak of
    Shape along(1 + 2 * axes, 1);      // [G, out..., kernel...]
    along[0] = groups;
    std::copy(weight.shape().begin() + 2, weight.shape().end(),
              along.begin() + 1 + static_cast<long>(axes));
    Axes window(std::vector<int>{});
    for (size_t i = 0; i < axes; ++i)
      window.list.push_back(-1 - static_cast<int>(i));
    output = (slid * weight.reshape(along)).sum(window, false, sumDType(result)).cast(result);
  } else {
    Tensor patches = slid.reshape({samples, groups, channels, places, kernel})
                         .permute({0, 1, 2, 4, 3})
                         .reshape({samples, groups, channels * kernel, places}); // [N, G, K, O]
    Tensor rows = weight.reshape({groups, filters, channels * kernel});          // [G, F, K]
    output = rows.matmul(patches, result);                                       // [N, G, F, O]
  }
  Shape shape{samples, groups * filters};
  shape.insert(shape.end(), slid.shape().begin() + 2,
               slid.shape().begin() + 2 + static_cast<long>(axes));
  output = output.reshape(shape);
  return bias ? output + bias->reshape(alongChannels(axes)) : output;
}

namespace {

/// `t` with `step` - 1 zeros between neighbours of an axis.
Tensor spreadOut(const Tensor &t, int axis, int64_t step) {
  if (step == 1)
    return t;
  std::vector<Padding> gaps(t.shape().size() + 1);
  gaps[static_cast<size_t>(axis) + 1].after = step - 1;
  const Dim extent = (t.size(axis) - 1) * step + 1;
  return t.unsqueeze(axis + 1).pad(gaps).flatten(axis, axis + 1).slice(axis, 0, extent);
}

/// Kernels [G, F, C, kernel...] to flipped ones for each phase, [G * F * all phases, C, taps...]:
/// the elements of phase p of an axis are p, p + phases, ... A last one that is not there is zero.
Tensor phaseFilters(const Tensor &kernel, const std::vector<int64_t> &phases) {
  const size_t axes = phases.size();
  std::vector<Padding> whole(3 + axes);
  Shape split(kernel.shape().begin(), kernel.shape().begin() + 3);
  Shape filter{kernel.size(2)};
  std::vector<int> taps, order{0, 1};
  for (size_t i = 0; i < axes; ++i) {
    const int64_t size = kernel.size(static_cast<int>(3 + i)).constant();
    const int64_t count = (size + phases[i] - 1) / phases[i];
    whole[3 + i].after = count * phases[i] - size;
    split.push_back(count);
    split.push_back(phases[i]);
    filter.push_back(count);
    taps.push_back(static_cast<int>(3 + 2 * i));
    order.push_back(static_cast<int>(4 + 2 * i));
  }
  order.push_back(2);
  order.insert(order.end(), taps.begin(), taps.end());
  filter.insert(filter.begin(), -1);
  return kernel.pad(whole).reshape(split).flip(taps).permute(order).reshape(filter);
}

/// Phases beside each other as filters, [N, F * all phases, places...], to
/// [N, F, places * phases...].
Tensor interleave(const Tensor &t, const std::vector<int64_t> &phases) {
  const int axes = static_cast<int>(phases.size());
  Shape apart{t.size(0), -1}, together{t.size(0), -1};
  std::vector<int> order{0, 1};
  for (int i = 0; i < axes; ++i) {
    apart.push_back(phases[static_cast<size_t>(i)]);
    together.push_back(t.size(2 + i) * phases[static_cast<size_t>(i)]);
    order.push_back(2 + axes + i);
    order.push_back(2 + i);
  }
  apart.insert(apart.end(), t.shape().begin() + 2, t.shape().end());
  return t.reshape(apart).permute(order).reshape(together);
}

} // namespace

Tensor Tensor::convTranspose2d(const Tensor &weight, const std::optional<Tensor> &bias,
                               int64_t groups, const Spatial &stride, const Spatial &dilation,
                               const Spatial &padding, const Spatial &outputPadding) const {
  if (auto bad = firstBad({*this, weight}))
    return *bad;
  if (auto bad = refuse("convTranspose2d", *this, weight, groups, true))
    return *bad;
  size_t axes = weight.shape().size() - 2;
  auto strides = eachAxis("convTranspose2d", "stride", stride, axes, 1);
  auto dilations = eachAxis("convTranspose2d", "dilation", dilation, axes, 1);
  auto extra = eachAxis("convTranspose2d", "output padding", outputPadding, axes, 0);
  auto edges = paddingOf("convTranspose2d", padding, axes);
  for (const auto *numbers : {&strides, &dilations, &extra})
    if (!*numbers)
      return failed(numbers->error());
  if (!edges)
    return failed(edges.error());

  // A convolution with stride 1 by the flipped kernel. Where the kernel has no gaps, outputs that
  // are `stride` apart are a phase, which meets the elements of the kernel that are as far apart;
  // all phases are filters of one convolution. Else zeros go between the elements of the input.
  Tensor input = *this;
  std::vector<int64_t> phases, around(2 * axes); // around: the last axis first, as conv2d takes it
  std::vector<Padding> rest(axes);               // of the output, once phases are interleaved
  for (size_t i = 0; i < axes; ++i) {
    const int axis = static_cast<int>(2 + i);
    const int64_t step = (*strides)[i], gap = (*dilations)[i];
    const int64_t size = weight.size(axis).constant(), reach = (size - 1) * gap;
    const int64_t before = -(*edges)[i].before.constant();
    const int64_t after = (*extra)[i] - (*edges)[i].after.constant();
    const bool isEmpty = input.size(axis) == Dim(0);
    phases.push_back(gap == 1 && !isEmpty ? step : 1);
    int64_t *pair = &around[2 * (axes - 1 - i)];
    if (phases[i] > 1) {
      const int64_t taps = (size + step - 1) / step;
      pair[0] = pair[1] = taps - 1;
      rest[i] = {before, after + size - taps * step};
    } else {
      pair[0] = reach + before;
      pair[1] = reach + after;
      if (!isEmpty)
        input = spreadOut(input, axis, step);
    }
  }
  Tensor kernel = phaseFilters(weight.unflatten(0, {groups, -1}).transpose(1, 2), phases);
  Tensor output = interleave(input.conv2d(kernel, {}, groups, 1, dilation, around), phases);
  output = padSpatial(output, rest, 0);
  return bias ? output + bias->reshape(alongChannels(axes)) : output;
}

} // namespace rosso
