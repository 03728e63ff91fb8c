// matmul of dense operands with one row or one column, and the same of linear with a weight in the
// order of its rows: every element is read once, and nothing is worth packing.
//
// One work item is a stretch of a row's results, which are summed up in stack memory: along k where
// the right operand is [K, N] (each step adds a multiple of a contiguous row), by dot products
// where it is [N, K] or a column.
#include "codegen/templates/Root.h"
#include "codegen/templates/Templates.h"

namespace rosso {

using namespace mlir;

namespace {

constexpr int64_t kStretch = 256;     // results summed at once
constexpr int64_t kFewResults = 4096; // of which the stretches are shorter, for all threads
constexpr int64_t kShortStretch = 64;

Value multiplyAdd(Emit &e, Value x, Value y, Value acc) {
  constexpr auto kAnyOrder = arith::FastMathFlags::reassoc | arith::FastMathFlags::contract;
  if (isa<FloatType>(x.getType()))
    return arith::AddFOp::create(e.b, e.loc, acc, e.mulF(x, y), kAnyOrder);
  return e.add(acc, e.mul(x, y));
}

} // namespace

void emitDenseContraction(Emit &e, KernelContext &kernel) {
  Operation *op = nullptr;
  for (Operation &inner : *kernel.op.getBody())
    if (isa<MatmulOp, LinearOp>(inner))
      op = &inner;
  Value left = op->getOperand(0), right = op->getOperand(1), result = op->getResult(0);
  bool rowsOfRight = isa<LinearOp>(op); // right is [N, K]
  Shape shape = shapeOf(result);
  Shape outer(shape.begin(), shape.end() - 1);
  Type type = registerType(tensorOf(result).getElementType());
  // Halves sum in f32.
  Type sumType = isa<FloatType>(type) && type.getIntOrFloatBitWidth() < 32 ? e.f32() : type;
  auto widen = [&](Value v) { return isa<FloatType>(sumType) ? e.extendFloat(v, sumType) : v; };
  const int64_t stretch = shape.back().max(kernel.vars) < kFewResults ? kShortStretch : kStretch;
  for (const Dim &extent : outer)
    kernel.grid.push_back({.extent = extent});
  kernel.grid.push_back({.extent = shape.back(), .tile = stretch});

  ElementEmitter elements(e, kernel);
  Value sums = e.stack(kStretch * 8);
  Value length = kernel.extent(e, shapeOf(left).back());
  Value width = kernel.extent(e, shape.back());
  auto rightIndex = [&](ValueRange row, Value k, Value n) {
    Values index;
    if (!rowsOfRight)
      index = Values(row.drop_back()); // the batch
    index.push_back(rowsOfRight ? n : k);
    index.push_back(rowsOfRight ? k : n);
    return index;
  };
  auto element = [&](Value tensor, ValueRange index) {
    ElementEmitter::Scope scope(elements);
    return widen(elements.element(tensor, index));
  };

  e.loop(kernel.begin, kernel.end, 1, [&](Value item) {
    ElementEmitter::Scope scope(elements);
    Value stretches = e.ceilDivide(width, stretch);
    Value first = e.mul(e.remainder(item, stretches), e.constant(stretch));
    Values row = delinearIndex(e, kernel, outer, e.divide(item, stretches));
    auto leftIndex = [&](Value k) {
      Values index(row);
      index.push_back(k);
      return index;
    };
    Value count = e.minimum(e.sub(width, first), e.constant(stretch));
    if (rowsOfRight || shape.back() == Dim(1)) {
      e.loop(e.constant(0), count, 1, [&](Value i) {
        Value n = e.add(first, i);
        Value sum = e.loop(
            e.constant(0), length, 1, e.zero(sumType), [&](Value k, ValueRange carried) -> Values {
              return {multiplyAdd(e, element(left, leftIndex(k)),
                                  element(right, rightIndex(row, k, n)), carried[0])};
            })[0];
        storeElement(e, sumType, sum, sums, i);
      });
    } else {
      e.loop(e.constant(0), count, 1,
             [&](Value i) { storeElement(e, sumType, e.zero(sumType), sums, i); });
      e.loop(e.constant(0), length, 1, [&](Value k) {
        Value x = element(left, leftIndex(k));
        e.loop(e.constant(0), count, 1, [&](Value i) {
          Value y = element(right, rightIndex(row, k, e.add(first, i)));
          storeElement(e, sumType, multiplyAdd(e, x, y, loadElement(e, sumType, sums, i)), sums, i);
        });
      });
    }
    elements.bind(result, [&](ValueRange index) -> Value {
      Value sum = loadElement(e, sumType, sums, e.sub(index.back(), first));
      return sumType == type ? sum : Value(arith::TruncFOp::create(e.b, e.loc, type, sum));
    });
    for (unsigned i = 0; i < kernel.op.getNumResults(); ++i)
      Root(kernel, i).store(elements, row, first, e.add(first, count));
    elements.unbind(result);
  });
}

} // namespace rosso
