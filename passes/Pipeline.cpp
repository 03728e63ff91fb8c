// The order of the passes.
#include "passes/Passes.h"

#include "mlir/Pass/PassManager.h"

namespace rosso {

void buildPipeline(mlir::OpPassManager &manager, const PipelineOptions &options) {
  auto &entry = manager.nest<mlir::func::FuncOp>();
  entry.addPass(createSimplify());
  entry.addPass(createFuseDequant());
  entry.addPass(createFuseAttention());
  entry.addPass(createSimplify());
  if (options.gpu && !options.exact)
    entry.addPass(createDeferNorm());
  if (!options.exact)
    entry.addPass(createQuantizeActivations({.format = options.gpu ? "q8_s" : "q8_a"}));
  if (!options.gpu) {
    entry.addPass(createSinkReshapes());
    entry.addPass(createSimplify());
  }
  entry.addPass(createSplitReductions());
  entry.addPass(createFuse({.wideEpilogues = options.gpu, .operandViews = !options.gpu}));
  manager.addPass(createPlanMemory({.tileLayout = options.gpu ? "tile32" : "tile16"}));
  manager.addNestedPass<mlir::func::FuncOp>(createSchedule());
}

} // namespace rosso
