// Rows: what a reduction makes one number of. Which of a tensor's axes number the rows, and how
// they travel through other ops.
#pragma once

#include "ir/Rosso.h"
#include "support/Dim.h"

#include <optional>

namespace rosso {

/// Axes of a tensor whose positions, in this order, are the number of a row. None has extent 1.
using RowAxes = llvm::SmallVector<int64_t, 4>;

/// Of the source of a reduction, and of its result.
RowAxes keptAxes(mlir::Operation *reduction);

/// The axes of op's result that number the rows which `rows` of `operand` number; nothing where an
/// element of the result would need other rows.
std::optional<RowAxes> rowsThrough(mlir::Operation *op, mlir::Value operand, const RowAxes &rows);

/// The extents of some axes.
Shape extentsAt(const Shape &shape, llvm::ArrayRef<int64_t> axes);

/// Axes [fromBegin, fromEnd) of a tensor that a reshape turns into [toBegin, toEnd), by themselves.
struct ReshapeRun {
  size_t fromBegin, fromEnd, toBegin, toEnd;
};
/// The shortest runs, axes of extent 1 being in none: [T, 896] -> [T, 14, 64] leaves T alone.
llvm::SmallVector<ReshapeRun, 4> reshapeRuns(const Shape &from, const Shape &to,
                                             const VarTable &vars);

} // namespace rosso
