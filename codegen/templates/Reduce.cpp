// reduce: rows that are first combined to a few numbers, then written with their help.
//
// One work item is one row. Its reductions run one after another, each a loop over the reduced
// axes that carries the accumulator; then the row's results are computed from them. What a
// reduction reads is computed again for each loop: it comes from the first-level cache.
#include "codegen/lower/Lower.h"
#include "codegen/templates/Combiner.h"
#include "codegen/templates/Root.h"
#include "codegen/templates/Templates.h"

#include <limits>

namespace rosso {

using namespace mlir;

namespace {

class RowEmitter {
public:
  RowEmitter(Emit &e, const KernelContext &kernel, ElementEmitter &elements, const Shape &rowShape,
             Values row)
      : e_(e), kernel_(kernel), elements_(elements), rowShape_(rowShape), row_(std::move(row)) {}

  void reduce(Operation *op) {
    Value source = op->getOperand(0);
    ArrayRef<int64_t> axes = cast<DenseI64ArrayAttr>(op->getAttr("axes")).asArrayRef();
    Combiner combiner = combinerOf(e_, op);
    // One value for each row: the same elements in the same order, whatever the axes.
    Values index = reshapeIndex(e_, kernel_, shapeOf(op->getResult(0)), rowShape_, row_);
    Value result = fold(source, axes, index, combiner.start,
                        [&](Value acc, Value x, ValueRange) { return combiner.combine(acc, x); });
    if (isa<ArgMaxOp>(op)) {
      // The first place that holds the largest (or a NaN, which is what `largest` then is).
      Value none = e_.constant(e_.i32(), std::numeric_limits<int32_t>::max());
      Value largest = result;
      result = fold(source, axes, index, none, [&](Value acc, Value x, ValueRange at) {
        Value hit =
            isa<FloatType>(x.getType())
                ? Value(arith::CmpFOp::create(e_.b, e_.loc, arith::CmpFPredicate::UEQ, x, largest))
                : e_.equal(x, largest);
        Value here = e_.truncate(at[static_cast<size_t>(axes[0])], e_.i32());
        return e_.minimum(acc, e_.select(hit, here, none));
      });
    }
    elements_.bind(op->getResult(0), [result](ValueRange) { return result; });
  }

private:
  using Step = std::function<Value(Value acc, Value x, ValueRange index)>;
  Value fold(Value source, ArrayRef<int64_t> axes, Values index, Value acc, const Step &step) {
    if (axes.empty())
      return step(acc, elements_.element(source, index), index);
    auto axis = static_cast<size_t>(axes.front());
    Value extent = kernel_.extent(e_, shapeOf(source)[axis]);
    return e_.loop(e_.constant(0), extent, 1, acc, [&](Value i, ValueRange carried) -> Values {
      ElementEmitter::Scope scope(elements_);
      Values inner(index);
      inner[axis] = i;
      return {fold(source, axes.drop_front(), inner, carried[0], step)};
    })[0];
  }

  Emit &e_;
  const KernelContext &kernel_;
  ElementEmitter &elements_;
  const Shape &rowShape_;
  Values row_;
};

} // namespace

void emitReduce(Emit &e, KernelContext &kernel) {
  auto rows = static_cast<long>(kernel.op.getRows().value_or(0));
  Shape rowShape = Root(kernel, 0).shape();
  rowShape.resize(static_cast<size_t>(rows));
  kernel.grid = gridOver(rowShape);

  ElementEmitter elements(e, kernel);
  e.loop(kernel.begin, kernel.end, 1, [&](Value item) {
    ElementEmitter::Scope scope(elements);
    Values row = delinearIndex(e, kernel, rowShape, item);
    RowEmitter rowEmitter(e, kernel, elements, rowShape, row);
    for (Operation &op : *kernel.op.getBody())
      if (op.hasTrait<Reduction>())
        rowEmitter.reduce(&op);
    for (unsigned i = 0; i < kernel.op.getNumResults(); ++i)
      Root(kernel, i).storeBelow(elements, row);
  });
}

} // namespace rosso
