// rosso-fuse-attention: softmax(q k^T * scale + mask) v, however it was written -> rosso.attention.
//
// The score matrix [H, T, S] is the largest value of a long prompt, and nobody wants it: the fused
// op keeps one tile of it in registers. What is recognised:
//   - the softmax as exp2 of the difference to the row's maximum, over the row's sum
//   - scale before or after the product, on q, or inside the exponent
//   - masks that are added or selected; AxisForm (AxisForm.h) tells whether one is causal
//   - heads that share keys and values, by whatever expands and reshapes (SharedHeads below)
//   - keys and values that are the beginning of a cache, in any float type or quantised
// Anything else is left as it is.
#include "ir/Shapes.h"
#include "passes/AxisForm.h"
#include "passes/Passes.h"
#include "passes/Rewrites.h"
#include "passes/Splat.h"

#include <cmath>
#include <limits>
#include <numbers>

namespace rosso {
#define GEN_PASS_DEF_FUSEATTENTION
#include "passes/Passes.h.inc"

using namespace mlir;

namespace {

constexpr double kHidden = -1e4; // a score this low weighs nothing

bool isFloatTensor(Value value) { return llvm::isa<FloatType>(tensorOf(value).getElementType()); }

/// `value` before casts between floats.
Value withoutCasts(Value value) {
  while (auto cast = value.getDefiningOp<CastOp>()) {
    if (!isFloatTensor(cast.getSource()))
      break;
    value = cast.getSource();
  }
  return value;
}

/// `value` before what only widens its elements.
Value withoutWidening(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    bool widens = llvm::isa<CastOp>(op) && isFloatTensor(op->getOperand(0)) &&
                  tensorOf(op->getOperand(0)).getElementTypeBitWidth() <
                      tensorOf(value).getElementTypeBitWidth();
    if (!widens && !llvm::isa<DequantOp>(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

/// x and c of x * c, c * x or x / c, where c is one constant.
std::optional<std::pair<Value, double>> scaled(Value value) {
  Operation *op = value.getDefiningOp();
  if (!llvm::isa_and_nonnull<MulOp, DivOp>(op))
    return std::nullopt;
  if (auto right = splatOf(op->getOperand(1)))
    return std::pair(op->getOperand(0), llvm::isa<DivOp>(op) ? 1 / right->real : right->real);
  if (auto left = splatOf(op->getOperand(0)); left && llvm::isa<MulOp>(op))
    return std::pair(op->getOperand(1), left->real);
  return std::nullopt;
}

/// Whether `value` repeats the reduction of the last axis of `of`.
template <typename ReduceOp> bool isRowReduction(Value value, Value of) {
  value = withoutCasts(value);
  while (llvm::isa_and_nonnull<ExpandOp, ReshapeOp>(value.getDefiningOp()))
    value = withoutCasts(value.getDefiningOp()->getOperand(0));
  auto reduce = value.getDefiningOp<ReduceOp>();
  return reduce && withoutCasts(reduce.getSource()) == withoutCasts(of) &&
         reduce.getAxes() == llvm::ArrayRef<int64_t>{tensorOf(of).getRank() - 1};
}

/// Weights softmax(factor * scores) along the last axis.
struct Softmax {
  Value scores;
  double factor;
};

/// e / rowSum(e), e * (1 / rowSum(e))    with e = exp2((s - rowMax(s)) * c)
std::optional<Softmax> matchSoftmax(Value weights) {
  Operation *op = withoutCasts(weights).getDefiningOp();
  Value powers;
  if (auto div = llvm::dyn_cast_or_null<DivOp>(op)) {
    if (isRowReduction<ReduceSumOp>(div.getRhs(), div.getLhs()))
      powers = div.getLhs();
  } else if (auto mul = llvm::dyn_cast_or_null<MulOp>(op)) {
    for (bool swap : {false, true}) {
      Value x = swap ? mul.getRhs() : mul.getLhs(), y = swap ? mul.getLhs() : mul.getRhs();
      while (llvm::isa_and_nonnull<ExpandOp, ReshapeOp>(y.getDefiningOp()))
        y = y.getDefiningOp()->getOperand(0);
      auto recip = y.getDefiningOp<RecipOp>();
      if (recip && isRowReduction<ReduceSumOp>(recip.getSource(), x))
        powers = x;
    }
  }
  auto exp2 = powers ? withoutCasts(powers).getDefiningOp<Exp2Op>() : Exp2Op();
  if (!exp2)
    return std::nullopt;
  double factor = 1 / std::numbers::log2e; // of the exponent of 2; e's is that much larger
  Value exponent = withoutCasts(exp2.getSource());
  if (auto product = scaled(exponent)) {
    factor *= product->second;
    if (std::abs(factor - 1) < 1e-6) // log2(e) was rounded to f32
      factor = 1;
    exponent = withoutCasts(product->first);
  }
  auto sub = exponent.getDefiningOp<SubOp>();
  if (!sub || !(factor > 0) || !isRowReduction<ReduceMaxOp>(sub.getRhs(), sub.getLhs()))
    return std::nullopt;
  return Softmax{sub.getLhs(), factor};
}

/// What hides scores: added to them, or a condition where they are seen (or, if inverted, hidden).
struct Mask {
  Value value;
  bool isCondition = false;
  bool inverted = false;
  double factor = 1; // of an added one
};

/// factor * (product + masks)
struct Scores {
  MatmulOp product;
  double factor;
  llvm::SmallVector<Mask, 2> masks;
};

bool hides(Value value) {
  auto number = splatOf(value);
  return number && number->isFloat && number->real <= kHidden;
}

/// Whether at most `steps` scales and masks lead to a matmul.
bool leadsToMatmul(Value value, int steps = 8) {
  value = withoutCasts(value);
  if (value.getDefiningOp<MatmulOp>())
    return true;
  if (steps-- == 0)
    return false;
  if (auto product = scaled(value))
    return leadsToMatmul(product->first, steps);
  if (auto add = value.getDefiningOp<AddOp>())
    return leadsToMatmul(add.getLhs(), steps) || leadsToMatmul(add.getRhs(), steps);
  if (auto where = value.getDefiningOp<WhereOp>())
    return (hides(where.getRhs()) && leadsToMatmul(where.getLhs(), steps)) ||
           (hides(where.getLhs()) && leadsToMatmul(where.getRhs(), steps));
  return false;
}

std::optional<Scores> matchScores(Value value, double factor) {
  Scores scores{{}, factor, {}};
  for (;;) {
    value = withoutCasts(value);
    if (auto product = value.getDefiningOp<MatmulOp>()) {
      scores.product = product;
      return scores;
    }
    if (auto product = scaled(value)) {
      scores.factor *= product->second;
      value = product->first;
    } else if (auto add = value.getDefiningOp<AddOp>()) {
      bool left = leadsToMatmul(add.getLhs());
      scores.masks.push_back(
          {.value = left ? add.getRhs() : add.getLhs(), .factor = scores.factor});
      value = left ? add.getLhs() : add.getRhs();
    } else if (auto where = value.getDefiningOp<WhereOp>()) {
      bool inverted = hides(where.getLhs());
      if (!inverted && !hides(where.getRhs()))
        return std::nullopt;
      scores.masks.push_back(
          {.value = where.getCondition(), .isCondition = true, .inverted = inverted});
      value = inverted ? where.getRhs() : where.getLhs();
    } else {
      return std::nullopt;
    }
  }
}

/// Matrices [B..., M, N], or a permute that gives [B..., N, M] of them.
struct Matrices {
  Value value; // null: none
  bool exchanged = false;
};

/// Keys or values [G, S, d] of which several query heads read the same.
struct SharedHeads {
  Matrices matrices;
  Shape memory; // [N, C, d], what the matrices are reshaped to
  Dim length;   // the first S of C
  int64_t heads = 0;
  Dim firstHead = 0; // of N
};

/// The matrices behind a batch [B..., M, N] (of H matrices in all): head h reads number h / (H/G).
/// `transposed`: the batch holds them with M and N exchanged.
Matrices matricesOf(Value batch, bool transposed) {
  // source[h]: which matrix of `value`, counted row-major, head h reads.
  std::vector<int64_t> source;
  auto leading = [](Value value) { return tensorOf(value).getShape().drop_back(2); };
  auto count = [&](Value value) -> int64_t {
    int64_t product = 1;
    for (int64_t extent : leading(value))
      if (ShapedType::isDynamic(extent) || (product *= extent) > 4096)
        return 0;
    return product;
  };
  int64_t heads = count(batch);
  for (int64_t h = 0; h < heads; ++h)
    source.push_back(h);
  Matrices found;
  for (Value value = batch;;) {
    value = withoutWidening(value);
    int64_t matrices = count(value);
    if (matrices == 0 || heads % matrices != 0)
      return found;
    bool grouped = true;
    for (int64_t h = 0; h < heads; ++h)
      grouped &= source[h] == h / (heads / matrices);
    if (grouped && !transposed)
      found = {value};

    Operation *op = value.getDefiningOp();
    if (!llvm::isa_and_nonnull<PermuteOp, ReshapeOp, ExpandOp>(op))
      return found;
    Value inner = op->getOperand(0);
    RankedTensorType outerType = tensorOf(value), innerType = tensorOf(inner);
    if (innerType.getRank() < 2)
      return found;
    if (auto permute = llvm::dyn_cast<PermuteOp>(op)) {
      llvm::ArrayRef<int64_t> axes = permute.getAxes();
      int64_t rank = innerType.getRank();
      bool swaps = axes[rank - 2] == rank - 1 && axes[rank - 1] == rank - 2;
      if (!swaps || !llvm::is_sorted(axes.drop_back(2)))
        // One permute may exchange M and N and move heads besides.
        return !found.value && grouped && transposed && axes[rank - 2] == rank - 1
                   ? Matrices{value, /*exchanged=*/true}
                   : found;
      transposed = !transposed;
    } else {
      Shape outer = shapeOf(outerType), from = shapeOf(innerType);
      if (!std::equal(outer.end() - 2, outer.end(), from.end() - 2))
        return found;
      if (llvm::isa<ExpandOp>(op)) {
        llvm::ArrayRef<int64_t> wide = leading(value), narrow = leading(inner);
        for (int64_t &number : source) {
          int64_t rest = number, result = 0, stride = 1;
          for (int64_t axis = wide.size() - 1; axis >= 0; --axis) {
            result += (narrow[axis] == 1 ? 0 : rest % wide[axis]) * stride;
            rest /= wide[axis];
            stride *= narrow[axis];
          }
          number = result;
        }
      }
    }
    value = inner;
  }
}

/// Looks through a shrink to the beginning of a cache; null if these are no heads.
std::optional<SharedHeads> matchHeads(Value batch, bool transposed) {
  Matrices matrices = matricesOf(batch, transposed);
  if (!matrices.value)
    return std::nullopt;
  Shape shape = shapeOf(matrices.value);
  if (matrices.exchanged)
    std::swap(shape.end()[-2], shape.end()[-1]);
  SharedHeads heads{.matrices = matrices, .memory = shape, .length = shape[shape.size() - 2]};
  if (auto shrink = matrices.value.getDefiningOp<ShrinkOp>(); shrink && shape.size() == 3) {
    Shape begin = extentsOf(shrink.getBegin()), whole = shapeOf(shrink.getSource());
    if (begin[1] == Dim(0) && begin[2] == Dim(0) && whole[0].isConstant() && whole[2] == shape[2]) {
      heads.matrices.value = withoutWidening(shrink.getSource());
      heads.memory = whole;
      heads.heads = shape[0].constant();
      heads.firstHead = begin[0];
    }
  }
  if (shape.size() != 3) {
    Dim count(1);
    for (const Dim &extent : Shape(shape.begin(), shape.end() - 2))
      count = count * extent.constant();
    heads.memory = {count, shape.end()[-2], shape.back()};
  }
  if (heads.heads == 0)
    heads.heads = heads.memory[0].constant();
  return heads;
}

/// Keys or values as the op takes them: [N, C, d]. Made once the whole pattern has matched: a
/// pattern that fails must leave no ops behind, or it would be tried for ever.
Value memoryOf(PatternRewriter &rewriter, Location loc, const SharedHeads &heads) {
  Value matrices = heads.matrices.value;
  Type element = tensorOf(matrices).getElementType();
  if (heads.matrices.exchanged) {
    auto permute = matrices.getDefiningOp<PermuteOp>();
    llvm::SmallVector<int64_t> axes(permute.getAxes());
    Shape shape = shapeOf(matrices);
    std::swap(axes.end()[-2], axes.end()[-1]);
    std::swap(shape.end()[-2], shape.end()[-1]);
    matrices =
        PermuteOp::create(rewriter, loc, tensorType(shape, element), permute.getSource(), axes);
  }
  auto type = tensorType(heads.memory, element);
  return type == matrices.getType() ? matrices : ReshapeOp::create(rewriter, loc, type, matrices);
}

/// The matrix [M, N] that `value` [B..., M, N] repeats, or `value` as [H, M, N].
Value maskMatrix(PatternRewriter &rewriter, Value value, int64_t heads) {
  Shape shape = shapeOf(value);
  Shape matrix(shape.end() - 2, shape.end());
  for (Value inner = value;;) {
    if (Shape found = shapeOf(inner); sameElementCount(found, matrix) && found.size() >= 2 &&
                                      std::equal(found.end() - 2, found.end(), matrix.begin())) {
      value = inner;
      break;
    }
    Operation *op = inner.getDefiningOp();
    if (!llvm::isa_and_nonnull<ReshapeOp, ExpandOp>(op))
      break;
    inner = op->getOperand(0);
  }
  if (!sameElementCount(shapeOf(value), matrix))
    matrix.insert(matrix.begin(), Dim(heads));
  auto type = tensorType(matrix, tensorOf(value).getElementType());
  return type == value.getType() ? value : ReshapeOp::create(rewriter, value.getLoc(), type, value);
}

/// A mask as what is added to scores: f32 zeros and -inf for a condition.
Value additive(PatternRewriter &rewriter, const Mask &mask, int64_t heads) {
  Location loc = mask.value.getLoc();
  Value value = maskMatrix(rewriter, mask.value, heads);
  RankedTensorType type = withElement(tensorOf(value), rewriter.getF32Type());
  if (mask.isCondition) {
    Value seen = makeSplat(rewriter, loc, type, {.isFloat = true, .real = 0});
    Value hidden = makeSplat(rewriter, loc, type,
                             {.isFloat = true, .real = -std::numeric_limits<double>::infinity()});
    if (mask.inverted)
      std::swap(seen, hidden);
    return WhereOp::create(rewriter, loc, type, value, seen, hidden);
  }
  if (value.getType() != type)
    value = CastOp::create(rewriter, loc, type, value);
  if (std::abs(mask.factor - 1) < 1e-6)
    return value;
  Value factor = makeSplat(rewriter, loc, type, {.isFloat = true, .real = mask.factor});
  return MulOp::create(rewriter, loc, type, value, factor);
}

/// Where a mask lets scores be seen, as a form of row and column >= 0; nothing for other masks.
std::optional<AxisForm> visibleForm(const Mask &mask) {
  auto form = mask.isCondition ? axisFormOf(mask.value) : axisFormOfMask(mask.value, kHidden);
  return form && mask.inverted ? form->negated() : form;
}

struct FormAttention final : OpRewritePattern<MatmulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MatmulOp op, PatternRewriter &rewriter) const override {
    auto softmax = matchSoftmax(op.getLhs());
    if (!softmax)
      return rewriter.notifyMatchFailure(op, "the left side is no softmax");
    auto scores = matchScores(softmax->scores, softmax->factor);
    if (!scores)
      return rewriter.notifyMatchFailure(op, "the softmax is not of scaled and masked scores");
    Value query = withoutWidening(scores->product.getLhs());
    if (auto product = scaled(query)) {
      scores->factor *= product->second;
      query = product->first;
    }
    if (!isFloatTensor(query))
      return rewriter.notifyMatchFailure(op, "integers");
    auto keys = matchHeads(scores->product.getRhs(), /*transposed=*/true);
    auto values = matchHeads(op.getRhs(), /*transposed=*/false);
    Shape q = shapeOf(query), out = shapeOf(op.getResult());
    int64_t heads = 1;
    for (const Dim &extent : Shape(q.begin(), q.end() - 2))
      heads *= extent.isConstant() ? extent.constant() : 0;
    if (!keys || !values || heads == 0 || keys->length != values->length ||
        keys->memory[0] != values->memory[0] || keys->heads != values->heads ||
        keys->firstHead != values->firstHead || keys->memory[1] != values->memory[1])
      return rewriter.notifyMatchFailure(op, "k and v are not heads of one length");

    Dim rows = q[q.size() - 2], length = keys->length;
    VarTable vars = varsOf(op);
    bool causal = false;
    Value mask;
    for (const Mask &each : scores->masks) {
      auto form = visibleForm(each);
      if (form && form->isNeverNegative(rows, length, vars))
        continue;
      if (form && form->is(/*row=*/1, /*column=*/-1, length - rows)) {
        causal = true;
        continue;
      }
      Value added = additive(rewriter, each, heads);
      if (mask && mask.getType() != added.getType())
        return rewriter.notifyMatchFailure(op, "masks of different shapes");
      mask = mask ? AddOp::create(rewriter, op.getLoc(), mask.getType(), mask, added) : added;
    }

    Location loc = op.getLoc();
    auto reshaped = [&](Value value, const Shape &shape) -> Value {
      auto type = tensorType(shape, tensorOf(value).getElementType());
      return type == value.getType() ? value : ReshapeOp::create(rewriter, loc, type, value);
    };
    auto converted = [&](Value value, Type element) -> Value {
      auto type = withElement(tensorOf(value), element);
      return type == value.getType() ? value : CastOp::create(rewriter, loc, type, value);
    };
    query = converted(reshaped(query, {Dim(heads), rows, q.back()}), rewriter.getF32Type());
    auto type = tensorType({Dim(heads), rows, out.back()}, rewriter.getF32Type());
    Value k = memoryOf(rewriter, loc, *keys), v = memoryOf(rewriter, loc, *values);
    auto attention = AttentionOp::create(
        rewriter, loc, type, query, k, v, mask, rewriter.getF64FloatAttr(scores->factor),
        causal ? rewriter.getUnitAttr() : UnitAttr(), rewriter.getStringAttr(length.str()),
        IntegerAttr(), StringAttr());
    if (keys->memory[0] != Dim(keys->heads)) {
      attention.setKvHeads(keys->heads);
      attention.setFirstHead(keys->firstHead.str());
    }
    copyNode(op, attention);
    rewriter.replaceOp(
        op, converted(reshaped(attention, out), tensorOf(op.getResult()).getElementType()));
    return success();
  }
};

struct FuseAttention : impl::FuseAttentionBase<FuseAttention> {
  using FuseAttentionBase::FuseAttentionBase;

  LogicalResult initialize(MLIRContext *context) override {
    return rewrites.set<FormAttention>(context);
  }

  void runOnOperation() override {
    if (getOperation().isExternal())
      return;
    if (failed(requireDeclaredVariables(getOperation())))
      return signalPassFailure();
    if (failed(rewrites.apply(getOperation())))
      signalPassFailure();
  }

  Rewrites rewrites;
};

} // namespace
} // namespace rosso
