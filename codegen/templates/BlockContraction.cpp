// matmul of dense operands, and linear with a weight in the order of its rows, block by block.
//
// A work item is a block of rows and columns of the result. For each block of the length, its parts
// of the operands are packed into scratch memory, the left as [rows][length] or [length][rows],
// however it lies in memory, the right as [length][columns]; then each tile of sums that fits the
// registers is added up over the length, an element of the left and vectors of the right at a time:
//
//                       columns ->  vectorTile vectors of the right, packed
//     rowTile rows of the left   x  sums in registers, between blocks of the length in scratch
//
// Rows and columns beyond the end are computed from whatever lies in the scratch, and not stored.
// Sources: Goto and van de Geijn 2008; the right panel in the first-level cache as in BLIS.
#include "codegen/templates/BlockPlan.h"
#include "codegen/templates/OperandView.h"
#include "codegen/templates/Root.h"
#include "codegen/templates/Templates.h"
#include "codegen/templates/Transpose.h"

#include <algorithm>
#include <numeric>

namespace rosso {

using namespace mlir;

namespace {

constexpr int64_t kLine = 64; // bytes

/// Bytes from row to row so that neighbouring rows fall on different lines of the cache.
int64_t pitch(int64_t bytes) { return ((bytes + kLine - 1) / kLine | 1) * kLine; }

Type sumTypeOf(Emit &e, Value result) {
  Type type = registerType(tensorOf(result).getElementType());
  return isa<FloatType>(type) && type.getIntOrFloatBitWidth() < 32 ? e.f32() : type;
}

class BlockContraction {
public:
  BlockContraction(Emit &emit, KernelContext &context, Operation *contraction)
      : e(emit), kernel(context), elements(emit, context), op(contraction), left(op->getOperand(0)),
        right(op->getOperand(1)), result(op->getResult(0)), rowsOfRight(isa<LinearOp>(op)),
        outer(shapeOf(result)), type(registerType(tensorOf(result).getElementType())),
        sumType(sumTypeOf(emit, result)), bytes(sumType.getIntOrFloatBitWidth() / 8),
        lanes(std::max<int64_t>(1, context.target.vectors().bytes / bytes)),
        leftAxis(shapeOf(left).size() - 2),
        leftAlong(elements, left, shapeOf(left).size() - 1, sumType, lanes),
        rightAcross(elements, right, rowsOfRight ? 0 : shapeOf(right).size() - 1, sumType, lanes),
        rightAlong(elements, right, shapeOf(right).size() - (rowsOfRight ? 1 : 2), sumType, lanes) {
    widthDim = outer.back();
    outer.pop_back();
    lengthDim = shapeOf(left).back();
    if (rowsOfRight) {
      rowsDim = *elementCount(outer);
    } else {
      batch = Shape(outer.begin(), outer.end() - 1);
      rowsDim = outer.back();
    }
    if (shapeOf(left).size() >= 2 && (!rowsOfRight || outer.size() == 1))
      leftDown.emplace(elements, left, leftAxis, sumType, lanes);
    makePlan();
  }

  void emit() {
    rows = kernel.extent(e, rowsDim);
    width = kernel.extent(e, widthDim);
    length = kernel.extent(e, lengthDim);
    for (const Dim &extent : batch)
      kernel.grid.push_back({.extent = extent});
    kernel.grid.push_back({.extent = rowsDim, .tile = plan.rows});
    kernel.grid.push_back({.extent = widthDim, .tile = plan.width});
    Value down = e.ceilDivide(rows, plan.rows), across = e.ceilDivide(width, plan.width);
    e.loop(kernel.begin, kernel.end, 1, [&](Value item) {
      ElementEmitter::Scope scope(elements);
      firstColumn = e.mul(e.remainder(item, across), e.constant(plan.width));
      item = e.divide(item, across);
      firstRow = e.mul(e.remainder(item, down), e.constant(plan.rows));
      matrix = delinearIndex(e, kernel, batch, e.divide(item, down));
      rowCount = e.minimum(e.sub(rows, firstRow), e.constant(plan.rows));
      columnCount = e.minimum(e.sub(width, firstColumn), e.constant(plan.width));
      sumUp();
      storeResults();
    });
  }

private:
  void makePlan() {
    auto most = [&](const Dim &dim) { return std::max<int64_t>(1, dim.max(kernel.vars)); };
    BlockProblem problem{.rows = most(rowsDim), .width = most(widthDim), .length = most(lengthDim)};
    for (const Dim &extent : batch)
      problem.matrices *= most(extent);
    problem.elementBytes = bytes;
    problem.threads = kernel.target.threads();
    bool byColumn = leftDown && leftDown->isVectorised() && !leftAlong.isVectorised();
    problem.leftCost = (byColumn ? *leftDown : leftAlong).cost();
    problem.rightCost = rightAcross.isVectorised() || !rightAlong.hasVectors()
                            ? rightAcross.cost()
                            : 3 * rightAlong.cost();
    problem.rightPeriod = std::max<int64_t>(1, rightAcross.period());
    problem.rightBrokenCost = rightAcross.cost(OperandView::Stretch::Any);
    plan = planBlocks(kernel.target.vectors(), problem);
    bool wholeRuns = plan.width % problem.rightPeriod == 0 || plan.width >= problem.width;
    stretch = wholeRuns ? OperandView::Stretch::WholeRuns : OperandView::Stretch::Any;
    single =
        lengthDim.isConstant() && lengthDim.constant() <= plan.length && lengthDim.constant() > 0;
    leftByColumn = byColumn;
    leftInPlace = readsLeftInPlace();
    leftRow = leftInPlace    ? *leftAlong.bytesAlong(leftAxis)
              : leftByColumn ? bytes
                             : pitch((plan.length + lanes) * bytes);
    leftStep = leftByColumn ? pitch((plan.rows + lanes) * bytes) : bytes;
    rightStep = pitch((plan.width + lanes) * bytes);
    sumRow = pitch(plan.width * bytes);
    int64_t leftBytes = leftInPlace    ? 0
                        : leftByColumn ? plan.length * leftStep
                                       : plan.rows * leftRow;
    int64_t rightBytes = (plan.length + lanes) * rightStep;
    leftBlock = kernel.workspace;
    rightBlock = e.at(kernel.workspace, pitch(leftBytes));
    sums = e.at(rightBlock, pitch(rightBytes));
    kernel.scratchBytes = pitch(leftBytes) + pitch(rightBytes) + plan.rows * sumRow;
    kernel.schedule = "tile " + std::to_string(plan.rowTile) + "x" +
                      std::to_string(plan.columnTile()) + ", block " + std::to_string(plan.rows) +
                      "x" + std::to_string(plan.width) + "x" + std::to_string(plan.length);
  }

  /// Whether packing the left costs more than reading it where it lies: rows of whole tiles, and
  /// few columns that would share what was packed.
  bool readsLeftInPlace() {
    constexpr int64_t kFewPanels = 4;
    auto step = leftAlong.bytesAlong(leftAxis);
    return leftDown && leftAlong.isBufferOf(sumType) && step && *step > 0 &&
           *step < INT32_MAX / 16 && rowsDim.isConstant() &&
           rowsDim.constant() % plan.rowTile == 0 && plan.width <= kFewPanels * plan.columnTile();
  }

  Value scaled(Value index, int64_t factor) { return e.mul(index, e.constant(factor)); }

  Values leftIndex(Value row, Value k) {
    Values index = rowsOfRight ? delinearIndex(e, kernel, outer, row) : matrix;
    if (!rowsOfRight)
      index.push_back(row);
    index.push_back(k);
    return index;
  }
  Values rightIndex(Value k, Value column) {
    Values index;
    if (!rowsOfRight)
      index = matrix;
    index.push_back(rowsOfRight ? column : k);
    index.push_back(rowsOfRight ? k : column);
    return index;
  }

  void sumUp() {
    if (single) {
      packLeft(e.constant(0), length);
      packRight(e.constant(0), length);
      multiplyBlocks(length);
      return;
    }
    e.loop(e.constant(0), scaled(rowCount, sumRow), kLine,
           [&](Value at) { e.store(e.zero(e.vectorOf(e.i8(), kLine)), e.at(sums, at), kLine); });
    e.loop(e.constant(0), length, plan.length, [&](Value first) {
      ElementEmitter::Scope scope(elements);
      Value count = e.minimum(e.sub(length, first), e.constant(plan.length));
      packLeft(first, count);
      packRight(first, count);
      multiplyBlocks(count);
    });
  }

  unsigned align() const { return static_cast<unsigned>(std::min<int64_t>(kLine, lanes * bytes)); }
  Value sumAt(Value row, Value column) {
    return e.at(sums, e.add(scaled(row, sumRow), scaled(column, bytes)));
  }

  void packLeft(Value first, Value count) {
    if (leftInPlace) {
      leftBlock = leftAlong.address(leftIndex(firstRow, first));
      return;
    }
    if (leftByColumn)
      e.loop(e.constant(0), count, 1, [&](Value k) {
        ElementEmitter::Scope scope(elements);
        leftDown->copy(e.at(leftBlock, scaled(k, leftStep)), leftIndex(firstRow, e.add(first, k)),
                       rowCount);
      });
    else
      e.loop(e.constant(0), rowCount, 1, [&](Value row) {
        ElementEmitter::Scope scope(elements);
        leftAlong.copy(e.at(leftBlock, scaled(row, leftRow)),
                       leftIndex(e.add(firstRow, row), first), count);
      });
  }

  void packRight(Value first, Value count) {
    if (!rightAcross.isVectorised() && rightAlong.hasVectors())
      return packTransposed(first, count);
    e.loop(e.constant(0), count, 1, [&](Value k) {
      ElementEmitter::Scope scope(elements);
      rightAcross.copy(e.at(rightBlock, scaled(k, rightStep)),
                       rightIndex(e.add(first, k), firstColumn), columnCount, stretch);
    });
  }

  /// Vectors along the length, a square of them at a time.
  void packTransposed(Value first, Value count) {
    Value lastColumn = e.sub(e.add(firstColumn, columnCount), e.constant(1));
    e.loop(e.constant(0), columnCount, lanes, [&](Value column) {
      auto square = [&](Value k, Value limit) {
        ElementEmitter::Scope scope(elements);
        Values block;
        for (int64_t i = 0; i < lanes; ++i) {
          Value at = e.minimum(e.add(firstColumn, e.add(column, e.constant(i))), lastColumn);
          block.push_back(rightAlong.vector(rightIndex(e.add(first, k), at), limit));
        }
        transpose(e, block);
        Value target = e.at(rightBlock, e.add(scaled(k, rightStep), scaled(column, bytes)));
        for (int64_t i = 0; i < lanes; ++i)
          e.store(block[static_cast<size_t>(i)], e.at(target, i * rightStep), align());
      };
      Value whole = scaled(e.divide(count, e.constant(lanes)), lanes);
      e.loop(e.constant(0), whole, lanes, [&](Value k) { square(k, {}); });
      if (!(lengthDim.isConstant() && lengthDim.constant() % lanes == 0 &&
            plan.length % lanes == 0))
        e.ifThen(e.less(whole, count), [&] { square(whole, e.sub(count, whole)); });
    });
  }

  void multiplyBlocks(Value count) {
    e.loop(e.constant(0), columnCount, plan.columnTile(), [&](Value column) {
      Value panel = e.at(rightBlock, scaled(column, bytes));
      e.loop(e.constant(0), rowCount, plan.rowTile, [&](Value row) {
        multiplyTile(e.at(leftBlock, scaled(row, leftRow)), panel, sumAt(row, column), count);
      });
    });
  }

  void multiplyTile(Value leftTile, Value panel, Value tileSums, Value count) {
    Type vector = e.vectorOf(sumType, lanes);
    auto sumPointer = [&](int64_t row, int64_t j) {
      return e.at(tileSums, row * sumRow + j * lanes * bytes);
    };
    Values start;
    for (int64_t row = 0; row < plan.rowTile; ++row)
      for (int64_t j = 0; j < plan.vectorTile; ++j)
        start.push_back(single ? e.zero(vector) : e.load(vector, sumPointer(row, j), align()));
    Values end = e.loop(e.constant(0), count, 1, start, [&](Value k, ValueRange carried) {
      Value leftAt = e.at(leftTile, scaled(k, leftStep)), at = e.at(panel, scaled(k, rightStep));
      Values ys, next;
      for (int64_t j = 0; j < plan.vectorTile; ++j)
        ys.push_back(e.load(vector, e.at(at, j * lanes * bytes), align()));
      for (int64_t row = 0; row < plan.rowTile; ++row) {
        Value x = e.splat(
            e.load(sumType, e.at(leftAt, row * leftRow), static_cast<unsigned>(bytes)), lanes);
        for (int64_t j = 0; j < plan.vectorTile; ++j) {
          Value sum = carried[static_cast<size_t>(row * plan.vectorTile + j)];
          Value y = ys[static_cast<size_t>(j)];
          next.push_back(isa<FloatType>(sumType) ? e.fma(x, y, sum) : e.add(sum, e.mul(x, y)));
        }
      }
      return next;
    });
    for (int64_t row = 0; row < plan.rowTile; ++row)
      for (int64_t j = 0; j < plan.vectorTile; ++j)
        e.store(end[static_cast<size_t>(row * plan.vectorTile + j)], sumPointer(row, j), align());
  }

  void storeResults() {
    e.loop(e.constant(0), rowCount, 1, [&](Value row) {
      ElementEmitter::Scope scope(elements);
      Value at = e.add(firstRow, row);
      Values index = rowsOfRight ? delinearIndex(e, kernel, outer, at) : matrix;
      if (!rowsOfRight)
        index.push_back(at);
      Value rowOfSums = sumAt(row, e.constant(0));
      elements.bind(result, [&, rowOfSums](ValueRange place) -> Value {
        Value sum = loadElement(e, sumType, rowOfSums, e.sub(place.back(), firstColumn));
        return sumType == type ? sum : Value(arith::TruncFOp::create(e.b, e.loc, type, sum));
      });
      for (unsigned i = 0; i < kernel.op.getNumResults(); ++i)
        Root(kernel, i).store(elements, index, firstColumn, e.add(firstColumn, columnCount));
      elements.unbind(result);
    });
  }

  Emit &e;
  KernelContext &kernel;
  ElementEmitter elements;
  Operation *op;
  Value left, right, result;
  bool rowsOfRight; // right is [N, K]
  Shape outer;      // of the result, without the columns
  Type type, sumType;
  int64_t bytes, lanes;                           // of a sum, of a vector of sums
  size_t leftAxis;                                // of the rows
  OperandView leftAlong, rightAcross, rightAlong; // along the length; across the columns
  std::optional<OperandView> leftDown;
  Shape batch;
  Dim rowsDim, widthDim, lengthDim;
  BlockPlan plan;
  OperandView::Stretch stretch;                 // of the columns of a block
  bool single = false, leftByColumn = false;    // one block of the length; left is [length][rows]
  bool leftInPlace = false;                     // and not packed at all
  int64_t leftRow, leftStep, rightStep, sumRow; // bytes
  Value leftBlock, rightBlock, sums;            // scratch memory
  Value rows, width, length;
  Values matrix; // of the item: the index of its matrix in the batch
  Value firstRow, firstColumn, rowCount, columnCount;
};

} // namespace

void emitBlockContraction(Emit &e, KernelContext &kernel) {
  for (Operation &inner : *kernel.op.getBody())
    if (isa<MatmulOp, LinearOp>(inner)) {
      BlockContraction(e, kernel, &inner).emit();
      return;
    }
}

} // namespace rosso
