#include "passes/AxisForm.h"

#include "ir/Rosso.h"
#include "ir/Shapes.h"
#include "passes/Splat.h"

using namespace mlir;

namespace rosso {

AxisForm AxisForm::negated() const {
  AxisForm result{axes, offset * -1 - Dim(1)};
  for (int64_t &axis : result.axes)
    axis = -axis;
  return result;
}

bool AxisForm::is(int64_t row, int64_t column, const Dim &constant) const {
  size_t rank = axes.size();
  return rank >= 2 && axes[rank - 2] == row && axes[rank - 1] == column && offset == constant &&
         std::all_of(axes.begin(), axes.end() - 2, [](int64_t axis) { return axis == 0; });
}

bool AxisForm::isNeverNegative(const Dim &rows, const Dim &columns, const VarTable &vars) const {
  size_t rank = axes.size();
  if (rank < 2 || std::any_of(axes.begin(), axes.end() - 2, [](int64_t axis) { return axis != 0; }))
    return false;
  Dim least = offset;
  if (axes[rank - 2] < 0)
    least = least + (rows - Dim(1)) * axes[rank - 2];
  if (axes[rank - 1] < 0)
    least = least + (columns - Dim(1)) * axes[rank - 1];
  return least.min(vars) >= 0;
}

/// The form seen through a movement; nothing if the movement mixes axes.
static std::optional<AxisForm> moved(Operation *op, AxisForm form) {
  Shape from = shapeOf(op->getOperand(0)), to = shapeOf(op->getResult(0));
  AxisForm result{std::vector<int64_t>(to.size(), 0), form.offset};
  if (llvm::isa<ExpandOp>(op)) {
    for (size_t i = 0; i < to.size(); ++i)
      result.axes[i] = from[i] == to[i] ? form.axes[i] : 0;
    return result;
  }
  if (auto permute = llvm::dyn_cast<PermuteOp>(op)) {
    for (size_t i = 0; i < to.size(); ++i)
      result.axes[i] = form.axes[permute.getAxes()[i]];
    return result;
  }
  if (auto shrink = llvm::dyn_cast<ShrinkOp>(op)) {
    Shape begin = extentsOf(shrink.getBegin());
    for (size_t i = 0; i < to.size(); ++i)
      result.offset = result.offset + begin[i] * form.axes[i];
    result.axes = form.axes;
    return result;
  }
  if (!llvm::isa<ReshapeOp>(op))
    return std::nullopt;
  // Axes of extent 1 come and go; the others stay in order.
  size_t next = 0;
  auto skipUnits = [&] {
    while (next < from.size() && from[next] == Dim(1))
      ++next;
  };
  for (size_t i = 0; i < to.size(); ++i) {
    if (to[i] == Dim(1))
      continue;
    skipUnits();
    if (next == from.size() || from[next] != to[i])
      return std::nullopt;
    result.axes[i] = form.axes[next++];
  }
  skipUnits();
  return next == from.size() ? std::optional(result) : std::nullopt;
}

static AxisForm sum(const AxisForm &a, const AxisForm &b, int64_t factor) {
  AxisForm result{a.axes, a.offset + b.offset * factor};
  for (size_t i = 0; i < b.axes.size(); ++i)
    result.axes[i] += b.axes[i] * factor;
  return result;
}

std::optional<AxisForm> axisFormOf(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return std::nullopt;
  std::vector<int64_t> none(tensorOf(value).getRank(), 0);
  bool isBool = tensorOf(value).getElementType().isInteger(1);
  if (auto number = splatOf(value)) {
    if (isBool)
      return AxisForm{none, Dim(number->integer ? 0 : -1)};
    double real = number->asDouble();
    if (real != static_cast<double>(static_cast<int32_t>(real)))
      return std::nullopt;
    return AxisForm{none, Dim(static_cast<int64_t>(real))};
  }
  if (llvm::isa<IotaOp>(op))
    return AxisForm{{1}, Dim(0)};
  if (auto variable = llvm::dyn_cast<VariableOp>(op))
    return AxisForm{none, extentsOf(variable.getValue())[0]};
  if (op->hasTrait<Movement>() && op->getNumOperands() == 1) {
    auto form = axisFormOf(op->getOperand(0));
    return form ? moved(op, *form) : std::nullopt;
  }
  if (auto cast = llvm::dyn_cast<CastOp>(op)) // of indices, which are small
    return isBool || tensorOf(cast.getSource()).getElementType().isInteger(1)
               ? std::nullopt
               : axisFormOf(cast.getSource());
  if (auto inverse = llvm::dyn_cast<NotOp>(op)) {
    auto form = isBool ? axisFormOf(inverse.getSource()) : std::nullopt;
    return form ? std::optional(form->negated()) : std::nullopt;
  }
  if (!llvm::isa<AddOp, SubOp, MulOp, CmpLtOp>(op))
    return std::nullopt;
  auto lhs = axisFormOf(op->getOperand(0)), rhs = axisFormOf(op->getOperand(1));
  if (!lhs || !rhs)
    return std::nullopt;
  if (llvm::isa<AddOp>(op))
    return sum(*lhs, *rhs, 1);
  if (llvm::isa<SubOp>(op))
    return sum(*lhs, *rhs, -1);
  if (llvm::isa<CmpLtOp>(op)) { // l < r where r - l - 1 >= 0
    AxisForm form = sum(*rhs, *lhs, -1);
    form.offset = form.offset - Dim(1);
    return form;
  }
  auto factor = splatOf(op->getOperand(1));
  if (!factor)
    return std::nullopt;
  return sum(AxisForm{none, Dim(0)}, *lhs, rhs->offset.constant());
}

std::optional<AxisForm> axisFormOfMask(Value value, double hidden) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return std::nullopt;
  if (auto cast = llvm::dyn_cast<CastOp>(op))
    return axisFormOfMask(cast.getSource(), hidden);
  if (op->hasTrait<Movement>() && op->getNumOperands() == 1) {
    auto form = axisFormOfMask(op->getOperand(0), hidden);
    return form ? moved(op, *form) : std::nullopt;
  }
  auto where = llvm::dyn_cast<WhereOp>(op);
  if (!where)
    return std::nullopt;
  auto whenTrue = splatOf(where.getLhs()), whenFalse = splatOf(where.getRhs());
  auto form = axisFormOf(where.getCondition());
  if (!whenTrue || !whenFalse || !form)
    return std::nullopt;
  if (whenTrue->is(0) && whenFalse->asDouble() <= hidden)
    return form;
  if (whenFalse->is(0) && whenTrue->asDouble() <= hidden)
    return form->negated();
  return std::nullopt;
}

} // namespace rosso
