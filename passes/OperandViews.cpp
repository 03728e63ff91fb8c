#include "passes/OperandViews.h"

#include "ir/Shapes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace rosso {

using namespace mlir;

namespace {

/// A cast that only widens floats: the contraction does that as it reads.
bool widens(CastOp cast) {
  auto from = llvm::dyn_cast<FloatType>(tensorOf(cast.getSource()).getElementType());
  auto to = llvm::dyn_cast<FloatType>(tensorOf(cast.getResult()).getElementType());
  return from && to && to.getWidth() > from.getWidth();
}

} // namespace

bool readsViews(Operation *contraction) {
  if (llvm::isa<MatmulOp>(contraction))
    return true;
  auto linear = llvm::dyn_cast<LinearOp>(contraction);
  auto function = contraction->getParentOfType<func::FuncOp>();
  if (!linear || !function || formatOf(tensorOf(linear.getSource()).getElementType()))
    return false;
  auto weight = llvm::dyn_cast<BlockArgument>(linear.getWeight());
  if (!weight)
    return true;
  auto space = function.getArgAttrOfType<StringAttr>(weight.getArgNumber(), kSpaceAttr);
  return space && space.getValue() != "weight";
}

Value bufferBehind(Value operand) {
  while (Operation *op = operand.getDefiningOp()) {
    bool moves = llvm::isa<PermuteOp, ReshapeOp, ExpandOp, ShrinkOp, PadOp, StrideOp, WindowOp>(op);
    if (auto cast = llvm::dyn_cast<CastOp>(op))
      moves = widens(cast);
    if (!moves)
      break;
    operand = op->getOperand(0);
  }
  return operand;
}

} // namespace rosso
