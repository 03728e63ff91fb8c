// How a product of matrices is cut up for the registers and caches of a core.
#pragma once

#include "codegen/Target.h"

namespace rosso {

/// What is known of a product [rows, length] x [length, width] when its code is written.
struct BlockProblem {
  int64_t matrices = 1; // of the batch
  int64_t rows = 1, width = 1, length = 1;
  int64_t threads = 0;      // that share it; 0: not known
  int64_t elementBytes = 4; // of the sums
  double leftCost = 0.2;    // cycles to pack an element
  double rightCost = 0.2;
  int64_t rightPeriod = 1;      // that cost is of blocks of so many columns, or of a multiple;
  double rightBrokenCost = 0.2; // of others it is this
};

/// A tile of `rowTile` rows and `vectorTile` vectors of sums stays in registers for a block of the
/// length; a block of rows and a block of columns make a work item.
struct BlockPlan {
  int64_t lanes = 1;
  int64_t rowTile = 1, vectorTile = 1;
  int64_t rows = 1, width = 1, length = 1; // of a block
  int64_t columnTile() const { return vectorTile * lanes; }
};

BlockPlan planBlocks(const VectorUnit &unit, const BlockProblem &problem);

} // namespace rosso
