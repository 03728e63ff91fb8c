#include "codegen/templates/Contraction.h"

#include "codegen/amdgpu/Wave.h"

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

namespace {

constexpr auto kAnyOrder = arith::FastMathFlags::reassoc | arith::FastMathFlags::contract;

Value sumOfWave(Emit &e, Wave &wave, Value x) {
  return wave.reduce(x, [&e](Value a, Value b) -> Value {
    return arith::AddFOp::create(e.b, e.loc, a, b, kAnyOrder);
  });
}

/// The sum over a token's row of what others have left: see rosso-defer-norm.
void bindRowSum(ElementEmitter &elements, Wave &wave, ReduceSumOp sum, Value token) {
  Emit &e = elements.emit();
  Shape leading = shapeOf(sum.getSource());
  Dim length = leading.back();
  leading.pop_back();
  Values index = delinearIndex(e, elements.kernel(), leading, token);
  Value total = e.loop(wave.lane(), elements.kernel().extent(e, length), kWaveLanes,
                       e.zero(e.f32()), [&](Value i, ValueRange carried) -> Values {
                         ElementEmitter::Scope scope(elements);
                         Values at(index);
                         at.push_back(i);
                         return {e.addF(carried[0], elements.element(sum.getSource(), at))};
                       })[0];
  total = sumOfWave(e, wave, total);
  elements.bind(sum.getResult(), [total](ValueRange) { return total; });
}

/// A result that has one sum for the 32 rows of a wave.
void storeSumOfLanes(ElementEmitter &elements, Wave &wave, ReduceSumOp sum, unsigned result,
                     Value token, Value block) {
  Emit &e = elements.emit();
  Shape leading = shapeOf(sum.getSource()); // [.., N / 32, 32]
  leading.resize(leading.size() - 2);
  Values index = delinearIndex(e, elements.kernel(), leading, token);
  index.push_back(block);
  index.push_back(wave.lane());
  Value total = sumOfWave(e, wave, elements.element(sum.getSource(), index));
  elements.bind(sum.getResult(), [total](ValueRange) { return total; });
  index.back() = e.constant(0);
  e.ifThen(e.equal(wave.lane(), e.constant(0)), [&] {
    ElementEmitter::Scope scope(elements);
    Root(elements.kernel(), result).storeOne(elements, index);
  });
}

} // namespace

void storeLanes(ElementEmitter &elements, Wave &wave, const LinearGroup &group, ValueRange sums,
                Value token, Value block) {
  Emit &e = elements.emit();
  const KernelContext &kernel = elements.kernel();
  ElementEmitter::Scope scope(elements);
  for (auto [linear, sum] : llvm::zip(group.linears, sums)) {
    Value value = sum;
    elements.bind(LinearOp(linear).getResult(), [value](ValueRange) { return value; });
  }
  Value row = e.add(e.mul(block, e.constant(kWaveLanes)), wave.lane());
  KernelOp op = kernel.op;
  for (Operation &inner : *op.getBody())
    if (auto sum = dyn_cast<ReduceSumOp>(inner); sum && linearsBehind(sum).empty())
      bindRowSum(elements, wave, sum, token);
  for (unsigned result : group.results) {
    if (auto sum = op.getYielded()[result].getDefiningOp<ReduceSumOp>()) {
      storeSumOfLanes(elements, wave, sum, result, token, block);
      continue;
    }
    Root root(kernel, result);
    Shape leading = root.shape();
    leading.pop_back();
    Values index = delinearIndex(e, kernel, leading, token);
    if (root.isBlocked()) {
      root.storeBlock(elements, wave, index, block);
      continue;
    }
    index.push_back(row);
    auto storeRow = [&] {
      ElementEmitter::Scope rowScope(elements);
      root.storeOne(elements, index);
    };
    if (group.rows % kWaveLanes == 0)
      storeRow();
    else
      e.ifThen(e.less(row, e.constant(group.rows)), storeRow);
  }
  for (LinearOp linear : group.linears)
    elements.unbind(linear.getResult());
}

} // namespace rosso
