// Which loop structure a contraction gets: tiles where the weights lie in them, rows elsewhere.
#include "codegen/templates/Templates.h"

namespace rosso {

void emitContraction(Emit &e, KernelContext &kernel) {
  for (mlir::Operation &op : *kernel.op.getBody())
    if (auto linear = mlir::dyn_cast<LinearOp>(op))
      if (auto weight = mlir::dyn_cast<mlir::BlockArgument>(linear.getWeight());
          weight && kernel.layoutOf(weight) == Layout::Tile16)
        return emitTileContraction(e, kernel);
  emitDenseContraction(e, kernel);
}

} // namespace rosso
