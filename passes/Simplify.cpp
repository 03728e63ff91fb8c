// rosso-simplify: the algebra that later passes rely on.
//
// Movements of movements become one, elementwise ops of constants become constants, operations
// that change nothing go, and equal expressions are computed once. Floats keep their meaning to
// the bit: `x + 0` stays, as it turns -0 into 0; `x * 0` stays, as x may be infinite. Only a sum of
// equal constants is rounded once instead of at each step.
#include "ir/Rows.h"
#include "ir/Shapes.h"
#include "passes/Passes.h"
#include "passes/Rewrites.h"
#include "passes/Splat.h"

#include "llvm/ADT/DenseSet.h"

#include <cmath>

namespace rosso {
#define GEN_PASS_DEF_SIMPLIFY
#include "passes/Passes.h.inc"

using namespace mlir;

namespace {

/// Makes `NewOp` in place of `op`, for the same graph node.
template <typename NewOp, typename... Args>
LogicalResult replaceBy(PatternRewriter &rewriter, Operation *op, Args &&...args) {
  auto made = NewOp::create(rewriter, op->getLoc(), op->getResult(0).getType(),
                            std::forward<Args>(args)...);
  copyNode(op, made);
  rewriter.replaceOp(op, made);
  return success();
}

/// A movement or conversion that moves and converts nothing.
struct DropIdentity final : RewritePattern {
  DropIdentity(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), PatternBenefit(2), context) {}

  static bool isIdentity(Operation *op) {
    if (llvm::isa<ReshapeOp, ExpandOp, CastOp, BitcastOp>(op))
      return true;
    if (auto permute = llvm::dyn_cast<PermuteOp>(op))
      return llvm::is_sorted(permute.getAxes());
    if (llvm::isa<ShrinkOp, PadOp, StrideOp>(op))
      return true; // of the same extents: all of the source
    if (auto flip = llvm::dyn_cast<FlipOp>(op))
      return flip.getAxes().empty();
    auto concat = llvm::dyn_cast<ConcatOp>(op);
    return concat && concat.getSources().size() == 1;
  }

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (op->getNumOperands() == 0 || op->getNumResults() != 1 ||
        op->getOperand(0).getType() != op->getResult(0).getType() || !isIdentity(op))
      return failure();
    rewriter.replaceOp(op, op->getOperand(0));
    return success();
  }
};

/// reshape(reshape(x)) -> reshape(x)
struct ComposeReshapes final : OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReshapeOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getSource().getDefiningOp<ReshapeOp>();
    if (!inner)
      return failure();
    return replaceBy<ReshapeOp>(rewriter, op, inner.getSource());
  }
};

/// expand(expand(x)) -> expand(x)
struct ComposeExpands final : OpRewritePattern<ExpandOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ExpandOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getSource().getDefiningOp<ExpandOp>();
    if (!inner)
      return failure();
    return replaceBy<ExpandOp>(rewriter, op, inner.getSource());
  }
};

/// permute(permute(x, a), b) -> permute(x, a[b])
struct ComposePermutes final : OpRewritePattern<PermuteOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PermuteOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getSource().getDefiningOp<PermuteOp>();
    if (!inner)
      return failure();
    llvm::SmallVector<int64_t> axes;
    for (int64_t axis : op.getAxes())
      axes.push_back(inner.getAxes()[axis]);
    return replaceBy<PermuteOp>(rewriter, op, inner.getSource(), axes);
  }
};

/// permute(x) -> reshape(x), where only extents of 1 change their place.
///
/// The elements keep their order; what follows sees one kind of movement less.
struct PermuteOfUnitsIsReshape final : OpRewritePattern<PermuteOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PermuteOp op, PatternRewriter &rewriter) const override {
    llvm::ArrayRef<int64_t> extents = tensorOf(op.getSource()).getShape();
    int64_t last = -1;
    for (int64_t axis : op.getAxes()) {
      if (extents[axis] == 1)
        continue;
      if (axis < last)
        return failure();
      last = axis;
    }
    return replaceBy<ReshapeOp>(rewriter, op, op.getSource());
  }
};

/// shrink(shrink(x, a), b) -> shrink(x, a + b)
struct ComposeShrinks final : OpRewritePattern<ShrinkOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ShrinkOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getSource().getDefiningOp<ShrinkOp>();
    if (!inner)
      return failure();
    Shape begin = extentsOf(op.getBegin()), offset = extentsOf(inner.getBegin());
    for (size_t i = 0; i < begin.size(); ++i)
      begin[i] = begin[i] + offset[i];
    return replaceBy<ShrinkOp>(rewriter, op, inner.getSource(),
                               extentsAttr(op.getContext(), begin));
  }
};

/// Every value of `from` is a value of `to`.
bool isExact(Type from, Type to) {
  if (from == to || from.isInteger(1))
    return true;
  auto floats = llvm::dyn_cast<FloatType>(from);
  auto wider = llvm::dyn_cast<FloatType>(to);
  if (floats && wider)
    return wider.getFPMantissaWidth() >= floats.getFPMantissaWidth() &&
           wider.getWidth() > floats.getWidth();
  auto integers = llvm::dyn_cast<IntegerType>(from);
  if (!integers)
    return false;
  unsigned bits = integers.getWidth();
  if (wider)
    return bits <= wider.getFPMantissaWidth();
  auto target = llvm::cast<IntegerType>(to);
  if (integers.isUnsigned() == target.isUnsigned())
    return target.getWidth() >= bits;
  return integers.isUnsigned() && target.getWidth() > bits;
}

/// cast(cast(x, a), b) -> cast(x, b), where a holds every x.
struct ComposeCasts final : OpRewritePattern<CastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(CastOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getSource().getDefiningOp<CastOp>();
    if (!inner ||
        !isExact(tensorOf(inner.getSource()).getElementType(), tensorOf(inner).getElementType()))
      return failure();
    return replaceBy<CastOp>(rewriter, op, inner.getSource());
  }
};

/// f(constants) -> constant, for elementwise f.
struct FoldConstants final : RewritePattern {
  FoldConstants(MLIRContext *context)
      : RewritePattern(MatchTraitOpTypeTag(), TypeID::get<Elementwise>(), PatternBenefit(1),
                       context) {}
  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    llvm::SmallVector<Number, 3> operands;
    for (Value operand : op->getOperands()) {
      auto number = splatOf(operand);
      if (!number)
        return failure();
      operands.push_back(*number);
    }
    auto result = evaluate(op, operands);
    if (!result)
      return failure();
    Value splat = makeSplat(rewriter, op->getLoc(), tensorOf(op->getResult(0)), *result);
    copyNode(op, splat.getDefiningOp());
    rewriter.replaceOp(op, splat);
    return success();
  }
};

/// The sum, the largest or the smallest of a constant's elements -> constant.
struct FoldReductions final : RewritePattern {
  FoldReductions(MLIRContext *context)
      : RewritePattern(MatchTraitOpTypeTag(), TypeID::get<Reduction>(), PatternBenefit(1),
                       context) {}
  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (!llvm::isa<ReduceSumOp, ReduceMaxOp, ReduceMinOp>(op))
      return failure();
    auto number = splatOf(op->getOperand(0));
    auto axes = llvm::cast<DenseI64ArrayAttr>(op->getAttr("axes")).asArrayRef();
    auto count = elementCount(extentsAt(shapeOf(op->getOperand(0)), axes));
    if (!number || !count || !count->isConstant() || count->constant() == 0)
      return failure();
    if (llvm::isa<ReduceSumOp>(op)) {
      number->real *= static_cast<double>(count->constant());
      number->integer = static_cast<int64_t>(static_cast<uint64_t>(number->integer) *
                                             static_cast<uint64_t>(count->constant()));
    }
    Value splat = makeSplat(rewriter, op->getLoc(), tensorOf(op->getResult(0)), *number);
    copyNode(op, splat.getDefiningOp());
    rewriter.replaceOp(op, splat);
    return success();
  }
};

/// x * 1, x / 1, x - 0, x + -0, x & true, x | false, ... -> x; i * 0 -> 0 for integers.
struct DropNeutral final : RewritePattern {
  DropNeutral(MLIRContext *context)
      : RewritePattern(MatchTraitOpTypeTag(), TypeID::get<Elementwise>(), PatternBenefit(1),
                       context) {}

  /// Whether `op` with `number` for its right (or left, if it commutes) operand keeps the other.
  static bool isNeutral(Operation *op, Number number, bool onRight) {
    if (llvm::isa<MulOp>(op))
      return number.is(1);
    if (llvm::isa<AddOp>(op))
      return number.is(0) && (!number.isFloat || std::signbit(number.real));
    if (llvm::isa<SubOp>(op))
      return onRight && number.is(0) && !std::signbit(number.real);
    if (llvm::isa<DivOp>(op))
      return onRight && number.is(1);
    if (llvm::isa<OrOp, XorOp>(op))
      return number.integer == 0;
    if (llvm::isa<ShlOp, ShrOp>(op))
      return onRight && number.integer == 0;
    return llvm::isa<AndOp>(op) && tensorOf(op->getResult(0)).getElementType().isInteger(1) &&
           number.integer == 1;
  }

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (op->getNumOperands() != 2)
      return failure();
    for (unsigned i : {0u, 1u}) {
      auto number = splatOf(op->getOperand(i));
      if (!number)
        continue;
      if (isNeutral(op, *number, /*onRight=*/i == 1)) {
        rewriter.replaceOp(op, op->getOperand(1 - i));
        return success();
      }
      if (llvm::isa<MulOp, AndOp>(op) && !number->isFloat && number->integer == 0) {
        rewriter.replaceOp(op, op->getOperand(i));
        return success();
      }
    }
    return failure();
  }
};

/// where(true, x, y) -> x, where(false, x, y) -> y, where(c, x, x) -> x
struct FoldWhere final : OpRewritePattern<WhereOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(WhereOp op, PatternRewriter &rewriter) const override {
    auto condition = splatOf(op.getCondition());
    if (!condition && op.getLhs() != op.getRhs())
      return failure();
    rewriter.replaceOp(op, condition && !condition->integer ? op.getRhs() : op.getLhs());
    return success();
  }
};

/// neg(neg(x)) -> x, not(not(x)) -> x
template <typename Op> struct DropTwice final : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    auto inner = op.getSource().template getDefiningOp<Op>();
    if (!inner)
      return failure();
    rewriter.replaceOp(op, inner.getSource());
    return success();
  }
};

/// Two ops that compute the same: equal but for the graph node they stand for.
struct SameComputation : llvm::DenseMapInfo<Operation *> {
  static constexpr auto kFlags = static_cast<OperationEquivalence::Flags>(
      OperationEquivalence::IgnoreLocations | OperationEquivalence::IgnoreDiscardableAttrs);
  static unsigned getHashValue(Operation *op) {
    return OperationEquivalence::computeHash(op, OperationEquivalence::directHashValue,
                                             OperationEquivalence::ignoreHashValue, kFlags);
  }
  static bool isEqual(Operation *a, Operation *b) {
    if (a == b)
      return true;
    if (a == getTombstoneKey() || a == getEmptyKey() || b == getTombstoneKey() ||
        b == getEmptyKey())
      return false;
    return OperationEquivalence::isEquivalentTo(a, b, kFlags);
  }
};

/// Ops of one straight line of code: the first of equals replaces the rest.
void shareEqualOps(mlir::Block &body) {
  llvm::DenseSet<Operation *, SameComputation> seen;
  for (Operation &op : llvm::make_early_inc_range(body)) {
    if (!isMemoryEffectFree(&op) || op.getNumRegions() != 0 || op.getNumResults() != 1)
      continue;
    auto [first, isNew] = seen.insert(&op);
    if (isNew)
      continue;
    op.replaceAllUsesWith(*first);
    op.erase();
  }
}

struct Simplify : impl::SimplifyBase<Simplify> {
  using SimplifyBase::SimplifyBase;

  LogicalResult initialize(MLIRContext *context) override {
    return rewrites.set<DropIdentity, ComposeReshapes, ComposeExpands, ComposePermutes,
                        PermuteOfUnitsIsReshape, ComposeShrinks, ComposeCasts, FoldConstants,
                        FoldReductions, DropNeutral, FoldWhere, DropTwice<NegOp>, DropTwice<NotOp>>(
        context);
  }

  void runOnOperation() override {
    if (getOperation().isExternal())
      return;
    if (failed(rewrites.apply(getOperation())))
      return signalPassFailure();
    shareEqualOps(getOperation().getBody().front());
  }

  Rewrites rewrites;
};

} // namespace
} // namespace rosso
