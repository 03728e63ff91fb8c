// matmul of dense operands on a GPU, and linear with a weight in the order of its rows: a lane
// computes one element. For what a model has few of; weights in tiles have their own kernels.
#include "codegen/amdgpu/Wave.h"
#include "codegen/templates/Root.h"
#include "codegen/templates/Templates.h"

namespace rosso {

using namespace mlir;

namespace {
constexpr int64_t kThreads = 256;
}

void emitLaneDenseContraction(Emit &e, KernelContext &kernel) {
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
  kernel.grid = gridOver(outer);
  kernel.grid.push_back({.extent = shape.back(), .tile = kThreads});

  Wave wave(e, kernel, kThreads);
  ElementEmitter elements(e, kernel);
  Value width = kernel.extent(e, shape.back());
  Value stretches = e.ceilDivide(width, kThreads);
  Values row = delinearIndex(e, kernel, outer, e.divide(wave.group(), stretches));
  Value column =
      e.add(e.mul(e.remainder(wave.group(), stretches), e.constant(kThreads)), wave.thread());
  e.ifThen(e.less(column, width), [&] {
    ElementEmitter::Scope scope(elements);
    Value length = kernel.extent(e, shapeOf(left).back());
    Value sum = e.loop(e.constant(0), length, 1, e.zero(sumType),
                       [&](Value k, ValueRange carried) -> Values {
                         ElementEmitter::Scope step(elements);
                         Values leftIndex(row), rightIndex;
                         leftIndex.push_back(k);
                         if (!rowsOfRight)
                           rightIndex = Values(ValueRange(row).drop_back()); // the batch
                         rightIndex.push_back(rowsOfRight ? column : k);
                         rightIndex.push_back(rowsOfRight ? k : column);
                         Value x = widen(elements.element(left, leftIndex));
                         Value y = widen(elements.element(right, rightIndex));
                         return {isa<FloatType>(sumType) ? e.fma(x, y, carried[0])
                                                         : e.add(carried[0], e.mul(x, y))};
                       })[0];
    if (sumType != type)
      sum = arith::TruncFOp::create(e.b, e.loc, type, sum);
    elements.bind(result, [sum](ValueRange) { return sum; });
    Values index(row);
    index.push_back(column);
    for (unsigned i = 0; i < kernel.op.getNumResults(); ++i)
      Root(kernel, i).storeOne(elements, index);
  });
}

} // namespace rosso
