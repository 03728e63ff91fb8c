// reduce on a GPU: a work group computes one row. Its lanes take the reduced elements in turn, join
// what they have by lane exchanges and then through shared memory, and compute the row's results
// from it, again in turn.
#include "codegen/amdgpu/Wave.h"
#include "codegen/templates/Combiner.h"
#include "codegen/templates/Root.h"
#include "codegen/templates/RowSpace.h"
#include "codegen/templates/Templates.h"

#include <limits>

namespace rosso {

using namespace mlir;

namespace {

/// Lanes for rows of this many elements: several elements for each, but never a lonely wave for a
/// long row.
int64_t threadsFor(int64_t elements) {
  int64_t threads = kWaveLanes;
  while (threads < 1024 && threads * 8 < elements)
    threads *= 2;
  return threads;
}

class LaneReduce {
public:
  LaneReduce(Emit &emit, KernelContext &context)
      : e(emit), kernel(context), elements(emit, context), wave(emit, context, threadsFor(most())),
        rows(context) {
    kernel.grid = gridOver(rows.extents());
    kernel.schedule = "threads " + std::to_string(wave.threads());
  }

  void emit() {
    row = delinearIndex(e, kernel, rows.extents(), wave.group());
    for (Operation &op : *kernel.op.getBody())
      if (op.hasTrait<Reduction>())
        reduce(&op);
    for (unsigned i = 0; i < kernel.op.getNumResults(); ++i)
      store(Root(kernel, i), rows.axesOfResult(i));
  }

private:
  /// Elements of the longest row.
  int64_t most() {
    int64_t longest = 1;
    for (Operation &op : *kernel.op.getBody())
      if (op.hasTrait<Reduction>()) {
        ArrayRef<int64_t> axes = cast<DenseI64ArrayAttr>(op.getAttr("axes")).asArrayRef();
        int64_t count = 1;
        for (const Dim &extent : extentsAt(shapeOf(op.getOperand(0)), axes))
          count *= extent.max(kernel.vars);
        longest = std::max(longest, count);
      }
    return longest;
  }

  void reduce(Operation *op) {
    Combiner combiner = combinerOf(e, op);
    Value result = fold(op, combiner.start,
                        [&](Value acc, Value x, ValueRange) { return combiner.combine(acc, x); });
    result = wave.reduceGroup(result, combiner.combine);
    if (isa<ArgMaxOp>(op)) {
      // The first place that holds the largest (or a NaN, which is what `largest` then is).
      Value none = e.constant(e.i32(), std::numeric_limits<int32_t>::max());
      Value largest = result;
      auto axis = static_cast<size_t>(cast<DenseI64ArrayAttr>(op->getAttr("axes")).asArrayRef()[0]);
      result = fold(op, none, [&](Value acc, Value x, ValueRange at) {
        Value hit =
            isa<FloatType>(x.getType())
                ? Value(arith::CmpFOp::create(e.b, e.loc, arith::CmpFPredicate::UEQ, x, largest))
                : e.equal(x, largest);
        return e.minimum(acc, e.select(hit, e.truncate(at[axis], e.i32()), none));
      });
      result = wave.reduceGroup(result, [&](Value a, Value b) { return e.minimum(a, b); });
    }
    elements.bind(op->getResult(0), [result](ValueRange) { return result; });
  }

  using Step = std::function<Value(Value acc, Value x, ValueRange index)>;
  Value fold(Operation *op, Value start, const Step &step) {
    Value source = op->getOperand(0);
    ArrayRef<int64_t> axes = cast<DenseI64ArrayAttr>(op->getAttr("axes")).asArrayRef();
    Shape reduced = extentsAt(shapeOf(source), axes);
    Values index = rows.indexIn(e, shapeOf(source), keptAxes(op), row);
    Value count = elementNumber(e, kernel, reduced);
    return e.loop(wave.thread(), count, wave.threads(), start,
                  [&](Value i, ValueRange carried) -> Values {
                    ElementEmitter::Scope scope(elements);
                    Values at(index);
                    for (auto [axis, place] : llvm::zip(axes, delinearIndex(e, kernel, reduced, i)))
                      at[static_cast<size_t>(axis)] = place;
                    return {step(carried[0], elements.element(source, at), at)};
                  })[0];
  }

  void store(const Root &root, const RowAxes &axes) {
    llvm::SmallVector<int64_t> others;
    for (int64_t axis = 0; axis < static_cast<int64_t>(root.shape().size()); ++axis)
      if (!llvm::is_contained(axes, axis))
        others.push_back(axis);
    Shape below = extentsAt(root.shape(), others);
    Values start = rows.indexIn(e, root.shape(), axes, row);
    Value count = elementNumber(e, kernel, below);
    e.loop(wave.thread(), count, wave.threads(), [&](Value i) {
      ElementEmitter::Scope scope(elements);
      Values index(start);
      for (auto [axis, place] : llvm::zip(others, delinearIndex(e, kernel, below, i)))
        index[static_cast<size_t>(axis)] = place;
      root.storeLane(elements, wave, index);
    });
  }

  Emit &e;
  KernelContext &kernel;
  ElementEmitter elements;
  Wave wave;
  RowSpace rows;
  Values row;
};

} // namespace

void emitLaneReduce(Emit &e, KernelContext &kernel) { LaneReduce(e, kernel).emit(); }

} // namespace rosso
