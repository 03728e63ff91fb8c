// rosso-fuse: every op into a kernel.
//
// FusionPlan.h decides which; here the function is brought into the form it wants, and the kernels
// are written. Afterwards the function is a list of `rosso.kernel` and a return.
#include "ir/Shapes.h"
#include "passes/FusionPlan.h"
#include "passes/Passes.h"
#include "passes/Splat.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

namespace rosso {
#define GEN_PASS_DEF_FUSE
#include "passes/Passes.h.inc"

using namespace mlir;

namespace {

/// Every result of the function is a buffer of its own: a copy of an argument, of a state (but
/// for the results "state:<name>" that only keep an update alive), or of another result.
void copySharedResults(func::FuncOp function) {
  auto result = llvm::cast<func::ReturnOp>(function.getBody().front().getTerminator());
  llvm::DenseMap<Value, bool> seen;
  for (auto [i, value] : llvm::enumerate(result->getOperands())) {
    auto name = function.getResultAttrOfType<StringAttr>(i, kNameAttr);
    bool isUpdate = value.getDefiningOp<UpdateOp>() != nullptr;
    bool keepsState = isUpdate && name && name.getValue().starts_with("state:");
    if (keepsState ||
        (!llvm::isa<BlockArgument>(value) && !isUpdate && seen.try_emplace(value, true).second))
      continue;
    OpBuilder builder(result);
    result->setOperand(i, ReshapeOp::create(builder, value.getLoc(), value.getType(), value));
  }
}

std::string textOf(const Shape &shape) {
  std::string text;
  for (const Dim &extent : shape)
    text += (text.empty() ? "" : "x") + extent.str();
  llvm::erase(text, ' ');
  return text.empty() ? "1" : text;
}

llvm::StringRef wordFor(Operation *op) {
  llvm::StringRef name = op->getName().stripDialect();
  name.consume_front("reduce_");
  return name;
}

/// "<template>_<what>_<shape>": for people, and the same for equal kernels.
std::string nameOf(const FusionPlan &plan, const FusionUnit &unit) {
  llvm::SmallVector<std::string, 4> what;
  auto add = [&](llvm::StringRef word) {
    if (what.size() < 4 && !llvm::is_contained(what, word))
      what.push_back(word.str());
  };
  Shape shape = shapeOf(plan.op(unit.roots.front())->getResult(0));
  int64_t weightRows = 0, weightColumns = 0;
  for (unsigned at : unit.ops) {
    Operation *op = plan.op(at);
    if (auto linear = llvm::dyn_cast<LinearOp>(op)) {
      Type element = tensorOf(linear.getWeight()).getElementType();
      add(llvm::StringRef(elementName(element)));
      Shape weight = shapeOf(linear.getWeight());
      weightRows += weight[0].isConstant() ? weight[0].constant() : 0;
      weightColumns = weight[1].constant();
    } else if (auto attention = llvm::dyn_cast<AttentionOp>(op)) {
      add(llvm::StringRef(elementName(tensorOf(attention.getKey()).getElementType())));
    } else if (op->hasTrait<Reduction>()) {
      add(wordFor(op));
    }
  }
  for (unsigned root : unit.roots) {
    Operation *op = plan.op(root);
    bool isContraction = llvm::isa<LinearOp, MatmulOp, AttentionOp, TopKOp, ScatterOp>(op);
    // A movement says less than what it moves.
    while (op->hasTrait<Movement>() && op->getNumOperands() == 1 &&
           op->getOperand(0).getDefiningOp())
      op = op->getOperand(0).getDefiningOp();
    if (!isContraction)
      add(wordFor(op));
  }
  std::string name = stringifyKernelTemplate(unit.kind).str();
  for (const std::string &word : what)
    name += "_" + word;
  if (weightRows)
    return name + "_" + std::to_string(weightRows) + "x" + std::to_string(weightColumns);
  return name + "_" + textOf(shape);
}

/// Writes one kernel before the function's end. `values` maps what the ops made to buffers.
void emitKernel(const FusionPlan &plan, const FusionUnit &unit, OpBuilder &builder,
                IRMapping &values) {
  llvm::SmallVector<Location> locs;
  llvm::SmallVector<Value> inputs;
  llvm::SmallVector<Type> results;
  llvm::SmallVector<int64_t> nodes;
  for (Value input : unit.inputs)
    inputs.push_back(values.lookupOrDefault(input));
  for (unsigned root : unit.roots) {
    Operation *op = plan.op(root);
    results.push_back(op->getResult(0).getType());
    locs.push_back(op->getLoc());
    auto node = op->getAttrOfType<IntegerAttr>(kNodeAttr);
    nodes.push_back(node ? node.getInt() : -1);
  }
  llvm::SmallVector<Attribute> rows;
  for (const RowAxes &axes : unit.rows)
    rows.push_back(builder.getDenseI64ArrayAttr(axes));
  auto kernel = KernelOp::create(builder, builder.getFusedLoc(locs), results, inputs,
                                 builder.getStringAttr(nameOf(plan, unit)),
                                 KernelTemplateAttr::get(builder.getContext(), unit.kind),
                                 rows.empty() ? ArrayAttr() : builder.getArrayAttr(rows),
                                 /*slots=*/ArrayAttr(), /*barrier=*/UnitAttr(),
                                 builder.getDenseI64ArrayAttr(nodes));

  OpBuilder::InsertionGuard guard(builder);
  mlir::Block *body = builder.createBlock(&kernel.getRegion());
  IRMapping inner;
  for (auto [input, buffer] : llvm::zip(unit.inputs, inputs))
    inner.map(input, body->addArgument(buffer.getType(), buffer.getLoc()));
  for (unsigned at : unit.ops)
    builder.clone(*plan.op(at), inner)->removeAttr(kNodeAttr);
  llvm::SmallVector<Value> yielded;
  for (unsigned root : unit.roots)
    yielded.push_back(inner.lookup(plan.op(root)->getResult(0)));
  YieldOp::create(builder, kernel.getLoc(), yielded);
  for (auto [root, result] : llvm::zip(unit.roots, kernel.getResults()))
    values.map(plan.op(root)->getResult(0), result);
}

struct Fuse : impl::FuseBase<Fuse> {
  using FuseBase::FuseBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal() || !function.getBody().hasOneBlock())
      return;
    mlir::Block &body = function.getBody().front();
    for (Operation &op : body.without_terminator())
      if (op.getName().getDialectNamespace() != "rosso" || llvm::isa<KernelOp>(op)) {
        op.emitOpError("is not an op that kernels are made of");
        return signalPassFailure();
      }
    copySharedResults(function);
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(body)))
      if (isOpTriviallyDead(&op))
        op.erase();

    auto plan =
        FusionPlan::make(function, {.wideEpilogues = wideEpilogues, .operandViews = operandViews});
    if (failed(plan))
      return signalPassFailure();
    IRMapping values;
    Operation *end = body.getTerminator();
    OpBuilder builder(end);
    for (const FusionUnit &unit : plan->units())
      emitKernel(*plan, unit, builder, values);
    for (OpOperand &operand : end->getOpOperands())
      operand.set(values.lookupOrDefault(operand.get()));
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(body)))
      if (!llvm::isa<KernelOp>(op) && &op != end)
        op.erase();
  }
};

} // namespace
} // namespace rosso
