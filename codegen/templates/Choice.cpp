// Which of its loop structures a template takes.
#include "codegen/templates/Templates.h"

namespace rosso {

namespace {

/// Whether some linear reads its weight in tiles.
bool readsTiles(KernelContext &kernel) {
  for (mlir::Operation &op : *kernel.op.getBody())
    if (auto linear = mlir::dyn_cast<LinearOp>(op))
      if (auto weight = mlir::dyn_cast<mlir::BlockArgument>(linear.getWeight());
          weight && kernel.layoutOf(weight) != Layout::Rows)
        return true;
  return false;
}

/// Whether a contraction has one row or one column: there is nothing to keep in registers.
bool isThin(KernelContext &kernel) {
  for (mlir::Operation &op : *kernel.op.getBody())
    if (mlir::isa<LinearOp, MatmulOp>(op)) {
      Shape shape = shapeOf(op.getResult(0));
      Shape rows(shape.begin(), shape.end() - 1);
      if (mlir::isa<MatmulOp>(op))
        rows = {rows.back()};
      auto count = elementCount(rows);
      return !count || *count == Dim(1) || shape.back() == Dim(1);
    }
  return false;
}

} // namespace

void emitContraction(Emit &e, KernelContext &kernel) {
  if (readsTiles(kernel))
    return emitTileContraction(e, kernel);
  isThin(kernel) ? emitDenseContraction(e, kernel) : emitBlockContraction(e, kernel);
}

void emitLaneContraction(Emit &e, KernelContext &kernel) {
  if (!readsTiles(kernel))
    return emitLaneDenseContraction(e, kernel);
  fitsMatrices(kernel) ? emitLaneMatrixContraction(e, kernel) : emitLaneTileContraction(e, kernel);
}

int64_t laneWorkspaceBytes(const KernelContext &kernel) {
  KernelOp op = kernel.op;
  return op.getTemplate() == KernelTemplate::Attention ? laneAttentionWorkspace(kernel) : 0;
}

/// Tiles of tokens where there are several, and whole vectors in a head.
void emitAttention(Emit &e, KernelContext &kernel) {
  auto op = *kernel.op.getBody()->getOps<AttentionOp>().begin();
  Shape q = shapeOf(op.getQuery()), v = shapeOf(op.getValue());
  bool wholeVectors = q[2].constant() % 16 == 0 && v[2].constant() % 16 == 0;
  if (q[1] != Dim(1) && wholeVectors)
    return emitAttentionTile(e, kernel);
  emitAttentionRow(e, kernel);
}

} // namespace rosso
