// Where windows that slide over a padded axis touch no padding.
//
// Rows of a reduction whose windows lie inside read whole vectors without a comparison for each
// element, as nearly all rows of a pool or of a depthwise convolution can.
#pragma once

#include "ir/Rosso.h"

#include <vector>

namespace rosso {

/// Rows [begin, end) whose windows stay inside the source of each of `pads`, on its last axis.
struct Interior {
  int64_t begin = 0, end = 0;
  std::vector<mlir::Operation *> pads; // none: nothing is gained anywhere
};

/// Rows are indices on `axis` of `value`; all indices on its other axes are meant.
Interior interiorOf(mlir::Value value, size_t axis);

} // namespace rosso
