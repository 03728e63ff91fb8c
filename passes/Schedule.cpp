// rosso-schedule: the fewest barriers that are still right.
//
// Kernels run in program order and may overlap until a barrier. One is needed before a kernel that
// touches memory which a kernel since the last barrier writes, or writes what one reads.
#include "ir/Shapes.h"
#include "passes/Passes.h"

namespace rosso {
#define GEN_PASS_DEF_SCHEDULE
#include "passes/Passes.h.inc"

using namespace mlir;

namespace {

/// A range of memory that a kernel reads or writes.
struct Access {
  SlotSpace space;
  int64_t index;
  uint64_t begin, end; // bytes
  bool writes;

  bool conflictsWith(const Access &other) const {
    return (writes || other.writes) && space == other.space && index == other.index &&
           begin < other.end && other.begin < end;
  }
};

struct Schedule : impl::ScheduleBase<Schedule> {
  using ScheduleBase::ScheduleBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (failed(requireDeclaredVariables(function)))
      return signalPassFailure();
    VarTable vars = varsOf(function);
    llvm::DenseMap<Value, Access> reads; // of the memory of a value
    for (BlockArgument argument : function.getArguments()) {
      auto space = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), kSpaceAttr);
      if (space && space.getValue() == "state")
        reads[argument] = {SlotSpace::State, argument.getArgNumber(), 0, UINT64_MAX, false};
    }
    llvm::SmallVector<Access> sinceBarrier;
    for (auto kernel : function.getOps<KernelOp>()) {
      if (!kernel.getSlots()) {
        kernel.emitOpError("has no slots; run rosso-plan-memory before");
        return signalPassFailure();
      }
      llvm::SmallVector<Access> accesses;
      for (Value input : kernel.getInputs())
        if (auto found = reads.find(input); found != reads.end())
          accesses.push_back(found->second);
      for (auto [result, attr] : llvm::zip(kernel.getResults(), *kernel.getSlots())) {
        auto slot = llvm::cast<SlotAttr>(attr);
        auto begin = static_cast<uint64_t>(slot.getOffset());
        bool isState = slot.getSpace() == SlotSpace::State;
        Access access{slot.getSpace(), slot.getIndex(), begin,
                      isState ? UINT64_MAX : begin + byteSize(tensorOf(result), vars), false};
        reads[result] = access;
        access.writes = true;
        accesses.push_back(access);
      }
      bool conflicts = llvm::any_of(accesses, [&](const Access &access) {
        return llvm::any_of(sinceBarrier,
                            [&](const Access &other) { return access.conflictsWith(other); });
      });
      kernel.setBarrier(conflicts);
      if (conflicts)
        sinceBarrier.clear();
      sinceBarrier.append(accesses);
    }
  }
};

} // namespace
} // namespace rosso
