#include "ir/Rows.h"

#include "ir/Shapes.h"

using namespace mlir;

namespace rosso {

namespace {

bool isUnit(const Dim &extent) { return extent == Dim(1); }

double largestSize(const Shape &shape, const VarTable &vars) {
  double count = 1;
  for (const Dim &extent : shape)
    count *= static_cast<double>(extent.max(vars));
  return count;
}

std::optional<RowAxes> rowsThroughReshape(ReshapeOp op, const RowAxes &rows) {
  Shape from = shapeOf(op.getSource()), to = shapeOf(op.getResult());
  llvm::SmallVector<ReshapeRun, 4> runs = reshapeRuns(from, to, varsOf(op));
  RowAxes mapped;
  for (size_t i = 0; i < rows.size();) {
    auto axis = static_cast<size_t>(rows[i]);
    const auto *run = llvm::find_if(
        runs, [&](const ReshapeRun &r) { return r.fromBegin <= axis && axis < r.fromEnd; });
    if (run == runs.end())
      return std::nullopt;
    // All of the run numbers rows, in order, or none of it.
    for (size_t at = run->fromBegin; at < run->fromEnd; ++at)
      if (!isUnit(from[at]) && (i == rows.size() || rows[i++] != static_cast<int64_t>(at)))
        return std::nullopt;
    for (size_t at = run->toBegin; at < run->toEnd; ++at)
      if (!isUnit(to[at]))
        mapped.push_back(static_cast<int64_t>(at));
  }
  return mapped;
}

} // namespace

RowAxes keptAxes(Operation *reduction) {
  auto axes = reduction->getAttrOfType<DenseI64ArrayAttr>("axes");
  Shape shape = shapeOf(reduction->getOperand(0));
  RowAxes kept;
  for (int64_t axis = 0; axis < static_cast<int64_t>(shape.size()); ++axis)
    if (!llvm::is_contained(axes.asArrayRef(), axis) && !isUnit(shape[axis]))
      kept.push_back(axis);
  return kept;
}

std::optional<RowAxes> rowsThrough(Operation *op, Value operand, const RowAxes &rows) {
  if (op->hasTrait<Elementwise>())
    return rows;
  if (auto reshape = llvm::dyn_cast<ReshapeOp>(op))
    return rowsThroughReshape(reshape, rows);
  Shape from = shapeOf(operand), to = shapeOf(op->getResult(0));
  if (auto permute = llvm::dyn_cast<PermuteOp>(op)) {
    RowAxes mapped;
    for (int64_t axis : rows)
      mapped.push_back(llvm::find(permute.getAxes(), axis) - permute.getAxes().begin());
    return mapped;
  }
  bool keepsExtents = llvm::all_of(rows, [&](int64_t axis) {
    return axis < static_cast<int64_t>(to.size()) && from[axis] == to[axis];
  });
  if (!keepsExtents)
    return std::nullopt;
  if (llvm::isa<ExpandOp, ShrinkOp, PadOp, StrideOp, ConcatOp>(op))
    return rows;
  if (auto window = llvm::dyn_cast<WindowOp>(op))
    return llvm::is_contained(rows, static_cast<int64_t>(window.getAxis())) ? std::nullopt
                                                                            : std::optional(rows);
  if (auto flip = llvm::dyn_cast<FlipOp>(op))
    return llvm::any_of(flip.getAxes(),
                        [&](int64_t axis) { return llvm::is_contained(rows, axis); })
               ? std::nullopt
               : std::optional(rows);
  // Blocks run along the last axis.
  bool wholeBlocks = !llvm::is_contained(rows, static_cast<int64_t>(from.size()) - 1);
  auto update = llvm::dyn_cast<UpdateOp>(op);
  bool packs = (update && operand == update.getValue()) || llvm::isa<QuantizeOp>(op);
  return packs && wholeBlocks ? std::optional(rows) : std::nullopt;
}

Shape extentsAt(const Shape &shape, llvm::ArrayRef<int64_t> axes) {
  Shape extents;
  for (int64_t axis : axes)
    extents.push_back(shape[static_cast<size_t>(axis)]);
  return extents;
}

llvm::SmallVector<ReshapeRun, 4> reshapeRuns(const Shape &from, const Shape &to,
                                             const VarTable &vars) {
  llvm::SmallVector<ReshapeRun, 4> runs;
  size_t i = 0, j = 0; // next axes of `to` and `from`
  while (true) {
    while (i < to.size() && isUnit(to[i]))
      ++i;
    while (j < from.size() && isUnit(from[j]))
      ++j;
    if (i == to.size() || j == from.size()) // both, unless there are no elements at all
      return runs;
    ReshapeRun run{j, j + 1, i, i + 1};
    while (true) {
      Shape a(to.begin() + static_cast<long>(run.toBegin),
              to.begin() + static_cast<long>(run.toEnd));
      Shape b(from.begin() + static_cast<long>(run.fromBegin),
              from.begin() + static_cast<long>(run.fromEnd));
      bool moreTo = run.toEnd < to.size(), moreFrom = run.fromEnd < from.size();
      if (sameElementCount(a, b) || (!moreTo && !moreFrom))
        break;
      if (moreTo && (!moreFrom || largestSize(a, vars) < largestSize(b, vars)))
        ++run.toEnd;
      else
        ++run.fromEnd;
    }
    runs.push_back(run);
    i = run.toEnd;
    j = run.fromEnd;
  }
}

} // namespace rosso
