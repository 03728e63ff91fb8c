// scatter: rows of updates into the rows of a base that an index names.
//
// A work item owns a range of the base's rows: it copies them, then goes over the whole index in
// order and takes what falls into its range. So equal indices meet in the order they stand, and two
// items never write one row.
#include "codegen/ElementEmitter.h"
#include "codegen/templates/Combiner.h"
#include "codegen/templates/Templates.h"

namespace rosso {

using namespace mlir;

namespace {

constexpr int64_t kRanges = 4;            // more would read the index more often
constexpr int64_t kShortRow = 16;         // elements that cost less than their index
constexpr int64_t kFewElements = 1 << 15; // of which one item is enough

/// Calls back in a nest of loops, one for each extent; `index` ends with their variables.
void overAll(ElementEmitter &elements, const Shape &shape, Values index, size_t axis,
             const std::function<void(const Values &)> &body) {
  if (axis == shape.size())
    return body(index);
  Emit &e = elements.emit();
  e.loop(e.constant(0), elements.kernel().extent(e, shape[axis]), 1, [&](Value i) {
    ElementEmitter::Scope scope(elements);
    Values inner(index);
    inner.push_back(i);
    overAll(elements, shape, std::move(inner), axis + 1, body);
  });
}

} // namespace

void emitScatter(Emit &e, KernelContext &kernel) {
  ScatterOp op;
  for (Operation &inner : *kernel.op.getBody())
    if (auto scatter = dyn_cast<ScatterOp>(inner))
      op = scatter;
  Shape base = shapeOf(op.getBase()), row(base.begin() + 1, base.end());
  Shape indexShape = shapeOf(op.getIndex());
  Type element = tensorOf(op.getBase()).getElementType();
  auto joining = joiningNamed(op.getCombine());
  int64_t elementsAtMost = 1;
  for (const Dim &extent : base)
    elementsAtMost *= extent.max(kernel.vars);
  int64_t rows = std::max<int64_t>(base[0].max(kernel.vars), 1);
  int64_t indices = 1;
  for (const Dim &extent : indexShape)
    indices *= extent.max(kernel.vars);
  // Ranges share the copying and the work on long rows, but not the reading of the index.
  bool readsMost = elementsAtMost / rows < kShortRow && indices >= rows;
  bool isOne = elementsAtMost < kFewElements || readsMost;
  int64_t tile = isOne ? rows : (rows + kRanges - 1) / kRanges;
  kernel.grid = {{.extent = base[0], .tile = tile}};

  ElementEmitter elements(e, kernel);
  Value result = kernel.resultPointer(0);
  e.loop(kernel.begin, kernel.end, 1, [&](Value item) {
    ElementEmitter::Scope scope(elements);
    Value first = e.mul(item, e.constant(tile));
    Value last = e.minimum(e.add(first, e.constant(tile)), kernel.extent(e, base[0]));
    e.loop(first, last, 1, [&](Value n) {
      ElementEmitter::Scope rowScope(elements);
      overAll(elements, row, {n}, 0, [&](const Values &at) {
        storeElement(e, element, elements.element(op.getBase(), at), result,
                     linearIndex(e, kernel, base, at));
      });
    });
    overAll(elements, indexShape, {}, 0, [&](const Values &at) {
      Value n = e.signExtend(elements.element(op.getIndex(), at), e.index());
      Value inside = e.bitAnd(e.less(e.sub(first, e.constant(1)), n), e.less(n, last));
      e.ifThen(inside, [&] {
        ElementEmitter::Scope rowScope(elements);
        overAll(elements, row, {}, 0, [&](const Values &below) {
          Values from(at), to{n};
          from.append(below);
          to.append(below);
          Value value = elements.element(op.getUpdates(), from);
          Value position = linearIndex(e, kernel, base, to);
          if (joining)
            value = combinerOf(e, *joining, element)
                        .combine(loadElement(e, element, result, position), value);
          storeElement(e, element, value, result, position);
        });
      });
    });
  });
}

} // namespace rosso
