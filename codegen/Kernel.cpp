#include "codegen/Kernel.h"

#include "mlir/IR/Matchers.h"

namespace rosso {

using namespace mlir;

StringRef layoutName(Layout layout) {
  return layout == Layout::Rows ? "rows" : layout == Layout::Tile16 ? "tile16" : "tile32";
}

Layout layoutNamed(StringRef name) {
  return name == "tile16" ? Layout::Tile16 : name == "tile32" ? Layout::Tile32 : Layout::Rows;
}

const TileShape &tileShape(Layout layout) {
  assert(layout != Layout::Rows);
  return layout == Layout::Tile16 ? kTile16 : kTile32;
}

Value KernelContext::pointerOf(Value tensor) const {
  while (auto reshape = tensor.getDefiningOp<ReshapeOp>())
    tensor = reshape.getSource();
  return pointers[cast<BlockArgument>(tensor).getArgNumber()];
}

Value KernelContext::extent(Emit &e, const Dim &dim) const {
  Value sum = e.constant(dim.constant());
  for (const auto &[name, coefficient] : dim.terms())
    sum = e.add(sum, e.mul(values.at(name), e.constant(coefficient)));
  return sum;
}

Values KernelContext::extents(Emit &e, const Shape &shape) const {
  Values result;
  for (const Dim &dim : shape)
    result.push_back(extent(e, dim));
  return result;
}

/// q where `high` is q / extent and `low` q % extent, or null.
static Value undivided(Value high, Value low, int64_t extent) {
  auto quotient = high.getDefiningOp<arith::DivUIOp>();
  auto rest = low.getDefiningOp<arith::RemUIOp>();
  if (!quotient || !rest || quotient.getLhs() != rest.getLhs())
    return {};
  auto isExtent = [&](Value v) {
    llvm::APInt number;
    return matchPattern(v, m_ConstantInt(&number)) && number.getSExtValue() == extent;
  };
  return isExtent(quotient.getRhs()) && isExtent(rest.getRhs()) ? quotient.getLhs() : Value();
}

Value linearIndex(Emit &e, const KernelContext &kernel, const Shape &shape, ValueRange index) {
  // Axes that a position was divided among (delinearIndex) are one again.
  struct Axis {
    Value at;
    std::optional<Dim> extent;
    Shape extents;
  };
  llvm::SmallVector<Axis, 4> axes;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == Dim(1))
      continue;
    axes.push_back({index[i], shape[i], {shape[i]}});
    while (axes.size() > 1 && axes.back().extent && axes.back().extent->isConstant()) {
      Axis &high = axes[axes.size() - 2], &low = axes.back();
      Value whole = undivided(high.at, low.at, low.extent->constant());
      if (!whole)
        break;
      high.at = whole;
      high.extents.insert(high.extents.end(), low.extents.begin(), low.extents.end());
      high.extent = elementCount(high.extents);
      axes.pop_back();
    }
  }
  Value position = e.constant(0);
  for (const Axis &axis : axes) {
    for (const Dim &extent : axis.extents)
      position = e.mul(position, kernel.extent(e, extent));
    position = e.add(position, axis.at);
  }
  return position;
}

Value elementNumber(Emit &e, const KernelContext &kernel, const Shape &shape) {
  Value count = e.constant(1);
  for (const Dim &extent : shape)
    count = e.mul(count, kernel.extent(e, extent));
  return count;
}

Values delinearIndex(Emit &e, const KernelContext &kernel, const Shape &shape, Value position) {
  Values index(shape.size());
  for (size_t i = shape.size(); i-- > 0;) {
    if (i == 0 || shape[i] == Dim(1)) {
      index[i] = i == 0 ? position : e.constant(0);
      continue;
    }
    Value extent = kernel.extent(e, shape[i]);
    index[i] = e.remainder(position, extent);
    position = e.divide(position, extent);
  }
  return index;
}

std::vector<GridDim> gridOver(const Shape &shape) {
  std::vector<GridDim> grid;
  for (const Dim &extent : shape)
    grid.push_back({.extent = extent});
  if (grid.empty())
    grid.push_back({.extent = Dim(1)});
  return grid;
}

Type registerType(Type element) {
  if (auto integer = dyn_cast<IntegerType>(element))
    return IntegerType::get(element.getContext(), integer.getWidth());
  return element;
}

Type memoryType(Type element) {
  return element.isInteger(1) ? IntegerType::get(element.getContext(), 8) : registerType(element);
}

Value loadElement(Emit &e, Type element, Value pointer, Value position) {
  Type type = memoryType(element);
  int64_t bytes = type.getIntOrFloatBitWidth() / 8;
  Value value =
      e.load(type, e.at(pointer, e.mul(position, e.constant(bytes))), static_cast<unsigned>(bytes));
  if (element.isInteger(1))
    return arith::CmpIOp::create(e.b, e.loc, arith::CmpIPredicate::ne, value, e.zero(type));
  return value;
}

void storeElement(Emit &e, Type element, Value value, Value pointer, Value position) {
  Type type = memoryType(element);
  int64_t bytes = type.getIntOrFloatBitWidth() / 8;
  if (element.isInteger(1))
    value = e.zeroExtend(value, e.i8());
  e.store(value, e.at(pointer, e.mul(position, e.constant(bytes))), static_cast<unsigned>(bytes));
}

} // namespace rosso
