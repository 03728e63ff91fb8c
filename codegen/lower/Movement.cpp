// Movement ops as index arithmetic: where the element of the result lies in the source.
//
// Sources are read at indices that are always inside them, also where the result does not need
// them (concat): a select is cheaper than a branch and leaves loops to the vectoriser. So does a
// pad on a GPU; on the host it reads under a condition, of which the vectoriser makes loads with a
// mask, where indices that are moved inside would make it gather.
#include "codegen/lower/Lower.h"

#include "llvm/ADT/TypeSwitch.h"

namespace rosso {

using namespace mlir;

Values reshapeIndex(Emit &e, const KernelContext &kernel, const Shape &from, const Shape &to,
                    ValueRange index) {
  Values result(from.size());
  size_t i = 0, j = 0; // next extents of `to` and `from`
  auto isOne = [](const Dim &dim) { return dim == Dim(1); };
  while (i < to.size() || j < from.size()) {
    if (i < to.size() && isOne(to[i])) {
      ++i;
      continue;
    }
    if (j < from.size() && isOne(from[j])) {
      result[j++] = e.constant(0);
      continue;
    }
    if (i == to.size() || j == from.size()) { // only where there are no elements at all
      if (j < from.size())
        result[j++] = e.constant(0);
      i = to.size();
      continue;
    }
    size_t iEnd = i, jEnd = j;
    Shape toRun, fromRun;
    auto takeTo = [&] { toRun.push_back(to[iEnd++]); };
    auto takeFrom = [&] { fromRun.push_back(from[jEnd++]); };
    takeTo();
    takeFrom();
    auto product = [](const Shape &run) { return elementCount(run); };
    auto size = [&](const Shape &run) {
      double count = 1;
      for (const Dim &dim : run)
        count *= static_cast<double>(dim.max(kernel.vars));
      return count;
    };
    while (true) {
      auto a = product(toRun), b = product(fromRun);
      if (a && b && *a == *b)
        break;
      bool moreTo = iEnd < to.size(), moreFrom = jEnd < from.size();
      if (!moreTo && !moreFrom)
        break;
      if (moreTo && (!moreFrom || size(toRun) < size(fromRun)))
        takeTo();
      else
        takeFrom();
    }
    Value position = linearIndex(e, kernel, toRun, index.slice(i, iEnd - i));
    Values part = delinearIndex(e, kernel, fromRun, position);
    std::copy(part.begin(), part.end(), result.begin() + static_cast<long>(j));
    i = iEnd;
    j = jEnd;
  }
  return result;
}

namespace {

Value shrink(ElementEmitter &elements, ShrinkOp op, ValueRange index) {
  Emit &e = elements.emit();
  Shape begin = extentsOf(op.getBegin());
  Values moved;
  for (size_t i = 0; i < begin.size(); ++i)
    moved.push_back(e.add(index[i], elements.kernel().extent(e, begin[i])));
  return elements.element(op.getSource(), moved);
}

Value pad(ElementEmitter &elements, PadOp op, ValueRange index) {
  Emit &e = elements.emit();
  Shape before = extentsOf(op.getBefore()), shape = shapeOf(op.getSource());
  Values moved;
  Value inside = e.constant(e.i1(), 1), zero = e.constant(0);
  std::optional<unsigned> chosen = elements.chosen(op);
  const bool clamps =
      e.isGpu() || chosen; // conditions of other axes do not change from lane to lane
  for (size_t i = 0; i < before.size(); ++i) {
    Value at = e.sub(index[i], elements.kernel().extent(e, before[i]));
    if (chosen && i + 1 == before.size()) {
      moved.push_back(at);
      continue;
    }
    Value extent = elements.kernel().extent(e, shape[i]);
    Value here = e.bitAnd(e.less(e.constant(-1), at), e.less(at, extent));
    inside = e.bitAnd(inside, here);
    moved.push_back(clamps ? e.select(here, at, zero) : at);
  }
  Type type = registerType(getElementTypeOrSelf(op.getResult().getType()));
  double padding = op.getValue().convertToDouble();
  Value outside = isa<FloatType>(type) ? e.constantFloat(type, padding)
                                       : e.constant(type, static_cast<int64_t>(padding));
  if (chosen == 0u)
    return outside;
  auto source = [&] {
    ElementEmitter::Scope scope(elements);
    return elements.element(op.getSource(), moved);
  };
  return clamps ? e.select(inside, source(), outside) : e.valueIf(inside, source, outside);
}

Value concat(ElementEmitter &elements, ConcatOp op, ValueRange index) {
  Emit &e = elements.emit();
  auto axis = static_cast<size_t>(op.getAxis());
  Value result, begin = e.constant(0);
  std::optional<unsigned> chosen = elements.chosen(op);
  for (auto [number, source] : llvm::enumerate(op.getSources())) {
    Value extent = elements.kernel().extent(e, shapeOf(source)[axis]);
    Value at = e.sub(index[axis], begin);
    Values moved(index.begin(), index.end());
    if (chosen == number) {
      moved[axis] = at;
      return elements.element(source, moved);
    }
    if (chosen) {
      begin = e.add(begin, extent);
      continue;
    }
    Value here = e.less(e.constant(-1), at); // later sources overrule
    Value last = e.sub(extent, e.constant(1));
    moved[axis] = e.minimum(e.maximum(at, e.constant(0)), last);
    Value value = elements.element(source, moved);
    result = result ? e.select(here, value, result) : value;
    begin = e.add(begin, extent);
  }
  return result;
}

Value gather(ElementEmitter &elements, GatherOp op, ValueRange index) {
  Emit &e = elements.emit();
  size_t rank = shapeOf(op.getIndex()).size();
  Value row = e.signExtend(elements.element(op.getIndex(), index.take_front(rank)), e.index());
  // A row outside the table reads zeros.
  Value rows = elements.kernel().extent(e, shapeOf(op.getTable())[0]);
  Value inside = e.bitAnd(e.less(e.constant(-1), row), e.less(row, rows));
  Values moved{e.select(inside, row, e.constant(0))};
  moved.append(index.begin() + rank, index.end());
  Value value = elements.element(op.getTable(), moved);
  Type type = getElementTypeOrSelf(op.getResult().getType());
  if (value.getType() != registerType(type)) // quantised rows are read as f32
    value = value.getType().getIntOrFloatBitWidth() < type.getIntOrFloatBitWidth()
                ? e.extendFloat(value, type)
                : Value(arith::TruncFOp::create(e.b, e.loc, type, value));
  return e.select(inside, value, e.zero(value.getType()));
}

} // namespace

Value lowerMovement(ElementEmitter &elements, Operation *op, ValueRange index) {
  Emit &e = elements.emit();
  const KernelContext &kernel = elements.kernel();
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](ConstantOp constant) -> Value {
        Type type = registerType(getElementTypeOrSelf(constant.getType()));
        if (auto number = dyn_cast<FloatAttr>(constant.getValue()))
          return isa<FloatType>(type)
                     ? e.constantFloat(type, number.getValueAsDouble())
                     : e.constant(type, static_cast<int64_t>(number.getValueAsDouble()));
        int64_t number = cast<IntegerAttr>(constant.getValue()).getInt();
        return isa<FloatType>(type) ? e.constantFloat(type, static_cast<double>(number))
                                    : e.constant(type, number);
      })
      .Case([&](VariableOp variable) {
        return e.truncate(kernel.extent(e, extentsOf(variable.getValue())[0]), e.i32());
      })
      .Case([&](IotaOp) { return e.truncate(index[0], e.i32()); })
      .Case([&](ReshapeOp reshape) {
        if (auto argument = dyn_cast<BlockArgument>(reshape.getSource());
            argument && kernel.layoutOf(argument) == Layout::Rows)
          return elements.reshaped(argument, shapeOf(reshape.getResult()), index);
        return elements.element(reshape.getSource(),
                                reshapeIndex(e, kernel, shapeOf(reshape.getSource()),
                                             shapeOf(reshape.getResult()), index));
      })
      .Case([&](PermuteOp permute) {
        Values moved(index.size());
        for (auto [i, axis] : llvm::enumerate(permute.getAxes()))
          moved[static_cast<size_t>(axis)] = index[i];
        return elements.element(permute.getSource(), moved);
      })
      .Case([&](ExpandOp expand) {
        Shape shape = shapeOf(expand.getSource());
        Values moved(index.begin(), index.end());
        for (size_t i = 0; i < shape.size(); ++i)
          if (shape[i] == Dim(1))
            moved[i] = e.constant(0);
        return elements.element(expand.getSource(), moved);
      })
      .Case([&](ShrinkOp shrinkOp) { return shrink(elements, shrinkOp, index); })
      .Case([&](PadOp padOp) { return pad(elements, padOp, index); })
      .Case([&](FlipOp flip) {
        Values moved(index.begin(), index.end());
        Shape shape = shapeOf(flip.getSource());
        for (int64_t axis : flip.getAxes()) {
          auto a = static_cast<size_t>(axis);
          moved[a] = e.sub(e.sub(kernel.extent(e, shape[a]), e.constant(1)), moved[a]);
        }
        return elements.element(flip.getSource(), moved);
      })
      .Case([&](StrideOp stride) {
        Values moved;
        for (auto [i, step] : llvm::enumerate(stride.getStrides()))
          moved.push_back(e.mul(index[i], e.constant(step)));
        return elements.element(stride.getSource(), moved);
      })
      .Case([&](WindowOp window) {
        Values moved(index.drop_back());
        Value &at = moved[window.getAxis()];
        at = e.add(e.mul(at, e.constant(static_cast<int64_t>(window.getStep()))),
                   e.mul(index.back(), e.constant(static_cast<int64_t>(window.getDilation()))));
        return elements.element(window.getSource(), moved);
      })
      .Case([&](ConcatOp concatOp) { return concat(elements, concatOp, index); })
      .Case([&](GatherOp gatherOp) { return gather(elements, gatherOp, index); })
      .Case([&](DequantOp dequant) { return elements.element(dequant.getSource(), index); })
      .Default([](Operation *other) -> Value {
        other->emitOpError("is not an expression of elements");
        llvm_unreachable(
            "fuse puts only elementwise and movement ops between operands and results");
      });
}

} // namespace rosso
