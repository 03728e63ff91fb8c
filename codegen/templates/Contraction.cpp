#include "codegen/templates/Contraction.h"

#include "mlir/Analysis/SliceAnalysis.h"

#include <algorithm>

namespace rosso {

using namespace mlir;

namespace {

/// The linears that `value` depends on.
std::vector<LinearOp> linearsBehind(Value value) {
  std::vector<LinearOp> found;
  llvm::SetVector<Operation *> slice;
  BackwardSliceOptions options;
  options.inclusive = true;
  options.omitBlockArguments = true;
  (void)getBackwardSlice(value, &slice, options);
  for (Operation *op : slice)
    if (auto linear = dyn_cast<LinearOp>(op))
      found.push_back(linear);
  return found;
}

} // namespace

std::vector<LinearGroup> linearGroups(KernelOp op) {
  std::vector<LinearGroup> groups;
  for (auto [index, value] : llvm::enumerate(op.getYielded())) {
    std::vector<LinearOp> linears = linearsBehind(value);
    LinearGroup joined{.linears = linears, .results = {static_cast<unsigned>(index)}};
    // Merge with every group that shares a linear.
    for (auto it = groups.begin(); it != groups.end();) {
      bool shares = std::any_of(it->linears.begin(), it->linears.end(),
                                [&](LinearOp l) { return llvm::is_contained(linears, l); });
      if (!shares) {
        ++it;
        continue;
      }
      for (LinearOp l : it->linears)
        if (!llvm::is_contained(joined.linears, l))
          joined.linears.push_back(l);
      joined.results.insert(joined.results.begin(), it->results.begin(), it->results.end());
      it = groups.erase(it);
    }
    groups.push_back(std::move(joined));
  }
  for (LinearGroup &group : groups)
    group.rows = shapeOf(group.linears.front().getResult()).back().constant();
  return groups;
}

Dim tokenCount(LinearOp linear) {
  Shape shape = shapeOf(linear.getResult());
  shape.pop_back();
  return *elementCount(shape);
}

void storeResults(ElementEmitter &elements, const LinearGroup &group, const SumTile &tile) {
  Emit &e = elements.emit();
  const KernelContext &kernel = elements.kernel();
  for (size_t i = 0; i < group.linears.size(); ++i) {
    LinearOp linear = group.linears[i];
    Shape leading = shapeOf(linear.getResult());
    leading.pop_back();
    Value sums = tile.sums[i];
    elements.bind(linear.getResult(), [&e, &kernel, leading, sums, &tile](ValueRange index) {
      Value token = e.sub(linearIndex(e, kernel, leading, index.drop_back()), tile.firstToken);
      Value row = e.sub(index.back(), tile.firstRow);
      return loadElement(e, e.f32(), sums, e.add(e.mul(token, e.constant(tile.rows)), row));
    });
  }
  Value lastRow = e.minimum(e.add(tile.firstRow, e.constant(tile.rows)), e.constant(group.rows));
  for (unsigned result : group.results) {
    Root root(kernel, result);
    Shape leading = root.shape();
    leading.pop_back();
    e.loop(e.constant(0), tile.tokens, 1, [&](Value token) {
      ElementEmitter::Scope scope(elements);
      Values outer = delinearIndex(e, kernel, leading, e.add(token, tile.firstToken));
      root.store(elements, outer, tile.firstRow, lastRow);
    });
  }
  for (LinearOp linear : group.linears)
    elements.unbind(linear.getResult());
}

} // namespace rosso
