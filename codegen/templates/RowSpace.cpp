#include "codegen/templates/RowSpace.h"

#include "codegen/lower/Lower.h"
#include "codegen/templates/Root.h"

namespace rosso {

using namespace mlir;

namespace {

/// The last axis of [begin, end) that is not of extent 1, or -1.
int64_t lastWide(const Shape &shape, size_t begin, size_t end) {
  while (end > begin)
    if (shape[--end] != Dim(1))
      return static_cast<int64_t>(end);
  return -1;
}

} // namespace

RowSpace::RowSpace(const KernelContext &kernel) : kernel_(kernel) {
  extents_ = extentsAt(Root(kernel, 0).shape(), axesOfResult(0));
}

RowAxes RowSpace::axesOfResult(unsigned index) const {
  KernelOp op = kernel_.op;
  if (!op.getRows())
    return {};
  return RowAxes(cast<DenseI64ArrayAttr>((*op.getRows())[index]).asArrayRef());
}

Values RowSpace::indexIn(Emit &e, const Shape &shape, ArrayRef<int64_t> axes,
                         ValueRange row) const {
  // One number for each row: the same in the same order, whatever the axes.
  Values parts = hasComponents(shape, axes)
                     ? Values(row)
                     : reshapeIndex(e, kernel_, extentsAt(shape, axes), extents_, row);
  Values index(shape.size(), e.constant(0));
  for (auto [axis, part] : llvm::zip(axes, parts))
    index[static_cast<size_t>(axis)] = part;
  return index;
}

MemoryAxes::MemoryAxes(const KernelContext &kernel) : vars_(kernel.vars) {
  KernelOp op = kernel.op;
  for (BlockArgument argument : op.getBody()->getArguments()) {
    Shape shape = shapeOf(argument);
    found_[argument] = {lastWide(shape, 0, shape.size()), byteSize(tensorOf(argument), vars_)};
  }
  for (Operation &inner : op.getBody()->without_terminator()) {
    Axis best;
    for (unsigned i = 0; i < inner.getNumOperands(); ++i) {
      Axis axis = through(&inner, i, found_.lookup(inner.getOperand(i)));
      if (axis.axis >= 0 && axis.bytes > best.bytes)
        best = axis;
    }
    found_[inner.getResult(0)] = best;
  }
}

MemoryAxes::Axis MemoryAxes::through(Operation *op, unsigned operand, Axis from) const {
  if (from.axis < 0)
    return {};
  Shape source = shapeOf(op->getOperand(operand)), result = shapeOf(op->getResult(0));
  if (auto permute = dyn_cast<PermuteOp>(op)) {
    from.axis = llvm::find(permute.getAxes(), from.axis) - permute.getAxes().begin();
    return from;
  }
  if (isa<ReshapeOp>(op)) {
    for (const ReshapeRun &run : reshapeRuns(source, result, vars_))
      if (lastWide(source, run.fromBegin, run.fromEnd) == from.axis)
        return {lastWide(result, run.toBegin, run.toEnd), from.bytes};
    return {};
  }
  if (isa<GatherOp>(op)) // of whole rows
    return operand == 0 && from.axis > 0 ? Axis{static_cast<int64_t>(result.size()) - 1, from.bytes}
                                         : Axis();
  if (op->hasTrait<Reduction>() && result[static_cast<size_t>(from.axis)] == Dim(1))
    return {};
  return from;
}

bool staysWhole(Value value, size_t axis) {
  llvm::SmallVector<Value> pending{value};
  llvm::DenseSet<Value> seen;
  while (!pending.empty()) {
    Value v = pending.pop_back_val();
    Operation *op = v.getDefiningOp();
    if (!op || !seen.insert(v).second || isa<ConstantOp>(op) || op->hasTrait<Reduction>())
      continue;
    if (auto expand = dyn_cast<ExpandOp>(op)) {
      Shape from = shapeOf(expand.getSource()), to = shapeOf(v);
      bool first = from[axis] == to[axis], second = from[axis + 1] == to[axis + 1];
      bool absent = from[axis] == Dim(1) && from[axis + 1] == Dim(1);
      if (absent)
        continue;
      if (!first || !second)
        return false;
      pending.push_back(expand.getSource());
    } else if (op->hasTrait<Elementwise>()) {
      pending.append(op->operand_begin(), op->operand_end());
    } else if (auto reshape = dyn_cast<ReshapeOp>(op);
               !reshape || !isa<BlockArgument>(reshape.getSource())) {
      return false;
    }
  }
  return true;
}

} // namespace rosso
