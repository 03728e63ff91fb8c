// What each kernel computes and reads, and the order of kernels.
#include "passes/FusionPlan.h"

#include "ir/Shapes.h"

#include "llvm/ADT/DenseSet.h"

using namespace mlir;

namespace rosso {

/// Lists what a unit computes and reads, each op after its operands and otherwise in the order of
/// use. Program order would not do: what layers share lies before the second, but inside the first,
/// and their kernels would differ.
void FusionPlan::collectBody(FusionUnit &unit) const {
  unit.ops.clear();
  unit.inputs.clear();
  llvm::DenseSet<unsigned> seen;
  llvm::DenseSet<Value> inputs;
  llvm::SmallVector<std::pair<unsigned, unsigned>> stack; // op, next operand
  for (unsigned root : unit.roots) {
    if (seen.insert(root).second)
      stack.push_back({root, 0});
    while (!stack.empty()) {
      auto &[at, next] = stack.back();
      if (next == ops_[at]->getNumOperands()) {
        unit.ops.push_back(at);
        stack.pop_back();
        continue;
      }
      Value operand = ops_[at]->getOperand(next++);
      int source = numberOf(operand);
      if (source < 0 || (infos_[source].cut && !llvm::is_contained(unit.roots, source))) {
        if (inputs.insert(operand).second)
          unit.inputs.push_back(operand);
      } else if (seen.insert(source).second) {
        stack.push_back({static_cast<unsigned>(source), 0});
      }
    }
  }
}

/// By the op that has the most to say about the loops: a contraction may sum up rows besides.
void FusionPlan::classify(FusionUnit &unit) const {
  unit.kind = KernelTemplate::Map;
  for (unsigned at : unit.ops) {
    Operation *op = ops_[at];
    if (auto linear = llvm::dyn_cast<LinearOp>(op)) {
      llvm::ArrayRef<int64_t> tokens = tensorOf(linear.getSource()).getShape().drop_back();
      unit.kind = llvm::all_of(tokens, [](int64_t extent) { return extent == 1; })
                      ? KernelTemplate::Matvec
                      : KernelTemplate::Matmul;
    } else if (llvm::isa<MatmulOp>(op)) {
      unit.kind = KernelTemplate::Matmul;
    } else if (llvm::isa<AttentionOp>(op)) {
      unit.kind = KernelTemplate::Attention;
    } else if (llvm::isa<TopKOp>(op)) {
      unit.kind = KernelTemplate::TopK;
    } else if (op->hasTrait<Scan>()) {
      unit.kind = KernelTemplate::Scan;
    } else if (llvm::isa<ScatterOp>(op)) {
      unit.kind = KernelTemplate::Scatter;
    } else if (op->hasTrait<Reduction>() && unit.kind == KernelTemplate::Map) {
      unit.kind = KernelTemplate::Reduce;
    }
  }
  unit.rows.clear();
  if (unit.kind == KernelTemplate::Reduce)
    for (unsigned root : unit.roots)
      unit.rows.push_back(infos_[root].rows.value_or(RowAxes()));
}

/// Only an update that must wait for a reader of the old value makes units wait for each other.
LogicalResult FusionPlan::refuseCycle(llvm::ArrayRef<std::pair<unsigned, size_t>> waiting) const {
  for (auto [unit, at] : waiting)
    for (unsigned root : units_[unit].roots)
      if (llvm::isa<UpdateOp>(ops_[root]))
        return ops_[root]->emitError(
            "the state's old value is needed after this update; read the update's result");
  llvm_unreachable("units depend on earlier ones only, but for updates");
}

/// Levels by what units read, and by what must be read before a state changes.
LogicalResult FusionPlan::order() {
  std::vector<llvm::SmallVector<unsigned, 4>> before(units_.size());
  llvm::DenseMap<Value, llvm::SmallVector<unsigned, 2>> readers;
  for (unsigned u = 0; u < units_.size(); ++u)
    for (Value input : units_[u].inputs) {
      readers[input].push_back(u);
      if (Info *info = infoOf(input))
        before[u].push_back(info->unit);
    }
  for (unsigned i = 0; i < ops_.size(); ++i)
    if (auto update = llvm::dyn_cast<UpdateOp>(ops_[i]))
      for (unsigned reader : readers.lookup(update.getState()))
        if (reader != static_cast<unsigned>(infos_[i].unit))
          before[infos_[i].unit].push_back(reader);

  enum : char { Unseen, Open, Done };
  std::vector<char> state(units_.size(), Unseen);
  for (unsigned start = 0; start < units_.size(); ++start) {
    llvm::SmallVector<std::pair<unsigned, size_t>, 0> stack{{start, 0}};
    while (!stack.empty()) {
      auto &[u, at] = stack.back();
      if (state[u] == Done) {
        stack.pop_back();
        continue;
      }
      state[u] = Open;
      if (at < before[u].size()) {
        unsigned source = before[u][at++];
        if (state[source] == Open)
          return refuseCycle(stack);
        if (state[source] == Unseen)
          stack.push_back({source, 0});
        continue;
      }
      for (unsigned source : before[u])
        units_[u].level = std::max(units_[u].level, units_[source].level + 1);
      state[u] = Done;
      stack.pop_back();
    }
  }
  return success();
}

} // namespace rosso
