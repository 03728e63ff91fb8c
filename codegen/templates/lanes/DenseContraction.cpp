// matmul of dense operands on a GPU, and linear with a weight in the order of its rows. A lane
// computes one column of some rows that lie below each other: what it reads of the right operand
// serves all of them, and what they read of the left one is the same for all lanes, so that it
// comes by scalar loads. Weights in tiles have their own kernels.
#include "codegen/amdgpu/Wave.h"
#include "codegen/templates/Root.h"
#include "codegen/templates/Templates.h"

#include <algorithm>

namespace rosso {

using namespace mlir;

namespace {

constexpr int64_t kThreads = 64;
constexpr int64_t kMostRows = 16;
constexpr int64_t kWaves = 2048; // that give a large chip enough to do
constexpr int64_t kScalars = 64; // of the left operand, loaded before they are used

class DenseContraction {
public:
  DenseContraction(Emit &e, KernelContext &kernel, Operation *op)
      : e(e), kernel(kernel), elements(e, kernel), left(op->getOperand(0)),
        right(op->getOperand(1)), result(op->getResult(0)), rowsOfRight(isa<LinearOp>(op)),
        shape(shapeOf(result)), type(registerType(tensorOf(result).getElementType())) {
    // Halves sum in f32.
    isFloat = isa<FloatType>(type);
    sumType = isFloat && type.getIntOrFloatBitWidth() < 32 ? e.f32() : type;
    tile = tileRows();
    depth = kScalars / tile;
  }

  void emit() {
    Shape outer(shape.begin(), shape.end() - 1);
    kernel.grid = gridOver(outer);
    kernel.grid.back().tile = tile;
    kernel.grid.push_back({.extent = shape.back(), .tile = kThreads});
    kernel.schedule = "rows " + std::to_string(tile) + ", columns " + std::to_string(kThreads);

    Wave wave(e, kernel, kThreads);
    Value width = kernel.extent(e, shape.back());
    Value stretches = e.ceilDivide(width, kThreads);
    Value group = e.divide(wave.group(), stretches);
    column =
        e.add(e.mul(e.remainder(wave.group(), stretches), e.constant(kThreads)), wave.thread());
    Value firstRow = e.constant(0), rows = e.constant(1);
    if (!outer.empty()) {
      rows = kernel.extent(e, outer.back());
      Value tiles = e.ceilDivide(rows, tile);
      firstRow = wave.uniform(e.mul(e.remainder(group, tiles), e.constant(tile)));
      group = wave.uniform(e.divide(group, tiles));
      batch = delinearIndex(e, kernel, Shape(outer.begin(), outer.end() - 1), group);
    }
    e.ifThen(e.less(column, width), [&] {
      ElementEmitter::Scope scope(elements);
      Values at;
      for (int64_t r = 0; r < tile; ++r) // of rows that do not exist the last
        at.push_back(r ? e.minimum(e.add(firstRow, e.constant(r)), e.sub(rows, e.constant(1)))
                       : firstRow);
      Values sums = contract(at, !outer.empty());
      for (int64_t r = 0; r < tile; ++r) {
        Value row = e.add(firstRow, e.constant(r));
        auto store = [&] { storeRow(sums[static_cast<size_t>(r)], row, !outer.empty()); };
        r ? e.ifThen(e.less(row, rows), store) : store();
      }
    });
  }

private:
  /// As many rows as leave the chip enough waves.
  int64_t tileRows() const {
    if (shape.size() < 2)
      return 1;
    int64_t waves = (shape.back().max(kernel.vars) + kWaveLanes - 1) / kWaveLanes;
    for (size_t i = 0; i + 1 < shape.size(); ++i)
      waves *= shape[i].max(kernel.vars);
    int64_t rows = 1;
    while (rows < kMostRows && rows < shape[shape.size() - 2].max(kernel.vars) &&
           waves / rows > kWaves)
      rows *= 2;
    return rows;
  }

  Value widen(Value v) { return isFloat ? e.extendFloat(v, sumType) : v; }
  Value leftAt(Value row, Value k, bool hasRows) {
    Values index(batch);
    if (hasRows)
      index.push_back(row);
    index.push_back(k);
    return widen(elements.element(left, index));
  }
  Value rightAt(Value k) {
    // The lane's part of the offset goes last: a load adds it to a scalar address.
    if (auto argument = dyn_cast<BlockArgument>(right); argument && !rowsOfRight) {
      Values index(batch);
      index.append({k, e.constant(0)});
      Type element = tensorOf(right).getElementType();
      const int64_t bytes = memoryType(element).getIntOrFloatBitWidth() / 8;
      Value row = e.mul(linearIndex(e, kernel, shapeOf(right), index), e.constant(bytes));
      return widen(loadElement(e, element, e.at(kernel.pointerOf(argument), row), column));
    }
    Values index;
    if (!rowsOfRight)
      index = batch;
    index.push_back(rowsOfRight ? column : k);
    index.push_back(rowsOfRight ? k : column);
    return widen(elements.element(right, index));
  }

  /// The sums of all rows of the tile, `depth` elements of each at a time.
  Values contract(ValueRange rows, bool hasRows) {
    const Dim inner = shapeOf(left).back();
    Value length = kernel.extent(e, inner), step = e.constant(depth);
    Value whole = e.mul(e.divide(length, step), step);
    Values sums(rows.size(), e.zero(sumType));
    if (inner.isConstant() && inner.constant() >= depth) {
      // What the next step reads of the right operand is on its way meanwhile.
      Values carried(sums);
      llvm::append_range(carried, rightFrom(e.constant(0), depth));
      Value last = e.sub(whole, step);
      carried = e.loop(e.constant(0), whole, depth, carried, [&](Value k, ValueRange values) {
        Values next = rightFrom(e.minimum(e.add(k, step), last), depth);
        Values later = multiply(values.take_front(sums.size()), rows, hasRows, k,
                                values.drop_front(sums.size()));
        llvm::append_range(later, next);
        return later;
      });
      carried.resize(sums.size());
      sums = carried;
    } else {
      whole = e.constant(0);
    }
    return e.loop(whole, length, 1, sums, [&](Value k, ValueRange values) {
      return multiply(values, rows, hasRows, k, rightFrom(k, 1));
    });
  }

  Values rightFrom(Value k, int64_t count) {
    ElementEmitter::Scope scope(elements);
    Values ys;
    for (int64_t i = 0; i < count; ++i)
      ys.push_back(rightAt(e.add(k, e.constant(i))));
    return ys;
  }

  Values multiply(ValueRange sums, ValueRange rows, bool hasRows, Value k, ValueRange ys) {
    ElementEmitter::Scope scope(elements);
    Values xs, later(sums);
    for (Value row : rows)
      for (size_t i = 0; i < ys.size(); ++i)
        xs.push_back(leftAt(row, e.add(k, e.constant(static_cast<int64_t>(i))), hasRows));
    // Loads stay before all that needs them, and what was asked for last is needed first: as they
    // answer in order, there is one wait.
    constexpr int64_t kNothingPasses = 0;
    e.intrinsic({}, "llvm.amdgcn.sched.barrier", {e.constant(e.i32(), kNothingPasses)});
    for (size_t i = ys.size(); i-- > 0;)
      for (size_t r = 0; r < later.size(); ++r) {
        Value x = xs[r * ys.size() + i];
        later[r] = isFloat ? e.fma(x, ys[i], later[r]) : e.add(later[r], e.mul(x, ys[i]));
      }
    return later;
  }

  void storeRow(Value sum, Value row, bool hasRows) {
    ElementEmitter::Scope scope(elements);
    if (sumType != type)
      sum = arith::TruncFOp::create(e.b, e.loc, type, sum);
    elements.bind(result, [sum](ValueRange) { return sum; });
    Values index(batch);
    if (hasRows)
      index.push_back(row);
    index.push_back(column);
    for (unsigned i = 0; i < kernel.op.getNumResults(); ++i)
      Root(kernel, i).storeOne(elements, index);
    elements.unbind(result);
  }

  Emit &e;
  KernelContext &kernel;
  ElementEmitter elements;
  Value left, right, result;
  bool rowsOfRight; // it is [N, K]
  Shape shape;
  Type type, sumType;
  bool isFloat;
  int64_t tile, depth; // rows; elements of each that are loaded at once
  Value column;
  Values batch;
};

} // namespace

void emitLaneDenseContraction(Emit &e, KernelContext &kernel) {
  for (Operation &op : *kernel.op.getBody())
    if (isa<MatmulOp, LinearOp>(op))
      return DenseContraction(e, kernel, &op).emit();
}

} // namespace rosso
