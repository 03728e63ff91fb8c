// Kernels that become one because they go over the same elements at the same time.
#include "passes/FusionPlan.h"

#include "ir/Shapes.h"

#include "llvm/ADT/DenseSet.h"

using namespace mlir;

namespace rosso {

/// Whether `unit` needs every row of `value`, whose rows are those of `rows`, only where it
/// computes that row itself.
bool FusionPlan::needsOwnRows(const FusionUnit &unit, Value value, const RowAxes &rows) const {
  llvm::DenseSet<unsigned> inside(unit.ops.begin(), unit.ops.end());
  const Shape extents = extentsAt(shapeOf(value), rows);
  llvm::SmallVector<std::pair<Value, RowAxes>> pending{{value, rows}};
  llvm::DenseSet<Value> seen;
  while (!pending.empty()) {
    auto [v, axes] = pending.pop_back_val();
    if (!seen.insert(v).second)
      continue;
    for (Operation *user : v.getUsers()) {
      auto found = numbers_.find(user);
      if (found == numbers_.end() || !inside.contains(found->second))
        continue;
      if (user->hasTrait<Reduction>()) {
        if (keptAxes(user) != axes)
          return false;
        continue;
      }
      auto through = rowsThrough(user, v, axes);
      if (!through)
        return false;
      bool isRoot = llvm::is_contained(unit.roots, found->second);
      if (isRoot && infos_[found->second].rows != *through)
        return false;
      pending.push_back({user->getResult(0), *through});
    }
  }
  return llvm::all_of(unit.roots, [&](unsigned root) {
    const auto &own = infos_[root].rows;
    return own && extentsAt(shapeOf(ops_[root]->getResult(0)), *own) == extents;
  });
}

/// The axes that number rows of a map's `value` if the reductions of `unit` are over its elements.
std::optional<RowAxes> FusionPlan::rowsWanted(const FusionUnit &unit, Value value) const {
  const Shape shape = shapeOf(value);
  for (unsigned at : unit.ops)
    if (ops_[at]->hasTrait<Reduction>() && shapeOf(ops_[at]->getOperand(0)) == shape)
      return keptAxes(ops_[at]);
  return std::nullopt;
}

/// A value that a row kernel needs row by row becomes one of its results: x + y beside the norm of
/// x + y, the largest beside the softmax. All others who need it come later.
void FusionPlan::joinRowKernels() {
  llvm::DenseMap<Value, llvm::SmallVector<unsigned, 4>> readers;
  for (unsigned u = 0; u < units_.size(); ++u)
    for (Value input : units_[u].inputs)
      readers[input].push_back(u);
  for (unsigned u = units_.size(); u-- > 0;) {
    FusionUnit &unit = units_[u];
    if (unit.roots.size() != 1 ||
        (unit.kind != KernelTemplate::Map && unit.kind != KernelTemplate::Reduce))
      continue;
    Operation *op = ops_[unit.roots.front()];
    Value value = op->getResult(0);
    if (!op->hasTrait<Elementwise>() && !op->hasTrait<Reduction>())
      continue;
    int first = -1;
    bool isFirstAlone = true;
    for (unsigned reader : readers.lookup(value)) {
      if (first >= 0 && units_[reader].level == units_[first].level)
        isFirstAlone = false;
      if (first < 0 || units_[reader].level < units_[first].level) {
        first = static_cast<int>(reader);
        isFirstAlone = true;
      }
    }
    if (first < 0 || !isFirstAlone || units_[first].kind != KernelTemplate::Reduce)
      continue;
    FusionUnit &reader = units_[first];
    auto rows = unit.kind == KernelTemplate::Reduce ? infos_[unit.roots.front()].rows
                                                    : rowsWanted(reader, value);
    if (!rows || !needsOwnRows(reader, value, *rows))
      continue;
    infos_[unit.roots.front()].rows = rows;
    infos_[unit.roots.front()].unit = first;
    reader.roots.push_back(unit.roots.front());
    llvm::sort(reader.roots);
    collectBody(reader);
    classify(reader);
    for (Value input : unit.inputs)
      if (auto &list = readers[input]; !llvm::is_contained(list, static_cast<unsigned>(first)))
        list.push_back(first);
    unit.roots.clear();
    unit.inputs.clear();
    unit.ops.clear();
  }
  llvm::erase_if(units_, [](const FusionUnit &unit) { return unit.roots.empty(); });
}

/// Row kernels of one level that read something together and have the same rows are one launch.
void FusionPlan::mergeReductions() {
  auto extents = [&](const FusionUnit &unit) {
    return extentsAt(shapeOf(ops_[unit.roots.front()]->getResult(0)), unit.rows.front());
  };
  auto longest = [&](const FusionUnit &unit) -> Shape {
    for (unsigned at : unit.ops)
      if (ops_[at]->hasTrait<Reduction>())
        return shapeOf(ops_[at]->getOperand(0));
    return {};
  };
  llvm::DenseMap<Value, llvm::SmallVector<size_t, 2>> byInput;
  for (size_t u = 0; u < units_.size(); ++u) {
    FusionUnit &unit = units_[u];
    if (unit.kind != KernelTemplate::Reduce || unit.inputs.empty())
      continue;
    auto &others = byInput[unit.inputs.front()];
    auto same = llvm::find_if(others, [&](size_t other) {
      const FusionUnit &o = units_[other];
      return o.level == unit.level && extents(o) == extents(unit) && longest(o) == longest(unit);
    });
    if (same == others.end()) {
      others.push_back(u);
      continue;
    }
    FusionUnit &into = units_[*same];
    into.roots.append(unit.roots.begin(), unit.roots.end());
    llvm::sort(into.roots);
    collectBody(into);
    classify(into);
    unit.roots.clear();
    unit.inputs.clear();
  }
  llvm::erase_if(units_, [](const FusionUnit &unit) { return unit.roots.empty(); });
}

/// Maps of one level are one launch.
void FusionPlan::mergeMaps() {
  std::vector<FusionUnit> merged;
  llvm::DenseMap<unsigned, size_t> mapOfLevel;
  for (FusionUnit &unit : units_) {
    if (unit.kind != KernelTemplate::Map) {
      merged.push_back(std::move(unit));
      continue;
    }
    auto [found, isNew] = mapOfLevel.try_emplace(unit.level, merged.size());
    if (isNew) {
      merged.push_back(std::move(unit));
      continue;
    }
    merged[found->second].roots.append(unit.roots.begin(), unit.roots.end());
  }
  for (FusionUnit &unit : merged) {
    llvm::sort(unit.roots);
    collectBody(unit);
  }
  llvm::sort(merged, [](const FusionUnit &a, const FusionUnit &b) {
    return std::pair(a.level, a.roots.front()) < std::pair(b.level, b.roots.front());
  });
  units_ = std::move(merged);
}

} // namespace rosso
