// scatter on a GPU: a lane owns one element of the result and goes over the index in order.
#include "codegen/ElementEmitter.h"
#include "codegen/amdgpu/Wave.h"
#include "codegen/templates/Combiner.h"
#include "codegen/templates/Templates.h"

namespace rosso {

using namespace mlir;

void emitLaneScatter(Emit &e, KernelContext &kernel) {
  constexpr int64_t kThreads = 256;
  ScatterOp op;
  for (Operation &inner : *kernel.op.getBody())
    if (auto scatter = dyn_cast<ScatterOp>(inner))
      op = scatter;
  Shape base = shapeOf(op.getBase()), indexShape = shapeOf(op.getIndex());
  Type element = tensorOf(op.getBase()).getElementType();
  auto joining = joiningNamed(op.getCombine());
  auto count = elementCount(base);
  if (!count) {
    kernel.problem = "a base whose size is no linear form of the variables";
    return;
  }
  ElementEmitter elements(e, kernel);
  Wave wave(e, kernel, kThreads);
  kernel.grid = {{.extent = *count, .tile = kThreads}};
  Value position = e.add(e.mul(wave.group(), e.constant(kThreads)), wave.thread());
  e.ifThen(e.less(position, kernel.extent(e, *count)), [&] {
    ElementEmitter::Scope scope(elements);
    Values at = delinearIndex(e, kernel, base, position);
    Value start = elements.element(op.getBase(), at);
    Value number = elementNumber(e, kernel, indexShape);
    Value value =
        e.loop(e.constant(0), number, 1, start, [&](Value m, ValueRange carried) -> Values {
          ElementEmitter::Scope updateScope(elements);
          Values from = delinearIndex(e, kernel, indexShape, m);
          Value n = elements.element(op.getIndex(), from);
          from.append(at.begin() + 1, at.end());
          Value update = elements.element(op.getUpdates(), from);
          if (joining)
            update = combinerOf(e, *joining, element).combine(carried[0], update);
          return {e.select(e.equal(n, at[0]), update, carried[0])};
        })[0];
    storeElement(e, element, value, kernel.resultPointer(0), position);
  });
}

} // namespace rosso
