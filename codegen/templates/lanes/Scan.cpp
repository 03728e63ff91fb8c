// scan on a GPU: a lane walks one line of the axis.
#include "codegen/templates/Scan.h"

#include "codegen/amdgpu/Wave.h"
#include "codegen/templates/Combiner.h"
#include "codegen/templates/Templates.h"

namespace rosso {

using namespace mlir;

void emitLaneScan(Emit &e, KernelContext &kernel) {
  constexpr int64_t kThreads = 64; // lines are few, and each is long
  ScanForm form = scanFormOf(kernel.op);
  Shape lines = form.shape;
  lines[form.axis] = Dim(1);
  auto count = elementCount(lines);
  if (!count) {
    kernel.problem = "lines of a number that is no linear form of the variables";
    return;
  }
  ElementEmitter elements(e, kernel);
  Wave wave(e, kernel, kThreads);
  kernel.grid = {{.extent = *count, .tile = kThreads}};
  Combiner combiner = combinerOf(e, joiningOf(form.op), form.element);
  Value line = e.add(e.mul(wave.group(), e.constant(kThreads)), wave.thread());
  e.ifThen(e.less(line, kernel.extent(e, *count)), [&] {
    Values index = delinearIndex(e, kernel, lines, line);
    e.loop(e.constant(0), kernel.extent(e, form.shape[form.axis]), 1, combiner.start,
           [&](Value i, ValueRange carried) -> Values {
             ElementEmitter::Scope scope(elements);
             index[form.axis] = i;
             Value next = combiner.combine(carried[0], elements.element(form.source, index));
             storeElement(e, form.element, next, kernel.resultPointer(0),
                          linearIndex(e, kernel, form.shape, index));
             return {next};
           });
  });
}

} // namespace rosso
