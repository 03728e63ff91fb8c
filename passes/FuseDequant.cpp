// rosso-fuse-dequant: the consumer expands blocks itself, in registers.
//
// A dequant (or the cast of an f16 weight) moves into the linear or gather that reads it. What is
// left of a weight would be a buffer of floats several times its size: that is an error which
// names the weight, unless the graph asked for it. A dequant of a state may stay: fuse-attention
// or the kernel that reads it takes it in.
#include "ir/Shapes.h"
#include "passes/Passes.h"
#include "passes/Rewrites.h"
#include "passes/Splat.h"

namespace rosso {
#define GEN_PASS_DEF_FUSEDEQUANT
#include "passes/Passes.h.inc"

using namespace mlir;

namespace {

/// `value` without what only widens or expands its elements: the numbers stay the same.
Value withoutExpansion(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (auto dequant = llvm::dyn_cast<DequantOp>(op))
      return dequant.getMaterialize().value_or(0) ? value : dequant.getSource();
    auto cast = llvm::dyn_cast<CastOp>(op);
    if (!cast || !llvm::isa<FloatType>(tensorOf(cast.getSource()).getElementType()) ||
        tensorOf(cast.getSource()).getElementTypeBitWidth() >
            tensorOf(cast).getElementTypeBitWidth())
      return value;
    value = cast.getSource();
  }
  return value;
}

bool isLeaf(Value value) { return llvm::isa<BlockArgument>(value); }

/// linear(x, dequant(q)) -> linear(x, q), and the same for the cast of a narrow float weight
///
/// The weight stays packed in memory and each tile expands in registers: q4_0 reads 0.5625 bytes
/// a weight, f16 reads 2. Other users of the dequant do not matter: expanding a block twice moves
/// fewer bytes than storing its floats once.
struct IntoLinear final : OpRewritePattern<LinearOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LinearOp op, PatternRewriter &rewriter) const override {
    Value packed = withoutExpansion(op.getWeight());
    if (packed == op.getWeight() || !isLeaf(packed))
      return rewriter.notifyMatchFailure(op, "the weight is not an expanded leaf");
    rewriter.modifyOpInPlace(op, [&] { op.getWeightMutable().assign(packed); });
    return success();
  }
};

/// gather(dequant(q), i) -> gather(q, i)
struct IntoGather final : OpRewritePattern<GatherOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(GatherOp op, PatternRewriter &rewriter) const override {
    Value packed = withoutExpansion(op.getTable());
    if (packed == op.getTable() || !isLeaf(packed) || tensorOf(packed).getRank() != 2)
      return rewriter.notifyMatchFailure(op, "the table is not an expanded leaf of rank 2");
    RankedTensorType type = tensorOf(op.getResult());
    if (formatOf(tensorOf(packed).getElementType())) {
      rewriter.modifyOpInPlace(op, [&] { op.getTableMutable().assign(packed); });
      return success();
    }
    // gather(cast(t), i) -> cast(gather(t, i))
    Value rows = GatherOp::create(rewriter, op.getLoc(),
                                  withElement(type, tensorOf(packed).getElementType()), packed,
                                  op.getIndex());
    auto cast = CastOp::create(rewriter, op.getLoc(), type, rows);
    copyNode(op, cast);
    rewriter.replaceOp(op, cast);
    return success();
  }
};

/// The matrix that `value` [B..., M, N] repeats over B, or null.
Value broadcastMatrix(Value value) {
  int64_t m = tensorOf(value).getShape().end()[-2], n = tensorOf(value).getShape().back();
  while (tensorOf(value).getRank() > 2) {
    Operation *op = value.getDefiningOp();
    if (!op || !llvm::isa<ExpandOp, ReshapeOp>(op))
      return {};
    value = op->getOperand(0);
    llvm::ArrayRef<int64_t> extents = tensorOf(value).getShape();
    if (extents.size() < 2 || extents.end()[-2] != m || extents.back() != n)
      return {};
  }
  return value;
}

/// matmul(x, transposed(w)) -> linear(x, w), for a matrix w [N, K] that is a leaf
///
/// A weight multiplied the way textbooks write it is the weight a file stores, read by rows.
struct MatmulToLinear final : OpRewritePattern<MatmulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MatmulOp op, PatternRewriter &rewriter) const override {
    if (!llvm::isa<FloatType>(tensorOf(op.getResult()).getElementType()))
      return rewriter.notifyMatchFailure(op, "integers");
    Value matrix = broadcastMatrix(withoutExpansion(op.getRhs()));
    matrix = matrix ? withoutExpansion(matrix) : matrix;
    auto permute = matrix ? matrix.getDefiningOp<PermuteOp>() : PermuteOp();
    if (!permute || permute.getAxes() != llvm::ArrayRef<int64_t>{1, 0})
      return rewriter.notifyMatchFailure(op, "the right side is not a transposed matrix");
    Value weight = withoutExpansion(permute.getSource());
    if (!isLeaf(weight) || !tensorOf(weight).hasStaticShape())
      return rewriter.notifyMatchFailure(op, "the matrix is not a leaf");
    auto linear =
        LinearOp::create(rewriter, op.getLoc(), op.getResult().getType(), op.getLhs(), weight);
    copyNode(op, linear);
    rewriter.replaceOp(op, linear);
    return success();
  }
};

/// matmul(dequant(q), x) -> transposed(linear(transposed(x), q)), for a matrix q that is a leaf
///
/// Before MatmulToLinear, which would read the blocks as activations where x is transposed too.
struct LeftMatmulToLinear final : OpRewritePattern<MatmulOp> {
  explicit LeftMatmulToLinear(MLIRContext *context) : OpRewritePattern(context, /*benefit=*/2) {}
  LogicalResult matchAndRewrite(MatmulOp op, PatternRewriter &rewriter) const override {
    Value matrix = broadcastMatrix(withoutExpansion(op.getLhs()));
    Value weight = matrix ? withoutExpansion(matrix) : matrix;
    if (!weight || !isLeaf(weight) || !formatOf(tensorOf(weight).getElementType()))
      return rewriter.notifyMatchFailure(op, "the left side is not an expanded leaf");
    auto transposed = [&](Value value) -> Value {
      Shape shape = shapeOf(value);
      const auto rank = static_cast<int64_t>(shape.size());
      auto axes = llvm::to_vector(llvm::seq<int64_t>(rank));
      std::swap(axes[axes.size() - 1], axes[axes.size() - 2]);
      std::swap(shape[shape.size() - 1], shape[shape.size() - 2]);
      RankedTensorType type = tensorType(shape, tensorOf(value).getElementType());
      return PermuteOp::create(rewriter, op.getLoc(), type, value, axes);
    };
    Value rows = transposed(op.getRhs());
    Shape shape = shapeOf(rows);
    shape.back() = shapeOf(weight)[0];
    RankedTensorType type = tensorType(shape, tensorOf(op.getResult()).getElementType());
    Value result = transposed(LinearOp::create(rewriter, op.getLoc(), type, rows, weight));
    copyNode(op, result.getDefiningOp());
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// The argument that `value` is a movement of, or null.
BlockArgument leafUnder(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (op->getNumOperands() != 1)
      return {};
    value = op->getOperand(0);
  }
  return llvm::cast<BlockArgument>(value);
}

LogicalResult refuseExpandedWeights(func::FuncOp function) {
  VarTable vars = varsOf(function);
  auto result = success();
  function.walk([&](DequantOp op) {
    BlockArgument leaf = leafUnder(op.getSource());
    if (op.getMaterialize().value_or(0) || !leaf)
      return;
    auto text = [&](llvm::StringRef attr) {
      auto found = function.getArgAttrOfType<StringAttr>(leaf.getArgNumber(), attr);
      return found ? found.getValue() : llvm::StringRef();
    };
    if (text(kSpaceAttr) == "state")
      return;
    llvm::StringRef element = elementName(tensorOf(op.getResult()).getElementType());
    op.emitError() << "weight '" << text(kNameAttr) << "' ("
                   << llvm::StringRef(elementName(tensorOf(leaf).getElementType()))
                   << ") would be expanded to " << element << " in memory ("
                   << byteSize(tensorOf(op.getResult()), vars)
                   << " bytes); consume it by linear or gather, or ask "
                      "for it by materialize()";
    result = failure();
  });
  return result;
}

struct FuseDequant : impl::FuseDequantBase<FuseDequant> {
  using FuseDequantBase::FuseDequantBase;

  LogicalResult initialize(MLIRContext *context) override {
    return rewrites.set<IntoLinear, IntoGather, MatmulToLinear, LeftMatmulToLinear>(context);
  }

  void runOnOperation() override {
    if (getOperation().isExternal())
      return;
    if (failed(requireDeclaredVariables(getOperation())))
      return signalPassFailure();
    if (failed(rewrites.apply(getOperation())) || failed(refuseExpandedWeights(getOperation())))
      signalPassFailure();
  }

  Rewrites rewrites;
};

} // namespace
} // namespace rosso
