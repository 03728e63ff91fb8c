// rosso-split-reductions: few long rows become many shorter ones.
//
// A kernel computes a row by one work item, so the sum of a large tensor would keep one core busy.
// In two steps, parts first and then the parts' parts, all cores share the work; the order of
// additions stays the same on every device and for any number of threads.
#include "ir/Rows.h"
#include "ir/Shapes.h"
#include "passes/Passes.h"

#include "mlir/IR/PatternMatch.h"

namespace rosso {
#define GEN_PASS_DEF_SPLITREDUCTIONS
#include "passes/Passes.h.inc"

using namespace mlir;

namespace {

constexpr int64_t kLong = 1 << 18; // elements: beyond any vocabulary
constexpr int64_t kFewRows = 64;
constexpr int64_t kFewestParts = 8, kMostParts = 128, kParts = 32;

llvm::ArrayRef<int64_t> axesOf(Operation *op) {
  return llvm::cast<DenseI64ArrayAttr>(op->getAttr("axes")).asArrayRef();
}

/// A divisor of `extent` near kParts, or 0.
int64_t partsOf(int64_t extent) {
  for (int64_t parts = kParts; parts <= std::min(extent / 2, kMostParts); ++parts)
    if (extent % parts == 0)
      return parts;
  for (int64_t parts = std::min(kParts, extent / 2); parts >= kFewestParts; --parts)
    if (extent % parts == 0)
      return parts;
  return 0;
}

class Splitter {
public:
  explicit Splitter(Operation *reduction)
      : op(reduction), b(reduction), shape(shapeOf(reduction->getOperand(0))) {}

  /// Whether there are few rows of many elements, and the axis to split: the first of some length.
  bool pays() {
    int64_t count = 1, rows = 1;
    for (auto [number, extent] : llvm::enumerate(shape)) {
      if (!extent.isConstant())
        return false;
      bool isReduced = llvm::is_contained(axesOf(op), static_cast<int64_t>(number));
      (isReduced ? count : rows) *= extent.constant();
    }
    if (count < kLong || rows > kFewRows)
      return false;
    for (int64_t each : axesOf(op))
      if (extentOf(each) >= 2 * kFewestParts) {
        axis = each;
        return true;
      }
    return false;
  }

  /// reduce(x) -> reduce(reduce(x in parts)), with what does not divide on its own.
  void split() {
    Value source = op->getOperand(0), result;
    const int64_t extent = extentOf(axis);
    if (int64_t parts = partsOf(extent)) {
      result = llvm::isa<ArgMaxOp>(op) ? whereOfParts(parts) : ofParts(source, parts);
    } else if (!llvm::isa<ArgMaxOp>(op)) {
      const int64_t whole = extent / kParts * kParts;
      Value most = ofParts(slice(source, 0, whole), kParts);
      Value rest = reduce(slice(source, whole, extent - whole), axesOf(op));
      result = joined(most, rest);
    } else {
      return;
    }
    if (Attribute node = op->getAttr(kNodeAttr))
      result.getDefiningOp()->setAttr(kNodeAttr, node);
    op->getResult(0).replaceAllUsesWith(result);
    op->erase();
  }

private:
  int64_t extentOf(int64_t at) const { return shape[static_cast<size_t>(at)].constant(); }
  static Type elementOf(Value v) { return tensorOf(v).getElementType(); }

  Value slice(Value source, int64_t first, int64_t size) {
    Shape begin(shape.size(), Dim(0)), extents = shape;
    begin[static_cast<size_t>(axis)] = Dim(first);
    extents[static_cast<size_t>(axis)] = Dim(size);
    return ShrinkOp::create(b, op->getLoc(), tensorType(extents, elementOf(source)), source,
                            extentsAttr(b.getContext(), begin));
  }

  Value reshape(Value source, const Shape &to) {
    return ReshapeOp::create(b, op->getLoc(), tensorType(to, elementOf(source)), source);
  }

  /// The same reduction, or another kind, of `source`.
  Value reduce(Value source, llvm::ArrayRef<int64_t> axes, llvm::StringRef kind = {}) {
    Shape to = shapeOf(source);
    for (int64_t each : axes)
      to[static_cast<size_t>(each)] = Dim(1);
    OperationState state(op->getLoc(), kind.empty() ? op->getName().getStringRef() : kind);
    state.addOperands(source);
    bool isWhere = state.name.getStringRef() == ArgMaxOp::getOperationName();
    state.addTypes(tensorType(to, isWhere ? Type(b.getI32Type()) : elementOf(source)));
    state.addAttribute("axes", b.getDenseI64ArrayAttr(axes));
    return b.create(state)->getResult(0);
  }

  /// [.., n, ..] -> [.., parts, n / parts, ..]
  Value inParts(Value source, int64_t parts) {
    Shape to = shapeOf(source);
    auto at = to.begin() + static_cast<long>(axis);
    *at = Dim(at->constant() / parts);
    to.insert(at, Dim(parts));
    return reshape(source, to);
  }

  llvm::SmallVector<int64_t> axesOfParts() {
    llvm::SmallVector<int64_t> axes;
    for (int64_t each : axesOf(op))
      axes.push_back(each >= axis ? each + 1 : each);
    return axes;
  }

  Value ofParts(Value source, int64_t parts) {
    Value part = reduce(inParts(source, parts), axesOfParts());
    return reshape(reduce(part, {axis}), shapeOf(op->getResult(0)));
  }

  /// The part that holds the largest, and where in it that is.
  Value whereOfParts(int64_t parts) {
    Value source = inParts(op->getOperand(0), parts);
    Value largest = reduce(source, axesOfParts(), ReduceMaxOp::getOperationName());
    Value place = reduce(source, axesOfParts());
    Value part = reduce(largest, {axis});
    // place[part] by a sum over the parts, of which one is not zero.
    Type numbers = b.getI32Type();
    Shape all = shapeOf(place);
    Value count = IotaOp::create(b, op->getLoc(), tensorType({Dim(parts)}, numbers));
    Shape line(all.size(), Dim(1));
    line[static_cast<size_t>(axis)] = Dim(parts);
    auto spread = [&](Value v) -> Value {
      return ExpandOp::create(b, op->getLoc(), tensorType(all, numbers), v);
    };
    Value chosen = CmpEqOp::create(b, op->getLoc(), boolsLike(tensorType(all, numbers)),
                                   spread(reshape(count, line)), spread(part));
    auto constant = [&](int64_t value) -> Value {
      Value scalar =
          ConstantOp::create(b, op->getLoc(), tensorType({}, numbers), b.getI64IntegerAttr(value));
      return spread(reshape(scalar, Shape(all.size(), Dim(1))));
    };
    Value within =
        WhereOp::create(b, op->getLoc(), tensorType(all, numbers), chosen, place, constant(0));
    Value length = constant(extentOf(axis) / parts);
    Value before = WhereOp::create(b, op->getLoc(), tensorType(all, numbers), chosen,
                                   MulOp::create(b, op->getLoc(), tensorType(all, numbers),
                                                 spread(reshape(count, line)), length),
                                   constant(0));
    Value at = AddOp::create(b, op->getLoc(), tensorType(all, numbers), within, before);
    return reshape(reduce(at, {axis}, ReduceSumOp::getOperationName()), shapeOf(op->getResult(0)));
  }

  Value joined(Value a, Value rest) {
    RankedTensorType type = tensorOf(a);
    if (llvm::isa<ReduceSumOp>(op))
      return AddOp::create(b, op->getLoc(), type, a, rest);
    if (llvm::isa<ReduceProdOp>(op))
      return MulOp::create(b, op->getLoc(), type, a, rest);
    if (llvm::isa<ReduceMaxOp>(op))
      return MaxOp::create(b, op->getLoc(), type, a, rest);
    return MinOp::create(b, op->getLoc(), type, a, rest);
  }

  Operation *op;
  OpBuilder b;
  Shape shape;
  int64_t axis = -1;
};

struct SplitReductions : impl::SplitReductionsBase<SplitReductions> {
  using SplitReductionsBase::SplitReductionsBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal())
      return;
    for (Operation &op : llvm::make_early_inc_range(function.getBody().front())) {
      if (!op.hasTrait<Reduction>())
        continue;
      if (Splitter splitter(&op); splitter.pays())
        splitter.split();
    }
  }
};

} // namespace
} // namespace rosso
