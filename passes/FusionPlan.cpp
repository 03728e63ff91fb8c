#include "passes/FusionPlan.h"

#include "ir/Shapes.h"
#include "passes/OperandViews.h"

#include "llvm/ADT/DenseSet.h"

#include <algorithm>

using namespace mlir;

namespace rosso {

namespace {

constexpr size_t kMostOps = 1000;      // of a kernel, for the compiler to stay quick
constexpr size_t kLongestChain = 200;  // of them, each of which needs the one before
constexpr size_t kMostEvaluations = 8; // of a value within one kernel, at different indices

/// An op whose loop structure is a template of its own, or that writes memory in its own way.
bool isAnchor(Operation *op) {
  return llvm::isa<LinearOp, MatmulOp, AttentionOp, TopKOp, UpdateOp, QuantizeOp, ScatterOp>(op) ||
         op->hasTrait<Reduction>() || op->hasTrait<Scan>();
}

bool isContraction(Operation *op) { return llvm::isa<LinearOp, MatmulOp>(op); }

/// Costs nothing wherever it is needed, repeated or not.
bool isTrivial(Operation *op) {
  while (op && llvm::isa<ReshapeOp, ExpandOp>(op))
    op = op->getOperand(0).getDefiningOp();
  return op && llvm::isa<ConstantOp, VariableOp, IotaOp>(op);
}

/// Many instructions for an element.
bool isCostly(Operation *op) {
  bool divides = llvm::isa<DivOp, ModOp>(op) &&
                 llvm::isa<IntegerType>(getElementTypeOrSelf(op->getResult(0).getType()));
  return divides || llvm::isa<Exp2Op, Log2Op, SinOp>(op);
}

bool isDear(Operation *op) {
  return llvm::isa<Exp2Op, Log2Op, SinOp, GatherOp, DequantOp>(op) || op->hasTrait<Reduction>();
}

/// Whether `user` shows the elements of `value` so often that they are cheaper made once.
bool spreads(Operation *user, Value value) {
  constexpr int64_t kOften = 8;
  if (llvm::isa<ReshapeOp>(user))
    return llvm::any_of(user->getUsers(), [user](Operation *next) {
      return llvm::isa<ExpandOp>(next) && spreads(next, user->getResult(0));
    });
  auto gather = llvm::dyn_cast<GatherOp>(user);
  if (!llvm::isa<ExpandOp>(user) && (!gather || gather.getIndex() != value))
    return false;
  auto from = elementCount(shapeOf(value)), to = elementCount(shapeOf(user->getResult(0)));
  return from && to && from->isConstant() && to->isConstant() &&
         to->constant() >= kOften * from->constant();
}

/// The int8 blocks that are all that becomes of an attention, heads side by side; or null.
QuantizeOp packedResult(AttentionOp attention) {
  Shape shape = shapeOf(attention.getResult()); // [H, T, d]
  bool isTokenMajor = shape[1] == Dim(1);
  for (Value v = attention.getResult(); v.hasOneUse();) {
    Operation *user = *v.user_begin();
    if (auto permute = llvm::dyn_cast<PermuteOp>(user);
        permute && v == attention.getResult() &&
        permute.getAxes() == llvm::ArrayRef<int64_t>{1, 0, 2})
      isTokenMajor = true;
    else if (auto quantize = llvm::dyn_cast<QuantizeOp>(user)) {
      bool fits = shapeOf(v).back() == shape[0] * shape[2].constant();
      return isTokenMajor && fits && shape[2].constant() % 32 == 0 ? quantize : QuantizeOp();
    } else if (!llvm::isa<ReshapeOp>(user))
      return {};
    v = user->getResult(0);
  }
  return {};
}

/// What becomes of the result of `op`, as long as that is reshaped and nothing else.
Value reshapedResult(Operation *op) {
  Value result = op->getResult(0);
  while (result.hasOneUse() && llvm::isa<ReshapeOp>(*result.user_begin()))
    result = result.user_begin()->getResult(0);
  return result;
}

size_t combine(size_t path, unsigned op) { return llvm::hash_combine(path, op); }

} // namespace

/// A sum over at most so many elements may be repeated by every work group that needs it.
constexpr int64_t kMostSummedIn = 1024;

/// Whether all reductions behind a value are short sums of rows of partial sums.
bool isSummedIn(Value value) {
  for (Operation *op = value.getDefiningOp(); op; op = op->getOperand(0).getDefiningOp()) {
    if (auto sum = llvm::dyn_cast<ReduceSumOp>(op)) {
      auto reshape = sum.getSource().getDefiningOp<ReshapeOp>();
      Operation *partial = reshape ? reshape.getSource().getDefiningOp() : nullptr;
      return partial && isSumOfRows(partial) && shapeOf(sum.getSource()).back().isConstant() &&
             shapeOf(sum.getSource()).back().constant() <= kMostSummedIn;
    }
    if (!op->getNumOperands() ||
        !(op->hasTrait<Elementwise>() || llvm::isa<ReshapeOp, ExpandOp>(op)))
      return false;
  }
  return false;
}

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

bool FusionPlan::isEpilogueSum(Operation *op) const {
  return abilities_.wideEpilogues && llvm::isa<ReduceSumOp>(op) && isSummedIn(op->getResult(0));
}

void FusionPlan::number(func::FuncOp function) {
  for (Operation &op : function.getBody().front().without_terminator()) {
    numbers_[&op] = ops_.size();
    ops_.push_back(&op);
    Info &info = infos_.emplace_back();
    for (Value operand : op.getOperands())
      if (Info *source = infoOf(operand))
        info.depth = std::max(info.depth, source->depth);
    info.depth += isAnchor(&op) && !isEpilogueSum(&op);
  }
}

//===-- what must be a buffer --------------------------------------------------------------------//

void FusionPlan::cutOperands() {
  for (Operation *op : ops_) {
    if (llvm::isa<UpdateOp, QuantizeOp>(op))
      cut(op->getResult(0));
    if (llvm::isa<AttentionOp, TopKOp>(op) || isContraction(op)) {
      bool packed = abilities_.wideEpilogues && llvm::isa<AttentionOp>(op) &&
                    packedResult(llvm::cast<AttentionOp>(op));
      bool isAttention = llvm::isa<AttentionOp>(op);
      if (!isContraction(op) && !packed)
        cut(isAttention && abilities_.operandViews ? reshapedResult(op) : op->getResult(0));
      bool views = abilities_.operandViews && readsViews(op);
      for (Value operand : op->getOperands()) {
        if (views && isComputedAsRead(operand))
          continue;
        cut(views                                    ? bufferBehind(operand)
            : isAttention && abilities_.operandViews ? withoutReshapes(operand)
                                                     : operand);
      }
    }
    if (auto update = llvm::dyn_cast<UpdateOp>(op))
      cut(update.getState());
    if (op->hasTrait<Scan>())
      cut(op->getResult(0));
    if (auto scatter = llvm::dyn_cast<ScatterOp>(op)) {
      cut(scatter);
      cut(scatter.getIndex()); // every work item reads all of it
    }
    if (auto dequant = llvm::dyn_cast<DequantOp>(op); dequant && dequant.getMaterialize())
      cut(dequant);
    for (Operation *user : op->getUsers())
      if (llvm::isa<func::ReturnOp>(user))
        cut(op->getResult(0));
  }
}

/// Whether a value is what a state held before an update that came before this one.
bool isBeforeEarlierUpdates(Value value, UpdateOp update) {
  while (auto earlier = update.getState().getDefiningOp<UpdateOp>()) {
    update = earlier;
    if (value == update.getState())
      return true;
  }
  return false;
}

/// An update runs in place and its elements in any order, so the value may read the state itself
/// only where it writes, and not what it was before earlier updates: anything else is computed
/// before.
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
      if ((value == update.getState() && !aligned) || isBeforeEarlierUpdates(value, update)) {
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

//===-- rows of reductions -----------------------------------------------------------------------//

/// Whether the last axis of a tensor that is not of extent 1 numbers rows.
bool endsInRows(const Shape &shape, const RowAxes &rows) {
  auto last = static_cast<int64_t>(shape.size()) - 1;
  while (last >= 0 && shape[last] == Dim(1))
    --last;
  return llvm::is_contained(rows, last);
}

/// Whether a tensor has more than a number for each row.
bool isSpread(const Shape &shape, const RowAxes &rows) {
  for (int64_t axis = 0; axis < static_cast<int64_t>(shape.size()); ++axis)
    if (shape[axis] != Dim(1) && !llvm::is_contained(rows, axis))
      return true;
  return false;
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
      info.rows = keptAxes(op);
      info.sideBySide = endsInRows(shapeOf(op->getOperand(0)), *info.rows);
    }
    for (Value operand : op->getOperands()) {
      Info *source = infoOf(operand);
      if (!source || source->cut || !source->rows)
        continue;
      if (info.inEpilogue && abilities_.wideEpilogues && isSummedIn(operand))
        continue; // once for each token, by the contraction's kernel
      std::optional<RowAxes> rows;
      if (op->hasTrait<Reduction>())
        rows = source->rows == info.rows ? info.rows : std::nullopt;
      else if (!info.inEpilogue)
        rows = rowsThrough(op, operand, *source->rows);
      // What was read along rows is not to be written across them.
      Shape shape = shapeOf(op->getResult(0));
      if (rows && isSpread(shape, *rows) && endsInRows(shape, *rows) != source->sideBySide)
        rows = std::nullopt;
      if (!rows || (info.rows && info.rows != rows))
        cutRow(operand);
      else {
        info.rows = rows;
        info.sideBySide = source->sideBySide;
      }
    }
  }
}

//===-- what is cheaper made once ----------------------------------------------------------------//

/// Cuts tables that are spread over larger tensors.
void FusionPlan::cutTables() {
  auto expands = [](Operation *user) { return llvm::isa<ExpandOp>(user); };
  for (unsigned i = 0; i < ops_.size(); ++i) {
    Info &info = infos_[i];
    Operation *op = ops_[i];
    const bool passesOn = op->hasTrait<Elementwise>() || llvm::isa<ReshapeOp>(op);
    info.costly = isCostly(op) || (passesOn && llvm::any_of(op->getOperands(), [&](Value operand) {
                                     Info *source = infoOf(operand);
                                     return source && source->costly && !source->cut;
                                   }));
    const Value table = op->getResult(0);
    if (info.inEpilogue || info.rows || isTrivial(op) ||
        llvm::all_of(shapeOf(table), [](const Dim &extent) { return extent == Dim(1); }))
      continue;
    info.cut |= llvm::any_of(table.getUsers(), [&](Operation *user) {
      return (isDear(op) && (expands(user) || (llvm::isa<ReshapeOp>(user) &&
                                               llvm::any_of(user->getUsers(), expands)))) ||
             (info.costly && spreads(user, table));
    });
  }
}

//===-- how large kernels get --------------------------------------------------------------------//

/// Ops that a kernel computes for a value, up to a bit more than kMostOps.
size_t FusionPlan::countOps(unsigned at) const {
  llvm::SmallVector<unsigned> pending{at};
  llvm::DenseSet<unsigned> seen{at};
  for (size_t i = 0; i < pending.size() && pending.size() <= kMostOps; ++i)
    for (Value operand : ops_[pending[i]]->getOperands())
      if (int source = numberOf(operand);
          source >= 0 && !infos_[source].cut && seen.insert(source).second)
        pending.push_back(source);
  return pending.size();
}

/// Cuts what has too many ops behind it, or too many in a row. The count is first that of a tree,
/// which costs nothing, and only where that is too large that of a graph.
void FusionPlan::limitSize() {
  std::vector<size_t> counts(ops_.size()), lengths(ops_.size());
  for (unsigned i = 0; i < ops_.size(); ++i) {
    if (infos_[i].cut || infos_[i].inEpilogue || isTrivial(ops_[i]))
      continue;
    size_t count = 1, length = 0;
    for (Value operand : ops_[i]->getOperands())
      if (int source = numberOf(operand); source >= 0) {
        count += counts[source];
        length = std::max(length, lengths[source]);
      }
    counts[i] = count > kMostOps ? countOps(i) : count;
    lengths[i] = length + 1;
    if (counts[i] > kMostOps || lengths[i] > kLongestChain) {
      infos_[i].cut = true;
      counts[i] = lengths[i] = 0;
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
    bool reduces = use.getOwner()->hasTrait<Reduction>() || use.getOwner()->hasTrait<Scan>() ||
                   llvm::isa<ScatterOp>(use.getOwner());
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
  return isDear(op) && info.uses.size() && info.uses.front().unit != info.uses.back().unit;
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

FailureOr<FusionPlan> FusionPlan::make(func::FuncOp function, FusionAbilities abilities) {
  FusionPlan plan;
  plan.abilities_ = abilities;
  plan.number(function);
  plan.cutOperands();
  plan.cutSelfReadingUpdates();
  plan.growEpilogues();
  plan.alignRows();
  plan.cutTables();
  plan.limitSize();
  plan.cutShared();
  for (FusionUnit &unit : plan.units_) {
    plan.collectBody(unit);
    plan.classify(unit);
  }
  if (failed(plan.order()))
    return failure();
  plan.joinRowKernels();
  plan.mergeReductions();
  plan.mergeMaps();
  return plan;
}

} // namespace rosso
