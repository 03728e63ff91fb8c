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

constexpr int kMostOps = 8; // that a contraction repeats for each element it reads

/// Whether cheap elementwise ops, and movements that keep or repeat elements, make `value` from
/// arguments and constants. Counts the elementwise ops.
bool isCheap(Value value, int &ops) {
  Operation *op = value.getDefiningOp();
  if (!op || llvm::isa<ConstantOp>(op))
    return true;
  bool isDear = llvm::isa<Exp2Op, Log2Op, SinOp, SqrtOp, RsqrtOp, RecipOp, DivOp, ModOp>(op);
  if (op->hasTrait<Elementwise>() ? isDear || ++ops > kMostOps
                                  : !llvm::isa<PermuteOp, ReshapeOp, ExpandOp>(op))
    return false;
  return llvm::all_of(op->getOperands(), [&](Value operand) { return isCheap(operand, ops); });
}

} // namespace

bool mayLieInTiles(Value weight) {
  auto argument = llvm::dyn_cast<BlockArgument>(weight);
  auto function =
      llvm::dyn_cast_or_null<func::FuncOp>(argument ? argument.getOwner()->getParentOp() : nullptr);
  if (!function)
    return false;
  auto space = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), kSpaceAttr);
  auto layout = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), kLayoutAttr);
  bool isInRows = layout && layout.getValue() == "rows";
  return (!space || space.getValue() == "weight") && !isInRows;
}

bool readsViews(Operation *contraction) {
  if (llvm::isa<MatmulOp>(contraction))
    return true;
  auto linear = llvm::dyn_cast<LinearOp>(contraction);
  return linear && !formatOf(tensorOf(linear.getSource()).getElementType()) &&
         !mayLieInTiles(linear.getWeight());
}

Value withoutReshapes(Value value) {
  while (auto reshape = value.getDefiningOp<ReshapeOp>())
    value = reshape.getSource();
  return value;
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

bool isComputedAsRead(Value operand) {
  int ops = 0;
  return isCheap(operand, ops) && ops > 0;
}

} // namespace rosso
