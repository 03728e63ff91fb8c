// One lowering for each op: elementwise ops as instructions on scalars, movement ops as the index
// to read and where to read it.
#pragma once

#include "codegen/ElementEmitter.h"

namespace rosso {

/// An op with the Elementwise trait, applied to the elements of its operands.
Value lowerElementwise(Emit &e, mlir::Operation *op, ValueRange operands);

/// An op with the Movement trait (gather among them), or iota, constant, variable.
Value lowerMovement(ElementEmitter &elements, mlir::Operation *op, ValueRange index);

/// The index into `from` of the element that a reshape to `to` shows at `index`. Runs of extents
/// with equal products are matched, so that [T, 896] -> [T, 14, 64] leaves T alone.
Values reshapeIndex(Emit &e, const KernelContext &kernel, const Shape &from, const Shape &to,
                    ValueRange index);

} // namespace rosso
