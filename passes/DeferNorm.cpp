// rosso-defer-norm: linear(y * s, w) -> linear(y, w) * s, where s is one number for each row.
//
// A norm divides a row by its length, which is known only when the whole row is: between two
// contractions that is a kernel of its own. But a row's scale goes through a linear map, and int8
// blocks do not mind it. So the contraction that makes a residual packs it unscaled and leaves one
// sum of squares for every 32 elements; the next contraction adds these up, and scales what it has
// summed. A layer loses two launches of six.
//
//   x = a + linear(..)                          x = a + linear(..)
//   s = f(reduce_sum(x * x))          ->        p = reduce_sum(reshape(x * x) [.., K/32, 32])
//   z = linear(x * s * g, w)                    z = linear(x * g, w) * f(reduce_sum(p))
#include "ir/Shapes.h"
#include "passes/Passes.h"

namespace rosso {
#define GEN_PASS_DEF_DEFERNORM
#include "passes/Passes.h.inc"

using namespace mlir;

namespace {

constexpr int64_t kPart = 32; // elements with one partial sum: the rows of a wave

/// The number of each row that `factor` spreads along the last axis, or null.
Value rowScale(Value factor) {
  auto expand = factor.getDefiningOp<ExpandOp>();
  if (!expand)
    return {};
  Shape from = shapeOf(expand.getSource()), to = shapeOf(factor);
  bool onlyLast = from.back() == Dim(1) && std::equal(from.begin(), from.end() - 1, to.begin());
  return onlyLast ? expand.getSource() : Value();
}

/// The sum over whole rows that `scale` is computed from, if it is computed from one only.
ReduceSumOp rowSum(Value scale) {
  ReduceSumOp found;
  llvm::SmallVector<Value> pending{scale};
  while (!pending.empty()) {
    Operation *op = pending.pop_back_val().getDefiningOp();
    if (!op)
      return {};
    if (auto sum = dyn_cast<ReduceSumOp>(op)) {
      if (found && found != sum)
        return {};
      found = sum;
    } else if (op->hasTrait<Elementwise>() || isa<ReshapeOp, ExpandOp>(op)) {
      pending.append(op->operand_begin(), op->operand_end());
    } else if (!isa<ConstantOp>(op)) {
      return {};
    }
  }
  return found;
}

/// Whether a contraction makes `x`, so that its kernel can go on with it.
bool isContractionResult(Value x) {
  for (int steps = 0; steps < 8; ++steps) {
    Operation *op = x.getDefiningOp();
    if (!op)
      return false;
    if (isa<LinearOp>(op))
      return true;
    if (!isa<AddOp>(op))
      return false;
    // Of a residual, the later operand is the contraction's.
    Operation *left = op->getOperand(0).getDefiningOp(), *right = op->getOperand(1).getDefiningOp();
    bool useLeft = left && (!right || right->isBeforeInBlock(left));
    x = op->getOperand(useLeft ? 0 : 1);
  }
  return false;
}

/// Takes the row scale out of a product; null where there is none.
Value withoutScale(OpBuilder &b, Value product, Value &scale) {
  auto mul = product.getDefiningOp<MulOp>();
  if (!mul)
    return {};
  Value sides[2] = {mul.getLhs(), mul.getRhs()};
  for (int i : {0, 1})
    if (Value found = rowScale(sides[i])) {
      scale = found;
      return sides[1 - i];
    }
  for (int i : {0, 1})
    if (Value rest = withoutScale(b, sides[i], scale)) {
      sides[i] = rest;
      return MulOp::create(b, mul.getLoc(), product.getType(), sides[0], sides[1]);
    }
  return {};
}

struct DeferNorm : impl::DeferNormBase<DeferNorm> {
  using DeferNormBase::DeferNormBase;

  void runOnOperation() override {
    llvm::SetVector<Value> sources;
    getOperation().walk([&](LinearOp op) {
      if (formatOf(tensorOf(op.getWeight()).getElementType()))
        sources.insert(op.getSource());
    });
    for (Value source : sources)
      defer(source);
  }

  static bool feedsOnlyWeights(Value source) {
    return llvm::all_of(source.getUses(), [](OpOperand &use) {
      auto linear = dyn_cast<LinearOp>(use.getOwner());
      return linear && use.getOperandNumber() == 0 &&
             formatOf(tensorOf(linear.getWeight()).getElementType());
    });
  }

  void defer(Value source) {
    Operation *op = source.getDefiningOp();
    Shape shape = shapeOf(source);
    if (!op || !tensorOf(source).getElementType().isF32() || !shape.back().isConstant() ||
        shape.back().constant() % kPart != 0 || !feedsOnlyWeights(source))
      return;
    OpBuilder b(op);
    Value scale;
    Value unscaled = withoutScale(b, source, scale);
    if (!unscaled)
      return;
    ReduceSumOp sum = rowSum(scale);
    if (!sum || shapeOf(sum.getSource()) != shape || sum.getAxes().size() != 1 ||
        sum.getAxes()[0] != static_cast<int64_t>(shape.size()) - 1)
      return;
    auto square = sum.getSource().getDefiningOp<MulOp>();
    if (!square || square.getLhs() != square.getRhs() || !isContractionResult(square.getLhs()))
      return;

    split(sum, shape);
    for (OpOperand &use : llvm::make_early_inc_range(source.getUses())) {
      auto linear = cast<LinearOp>(use.getOwner());
      linear.getSourceMutable().assign(unscaled);
      b.setInsertionPointAfter(linear);
      RankedTensorType type = tensorOf(linear.getResult());
      Value spread = ExpandOp::create(b, linear.getLoc(), type, scale);
      auto scaled = MulOp::create(b, linear.getLoc(), type, linear.getResult(), spread);
      if (Attribute node = linear->removeAttr(kNodeAttr))
        scaled->setAttr(kNodeAttr, node);
      linear.getResult().replaceAllUsesExcept(scaled, scaled);
    }
  }

  /// sum(v) -> sum(sum of every 32)
  static void split(ReduceSumOp sum, const Shape &shape) {
    OpBuilder b(sum);
    Location loc = sum.getLoc();
    Type element = tensorOf(sum.getSource()).getElementType();
    auto rank = static_cast<int64_t>(shape.size());
    Shape parts = shape;
    parts.back() = Dim(shape.back().constant() / kPart);
    Shape cut = parts;
    cut.push_back(Dim(kPart));
    Shape reduced = parts;
    reduced.push_back(Dim(1));
    Value v = ReshapeOp::create(b, loc, tensorType(cut, element), sum.getSource());
    v = ReduceSumOp::create(b, loc, tensorType(reduced, element), v,
                            b.getDenseI64ArrayAttr({rank}));
    v = ReshapeOp::create(b, loc, tensorType(parts, element), v);
    sum.getSourceMutable().assign(v);
  }
};

} // namespace
} // namespace rosso
