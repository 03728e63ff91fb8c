// One quantised weight as f32 at an index known only when the kernel runs: for gathers of rows and
// for the ends of things. Kernels that read many weights use TileEmitter.
#pragma once

#include "codegen/Emit.h"
#include "ir/quant/Tile.h"

namespace rosso {

/// Weight [row, column] (indices) of a matrix of `columns` columns in tiles; see ir/quant/Tile.h.
Value emitTileElement(Emit &e, const QuantFormat &format, const TileShape &shape, int64_t columns,
                      Value matrix, Value row, Value column);

/// Weight `position` (an index) of a row-major matrix in the order of the file.
Value emitRowElement(Emit &e, const QuantFormat &format, Value matrix, Value position);

/// An i32 group scale (scalar or vector) as stored to what it means, in f32.
Value emitGroupScale(Emit &e, const QuantFormat &format, Value s);

} // namespace rosso
