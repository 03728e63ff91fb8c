#include "passes/FusionPlan.h"

#include "ir/Shapes.h"

#include "llvm/ADT/DenseSet.h"

#include <algorithm>

using namespace mlir;

namespace rosso {

namespace {

constexpr size_t kMostEvaluations = 8; // of a value within one kernel, at different indices

/// An op whose loop structure is a template of its own, or that writes memory in its own way.
bool isAnchor(Operation *op) {
  return llvm::isa<LinearOp, MatmulOp, AttentionOp, TopKOp, UpdateOp, QuantizeOp>(op) ||
         op->hasTrait<Reduction>();
}

bool isContraction(Operation *op) { return llvm::isa<LinearOp, MatmulOp>(op); }

/// Whether one kernel may compute a linear beside others: only where all weights lie in tiles,
/// which those do not that some contraction reads as its activations (see plan-memory).
bool joinsOthers(LinearOp linear) {
  auto weight = llvm::dyn_cast<BlockArgument>(linear.getWeight());
  auto function = linear->getParentOfType<func::FuncOp>();
  if (!weight || !function)
    return false;
  auto space = function.getArgAttrOfType<StringAttr>(weight.getArgNumber(), kSpaceAttr);
  if (space && space.getValue() != "weight")
    return false;
  return llvm::all_of(weight.getUses(), [](OpOperand &use) {
    bool asWeight = llvm::isa<LinearOp>(use.getOwner()) && use.getOperandNumber() == 1;
    return asWeight || !llvm::isa<LinearOp, MatmulOp, AttentionOp>(use.getOwner());
  });
}

/// Costs nothing wherever it is needed.
bool isTrivial(Operation *op) { return llvm::isa<ConstantOp, VariableOp, IotaOp>(op); }

bool isDear(Operation *op) {
  return llvm::isa<Exp2Op, Log2Op, SinOp, GatherOp, DequantOp>(op) || op->hasTrait<Reduction>();
}

int64_t withoutTrailingUnits(int64_t rows, const Shape &shape) {
  while (rows > 0 && shape[rows - 1] == Dim(1))
    --rows;
  return rows;
}

size_t combine(size_t path, unsigned op) { return llvm::hash_combine(path, op); }

} // namespace

//===-- bookkeeping ------------------------------------------------------------------------------//

int FusionPlan::numberOf(Value value) const {
  Operation *op = value.getDefiningOp();
  return op ? static_cast<int>(numbers_.lookup(op)) : -1;
}

FusionPlan::Info *FusionPlan::infoOf(Value value) {
  int at = numberOf(value);
  return at < 0 ? nullptr : &infos_[at];
}

void FusionPlan::cut(Value value) {
  if (Info *info = infoOf(value))
    info->cut = true;
}

int FusionPlan::makeUnit() {
  units_.emplace_back();
  return static_cast<int>(units_.size()) - 1;
}

void FusionPlan::number(func::FuncOp function) {
  for (Operation &op : function.getBody().front().without_terminator()) {
    numbers_[&op] = ops_.size();
    ops_.push_back(&op);
    Info &info = infos_.emplace_back();
    for (Value operand : op.getOperands())
      if (Info *source = infoOf(operand))
        info.depth = std::max(info.depth, source->depth);
    info.depth += isAnchor(&op);
  }
}

//===-- what must be a buffer --------------------------------------------------------------------//

void FusionPlan::cutOperands() {
  for (Operation *op : ops_) {
    if (llvm::isa<UpdateOp, QuantizeOp>(op))
      cut(op->getResult(0));
    if (llvm::isa<AttentionOp, TopKOp>(op) || isContraction(op)) {
      if (!isContraction(op))
        cut(op->getResult(0));
      for (Value operand : op->getOperands())
        cut(operand);
    }
    if (auto update = llvm::dyn_cast<UpdateOp>(op))
      cut(update.getState());
    if (auto dequant = llvm::dyn_cast<DequantOp>(op); dequant && dequant.getMaterialize())
      cut(dequant);
    for (Operation *user : op->getUsers())
      if (llvm::isa<func::ReturnOp>(user))
        cut(op->getResult(0));
  }
}

/// An update runs in place and its elements in any order, so the value may read the state itself
/// only where it writes: anything else is computed before.
void FusionPlan::cutSelfReadingUpdates() {
  for (Operation *op : ops_) {
    auto update = llvm::dyn_cast<UpdateOp>(op);
    if (!update)
      continue;
    bool inPlace = update.getValue().getType() == update.getState().getType();
    llvm::SmallVector<std::pair<Value, bool>> pending{{update.getValue(), inPlace}};
    llvm::DenseMap<Value, bool> seen;
    while (!pending.empty()) {
      auto [value, aligned] = pending.pop_back_val();
      if (value == update.getState() && !aligned) {
        cut(update.getValue());
        break;
      }
      auto [entry, isNew] = seen.try_emplace(value, aligned);
      if (!isNew && (entry->second == aligned || !entry->second))
        continue;
      entry->second &= aligned;
      Operation *source = value.getDefiningOp();
      if (!source || infos_[numbers_[source]].cut || isContraction(source))
        continue;
      for (Value operand : source->getOperands())
        pending.push_back({operand, aligned && source->hasTrait<Elementwise>()});
    }
  }
}

//===-- contractions and their epilogues ---------------------------------------------------------//

/// Linears of one x become one kernel; a matmul is one by itself.
void FusionPlan::growEpilogues() {
  llvm::DenseMap<Value, llvm::SmallVector<unsigned, 4>> bySource;
  std::vector<llvm::SmallVector<unsigned, 4> *> groups;
  llvm::SmallVector<llvm::SmallVector<unsigned, 4>> single;
  single.reserve(ops_.size());
  for (unsigned i = 0; i < ops_.size(); ++i) {
    auto linear = llvm::dyn_cast<LinearOp>(ops_[i]);
    if (linear && joinsOthers(linear))
      bySource[linear.getSource()].push_back(i);
    else if (isContraction(ops_[i]))
      growEpilogue({i});
  }
  for (unsigned i = 0; i < ops_.size(); ++i) {
    auto linear = llvm::dyn_cast<LinearOp>(ops_[i]);
    if (!linear || !joinsOthers(linear))
      continue;
    const auto &group = bySource[linear.getSource()];
    if (group.front() == i)
      growEpilogue(group);
  }
}

/// Adds to a contraction the elementwise ops after it, as far as that makes no more buffers: each
/// contraction's buffer moves on to the next value that all uses of it flow through (its immediate
/// post-dominator). Other operands must come from before the contraction, so that no two kernels
/// ever wait for each other.
void FusionPlan::growEpilogue(llvm::ArrayRef<unsigned> contractions) {
  unsigned depth = 0;
  for (unsigned i : contractions)
    depth = std::max(depth, infos_[i].depth);

  // The ops that could be in the epilogue, in order.
  llvm::DenseMap<unsigned, int> region; // op -> place in `members`
  std::vector<unsigned> members(contractions.begin(), contractions.end());
  for (size_t i = 0; i < members.size(); ++i)
    region[members[i]] = static_cast<int>(i);
  auto belongs = [&](Operation *user, const Shape &shape) {
    if (!user->hasTrait<Elementwise>() || shapeOf(user->getResult(0)) != shape)
      return false;
    return llvm::all_of(user->getOperands(), [&](Value operand) {
      Info *info = infoOf(operand);
      return !info || info->depth < depth || region.count(numberOf(operand));
    });
  };
  // Users come later than what they use, so going through numbers upwards sees operands first.
  std::vector<unsigned> heap(members.begin(), members.end());
  llvm::DenseMap<unsigned, bool> visited;
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    unsigned at = heap.back();
    heap.pop_back();
    if (visited[at])
      continue;
    visited[at] = true;
    if (!region.count(at)) {
      Shape shape = shapeOf(ops_[at]->getResult(0));
      if (!belongs(ops_[at], shape))
        continue;
      region[at] = static_cast<int>(members.size());
      members.push_back(at);
    }
    if (infos_[at].cut)
      continue;
    for (Operation *user : ops_[at]->getUsers()) {
      auto found = numbers_.find(user);
      if (found == numbers_.end() || !user->hasTrait<Elementwise>())
        continue;
      heap.push_back(found->second);
      std::push_heap(heap.begin(), heap.end(), std::greater<>());
    }
  }

  // Immediate post-dominators within the region; -1 is outside.
  std::vector<int> order(members.size()), next(members.size(), -1), height(members.size(), 1);
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = static_cast<int>(i);
  llvm::sort(order, [&](int a, int b) { return members[a] > members[b]; });
  for (int i : order) {
    bool first = true;
    int meet = -1;
    auto join = [&](int user) {
      if (first) {
        meet = user;
        first = false;
        return;
      }
      while (meet != user && meet != -1 && user != -1) {
        int &higher = height[meet] >= height[user] ? meet : user;
        higher = next[higher];
      }
      if (meet == -1 || user == -1)
        meet = -1;
    };
    if (infos_[members[i]].cut) {
      join(-1);
    } else {
      for (Operation *user : ops_[members[i]]->getUsers()) {
        auto found = numbers_.find(user);
        auto inside = found == numbers_.end() ? region.end() : region.find(found->second);
        join(inside == region.end() ? -1 : inside->second);
      }
    }
    next[i] = meet;
    height[i] = meet == -1 ? 1 : height[meet] + 1;
  }

  int unit = makeUnit();
  for (size_t i = 0; i < contractions.size(); ++i) {
    int last = static_cast<int>(i);
    while (next[last] != -1)
      last = next[last];
    Info &info = infos_[members[last]];
    info.cut = true;
    info.unit = unit;
  }
  // What lies on the way to the buffers is computed by this kernel and no other.
  llvm::SmallVector<unsigned> pending;
  for (unsigned member : members)
    if (infos_[member].unit == unit)
      pending.push_back(member);
  while (!pending.empty()) {
    unsigned at = pending.pop_back_val();
    if (infos_[at].inEpilogue)
      continue;
    infos_[at].inEpilogue = true;
    for (Value operand : ops_[at]->getOperands())
      if (int source = numberOf(operand); source >= 0 && region.count(source))
        pending.push_back(source);
  }
}

//===-- rows of reductions -----------------------------------------------------------------------//

/// The leading axes of op's result that number the rows which `rows` leading axes of `operand`
/// number; nothing where an element of the result would need other rows.
std::optional<int64_t> FusionPlan::rowsThrough(Operation *op, Value operand, int64_t rows) const {
  Shape from = shapeOf(operand), to = shapeOf(op->getResult(0));
  auto keepsRows = [&]() -> std::optional<int64_t> {
    if (!std::equal(from.begin(), from.begin() + rows, to.begin(),
                    to.begin() + std::min<int64_t>(rows, to.size())))
      return std::nullopt;
    return rows;
  };
  if (op->hasTrait<Elementwise>())
    return rows;
  if (llvm::isa<ExpandOp, ShrinkOp, PadOp, StrideOp, ConcatOp>(op)) {
    if (auto shrink = llvm::dyn_cast<ShrinkOp>(op))
      for (int64_t i = 0; i < rows; ++i)
        if (from[i] != to[i])
          return std::nullopt;
    return keepsRows();
  }
  if (auto permute = llvm::dyn_cast<PermuteOp>(op)) {
    for (int64_t i = 0; i < rows; ++i)
      if (permute.getAxes()[i] != i)
        return std::nullopt;
    return rows;
  }
  if (auto flip = llvm::dyn_cast<FlipOp>(op))
    return llvm::all_of(flip.getAxes(), [&](int64_t axis) { return axis >= rows; })
               ? std::optional(rows)
               : std::nullopt;
  if (llvm::isa<ReshapeOp>(op)) {
    Shape prefix(from.begin(), from.begin() + rows);
    for (size_t kept = 0; kept <= to.size(); ++kept)
      if (sameElementCount(prefix, Shape(to.begin(), to.begin() + kept)))
        return withoutTrailingUnits(static_cast<int64_t>(kept), to);
    return std::nullopt;
  }
  bool wholeRows = rows < static_cast<int64_t>(from.size()); // blocks run along the last axis
  if (auto update = llvm::dyn_cast<UpdateOp>(op))
    return operand == update.getValue() && wholeRows ? std::optional(rows) : std::nullopt;
  if (llvm::isa<QuantizeOp>(op) && wholeRows)
    return rows;
  return std::nullopt;
}

/// Makes a buffer of what a value knows of its row, before that is spread over a larger tensor.
void FusionPlan::cutRow(Value value) {
  Value smallest = value;
  for (Value inner = value; llvm::isa_and_nonnull<ExpandOp, ReshapeOp>(inner.getDefiningOp());) {
    bool spreads = inner.getDefiningOp<ExpandOp>() != nullptr;
    inner = inner.getDefiningOp()->getOperand(0);
    Info *info = infoOf(inner);
    if (!info || info->cut)
      break;
    if (spreads)
      smallest = inner;
  }
  for (Value inner = value; inner != smallest; inner = inner.getDefiningOp()->getOperand(0))
    infoOf(inner)->rows.reset();
  cut(smallest);
}

void FusionPlan::alignRows() {
  for (unsigned i = 0; i < ops_.size(); ++i) {
    Operation *op = ops_[i];
    Info &info = infos_[i];
    if (op->hasTrait<Reduction>()) {
      auto axes = op->getAttrOfType<DenseI64ArrayAttr>("axes");
      Shape shape = shapeOf(op->getOperand(0));
      info.rows = withoutTrailingUnits(static_cast<int64_t>(shape.size()) - axes.size(), shape);
    }
    for (Value operand : op->getOperands()) {
      Info *source = infoOf(operand);
      if (!source || source->cut || !source->rows)
        continue;
      std::optional<int64_t> rows;
      if (op->hasTrait<Reduction>())
        rows = source->rows == info.rows ? info.rows : std::nullopt;
      else if (!info.inEpilogue)
        rows = rowsThrough(op, operand, *source->rows);
      if (!rows || (info.rows && info.rows != rows))
        cutRow(operand);
      else
        info.rows = rows;
    }
  }
}

//===-- what several kernels need ----------------------------------------------------------------//

void FusionPlan::collectUses(unsigned at) {
  auto &uses = infos_[at].uses;
  for (OpOperand &use : ops_[at]->getResult(0).getUses()) {
    auto found = numbers_.find(use.getOwner());
    if (found == numbers_.end())
      continue;
    unsigned user = found->second;
    const Info &info = infos_[user];
    Use root{info.unit, 0};
    bool moves = use.getOwner()->hasTrait<Movement>();
    bool reduces = use.getOwner()->hasTrait<Reduction>();
    for (Use each : info.cut ? llvm::ArrayRef<Use>(root) : llvm::ArrayRef<Use>(info.uses)) {
      if (moves)
        each.path = combine(combine(each.path, user), use.getOperandNumber());
      else if (reduces) // evaluates its source once, however often its value is used
        each.path = combine(0, user);
      uses.push_back(each);
    }
  }
  llvm::sort(uses);
  uses.erase(llvm::unique(uses), uses.end());
}

bool FusionPlan::isDearToRepeat(unsigned at) const {
  const Info &info = infos_[at];
  Operation *op = ops_[at];
  size_t inOneUnit = 0;
  for (size_t i = 0; i < info.uses.size(); ++i) {
    inOneUnit = i && info.uses[i].unit == info.uses[i - 1].unit ? inOneUnit + 1 : 1;
    if (inOneUnit > kMostEvaluations && !op->hasTrait<Reduction>())
      return true;
  }
  if (!isDear(op))
    return false;
  if (info.uses.size() && info.uses.front().unit != info.uses.back().unit)
    return true;
  // A table that is spread over a larger tensor is cheaper made once.
  Shape shape = shapeOf(op->getResult(0));
  bool isScalar = llvm::all_of(shape, [](const Dim &extent) { return extent == Dim(1); });
  auto spreads = [](Operation *user) { return llvm::isa<ExpandOp>(user); };
  return !isScalar && !info.rows && llvm::any_of(op->getUsers(), [&](Operation *user) {
    return spreads(user) || (llvm::isa<ReshapeOp>(user) && llvm::any_of(user->getUsers(), spreads));
  });
}

void FusionPlan::cutShared() {
  for (unsigned i = ops_.size(); i-- > 0;) {
    Info &info = infos_[i];
    if (!info.cut) {
      collectUses(i);
      info.cut = !info.inEpilogue && !isTrivial(ops_[i]) && isDearToRepeat(i);
    }
    if (info.cut && info.unit < 0)
      info.unit = makeUnit();
  }
  for (unsigned i = 0; i < ops_.size(); ++i)
    if (infos_[i].cut)
      units_[infos_[i].unit].roots.push_back(i);
}

//===-- kernels ----------------------------------------------------------------------------------//

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

void FusionPlan::classify(FusionUnit &unit) const {
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
    } else if (op->hasTrait<Reduction>()) {
      unit.kind = KernelTemplate::Reduce;
      unit.rows = infos_[unit.roots.front()].rows;
    }
  }
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

FailureOr<FusionPlan> FusionPlan::make(func::FuncOp function) {
  FusionPlan plan;
  plan.number(function);
  plan.cutOperands();
  plan.cutSelfReadingUpdates();
  plan.growEpilogues();
  plan.alignRows();
  plan.cutShared();
  for (FusionUnit &unit : plan.units_) {
    plan.collectBody(unit);
    plan.classify(unit);
  }
  if (failed(plan.order()))
    return failure();
  plan.mergeMaps();
  return plan;
}

} // namespace rosso
