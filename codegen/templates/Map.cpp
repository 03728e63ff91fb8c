// map: every element of the results on its own.
//
// A result's leading axes are cut into work items; the rest is a nest of loops whose innermost runs
// along the last axis, contiguous in memory, for the vectoriser. Several results lie one after
// another in the space of items.
#include "codegen/templates/Root.h"
#include "codegen/templates/Templates.h"

namespace rosso {

using namespace mlir;

namespace {

constexpr int64_t kItemElements = 256;  // an item smaller than this is mostly overhead
constexpr int64_t kTileElements = 2048; // of a long last axis with few rows above it

struct Plan {
  explicit Plan(Root r) : root(std::move(r)) {}
  Root root;
  size_t split = 0; // axes before it are items
  int64_t tile = 0; // of the last axis; 0: not tiled
  Dim items;
};

Plan plan(const KernelContext &kernel, unsigned index) {
  Plan p(Root(kernel, index));
  const Shape &shape = p.root.shape();
  if (shape.empty()) {
    p.items = Dim(1);
    return p;
  }
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
  if (lastOnly && shape.back().isConstant() && shape.back().constant() >= 2 * kTileElements) {
    p.tile = kTileElements;
    p.items = p.items * ((shape.back().constant() + p.tile - 1) / p.tile);
  }
  return p;
}

void emitItem(Emit &e, const KernelContext &kernel, ElementEmitter &elements, const Plan &p,
              Value item) {
  const Shape &shape = p.root.shape();
  Value part;
  if (p.tile) {
    Value parts = e.constant((shape.back().constant() + p.tile - 1) / p.tile);
    part = e.remainder(item, parts);
    item = e.divide(item, parts);
  }
  Shape outerShape(shape.begin(), shape.begin() + static_cast<long>(p.split));
  Values outer = delinearIndex(e, kernel, outerShape, item);
  if (!p.tile)
    return p.root.storeBelow(elements, outer);
  Value from = e.mul(part, e.constant(p.tile));
  Value to = e.minimum(e.add(from, e.constant(p.tile)), e.constant(shape.back().constant()));
  p.root.store(elements, outer, from, to);
}

} // namespace

void emitMap(Emit &e, KernelContext &kernel) {
  std::vector<Plan> plans;
  Dim total;
  for (unsigned i = 0; i < kernel.op.getNumResults(); ++i) {
    plans.push_back(plan(kernel, i));
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
    e.loop(from, to, 1, [&](Value item) {
      ElementEmitter::Scope scope(elements);
      emitItem(e, kernel, elements, p, e.sub(item, start));
    });
    first = last;
  }
}

} // namespace rosso
