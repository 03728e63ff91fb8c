#include "codegen/templates/WindowEdges.h"

#include "ir/Shapes.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <set>

namespace rosso {

using namespace mlir;

namespace {

/// Row r reads elements scale * r + low to scale * r + high of an axis of a value.
struct Place {
  Value value;
  size_t axis;
  int64_t scale = 1, low = 0, high = 0;
  auto key() const { return std::tuple(value.getAsOpaquePointer(), axis, scale, low, high); }
};

struct Rows {
  int64_t begin, end;
};

class InteriorFinder {
public:
  InteriorFinder(Value value, size_t axis, int64_t extent) : extent(extent) {
    pending.push_back({.value = value, .axis = axis});
    while (!pending.empty()) {
      Place place = pending.back();
      pending.pop_back();
      if (place.value.getDefiningOp() && seen.insert(place.key()).second)
        visit(place);
    }
  }

  Interior result() {
    forgetUnknown();
    Interior interior{.begin = 0, .end = extent, .pads = {}};
    for (auto [pad, rows] : found) {
      interior.begin = std::max(interior.begin, rows.begin);
      interior.end = std::min(interior.end, rows.end);
      interior.pads.push_back(pad);
    }
    if (interior.begin >= interior.end)
      return {};
    return interior;
  }

private:
  void visit(const Place &place) {
    Operation *op = place.value.getDefiningOp();
    auto follow = [&](Value source) {
      Place next = place;
      next.value = source;
      pending.push_back(next);
    };
    if (op->hasTrait<Elementwise>()) {
      llvm::for_each(op->getOperands(), follow);
      return;
    }
    llvm::TypeSwitch<Operation *>(op)
        .Case([&](ExpandOp expand) {
          const bool keeps =
              shapeOf(expand.getSource())[place.axis] == shapeOf(place.value)[place.axis];
          keeps ? follow(expand.getSource()) : unknown.push_back(expand.getSource());
        })
        .Case([&](WindowOp window) { visitWindow(window, place); })
        .Case([&](PadOp pad) { visitPad(pad, place); })
        .Default([&](Operation *) { unknown.push_back(place.value); });
  }

  void visitWindow(WindowOp window, Place place) {
    place.value = window.getSource();
    if (place.axis == static_cast<size_t>(window.getAxis())) {
      const auto step = static_cast<int64_t>(window.getStep());
      const auto reach = static_cast<int64_t>((window.getSize() - 1) * window.getDilation());
      place.scale *= step;
      place.low *= step;
      place.high = place.high * step + reach;
    }
    pending.push_back(place);
  }

  void visitPad(PadOp pad, Place place) {
    const Shape shape = shapeOf(pad.getSource());
    const Dim before = extentsOf(pad.getBefore())[place.axis];
    if (place.axis + 1 != shape.size() || !before.isConstant() || !shape.back().isConstant())
      return unknown.push_back(pad.getResult());
    place.value = pad.getSource();
    place.low -= before.constant();
    place.high -= before.constant();
    const Rows rows{
        .begin = llvm::divideCeilSigned(-place.low, place.scale),
        .end = llvm::divideFloorSigned(shape.back().constant() - 1 - place.high, place.scale) + 1};
    auto [known, isNew] = found.insert({pad, rows});
    if (!isNew)
      known->second = {.begin = std::max(known->second.begin, rows.begin),
                       .end = std::min(known->second.end, rows.end)};
    pending.push_back(place);
  }

  /// A pad that is also read in ways that are not understood may be left anywhere.
  void forgetUnknown() {
    llvm::DenseSet<Operation *> visited;
    while (!unknown.empty()) {
      Operation *op = unknown.back().getDefiningOp();
      unknown.pop_back();
      if (!op || !visited.insert(op).second)
        continue;
      found.erase(op);
      unknown.append(op->operand_begin(), op->operand_end());
    }
  }

  int64_t extent;
  llvm::SmallVector<Place> pending;
  std::set<decltype(Place().key())> seen;
  llvm::MapVector<Operation *, Rows> found;
  llvm::SmallVector<Value> unknown;
};

} // namespace

Interior interiorOf(Value value, size_t axis) {
  const Dim extent = shapeOf(value)[axis];
  return extent.isConstant() ? InteriorFinder(value, axis, extent.constant()).result() : Interior();
}

} // namespace rosso
