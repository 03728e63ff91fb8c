// rosso-sink-reshapes: elementwise ops come before the reshape of a contraction's result.
//
// What follows a convolution is written in the shape of images, [N, C, H, W], and the convolution
// itself is a product of matrices [N, G, C / G, H * W]. With the reshape last, a bias, an
// activation or a residual has the product's shape and its kernel computes it as an epilogue.
#include "ir/Shapes.h"
#include "passes/OperandViews.h"
#include "passes/Passes.h"
#include "passes/Rewrites.h"
#include "passes/Splat.h"

namespace rosso {
#define GEN_PASS_DEF_SINKRESHAPES
#include "passes/Passes.h.inc"

using namespace mlir;

namespace {

constexpr int kMostSteps = 8; // elementwise ops between a contraction and a reshape

/// Whether a value is a contraction that may have an epilogue, or elementwise ops of one.
bool comesFromContraction(Value value, int steps = kMostSteps) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  if (llvm::isa<MatmulOp, LinearOp>(op))
    return readsViews(op);
  return op->hasTrait<Elementwise>() && steps > 0 &&
         llvm::any_of(op->getOperands(),
                      [&](Value operand) { return comesFromContraction(operand, steps - 1); });
}

/// f(reshape(x), y) -> reshape(f(x, reshape(y)))    where x comes from a contraction
struct SinkBelowElementwise final : RewritePattern {
  SinkBelowElementwise(MLIRContext *context)
      : RewritePattern(MatchTraitOpTypeTag(), TypeID::get<Elementwise>(), PatternBenefit(1),
                       context) {}

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    Shape inner;
    bool found = false;
    for (Value operand : op->getOperands()) {
      auto reshape = operand.getDefiningOp<ReshapeOp>();
      if (!reshape || !comesFromContraction(reshape.getSource()))
        continue;
      Shape shape = shapeOf(reshape.getSource());
      if (found && shape != inner)
        return rewriter.notifyMatchFailure(op, "two contractions of different shapes");
      inner = shape;
      found = true;
    }
    if (!found)
      return rewriter.notifyMatchFailure(op, "no operand is a reshaped contraction");
    auto reshaped = [&](Value value) -> Value {
      auto type = tensorType(inner, tensorOf(value).getElementType());
      if (auto reshape = value.getDefiningOp<ReshapeOp>();
          reshape && reshape.getSource().getType() == type)
        return reshape.getSource();
      return ReshapeOp::create(rewriter, op->getLoc(), type, value);
    };
    RankedTensorType type = tensorOf(op->getResult(0));
    OperationState state(op->getLoc(), op->getName());
    for (Value operand : op->getOperands())
      state.operands.push_back(reshaped(operand));
    state.types.push_back(tensorType(inner, type.getElementType()));
    for (NamedAttribute attribute : op->getAttrs())
      if (attribute.getName() != kNodeAttr)
        state.addAttribute(attribute.getName(), attribute.getValue());
    Operation *sunk = rewriter.create(state);
    auto result = ReshapeOp::create(rewriter, op->getLoc(), type, sunk->getResult(0));
    copyNode(op, result);
    rewriter.replaceOp(op, result);
    return success();
  }
};

struct SinkReshapes : impl::SinkReshapesBase<SinkReshapes> {
  using SinkReshapesBase::SinkReshapesBase;

  LogicalResult initialize(MLIRContext *context) override {
    return rewrites.set<SinkBelowElementwise>(context);
  }

  void runOnOperation() override {
    if (getOperation().isExternal())
      return;
    if (failed(rewrites.apply(getOperation())))
      signalPassFailure();
  }

  Rewrites rewrites;
};

} // namespace
} // namespace rosso
