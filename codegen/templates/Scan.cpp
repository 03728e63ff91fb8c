// scan: what the elements of an axis combine to, up to each.
//
// Along the last axis a work item is a row, walked once. Along any other axis it is a stretch of
// the last axis, whose accumulators stand side by side in stack memory, so that every step is a
// vector of neighbours. Sums and products of f32 accumulate in f64: a running sum of millions keeps
// its digits.
#include "codegen/templates/Scan.h"

#include "codegen/templates/Combiner.h"
#include "codegen/templates/Templates.h"

namespace rosso {

using namespace mlir;

ScanForm scanFormOf(KernelOp kernel) {
  ScanForm form;
  for (Operation &op : *kernel.getBody())
    if (op.hasTrait<Scan>())
      form.op = &op;
  form.source = form.op->getOperand(0);
  form.shape = shapeOf(form.source);
  form.element = tensorOf(form.source).getElementType();
  form.axis = static_cast<size_t>(cast<IntegerAttr>(form.op->getAttr("axis")).getInt());
  return form;
}

namespace {

constexpr int64_t kStretch = 256; // accumulators beside each other

class ScanEmitter {
public:
  ScanEmitter(Emit &emit, KernelContext &context)
      : e(emit), kernel(context), elements(emit, context), form(scanFormOf(context.op)) {
    Joining joining = joiningOf(form.op);
    bool wide = form.element.isF32() && (joining == Joining::Sum || joining == Joining::Prod);
    accumulator = wide ? e.f64() : registerType(form.element);
    combiner = combinerOf(e, joining, wide ? e.f64() : form.element);
  }

  void emit() {
    bool isLast = llvm::all_of(llvm::drop_begin(form.shape, form.axis + 1),
                               [](const Dim &extent) { return extent == Dim(1); });
    isLast ? alongRows() : acrossRows();
  }

private:
  /// Combines the element at `index` with `acc`, stores and returns the result.
  Value step(Value acc, ValueRange index) {
    ElementEmitter::Scope scope(elements);
    Value x = elements.element(form.source, index);
    if (isWide())
      x = e.extendFloat(x, accumulator);
    Value next = combiner.combine(acc, x);
    Value result = isWide() ? Value(arith::TruncFOp::create(e.b, e.loc, e.f32(), next)) : next;
    storeElement(e, form.element, result, kernel.resultPointer(0),
                 linearIndex(e, kernel, form.shape, index));
    return next;
  }

  bool isWide() const { return accumulator != registerType(form.element); }

  void alongRows() {
    Shape lines = form.shape;
    lines[form.axis] = Dim(1);
    kernel.grid = gridOver(lines);
    Value length = kernel.extent(e, form.shape[form.axis]);
    e.loop(
        kernel.begin, kernel.end, 1,
        [&](Value item) {
          ElementEmitter::Scope scope(elements);
          Values index = delinearIndex(e, kernel, lines, item);
          e.loop(e.constant(0), length, 1, combiner.start,
                 [&](Value i, ValueRange carried) -> Values {
                   index[form.axis] = i;
                   return {step(carried[0], index)};
                 });
        },
        LoopStyle::Scalar);
  }

  void acrossRows() {
    Shape outer = form.shape;
    outer[form.axis] = Dim(1);
    outer.pop_back();
    kernel.grid = gridOver(outer);
    kernel.grid.push_back({.extent = form.shape.back(), .tile = kStretch});
    Value width = kernel.extent(e, form.shape.back());
    Value stretches = e.ceilDivide(width, kStretch);
    Value sums = e.stack(kStretch * 8);
    e.loop(kernel.begin, kernel.end, 1, [&](Value item) {
      ElementEmitter::Scope scope(elements);
      Values index = delinearIndex(e, kernel, outer, e.divide(item, stretches));
      Value first = e.mul(e.remainder(item, stretches), e.constant(kStretch));
      Value count = e.minimum(e.sub(width, first), e.constant(kStretch));
      e.loop(e.constant(0), count, 1,
             [&](Value i) { storeElement(e, accumulator, combiner.start, sums, i); });
      index.push_back({});
      e.loop(e.constant(0), kernel.extent(e, form.shape[form.axis]), 1, [&](Value row) {
        index[form.axis] = row;
        e.loop(e.constant(0), count, 1, [&](Value i) {
          index.back() = e.add(first, i);
          storeElement(e, accumulator, step(loadElement(e, accumulator, sums, i), index), sums, i);
        });
      });
    });
  }

  Emit &e;
  KernelContext &kernel;
  ElementEmitter elements;
  ScanForm form;
  Type accumulator;
  Combiner combiner;
};

} // namespace

void emitScan(Emit &e, KernelContext &kernel) { ScanEmitter(e, kernel).emit(); }

} // namespace rosso
