// The passes between the graph and codegen, in the order they run.
#pragma once

#include "ir/Rosso.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace rosso {

#define GEN_PASS_DECL
#include "passes/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"

struct PipelineOptions {
  bool exact = false; // keep activations in f32
  bool gpu = false;   // tiles, formats and epilogues for the lanes of waves
};

/// simplify, fuse-dequant, fuse-attention, simplify, [defer-norm], [quantize-activations],
/// [sink-reshapes, simplify], split-reductions, fuse, plan-memory, schedule.
void buildPipeline(mlir::OpPassManager &manager, const PipelineOptions &options);

} // namespace rosso
