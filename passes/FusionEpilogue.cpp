// Contractions and what their kernels compute besides: linears of one x, and the elementwise ops
// after them.
#include "passes/FusionPlan.h"

#include "ir/Shapes.h"
#include "passes/OperandViews.h"

#include "llvm/ADT/DenseSet.h"

#include <algorithm>
#include <functional>

using namespace mlir;

namespace rosso {

namespace {

/// Whether one kernel may compute a linear beside others: only where all weights lie in tiles,
/// which those do not that some contraction reads as its activations (see plan-memory).
bool joinsOthers(LinearOp linear) {
  Value weight = linear.getWeight();
  if (!mayLieInTiles(weight))
    return false;
  return llvm::all_of(weight.getUses(), [](OpOperand &use) {
    bool asWeight = llvm::isa<LinearOp>(use.getOwner()) && use.getOperandNumber() == 1;
    return asWeight || !llvm::isa<LinearOp, MatmulOp, AttentionOp>(use.getOwner());
  });
}

/// The immediate post-dominator of every node of a graph: the next that all ways to the outside
/// lead through, or -1. `users` are higher numbers; -1 is the outside.
std::vector<int> postDominators(const std::vector<std::vector<int>> &users) {
  int count = static_cast<int>(users.size());
  std::vector<int> next(users.size(), -1), height(users.size(), 1);
  for (int i = count - 1; i >= 0; --i) {
    int meet = users[i].empty() ? -1 : users[i].front();
    for (int user : users[i]) {
      while (meet != user && meet != -1 && user != -1) {
        int &higher = height[meet] >= height[user] ? meet : user;
        higher = next[higher];
      }
      meet = meet == user ? meet : -1;
    }
    next[i] = meet;
    height[i] = meet == -1 ? 1 : height[meet] + 1;
  }
  return next;
}

} // namespace

/// Linears of one x become one kernel; a matmul is one by itself.
void FusionPlan::growEpilogues() {
  llvm::DenseMap<Value, llvm::SmallVector<unsigned, 4>> bySource;
  for (unsigned i = 0; i < ops_.size(); ++i) {
    auto linear = llvm::dyn_cast<LinearOp>(ops_[i]);
    if (linear && joinsOthers(linear))
      bySource[linear.getSource()].push_back(i);
    else if (llvm::isa<LinearOp, MatmulOp>(ops_[i]))
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

bool isSumOfRows(Operation *op) {
  auto sum = llvm::dyn_cast<ReduceSumOp>(op);
  auto reshape = sum ? sum.getSource().getDefiningOp<ReshapeOp>() : nullptr;
  if (!reshape || sum.getAxes().size() != 1)
    return false;
  Shape from = shapeOf(reshape.getSource()), to = shapeOf(reshape.getResult());
  return to.size() == from.size() + 1 && to.back() == Dim(32) && from.back().isConstant() &&
         from.back().constant() % 32 == 0 && std::equal(from.begin(), from.end() - 1, to.begin()) &&
         sum.getAxes()[0] + 1 == static_cast<int64_t>(to.size());
}

bool FusionPlan::mayFollowContractions(Operation *op) const {
  if (op->hasTrait<Elementwise>())
    return true;
  if (!abilities_.wideEpilogues)
    return false;
  if (auto reshape = llvm::dyn_cast<ReshapeOp>(op)) // before a sum of 32 neighbours
    return reshape->hasOneUse() && isSumOfRows(*reshape->user_begin());
  return llvm::isa<QuantizeOp>(op) || isSumOfRows(op);
}

/// The contractions and the ops that could follow them in one kernel, by number: elementwise ops
/// whose other operands come from before the contractions, in depth or at one depth in the program,
/// so that no two kernels ever wait for each other.
std::vector<unsigned> FusionPlan::findRegion(llvm::ArrayRef<unsigned> contractions) {
  unsigned depth = 0;
  for (unsigned i : contractions)
    depth = std::max(depth, infos_[i].depth);
  llvm::DenseSet<unsigned> inside(contractions.begin(), contractions.end());
  // A reshape of the results is the last op: nothing after it has the contraction's shape.
  bool reshapes = abilities_.operandViews &&
                  llvm::all_of(contractions, [&](unsigned i) { return readsViews(ops_[i]); });
  auto isLast = [&](unsigned at) { return reshapes && llvm::isa<ReshapeOp>(ops_[at]); };
  const unsigned first = *std::min_element(contractions.begin(), contractions.end());
  auto belongs = [&](unsigned at) {
    return llvm::all_of(ops_[at]->getOperands(), [&](Value operand) {
      Info *info = infoOf(operand);
      if (!info || info->depth < depth)
        return true;
      auto source = static_cast<unsigned>(numberOf(operand));
      if (info->depth == depth && source < first)
        return true;
      return inside.contains(source) && !isLast(source);
    });
  };
  // Users have higher numbers than what they use, so going upwards sees operands first.
  std::vector<unsigned> heap(contractions.begin(), contractions.end()), region;
  std::make_heap(heap.begin(), heap.end(), std::greater<>());
  llvm::DenseSet<unsigned> visited;
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    unsigned at = heap.back();
    heap.pop_back();
    if (!visited.insert(at).second || (!inside.contains(at) && !belongs(at)))
      continue;
    inside.insert(at);
    region.push_back(at);
    if (infos_[at].cut || isLast(at))
      continue;
    for (Operation *user : ops_[at]->getUsers())
      if (auto found = numbers_.find(user);
          found != numbers_.end() && (mayFollowContractions(user) || isLast(found->second))) {
        heap.push_back(found->second);
        std::push_heap(heap.begin(), heap.end(), std::greater<>());
      }
  }
  return region;
}

/// What else a kernel makes of the results it has at hand: blocks in int8 and sums of 32 rows.
void FusionPlan::addSiblings(llvm::ArrayRef<unsigned> region, int unit,
                             llvm::SmallVector<unsigned> &pending) {
  for (unsigned at : region)
    if (Info &info = infos_[at];
        info.unit < 0 && (llvm::isa<QuantizeOp>(ops_[at]) || isSumOfRows(ops_[at]))) {
      info.cut = true;
      info.unit = unit;
      pending.push_back(at);
    }
}

/// Adds to contractions the elementwise ops after them, as far as that makes no more buffers: each
/// contraction's buffer moves on through its post-dominators.
void FusionPlan::growEpilogue(llvm::ArrayRef<unsigned> contractions) {
  std::vector<unsigned> region = findRegion(contractions);
  llvm::DenseMap<Operation *, int> place;
  for (auto [i, at] : llvm::enumerate(region))
    place[ops_[at]] = static_cast<int>(i);
  std::vector<std::vector<int>> users(region.size());
  for (auto [i, at] : llvm::enumerate(region)) {
    if (infos_[at].cut) // a buffer for others, too
      users[i].push_back(-1);
    for (Operation *user : ops_[at]->getUsers())
      users[i].push_back(place.contains(user) ? place[user] : -1);
  }
  std::vector<int> next = postDominators(users);

  int unit = makeUnit();
  llvm::SmallVector<unsigned> pending;
  for (unsigned at : contractions) {
    int last = place[ops_[at]];
    while (next[last] != -1)
      last = next[last];
    Info &info = infos_[region[last]];
    info.cut = true;
    info.unit = unit;
    pending.push_back(region[last]);
  }
  if (abilities_.wideEpilogues)
    addSiblings(region, unit, pending);
  // What lies on the way to the buffers is computed by this kernel and no other.
  while (!pending.empty()) {
    Info &info = infos_[pending.back()];
    Operation *op = ops_[pending.pop_back_val()];
    if (info.inEpilogue)
      continue;
    info.inEpilogue = true;
    for (Value operand : op->getOperands())
      if (Operation *source = operand.getDefiningOp(); source && place.contains(source))
        pending.push_back(numberOf(operand));
  }
}

} // namespace rosso
