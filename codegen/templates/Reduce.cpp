// reduce: rows that are first combined to a few numbers, then written with their help.
//
// Reductions run one after another, each a nest of loops over the reduced axes; then the results
// are computed from them. What a reduction reads is read again by the next: it is still in a cache.
//
// Where the neighbours in memory are of one row, a work item is a row, and the accumulator a number
// in a register, of which the vectoriser makes several. Where they are of different rows (the sum
// of columns), an item is a stretch of rows side by side, and the accumulators an array in stack
// memory: every step of the innermost loop is another row.
#include "codegen/lower/Lower.h"
#include "codegen/templates/Combiner.h"
#include "codegen/templates/Root.h"
#include "codegen/templates/RowCache.h"
#include "codegen/templates/RowSpace.h"
#include "codegen/templates/Templates.h"
#include "codegen/templates/WindowEdges.h"

#include <limits>

namespace rosso {

using namespace mlir;

namespace {

class ReduceEmitter {
public:
  ReduceEmitter(Emit &emit, KernelContext &context)
      : e(emit), kernel(context), elements(emit, context), rows(context), memory(context) {
    for (Operation &op : *kernel.op.getBody())
      if (op.hasTrait<Reduction>())
        reductions.push_back(&op);
  }

  void emit() {
    if (auto component = componentInMemory())
      return bySide(*component);
    kernel.grid = gridOver(rows.extents());
    e.loop(
        kernel.begin, kernel.end, 1,
        [&](Value item) {
          ElementEmitter::Scope scope(elements);
          Values row = delinearIndex(e, kernel, rows.extents(), item);
          for (Operation *op : reductions)
            reduceRow(op, row);
          for (unsigned i = 0; i < kernel.op.getNumResults(); ++i) {
            Root root(kernel, i);
            RowAxes axes = rows.axesOfResult(i);
            root.storeAt(elements, axes, rows.indexIn(e, root.shape(), axes, row));
          }
        },
        LoopStyle::Scalar);
  }

private:
  using Step = std::function<Value(Value acc, Value x, ValueRange index)>;
  using Visit = std::function<void(const Values &index)>;

  static ArrayRef<int64_t> axesOf(Operation *op) {
    return cast<DenseI64ArrayAttr>(op->getAttr("axes")).asArrayRef();
  }

  /// The reduced axes as loops nest: neighbours in memory innermost.
  llvm::SmallVector<int64_t> loopOrder(Operation *op) const {
    llvm::SmallVector<int64_t> order(axesOf(op));
    auto inner = llvm::find(order, memory.of(op->getOperand(0)));
    if (inner != order.end())
      std::rotate(inner, inner + 1, order.end());
    return order;
  }

  /// The place of the largest, once that is known: the first that holds it, or a NaN, which is what
  /// `largest` then is.
  Step whereIs(Operation *op, const std::function<Value(ValueRange index)> &largest) {
    auto axis = static_cast<size_t>(axesOf(op)[0]);
    return [=, this](Value acc, Value x, ValueRange index) {
      Value most = largest(index);
      Value hit = isa<FloatType>(x.getType())
                      ? Value(arith::CmpFOp::create(e.b, e.loc, arith::CmpFPredicate::UEQ, x, most))
                      : e.equal(x, most);
      return e.minimum(acc, e.select(hit, e.truncate(index[axis], e.i32()), nowhere()));
    };
  }
  Value nowhere() { return e.constant(e.i32(), std::numeric_limits<int32_t>::max()); }

  //===-- a row at a time ------------------------------------------------------------------------//

  void reduceRow(Operation *op, ValueRange row) {
    Combiner combiner = combinerOf(e, op);
    Shape shape = shapeOf(op->getOperand(0));
    RowAxes axes = keptAxes(op);
    Values index = rows.indexIn(e, shape, axes, row);
    std::vector<Kept> kept;
    for (Value value : valuesToKeep(op, known, kernel.vars)) {
      kept.push_back(makeRoomFor(value, shape, axes));
      known.insert(value);
    }
    Value result =
        fold(op, loopOrder(op), index, combiner.start, [&](Value acc, Value x, ValueRange at) {
          for (const Kept &each : kept)
            storeElement(e, each.type, elements.element(each.value, at), each.memory,
                         positionOf(each, at));
          return combiner.combine(acc, x);
        });
    for (const Kept &each : kept)
      elements.bind(each.value, [this, each](ValueRange at) {
        return loadElement(e, each.type, each.memory, positionOf(each, at));
      });
    if (isa<ArgMaxOp>(op)) {
      Value largest = result;
      result = fold(op, loopOrder(op), index, nowhere(),
                    whereIs(op, [largest](ValueRange) { return largest; }));
    }
    elements.bind(op->getResult(0), [result](ValueRange) { return result; });
  }

  /// How many of `axes`, from the first on, may be one loop: neighbours that stay neighbours.
  size_t together(Operation *op, ArrayRef<int64_t> axes) const {
    const Shape shape = shapeOf(op->getOperand(0));
    size_t joined = 1;
    while (joined < axes.size() && axes[joined] == axes[joined - 1] + 1 &&
           shape[static_cast<size_t>(axes[joined])].isConstant() &&
           staysWhole(op->getOperand(0), static_cast<size_t>(axes[joined - 1])))
      ++joined;
    return joined;
  }

  Value fold(Operation *op, ArrayRef<int64_t> axes, Values index, Value acc, const Step &step) {
    if (axes.empty())
      return step(acc, elements.element(op->getOperand(0), index), index);
    const size_t joined = together(op, axes);
    const Shape merged = extentsAt(shapeOf(op->getOperand(0)), axes.take_front(joined));
    constexpr int64_t kVector = 16, kShort = 256;
    const auto length = elementCount(merged);
    const bool isShort = length && length->isConstant() && length->constant() >= kVector &&
                         length->constant() <= kShort;
    return e.loop(
        e.constant(0), elementNumber(e, kernel, merged), 1, acc,
        [&](Value i, ValueRange carried) -> Values {
          ElementEmitter::Scope scope(elements);
          Values inner(index);
          for (auto [axis, at] : llvm::zip(axes, delinearIndex(e, kernel, merged, i)))
            inner[static_cast<size_t>(axis)] = at;
          return {fold(op, axes.drop_front(joined), inner, carried[0], step)};
        },
        isShort ? LoopStyle::Whole : LoopStyle::Free)[0];
  }

  /// A value of the row that is kept in stack memory.
  struct Kept {
    Value value;
    Type type;
    Value memory;
    Shape shape;                       // of what a row has of it
    llvm::SmallVector<int64_t> within; // axes of the value that `shape` is of
  };

  Kept makeRoomFor(Value value, const Shape &shape, const RowAxes &axes) {
    Kept kept{.value = value,
              .type = tensorOf(value).getElementType(),
              .memory = {},
              .shape = {},
              .within = {}};
    int64_t bytes = memoryType(kept.type).getIntOrFloatBitWidth() / 8;
    for (auto [axis, extent] : llvm::enumerate(shape))
      if (!llvm::is_contained(axes, static_cast<int64_t>(axis))) {
        kept.within.push_back(static_cast<int64_t>(axis));
        kept.shape.push_back(extent);
        bytes *= extent.max(kernel.vars);
      }
    kept.memory = e.stack(std::max<int64_t>(bytes, 1));
    return kept;
  }

  Value positionOf(const Kept &kept, ValueRange at) {
    Values index;
    for (int64_t axis : kept.within)
      index.push_back(at[static_cast<size_t>(axis)]);
    return linearIndex(e, kernel, kept.shape, index);
  }

  //===-- a stretch of rows side by side ---------------------------------------------------------//

  /// The component of rows whose neighbours lie side by side in memory, for most of what is read.
  std::optional<size_t> componentInMemory() const {
    llvm::DenseMap<int64_t, uint64_t> votes; // component, or -1: neighbours are of one row
    for (Operation *op : reductions) {
      RowAxes axes = keptAxes(op);
      if (!rows.hasComponents(shapeOf(op->getOperand(0)), axes))
        return std::nullopt;
      auto found = llvm::find(axes, memory.of(op->getOperand(0)));
      votes[found == axes.end() ? -1 : found - axes.begin()] += memory.bytesOf(op->getOperand(0));
    }
    for (unsigned i = 0; i < kernel.op.getNumResults(); ++i)
      if (Root root(kernel, i);
          root.isBlocked() || !rows.hasComponents(root.shape(), rows.axesOfResult(i)))
        return std::nullopt;
    int64_t best = -1;
    for (size_t i = 0; i < rows.extents().size(); ++i)
      if (votes.lookup(static_cast<int64_t>(i)) > votes.lookup(best))
        best = static_cast<int64_t>(i);
    constexpr int64_t kFewest = 8; // else a vector is hardly filled
    if (best < 0 || rows.extents()[static_cast<size_t>(best)].max(kernel.vars) < kFewest)
      return std::nullopt;
    return static_cast<size_t>(best);
  }

  /// Rows of an item: enough neighbours to read whole lines, few enough for what several passes
  /// read to stay in the second-level cache, and for some items to share the work.
  int64_t stretchFor(size_t component) const {
    constexpr int64_t kCacheBytes = 512 << 10, kLine = 16, kMost = 1024, kItems = 8;
    int64_t rowBytes = 4, passes = static_cast<int64_t>(reductions.size());
    for (Operation *op : reductions) {
      int64_t bytes = 4;
      for (int64_t axis : axesOf(op))
        bytes *= shapeOf(op->getOperand(0))[static_cast<size_t>(axis)].max(kernel.vars);
      rowBytes = std::max(rowBytes, bytes);
      passes += isa<ArgMaxOp>(op);
    }
    for (unsigned i = 0; i < kernel.op.getNumResults(); ++i)
      passes += Root(kernel, i).shape().size() > rows.extents().size();
    int64_t others = 1; // rows that do not lie beside each other share the work by themselves
    for (size_t i = 0; i < rows.extents().size(); ++i)
      if (i != component && others < kItems)
        others *= std::max<int64_t>(rows.extents()[i].max(kernel.vars), 1);
    int64_t stretch = rows.extents()[component].max(kernel.vars) / ((kItems + others - 1) / others);
    if (passes > 1)
      stretch = std::min(stretch, kCacheBytes / rowBytes);
    stretch = std::clamp(stretch / kLine * kLine, kLine, kMost);
    // Whole stretches have loops of a constant length.
    const Dim &width = rows.extents()[component];
    for (int64_t even = stretch; width.isConstant() && even >= kLine && even * 2 > stretch;
         even -= kLine)
      if (width.constant() % even == 0)
        return even;
    return width.isConstant() ? std::min(stretch, width.constant()) : stretch;
  }

  void bySide(size_t component) {
    const int64_t stretch = stretchFor(component);
    Shape outer = rows.extents();
    const Dim width = outer[component];
    kernel.schedule = "rows " + std::to_string(stretch);
    kernel.grid = gridOver(outer);
    kernel.grid[component].tile = stretch;
    side = component;
    Value tiles = e.ceilDivide(kernel.extent(e, width), stretch);
    e.loop(kernel.begin, kernel.end, 1, [&](Value item) {
      ElementEmitter::Scope scope(elements);
      Values row(outer.size());
      for (size_t i = outer.size(); i-- > 0;) {
        Value extent = i == component ? tiles : kernel.extent(e, outer[i]);
        row[i] = i == 0 ? item : e.remainder(item, extent);
        item = i == 0 ? item : e.divide(item, extent);
      }
      first = e.mul(row[component], e.constant(stretch));
      count = width.isConstant() && width.constant() % stretch == 0
                  ? e.constant(stretch)
                  : e.minimum(e.sub(kernel.extent(e, width), first), e.constant(stretch));
      for (Operation *op : reductions)
        reduceSide(op, row, stretch);
      for (unsigned i = 0; i < kernel.op.getNumResults(); ++i)
        storeSide(i, row);
    });
  }

  void reduceSide(Operation *op, ValueRange row, int64_t stretch) {
    Combiner combiner = combinerOf(e, op);
    const auto axis = static_cast<size_t>(keptAxes(op)[side]);
    Value sums = foldSide(op, row, stretch, getElementTypeOrSelf(op->getOperand(0).getType()),
                          combiner.start,
                          [&](Value acc, Value x, ValueRange) { return combiner.combine(acc, x); });
    Type type = tensorOf(op->getOperand(0)).getElementType();
    auto value = [=, this](Type element, Value array) {
      return [=, this](ValueRange index) {
        return loadElement(e, element, array, e.sub(index[axis], first));
      };
    };
    if (isa<ArgMaxOp>(op)) {
      sums = foldSide(op, row, stretch, e.i32(), nowhere(), whereIs(op, value(type, sums)));
      type = e.i32();
    }
    elements.bind(op->getResult(0), value(type, sums));
  }

  /// The results of all rows of the item, in stack memory.
  Value foldSide(Operation *op, ValueRange row, int64_t stretch, Type type, Value start,
                 const Step &step) {
    Value sums = e.stack(stretch * 8);
    Shape shape = shapeOf(op->getOperand(0));
    RowAxes axes = keptAxes(op);
    const Values index = rows.indexIn(e, shape, axes, row);
    auto advance = [&](Value acc, const Values &at) {
      return step(acc, elements.element(op->getOperand(0), at), at);
    };
    if (isWindow(op)) {
      auto foldRows = [&](Value begin, Value end) {
        someRows(begin, end, index, axes, [&](const Values &at, Value i) {
          Value acc = start;
          eachConstant(shape, axesOf(op), at, [&](const Values &tap) { acc = advance(acc, tap); });
          storeElement(e, type, acc, sums, i);
        });
      };
      const Interior interior = interiorOf(op->getOperand(0), static_cast<size_t>(axes[side]));
      if (interior.pads.empty()) {
        foldRows(e.constant(0), count);
        return sums;
      }
      auto inItem = [&](int64_t row) {
        return e.minimum(e.maximum(e.sub(e.constant(row), first), e.constant(0)), count);
      };
      const Value begin = inItem(interior.begin), end = inItem(interior.end);
      foldRows(e.constant(0), begin);
      for (Operation *pad : interior.pads)
        elements.choose(pad, 1);
      foldRows(begin, end);
      elements.forgetChoices();
      foldRows(end, count);
      return sums;
    }
    e.loop(e.constant(0), count, 1, [&](Value i) { storeElement(e, type, start, sums, i); });
    overAxes(shape, axesOf(op), index, [&](const Values &each) {
      eachRow(each, axes, [&](const Values &at, Value i) {
        storeElement(e, type, advance(loadElement(e, type, sums, i), at), sums, i);
      });
    });
    return sums;
  }

  /// What a row reduces is so little, as the window of a pool or of a depthwise convolution is,
  /// that it is written out and the accumulator stays in a register.
  bool isWindow(Operation *op) {
    constexpr size_t kMostElements = 64, kMostOps = 1024;
    const auto reduced = elementCount(extentsAt(shapeOf(op->getOperand(0)), axesOf(op)));
    if (!reduced || !reduced->isConstant())
      return false;
    const auto taps = static_cast<size_t>(reduced->constant());
    return taps <= kMostElements && taps * kernel.op.getBody()->getOperations().size() <= kMostOps;
  }

  /// Every element of `axes`, the last fastest, without a loop.
  void eachConstant(const Shape &shape, ArrayRef<int64_t> axes, Values index, const Visit &visit) {
    if (axes.empty())
      return visit(index);
    const auto axis = static_cast<size_t>(axes.front());
    for (int64_t i = 0; i < shape[axis].constant(); ++i) {
      index[axis] = e.constant(i);
      eachConstant(shape, axes.drop_front(), index, visit);
    }
  }

  void storeSide(unsigned result, ValueRange row) {
    Root root(kernel, result);
    RowAxes axes = rows.axesOfResult(result);
    llvm::SmallVector<int64_t> others;
    for (int64_t axis = 0; axis < static_cast<int64_t>(root.shape().size()); ++axis)
      if (!llvm::is_contained(axes, axis))
        others.push_back(axis);
    overAxes(root.shape(), others, rows.indexIn(e, root.shape(), axes, row),
             [&](const Values &index) {
               eachRow(index, axes, [&](const Values &at, Value) { root.storeOne(elements, at); });
             });
  }

  /// A loop for each of `axes`.
  void overAxes(const Shape &shape, ArrayRef<int64_t> axes, Values index, const Visit &visit) {
    if (axes.empty())
      return visit(index);
    auto axis = static_cast<size_t>(axes.front());
    e.loop(
        e.constant(0), kernel.extent(e, shape[axis]), 1,
        [&](Value i) {
          ElementEmitter::Scope scope(elements);
          Values inner(index);
          inner[axis] = i;
          overAxes(shape, axes.drop_front(), std::move(inner), visit);
        },
        LoopStyle::Scalar);
  }

  /// A loop over the item's rows; `i` counts from 0.
  void eachRow(const Values &index, const RowAxes &axes,
               const std::function<void(const Values &at, Value i)> &visit) {
    someRows(e.constant(0), count, index, axes, visit);
  }
  void someRows(Value begin, Value end, const Values &index, const RowAxes &axes,
                const std::function<void(const Values &at, Value i)> &visit) {
    e.loop(
        begin, end, 1,
        [&](Value i) {
          ElementEmitter::Scope scope(elements);
          Values at(index);
          at[static_cast<size_t>(axes[side])] = e.add(first, i);
          visit(at, i);
        },
        LoopStyle::Whole);
  }

  Emit &e;
  KernelContext &kernel;
  ElementEmitter elements;
  RowSpace rows;
  MemoryAxes memory;
  llvm::SmallVector<Operation *> reductions;
  llvm::DenseSet<Value> known; // kept in stack memory
  size_t side = 0;             // the component of rows along which an item has several
  Value first, count;          // of them
};

} // namespace

void emitReduce(Emit &e, KernelContext &kernel) { ReduceEmitter(e, kernel).emit(); }

} // namespace rosso
