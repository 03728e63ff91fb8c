// Operands that a contraction reads through movement ops, instead of from a buffer of their own.
//
// A contraction on the host packs its operands anyway, block by block, and may as well read them
// wherever they lie: transposed, broadcast, or as the windows of a convolution, which as a buffer
// would be larger than the image by the size of its kernel.
#pragma once

#include "ir/Rosso.h"

namespace rosso {

/// Whether an operand is a weight that may lie in tiles: plan-memory decides which do.
bool mayLieInTiles(mlir::Value weight);

/// Whether the kernel of a contraction can read its operands as views: not if the weight is one
/// that lies in tiles, whose kernels read rows of activations.
bool readsViews(mlir::Operation *contraction);

/// The same elements in the same order, in the shape of the buffer or op that has them.
mlir::Value withoutReshapes(mlir::Value value);

/// What has to be a buffer for a contraction that reads `operand` as a view.
mlir::Value bufferBehind(mlir::Value operand);

/// Whether a few cheap ops make `operand` from arguments of the function: then nothing has to be a
/// buffer, as the contraction computes each element when it reads it.
bool isComputedAsRead(mlir::Value operand);

} // namespace rosso
