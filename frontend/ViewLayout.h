// Where the elements of a view lie in the memory it looks at.
#pragma once

#include "frontend/Graph.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace rosso {

/// Element (i, j, ...) of a view lies `offset + i * strides[0] + j * strides[1] + ...` elements
/// behind the begin of its memory.
struct ViewLayout {
  std::vector<int64_t> extents, strides;
  int64_t offset = 0;

  int64_t elementCount() const;
  bool isContiguous() const; // row-major, without gaps
};

/// The layout of a buffer or a view of one; nothing where extents are variable or where a reshape
/// of a view cannot be told by strides.
std::optional<ViewLayout> layoutOf(const Node &view);

/// Copies the elements of a view, `elementBytes` each, to or from a row-major array.
void gatherView(const ViewLayout &layout, unsigned elementBytes, std::span<const uint8_t> memory,
                std::span<uint8_t> rowMajor);
void scatterView(const ViewLayout &layout, unsigned elementBytes, std::span<uint8_t> memory,
                 std::span<const uint8_t> rowMajor);

} // namespace rosso
