// The rows of a reduce kernel: how they are numbered, and how they lie in memory.
#pragma once

#include "codegen/Kernel.h"
#include "ir/Rows.h"

namespace rosso {

class RowSpace {
public:
  explicit RowSpace(const KernelContext &kernel);

  /// Of what numbers a row: the row axes of the first result.
  const Shape &extents() const { return extents_; }
  /// The axes of a result that number its rows.
  RowAxes axesOfResult(unsigned index) const;
  /// An index of a tensor of `shape` that lies in `row` (components of `extents`) on `axes`, and
  /// is 0 on the others.
  Values indexIn(Emit &e, const Shape &shape, llvm::ArrayRef<int64_t> axes, ValueRange row) const;
  /// Whether the positions on these axes are the components of a row, one for one.
  bool hasComponents(const Shape &shape, llvm::ArrayRef<int64_t> axes) const {
    return extentsAt(shape, axes) == extents_;
  }

private:
  const KernelContext &kernel_;
  Shape extents_;
};

/// Along which axis of a value neighbours are neighbours in memory, too; -1: none. Of several
/// operands the largest counts.
class MemoryAxes {
public:
  explicit MemoryAxes(const KernelContext &kernel);
  int64_t of(Value value) const { return found_.lookup(value).axis; }
  uint64_t bytesOf(Value value) const { return found_.lookup(value).bytes; }

private:
  struct Axis {
    int64_t axis = -1;
    uint64_t bytes = 0; // of the operand that this is known of
  };
  Axis through(mlir::Operation *op, unsigned operand, Axis from) const;

  const VarTable &vars_;
  llvm::DenseMap<Value, Axis> found_;
};

/// Whether all that `value` is made of may be read as if its axes `axis` and `axis` + 1 were one:
/// in operands they are neighbours, or absent.
bool staysWhole(Value value, size_t axis);

} // namespace rosso
