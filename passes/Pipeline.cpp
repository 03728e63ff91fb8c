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
  if (!options.exact)
    entry.addPass(createQuantizeActivations());
  entry.addPass(createFuse());
  manager.addPass(createPlanMemory({.tileLayout = options.tileLayout}));
  manager.addNestedPass<mlir::func::FuncOp>(createSchedule());
}

} // namespace rosso
