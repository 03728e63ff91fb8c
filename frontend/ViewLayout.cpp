#include "frontend/ViewLayout.h"

#include <cstring>

namespace rosso {

namespace {

std::optional<std::vector<int64_t>> constantExtents(const Shape &shape) {
  std::vector<int64_t> extents;
  for (const Dim &extent : shape) {
    if (!extent.isConstant())
      return std::nullopt;
    extents.push_back(extent.constant());
  }
  return extents;
}

std::vector<int64_t> rowMajorStrides(const std::vector<int64_t> &extents) {
  std::vector<int64_t> strides(extents.size());
  int64_t stride = 1;
  for (size_t i = extents.size(); i-- > 0; stride *= extents[i])
    strides[i] = stride;
  return strides;
}

/// The strides of a reshape: groups of axes of equal size on both sides, where the old axes of each
/// group lie behind each other without gaps.
std::optional<ViewLayout> reshaped(const ViewLayout &old, const std::vector<int64_t> &extents) {
  ViewLayout layout{extents, rowMajorStrides(extents), old.offset};
  if (old.elementCount() == 0 || old.isContiguous())
    return layout;
  size_t from = 0, to = 0;
  while (from < old.extents.size() || to < extents.size()) {
    size_t fromEnd = from, toEnd = to;
    int64_t fromSize = 1, toSize = 1;
    do { // at least one axis; those of extent 1 join what is before them
      if (fromSize <= toSize && fromEnd < old.extents.size())
        fromSize *= old.extents[fromEnd++];
      else if (toEnd < extents.size())
        toSize *= extents[toEnd++];
      else
        return std::nullopt;
    } while (fromSize != toSize);
    // One run of memory: each axis steps over all of the next one.
    std::optional<int64_t> innermost; // 0 where it is expanded
    int64_t expected = 0;
    for (size_t i = fromEnd; i-- > from;) {
      if (old.extents[i] == 1)
        continue;
      if (!innermost)
        innermost = old.strides[i];
      else if (old.strides[i] != expected)
        return std::nullopt;
      expected = old.strides[i] * old.extents[i];
    }
    int64_t stride = innermost.value_or(0);
    for (size_t i = toEnd; i-- > to; stride *= extents[i])
      layout.strides[i] = stride;
    from = fromEnd;
    to = toEnd;
  }
  return layout;
}

std::optional<ViewLayout> moved(const Node &node, ViewLayout source) {
  ViewLayout layout = source;
  switch (node.op) {
  case Op::Reshape: {
    auto extents = constantExtents(node.shape);
    return extents ? reshaped(source, *extents) : std::nullopt;
  }
  case Op::Permute: {
    const auto &axes = node.attr<std::vector<int64_t>>("axes");
    for (size_t i = 0; i < axes.size(); ++i) {
      layout.extents[i] = source.extents[static_cast<size_t>(axes[i])];
      layout.strides[i] = source.strides[static_cast<size_t>(axes[i])];
    }
    return layout;
  }
  case Op::Expand: {
    auto extents = constantExtents(node.shape);
    if (!extents)
      return std::nullopt;
    for (size_t i = 0; i < extents->size(); ++i)
      if (source.extents[i] != (*extents)[i])
        layout.strides[i] = 0;
    layout.extents = *extents;
    return layout;
  }
  case Op::Shrink: {
    auto begin = constantExtents(node.attr<Shape>("begin"));
    auto extents = constantExtents(node.shape);
    if (!begin || !extents)
      return std::nullopt;
    for (size_t i = 0; i < extents->size(); ++i)
      layout.offset += (*begin)[i] * source.strides[i];
    layout.extents = *extents;
    return layout;
  }
  case Op::Flip:
    for (int64_t axis : node.attr<std::vector<int64_t>>("axes")) {
      const auto i = static_cast<size_t>(axis);
      layout.offset += std::max<int64_t>(0, source.extents[i] - 1) * source.strides[i];
      layout.strides[i] = -source.strides[i];
    }
    return layout;
  case Op::Stride: {
    auto extents = constantExtents(node.shape);
    if (!extents)
      return std::nullopt;
    const auto &strides = node.attr<std::vector<int64_t>>("strides");
    for (size_t i = 0; i < strides.size(); ++i)
      layout.strides[i] *= strides[i];
    layout.extents = *extents;
    return layout;
  }
  default:
    return std::nullopt;
  }
}

/// Calls `run(memory offset, row-major offset, length)`, in bytes, for every stretch that lies
/// without gaps on both sides.
template <typename Run>
void forEachRun(const ViewLayout &layout, unsigned elementBytes, const Run &run) {
  if (layout.elementCount() == 0)
    return;
  size_t axes = layout.extents.size();
  int64_t length = 1;
  while (axes > 0 && (layout.extents[axes - 1] == 1 || layout.strides[axes - 1] == length))
    length *= layout.extents[--axes];
  std::vector<int64_t> index(axes, 0);
  int64_t from = layout.offset, to = 0;
  for (;;) {
    run(static_cast<uint64_t>(from) * elementBytes, static_cast<uint64_t>(to) * elementBytes,
        static_cast<uint64_t>(length) * elementBytes);
    to += length;
    size_t axis = axes;
    while (axis > 0) {
      --axis;
      from += layout.strides[axis];
      if (++index[axis] < layout.extents[axis])
        break;
      from -= layout.strides[axis] * layout.extents[axis];
      index[axis] = 0;
      if (axis == 0)
        return;
    }
    if (axes == 0)
      return;
  }
}

} // namespace

int64_t ViewLayout::elementCount() const {
  int64_t count = 1;
  for (int64_t extent : extents)
    count *= extent;
  return count;
}

bool ViewLayout::isContiguous() const {
  int64_t expected = 1;
  for (size_t i = extents.size(); i-- > 0; expected *= extents[i])
    if (extents[i] != 1 && strides[i] != expected)
      return false;
  return true;
}

std::optional<ViewLayout> layoutOf(const Node &view) {
  std::vector<const Node *> moves;
  const Node *node = &view;
  for (; node->op != Op::Buffer; node = node->sources[0].get()) {
    if (!isMovement(node->op))
      return std::nullopt;
    moves.push_back(node);
  }
  auto extents = constantExtents(node->shape);
  if (!extents || node->format)
    return std::nullopt;
  std::optional<ViewLayout> layout = ViewLayout{*extents, rowMajorStrides(*extents), 0};
  for (size_t i = moves.size(); layout && i-- > 0;)
    layout = moved(*moves[i], *std::move(layout));
  return layout;
}

void gatherView(const ViewLayout &layout, unsigned elementBytes, std::span<const uint8_t> memory,
                std::span<uint8_t> rowMajor) {
  forEachRun(layout, elementBytes, [&](uint64_t from, uint64_t to, uint64_t bytes) {
    std::memcpy(&rowMajor[to], &memory[from], bytes);
  });
}

void scatterView(const ViewLayout &layout, unsigned elementBytes, std::span<uint8_t> memory,
                 std::span<const uint8_t> rowMajor) {
  forEachRun(layout, elementBytes, [&](uint64_t from, uint64_t to, uint64_t bytes) {
    std::memcpy(&memory[from], &rowMajor[to], bytes);
  });
}

} // namespace rosso
