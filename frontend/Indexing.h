// How brackets are understood, for reading and for writing. Private to frontend/.
#pragma once

#include "frontend/Tensor.h"

namespace rosso::indexing {

/// The elements of one axis: [begin, end) in steps, from the end if the step is negative.
struct Cut {
  Dim begin, end;
  int64_t step = 1;

  /// How many elements these are.
  Dim size() const {
    int64_t stride = step < 0 ? -step : step;
    return stride == 1 ? end - begin : Dim(((end - begin).constant() + stride - 1) / stride);
  }
};

/// A tensor's elements before tensors of positions choose among them.
struct View {
  std::vector<Cut> cuts = {};      // of each axis
  Shape kept = {};                 // without axes of one position, with new ones
  std::vector<int> indexed = {};   // axes of `kept` that tensors index
  std::vector<Tensor> places = {}; // these tensors
};

/// The axes that tensors index as one axis in front.
struct Rows {
  Tensor table;     // [rows, the other axes of the view]
  Tensor numbers;   // i32 of the tensors' common shape; outside: -1, or beyond the rows
  int standsAt = 0; // the axis of the result where that shape begins
};

/// Computes masks at once: the shape of what they select depends on them.
Result<View> parse(const Tensor &t, const std::vector<Index> &indices);
/// The elements of the cuts; as many axes as `t`.
Tensor cut(const Tensor &t, const View &view);
/// Of a tensor of the view's kept shape.
Result<Rows> rowsOf(const Tensor &t, const View &view);

/// For every element of `index`, the row-major number of the element of `table` which it names on
/// one axis; the other axes are its own. -1 outside.
Tensor elementNumbers(const Shape &table, int axis, const Tensor &index);

} // namespace rosso::indexing
