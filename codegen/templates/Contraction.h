// What matvec and matmul share: which linears stand together, and what is done with their results.
#pragma once

#include "codegen/ElementEmitter.h"
#include "codegen/templates/Root.h"

#include <vector>

namespace rosso {

class Wave;

/// Linears of one N whose results meet in some of the kernel's results.
struct LinearGroup {
  std::vector<LinearOp> linears;
  std::vector<unsigned> results;
  int64_t rows = 0; // N
};

/// The groups of a kernel, in the order of their first result. Groups read the same activations
/// and are otherwise independent (q, k and v); within a group (gate and up) a result needs several.
std::vector<LinearGroup> linearGroups(KernelOp op);

/// Number of rows of activations: the product of the leading extents.
Dim tokenCount(LinearOp linear);

/// A stretch of finished sums in stack memory: f32 [tokens][rows] for each linear of a group.
struct SumTile {
  std::vector<Value> sums;  // one address for each linear
  Value firstToken, tokens; // i64
  Value firstRow;
  int64_t rows = 0; // the stride; rows beyond N are not stored
};

/// Computes the group's results from the sums, and stores them.
void storeResults(ElementEmitter &elements, const LinearGroup &group, const SumTile &tile);

/// On a GPU: the same for 32 rows from 32 * `block` on of one token, a lane a row: `sums` are this
/// lane's, one for each linear.
void storeLanes(ElementEmitter &elements, Wave &wave, const LinearGroup &group, ValueRange sums,
                Value token, Value block);

} // namespace rosso
