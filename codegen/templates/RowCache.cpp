#include "codegen/templates/RowCache.h"

#include "llvm/ADT/SetVector.h"

namespace rosso {

using namespace mlir;

namespace {

constexpr int64_t kDear = 10;             // instructions: more than a store and a load
constexpr int64_t kMostBytes = 128 << 10; // of a row, beside all else in the second-level cache

int64_t costOf(Operation *op) {
  if (isa<Exp2Op, Log2Op, SinOp, GatherOp, DequantOp>(op))
    return kDear;
  if (isa<DivOp, ModOp, RecipOp, SqrtOp, RsqrtOp>(op))
    return kDear / 2;
  return op->hasTrait<Elementwise>() ? 1 : 0;
}

/// Instructions for an element, as far as they matter. Reductions are done.
bool isDear(Value value, const llvm::DenseSet<Value> &known) {
  llvm::SetVector<Operation *> seen;
  auto visit = [&](Value v) {
    if (Operation *op = v.getDefiningOp(); op && !op->hasTrait<Reduction>() && !known.contains(v))
      seen.insert(op);
  };
  visit(value);
  int64_t cost = 0;
  for (size_t i = 0; i < seen.size() && cost < kDear; ++i) {
    cost += costOf(seen[i]);
    for (Value operand : seen[i]->getOperands())
      visit(operand);
  }
  return cost >= kDear;
}

/// Whether everything that is made of `value`, up to the next reduction, needs it in its own row
/// only.
bool staysInRow(Value value, const RowAxes &rows) {
  llvm::SmallVector<std::pair<Value, RowAxes>> pending{{value, rows}};
  llvm::DenseSet<Value> seen;
  while (!pending.empty()) {
    auto [v, axes] = pending.pop_back_val();
    if (!seen.insert(v).second)
      continue;
    for (Operation *user : v.getUsers()) {
      if (isa<YieldOp>(user))
        continue;
      if (user->hasTrait<Reduction>()) {
        if (keptAxes(user) != axes)
          return false;
        continue;
      }
      auto through = rowsThrough(user, v, axes);
      if (!through)
        return false;
      pending.push_back({user->getResult(0), *through});
    }
  }
  return true;
}

} // namespace

llvm::SmallVector<Value> valuesToKeep(Operation *reduction, const llvm::DenseSet<Value> &known,
                                      const VarTable &vars) {
  Value source = reduction->getOperand(0);
  RowAxes rows = keptAxes(reduction);
  // All that this pass computes at one index.
  llvm::SetVector<Value> pass;
  pass.insert(source);
  for (size_t i = 0; i < pass.size(); ++i)
    if (Operation *op = pass[i].getDefiningOp(); op && op->hasTrait<Elementwise>())
      pass.insert(op->operand_begin(), op->operand_end());

  int64_t bytes = 0;
  llvm::SmallVector<Value> kept;
  llvm::SetVector<Value> pending;
  pending.insert(source);
  for (size_t i = 0; i < pending.size(); ++i) {
    Operation *op = pending[i].getDefiningOp();
    if (!op || op->hasTrait<Reduction>() || known.contains(pending[i]))
      continue;
    bool isNeededAgain = llvm::any_of(op->getUsers(), [&](Operation *user) {
      return user != reduction &&
             (isa<YieldOp, UpdateOp, QuantizeOp>(user) || !pass.contains(user->getResult(0)));
    });
    if (isNeededAgain && isDear(pending[i], known)) {
      int64_t size =
          memoryType(getElementTypeOrSelf(pending[i].getType())).getIntOrFloatBitWidth() / 8;
      for (auto [axis, extent] : llvm::enumerate(shapeOf(pending[i])))
        if (!llvm::is_contained(rows, static_cast<int64_t>(axis)))
          size *= extent.max(vars);
      if (size <= kMostBytes - bytes && staysInRow(pending[i], rows)) {
        bytes += size;
        kept.push_back(pending[i]);
        continue;
      }
    }
    if (op->hasTrait<Elementwise>())
      pending.insert(op->operand_begin(), op->operand_end());
  }
  return kept;
}

} // namespace rosso
