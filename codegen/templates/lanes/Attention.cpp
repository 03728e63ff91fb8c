#include "codegen/templates/lanes/Attention.h"

#include "codegen/templates/Templates.h"

namespace rosso {

using namespace mlir;

namespace {

AttentionOp attentionOf(const KernelContext &kernel) {
  KernelOp op = kernel.op;
  return *op.getBody()->getOps<AttentionOp>().begin();
}

} // namespace

AttentionFacts::AttentionFacts(const KernelContext &kernel) : op(attentionOf(kernel)) {
  Shape q = shapeOf(op.getQuery()), v = shapeOf(op.getValue());
  heads = q[0].constant();
  kvHeads = op.kvHeadCount();
  headsPerKv = heads / kvHeads;
  keyWidth = q[2].constant();
  valueWidth = v[2].constant();
  tokens = q[1];
  length = dimOf(op.getLength());
}

Values choose(Emit &e, Value condition, ValueRange otherwise, const std::function<Values()> &then) {
  auto choice =
      scf::IfOp::create(e.b, e.loc, otherwise.getTypes(), condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(e.b);
  e.b.setInsertionPointToStart(&choice.getThenRegion().front());
  scf::YieldOp::create(e.b, e.loc, then());
  e.b.setInsertionPointToStart(&choice.getElseRegion().front());
  scf::YieldOp::create(e.b, e.loc, otherwise);
  return Values(choice.getResults());
}

void AttentionStore::operator()(Value head, Value token, Value i, Value x) {
  ElementEmitter::Scope scope(elements_);
  elements_.bind(facts_.op.getResult(), [x](ValueRange) { return x; });
  for (unsigned r = 0; r < kernel_.op.getNumResults(); ++r) {
    Root root(kernel_, r);
    // [H, T, d] as the op gives it, or heads side by side: [.., T, H * d].
    Values index;
    if (root.shape() == shapeOf(facts_.op.getResult())) {
      index = {head, token, i};
    } else {
      Shape leading = root.shape();
      leading.pop_back();
      index = delinearIndex(e_, kernel_, leading, token);
      index.push_back(e_.add(e_.mul(head, e_.constant(facts_.valueWidth)), i));
    }
    root.storeLane(elements_, wave_, index);
  }
  elements_.unbind(facts_.op.getResult());
}

void emitLaneAttention(Emit &e, KernelContext &kernel) {
  AttentionFacts facts(kernel);
  if (fitsAttentionSplit(kernel, facts))
    emitLaneAttentionSplit(e, kernel);
  else if (fitsAttentionTile(kernel, facts))
    emitLaneAttentionTile(e, kernel);
  else
    emitLaneAttentionRow(e, kernel);
}

int64_t laneAttentionWorkspace(const KernelContext &kernel) {
  AttentionFacts facts(kernel);
  return fitsAttentionSplit(kernel, facts) ? attentionSplitWorkspace(kernel, facts) : 0;
}

} // namespace rosso
