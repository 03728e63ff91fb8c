// Which values of a function become buffers, and which of them one kernel computes together.
//
// An op is evaluated inside the kernels that need it unless its value is *cut*: then it becomes a
// buffer and some kernel's result. Cut are
//   - what a contraction, attention, topk reads, and what it makes (or what its epilogue makes)
//   - updates of states, quantised activations, and the function's results
//   - a reduction's value where its row is left: a row kernel computes one row at a time
//   - what several kernels would otherwise recompute dearly
//   - what would make a kernel too large to compile quickly
// Kernels that depend on the same step of the program and on each other in no way are merged.
#pragma once

#include "ir/Rosso.h"
#include "ir/Rows.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <optional>
#include <vector>

namespace rosso {

/// reduce_sum(reshape([.., N] -> [.., N / 32, 32])) over the last axis: of what the lanes of a wave
/// hold.
bool isSumOfRows(mlir::Operation *op);

/// One kernel to be.
struct FusionUnit {
  llvm::SmallVector<unsigned, 4> roots;  // ops whose values it yields, in order
  llvm::SmallVector<unsigned> ops;       // of its body, each after its operands
  llvm::SmallVector<mlir::Value> inputs; // buffers it reads: arguments or roots of other units
  KernelTemplate kind = KernelTemplate::Map;
  llvm::SmallVector<RowAxes> rows; // of each root of a reduce
  unsigned level = 0;              // 1 + that of the latest unit it must follow
};

/// What the kernels of a target can do.
struct FusionAbilities {
  /// Those of contractions and attention may pack their results in int8 blocks, those of
  /// contractions may sum up 32 rows of their results, and rows of others' such sums.
  bool wideEpilogues = false;
  /// Those of contractions read operands as views, and store results as a reshape shows them.
  bool operandViews = false;
};

/// The kernels of a function of one block, in an order that respects what they read and write.
/// Fails with a diagnostic where a state's old value is needed after its update.
class FusionPlan {
public:
  static mlir::FailureOr<FusionPlan> make(mlir::func::FuncOp function, FusionAbilities abilities);

  const std::vector<FusionUnit> &units() const { return units_; }
  mlir::Operation *op(unsigned number) const { return ops_[number]; }

private:
  struct Use {
    int unit;
    size_t path; // how the unit's elements map to this value's: equal paths share one evaluation
    auto operator<=>(const Use &) const = default;
  };
  struct Info {
    bool cut = false;
    bool inEpilogue = false;     // of a contraction, or the contraction itself
    int unit = -1;               // that yields it, if it is cut
    bool costly = false;         // to compute, with the elementwise ops behind that are not cut
    unsigned depth = 0;          // contractions, reductions and the like on the longest path
    std::optional<RowAxes> rows; // axes that number the rows of reductions within
    bool sideBySide = false;     // rows: the last axis of what is reduced numbers them
    llvm::SmallVector<Use, 4> uses;
  };

  bool mayFollowContractions(mlir::Operation *op) const;
  bool isEpilogueSum(mlir::Operation *op) const;
  int numberOf(mlir::Value value) const; // of the op that makes it, or -1
  Info *infoOf(mlir::Value value);       // null for arguments
  void cut(mlir::Value value);
  int makeUnit();

  void number(mlir::func::FuncOp function);
  void cutOperands();
  void cutSelfReadingUpdates();
  void growEpilogues();
  std::vector<unsigned> findRegion(llvm::ArrayRef<unsigned> contractions);
  void growEpilogue(llvm::ArrayRef<unsigned> contractions);
  void addSiblings(llvm::ArrayRef<unsigned> region, int unit, llvm::SmallVector<unsigned> &pending);
  void alignRows();
  void cutRow(mlir::Value value);
  void cutTables();
  void limitSize();
  size_t countOps(unsigned op) const;
  void cutShared();
  void collectUses(unsigned op);
  bool isDearToRepeat(unsigned op) const;
  void collectBody(FusionUnit &unit) const;
  void classify(FusionUnit &unit) const;
  mlir::LogicalResult order();
  mlir::LogicalResult refuseCycle(llvm::ArrayRef<std::pair<unsigned, size_t>> waiting) const;
  bool needsOwnRows(const FusionUnit &unit, mlir::Value value, const RowAxes &rows) const;
  std::optional<RowAxes> rowsWanted(const FusionUnit &unit, mlir::Value value) const;
  void joinRowKernels();
  void mergeReductions();
  void mergeMaps();

  FusionAbilities abilities_;
  std::vector<mlir::Operation *> ops_;
  llvm::DenseMap<mlir::Operation *, unsigned> numbers_;
  std::vector<Info> infos_;
  std::vector<FusionUnit> units_;
};

} // namespace rosso
