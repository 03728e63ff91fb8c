// Values of a row that are dear and needed again: computed once, kept in stack memory.
//
// A row kernel goes over its row once for each reduction and once for its results. What an
// exponential costs is then paid several times: exp(x - max) of a softmax, first for the sum, then
// for the quotient. Such a value is stored on the first way and loaded on the others.
#pragma once

#include "codegen/templates/RowSpace.h"

namespace rosso {

/// The values that a pass over the source of `reduction` computes and that are worth keeping;
/// `known` have been kept by passes before.
llvm::SmallVector<Value> valuesToKeep(mlir::Operation *reduction,
                                      const llvm::DenseSet<Value> &known, const VarTable &vars);

} // namespace rosso
