// Where lines of MLIR came from and where they go: graph nodes behind them, machine code before
// them. For listings only; see runtime/program/Listing.h.
#pragma once

#include "runtime/program/Listing.h"

#include "mlir/IR/BuiltinOps.h"

#include <vector>

namespace rosso {

/// The numbers in the locations `"%12"` that the importer gave to what it made of graph nodes.
std::vector<int64_t> nodesOf(mlir::Operation *op);

/// Prints `op` without its locations, and tells the nodes that each line's locations name.
TracedText traced(mlir::Operation *op);

/// From now on the location of each op in `op` is its line in the text that `traced(op)` gives,
/// which becomes the line of LLVM's debug locations.
void locateByLine(mlir::Operation *op);

/// The launch that `runsOfLines` is about.
struct ForeseenLaunch {
  uint64_t items = 1;   // work groups of a GPU, work items of a host
  uint32_t threads = 0; // of a work group; 0 on a host
};

/// How often a wave runs each of `lines` lines, for ops that `locateByLine` has located: the mean
/// over some of the launch's waves. See KernelListing::runs.
std::vector<double> runsOfLines(mlir::ModuleOp module, size_t lines, const VarTable &vars,
                                const VarValues &at, const ForeseenLaunch &launch);

} // namespace rosso
