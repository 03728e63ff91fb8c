// From the lazy graph to one module of the `rosso` dialect.
//
// The importer knows no op by name: a node becomes the dialect op of its mnemonic, with its
// attributes, and the dialect's verifiers say what is wrong. Only leaves are special: they are
// arguments of their entry's function.
#pragma once

#include "frontend/Graph.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace rosso {

/// Loads the dialects it needs into `context`. Errors: that of a bad node.
Result<mlir::OwningOpRef<mlir::ModuleOp>> importGraph(mlir::MLIRContext &context,
                                                      const Graph &graph);

} // namespace rosso
