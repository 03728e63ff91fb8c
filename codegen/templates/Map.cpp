// map: every element of the results on its own.
//
// A result's leading axes are cut into work items; the rest is a nest of loops whose innermost runs
// along the last axis, contiguous in memory, for the vectoriser. Several results lie one after
// another in the space of items.
//
// Where an operand's neighbours in memory lie along another axis (a transpose), an item is a tile
// of that axis and the last one: what is read across is first copied to stack memory in the order
// in which it lies, so that every line of the operand is read once, and turned there.
#include "codegen/templates/Root.h"
#include "codegen/templates/RowSpace.h"
#include "codegen/templates/Templates.h"

namespace rosso {

using namespace mlir;

namespace {

constexpr int64_t kItemElements = 256;   // an item smaller than this is mostly overhead
constexpr int64_t kStretch = 2048;       // of a long last axis with few rows above it
constexpr int64_t kTileElements = 4096;  // of a turned tile: 16 KiB of f32
constexpr int64_t kTileSide = 64;        // of a tile whose axes are long enough
constexpr uint64_t kTurnedBytes = 32768; // smaller operands lie in the first-level cache anyway

struct Plan {
  explicit Plan(Root r) : root(std::move(r)) {}
  Root root;
  Shape shape;         // of the root; its last axes are one where they may
  size_t split = 0;    // axes before it are items
  int64_t stretch = 0; // of the last axis; 0: all of it
  Dim items;
  // Of tiles:
  int64_t across = -1;             // the axis along which `turned` lie in memory; -1: no tiles
  int64_t height = 0, width = 0;   // of a tile: on `across`, on the last axis
  llvm::SmallVector<Value> turned; // values with the root's index
};

/// The values with the root's own index that lie across its last axis in memory.
void findTurned(const MemoryAxes &memory, Value value, int64_t last, llvm::DenseSet<Value> &seen,
                llvm::SmallVector<Value> &found) {
  Operation *op = value.getDefiningOp();
  if (!op || !seen.insert(value).second)
    return;
  if (op->hasTrait<Elementwise>()) {
    for (Value operand : op->getOperands())
      findTurned(memory, operand, last, seen, found);
    return;
  }
  int64_t axis = memory.of(value);
  if (axis >= 0 && axis != last && memory.bytesOf(value) >= kTurnedBytes)
    found.push_back(value);
}

/// Cuts the root into tiles if that pays.
void planTiles(Plan &p, const MemoryAxes &memory) {
  const Shape &shape = p.root.shape();
  const auto last = static_cast<int64_t>(shape.size()) - 1;
  if (p.root.isBlocked() || last < 1)
    return;
  llvm::DenseSet<Value> seen;
  llvm::SmallVector<Value> found;
  findTurned(memory, p.root.value(), last, seen, found);
  if (found.empty())
    return;
  const int64_t across = memory.of(found.front());
  const Dim rows = shape[static_cast<size_t>(across)], columns = shape.back();
  constexpr int64_t kFewest = 4; // neighbours that are worth being read together
  if (!rows.isConstant() || !columns.isConstant() || rows.constant() < kFewest ||
      columns.constant() < kFewest)
    return;
  llvm::erase_if(found, [&](Value v) { return memory.of(v) != across; });
  Shape others = shape;
  others[static_cast<size_t>(across)] = others.back() = Dim(1);
  auto outside = elementCount(others);
  if (!outside)
    return;
  p.height = std::min(rows.constant(), kTileSide);
  p.width = std::min(columns.constant(), kTileElements / p.height);
  p.width = p.height == kTileSide ? std::min(p.width, kTileSide) : p.width;
  p.height = std::min(rows.constant(), kTileElements / p.width);
  auto tiles = [](const Dim &extent, int64_t side) {
    return (extent.constant() + side - 1) / side;
  };
  p.items = *outside * (tiles(rows, p.height) * tiles(columns, p.width));
  p.across = across;
  p.turned = std::move(found);
}

/// The root's shape with as many of its last axes as possible joined: short ones would make short
/// loops.
Shape mergedShape(const Root &root) {
  Shape shape = root.shape();
  if (root.isBlocked() || root.isSlice())
    return shape;
  while (shape.size() > 1 && shape.back().isConstant() && shape[shape.size() - 2].isConstant() &&
         staysWhole(root.value(), shape.size() - 2)) {
    Dim last = shape.back() * shape[shape.size() - 2].constant();
    shape.pop_back();
    shape.back() = last;
  }
  return shape;
}

Plan plan(const KernelContext &kernel, const MemoryAxes &memory, unsigned index) {
  Plan p(Root(kernel, index));
  p.shape = p.root.shape();
  if (p.shape.empty()) {
    p.items = Dim(1);
    return p;
  }
  planTiles(p, memory);
  if (p.across >= 0)
    return p;
  p.shape = mergedShape(p.root);
  const Shape &shape = p.shape;
  auto count = [&](size_t axes) {
    return elementCount(Shape(shape.begin(), shape.begin() + static_cast<long>(axes)));
  };
  p.split = shape.size() - 1;
  while (p.split > 0 && !count(p.split))
    --p.split;
  int64_t inner = 1;
  for (size_t i = p.split; i < shape.size(); ++i)
    inner *= shape[i].max(kernel.vars);
  while (p.split > 0 && inner < kItemElements) {
    --p.split;
    inner *= shape[p.split].max(kernel.vars);
  }
  p.items = *count(p.split);
  bool lastOnly = p.split + 1 == shape.size();
  if (lastOnly && shape.back().isConstant() && shape.back().constant() >= 2 * kStretch) {
    p.stretch = kStretch;
    p.items = p.items * ((shape.back().constant() + p.stretch - 1) / p.stretch);
  }
  return p;
}

/// Elements [from, to) of the plan's last axis.
void storeLast(ElementEmitter &elements, const Plan &p, ValueRange outer, Value from, Value to) {
  bool isMerged = p.shape.size() < p.root.shape().size();
  isMerged ? p.root.storeMerged(elements, outer, from, to)
           : p.root.store(elements, outer, from, to);
}

void storeBelow(ElementEmitter &elements, const Plan &p, const Values &outer) {
  Emit &e = elements.emit();
  if (p.shape.empty() || outer.size() == p.shape.size())
    return p.root.storeBelow(elements, outer);
  Value extent = elements.kernel().extent(e, p.shape[outer.size()]);
  if (outer.size() + 1 == p.shape.size())
    return storeLast(elements, p, outer, e.constant(0), extent);
  e.loop(e.constant(0), extent, 1, [&](Value i) {
    ElementEmitter::Scope scope(elements);
    Values inner(outer);
    inner.push_back(i);
    storeBelow(elements, p, inner);
  });
}

void emitItem(Emit &e, const KernelContext &kernel, ElementEmitter &elements, const Plan &p,
              Value item) {
  const Shape &shape = p.shape;
  Value part;
  if (p.stretch) {
    Value parts = e.constant((shape.back().constant() + p.stretch - 1) / p.stretch);
    part = e.remainder(item, parts);
    item = e.divide(item, parts);
  }
  Shape outerShape(shape.begin(), shape.begin() + static_cast<long>(p.split));
  Values outer = delinearIndex(e, kernel, outerShape, item);
  if (!p.stretch)
    return storeBelow(elements, p, outer);
  Value from = e.mul(part, e.constant(p.stretch));
  Value to = e.minimum(e.add(from, e.constant(p.stretch)), e.constant(shape.back().constant()));
  storeLast(elements, p, outer, from, to);
}

void emitTile(Emit &e, const KernelContext &kernel, ElementEmitter &elements, const Plan &p,
              Value item) {
  const auto across = static_cast<size_t>(p.across);
  Shape tiles = p.root.shape();
  const int64_t rows = tiles[across].constant(), columns = tiles.back().constant();
  tiles[across] = Dim((rows + p.height - 1) / p.height);
  tiles.back() = Dim((columns + p.width - 1) / p.width);
  Values index = delinearIndex(e, kernel, tiles, item);
  Value top = e.mul(index[across], e.constant(p.height));
  Value left = e.mul(index.back(), e.constant(p.width));
  Value bottom = e.minimum(e.add(top, e.constant(p.height)), e.constant(rows));
  Value right = e.minimum(e.add(left, e.constant(p.width)), e.constant(columns));

  // One more element a row, so that a column's elements fall into different sets of the cache.
  Value pitch = e.constant(p.width + 1);
  for (Value value : p.turned) {
    Type type = tensorOf(value).getElementType();
    int64_t bytes = memoryType(type).getIntOrFloatBitWidth() / 8;
    Value memory = e.stack(p.height * (p.width + 1) * bytes);
    auto position = [&e, across, top, left, pitch](ValueRange at) {
      return e.add(e.mul(e.sub(at[across], top), pitch), e.sub(at.back(), left));
    };
    e.loop(left, right, 1, [&](Value column) {
      ElementEmitter::Scope scope(elements);
      e.loop(top, bottom, 1, [&](Value row) {
        ElementEmitter::Scope inner(elements);
        Values at(index);
        at[across] = row;
        at.back() = column;
        storeElement(e, type, elements.element(value, at), memory, position(at));
      });
    });
    elements.bind(value, [&e, type, memory, position](ValueRange at) {
      return loadElement(e, type, memory, position(at));
    });
  }
  e.loop(top, bottom, 1, [&](Value row) {
    ElementEmitter::Scope scope(elements);
    Values outer(ValueRange(index).drop_back());
    outer[across] = row;
    p.root.store(elements, outer, left, right);
  });
  for (Value value : p.turned)
    elements.unbind(value);
}

} // namespace

void emitMap(Emit &e, KernelContext &kernel) {
  MemoryAxes memory(kernel);
  std::vector<Plan> plans;
  Dim total;
  for (unsigned i = 0; i < kernel.op.getNumResults(); ++i) {
    plans.push_back(plan(kernel, memory, i));
    total = total + plans.back().items;
  }
  kernel.grid = {{.extent = total}};
  ElementEmitter elements(e, kernel);
  // The items of result i are those of [first, end); its loop runs over what [begin, end) has of
  // them.
  Dim first;
  for (const Plan &p : plans) {
    Dim last = first + p.items;
    Value start = kernel.extent(e, first);
    Value from = e.maximum(kernel.begin, start);
    Value to = e.minimum(kernel.end, kernel.extent(e, last));
    e.loop(
        from, to, 1,
        [&](Value item) {
          ElementEmitter::Scope scope(elements);
          auto emitOne = p.across >= 0 ? emitTile : emitItem;
          emitOne(e, kernel, elements, p, e.sub(item, start));
        },
        LoopStyle::Scalar);
    first = last;
  }
}

} // namespace rosso
