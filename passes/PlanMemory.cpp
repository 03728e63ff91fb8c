// rosso-plan-memory: the place of every kernel result, decided once.
//
// An update lies in its state, a result of the function in its output; everything else shares one
// scratch region, where two buffers overlap only if no kernel needs both. Entries never run at the
// same time and share the region. Weights that contractions or gathers read get the tile layout.
#include "ir/Shapes.h"
#include "passes/OperandViews.h"
#include "passes/Passes.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MathExtras.h"

namespace rosso {
#define GEN_PASS_DEF_PLANMEMORY
#include "passes/Passes.h.inc"

using namespace mlir;

namespace {

constexpr uint64_t kAlignment = 64; // bytes: a cache line, and a 512-bit register

/// A buffer in scratch: needed from the launch of kernel `first` to the end of kernel `last`.
struct Buffer {
  KernelOp kernel;
  unsigned result;
  unsigned first, last;
  uint64_t bytes;
  uint64_t offset = 0;
};

/// Places buffers, the largest first, each in the smallest gap that it fits between those placed
/// before which live at the same time. Returns the bytes of the region.
uint64_t place(std::vector<Buffer> &buffers) {
  std::vector<Buffer *> order;
  for (Buffer &buffer : buffers)
    order.push_back(&buffer);
  llvm::sort(order, [](Buffer *a, Buffer *b) {
    return a->bytes != b->bytes ? a->bytes > b->bytes : a < b; // then in program order
  });
  std::vector<Buffer *> placed; // by offset
  uint64_t total = 0;
  for (Buffer *buffer : order) {
    uint64_t best = UINT64_MAX, bestGap = UINT64_MAX, end = 0;
    for (Buffer *other : placed) {
      if (other->last < buffer->first || buffer->last < other->first)
        continue;
      uint64_t gap = other->offset > end ? other->offset - end : 0;
      if (gap >= buffer->bytes && gap < bestGap) {
        best = end;
        bestGap = gap;
      }
      end = std::max(end, llvm::alignTo(other->offset + other->bytes, kAlignment));
    }
    buffer->offset = best == UINT64_MAX ? end : best;
    total = std::max(total, llvm::alignTo(buffer->offset + buffer->bytes, kAlignment));
    auto at = llvm::upper_bound(placed, buffer,
                                [](Buffer *a, Buffer *b) { return a->offset < b->offset; });
    placed.insert(at, buffer);
  }
  return total;
}

/// The function's value behind an operand of the kernel's body; null if the body computes it.
Value outside(KernelOp kernel, Value inside) {
  auto argument = llvm::dyn_cast<BlockArgument>(inside);
  return argument ? kernel.getInputs()[argument.getArgNumber()] : Value();
}

/// Sets the slots of one entry and returns the bytes of scratch it needs.
FailureOr<uint64_t> planEntry(func::FuncOp function, const VarTable &vars) {
  MLIRContext *context = function.getContext();
  std::vector<KernelOp> kernels;
  llvm::DenseMap<Operation *, unsigned> position;
  for (auto kernel : function.getOps<KernelOp>()) {
    position[kernel] = kernels.size();
    kernels.push_back(kernel);
  }
  llvm::DenseMap<Value, int64_t> stateOf; // values that are a state's memory
  for (BlockArgument argument : function.getArguments())
    stateOf[argument] = argument.getArgNumber();

  std::vector<Buffer> buffers;
  std::vector<llvm::SmallVector<Attribute>> slots;
  for (KernelOp kernel : kernels) {
    auto &kernelSlots = slots.emplace_back();
    for (OpResult result : kernel.getResults()) {
      auto update = kernel.getYielded()[result.getResultNumber()].getDefiningOp<UpdateOp>();
      if (update) {
        Value state = outside(kernel, update.getState());
        auto found = state ? stateOf.find(state) : stateOf.end();
        if (found == stateOf.end())
          return kernel.emitOpError("updates a value that is not a state of the entry");
        const int64_t number = found->second; // `found` ends where the map grows
        stateOf[result] = number;
        kernelSlots.push_back(SlotAttr::get(context, SlotSpace::State, number, 0));
        continue;
      }
      unsigned last = position[kernel];
      int64_t output = -1;
      for (OpOperand &use : result.getUses()) {
        if (llvm::isa<func::ReturnOp>(use.getOwner()))
          output = use.getOperandNumber();
        else
          last = std::max(last, position.lookup(use.getOwner()));
      }
      if (output >= 0) {
        kernelSlots.push_back(SlotAttr::get(context, SlotSpace::Output, output, 0));
        continue;
      }
      kernelSlots.push_back({});
      buffers.push_back({kernel, result.getResultNumber(), position[kernel], last,
                         byteSize(tensorOf(result), vars)});
    }
  }
  uint64_t bytes = place(buffers);
  for (const Buffer &buffer : buffers)
    slots[buffer.first][buffer.result] =
        SlotAttr::get(context, SlotSpace::Scratch, 0, static_cast<int64_t>(buffer.offset));
  for (auto [kernel, kernelSlots] : llvm::zip(kernels, slots))
    kernel.setSlotsAttr(ArrayAttr::get(context, kernelSlots));
  return bytes;
}

/// The weight that an operand of an op inside a kernel is, or is a view of, or none.
BlockArgument weightOf(KernelOp kernel, Value operand) {
  auto argument = llvm::dyn_cast_or_null<BlockArgument>(outside(kernel, bufferBehind(operand)));
  if (!argument)
    return {};
  auto function = kernel->getParentOfType<func::FuncOp>();
  auto space = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), kSpaceAttr);
  return space && space.getValue() == "weight" ? argument : BlockArgument();
}

/// Whether an op reads this operand row by row, wherever the rows lie.
bool readsRows(Operation *op, unsigned operand) {
  if (llvm::isa<LinearOp>(op))
    return operand == 1;
  return llvm::isa<GatherOp>(op) && operand == 0;
}

bool fitsTiles(RankedTensorType type) {
  if (!type.hasStaticShape() || type.getRank() != 2)
    return false;
  Type element = type.getElementType();
  if (const QuantFormat *format = formatOf(element))
    return type.getShape()[1] % format->blockLen == 0;
  return element.isF32() || element.isF16() || element.isBF16();
}

/// Matrices of whole blocks that some entry reads by contraction or by row, and none as the
/// activations of a contraction, whose rows must lie in order.
llvm::StringSet<> findTiledWeights(ModuleOp module) {
  llvm::StringSet<> tiled, inOrder;
  module.walk([&](Operation *op) {
    auto kernel = llvm::dyn_cast_or_null<KernelOp>(op->getParentOp());
    if (!kernel || !llvm::isa<LinearOp, GatherOp, MatmulOp, AttentionOp>(op))
      return;
    for (unsigned i = 0; i < op->getNumOperands(); ++i) {
      BlockArgument weight = weightOf(kernel, op->getOperand(i));
      if (!weight)
        continue;
      auto function = kernel->getParentOfType<func::FuncOp>();
      auto name = function.getArgAttrOfType<StringAttr>(weight.getArgNumber(), kNameAttr);
      if (!name)
        continue;
      bool isIndex = llvm::isa<GatherOp>(op) && i == 1;
      auto layout = function.getArgAttrOfType<StringAttr>(weight.getArgNumber(), kLayoutAttr);
      if (layout && layout.getValue() == "rows") {
        inOrder.insert(name.getValue());
        continue;
      }
      bool isView = bufferBehind(op->getOperand(i)) != op->getOperand(i);
      if ((!readsRows(op, i) || isView) && !isIndex)
        inOrder.insert(name.getValue());
      else if (!isIndex && fitsTiles(tensorOf(weight)))
        tiled.insert(name.getValue());
    }
  });
  for (const auto &name : inOrder)
    tiled.erase(name.getKey());
  return tiled;
}

struct PlanMemory : impl::PlanMemoryBase<PlanMemory> {
  using PlanMemoryBase::PlanMemoryBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (failed(requireDeclaredVariables(module)))
      return signalPassFailure();
    VarTable vars = varsOf(module);
    uint64_t scratch = 0;
    for (auto function : module.getOps<func::FuncOp>()) {
      if (function.isExternal())
        continue;
      auto bytes = planEntry(function, vars);
      if (failed(bytes))
        return signalPassFailure();
      scratch = std::max(scratch, *bytes);
    }
    Builder builder(&getContext());
    module->setAttr(kScratchBytesAttr, builder.getI64IntegerAttr(static_cast<int64_t>(scratch)));

    llvm::StringSet<> tiled = findTiledWeights(module);
    for (auto function : module.getOps<func::FuncOp>())
      for (unsigned i = 0; i < function.getNumArguments(); ++i) {
        auto space = function.getArgAttrOfType<StringAttr>(i, kSpaceAttr);
        auto name = function.getArgAttrOfType<StringAttr>(i, kNameAttr);
        if (space && name && space.getValue() == "weight")
          function.setArgAttr(i, kLayoutAttr,
                              builder.getStringAttr(tiled.contains(name.getValue())
                                                        ? StringRef(tileLayout)
                                                        : "rows"));
      }
  }
};

} // namespace
} // namespace rosso
