// One kernel while its code is being written: where its operands are and what its variables hold.
#pragma once

#include "codegen/Emit.h"
#include "codegen/Target.h"
#include "ir/Rosso.h"
#include "ir/Shapes.h"
#include "ir/quant/Tile.h"
#include "runtime/program/Program.h"

#include <map>
#include <string>

namespace rosso {

/// How a weight lies in memory; see ir/quant/Tile.h.
enum class Layout { Rows, Tile16, Tile32 };

llvm::StringRef layoutName(Layout layout);
Layout layoutNamed(llvm::StringRef name);
/// Of a tile layout.
const TileShape &tileShape(Layout layout);

/// The function being written and the kernel region it is written from. Templates ask it for
/// addresses and extents, and tell it the grid of work items.
struct KernelContext {
  KernelContext(KernelOp kernel, const Target &chip, const VarTable &bounds,
                llvm::ArrayRef<Layout> inputs)
      : op(kernel), target(chip), vars(bounds), layouts(inputs) {}

  KernelOp op;
  const Target &target;
  VarTable vars;
  llvm::SmallVector<Layout> layouts; // of each input
  llvm::SmallVector<Value> pointers; // of each input, then each result
  Value workspace; // memory of its own, if the template asked for it: on a GPU see Templates.h
  std::map<std::string, Value> values; // of each variable, i64
  Value begin, end; // the work items to compute; on a GPU each work group is one, see Wave
  // What the template decides:
  std::vector<GridDim> grid;
  int64_t scratchBytes = 0; // of the workspace of each thread on the host
  int64_t threads = 0;      // of a work group on a GPU
  int64_t mostVgprs = 0;    // of a lane on a GPU; 0: as many as the compiler likes
  unsigned sharedCount = 0; // of its pieces of shared memory
  std::string problem;      // why the template cannot be written for this target; else empty
  std::string schedule;     // for dumps: "rows 16, tokens 4"

  /// The address of an operand, or of a reshape of one.
  Value pointerOf(Value tensor) const;
  Value resultPointer(unsigned index) const { return pointers[layouts.size() + index]; }
  Layout layoutOf(mlir::BlockArgument argument) const { return layouts[argument.getArgNumber()]; }

  Value extent(Emit &e, const Dim &dim) const;
  Values extents(Emit &e, const Shape &shape) const;
};

/// Position of an index in a dense row-major tensor, counted in elements.
Value linearIndex(Emit &e, const KernelContext &kernel, const Shape &shape, ValueRange index);
/// How many elements a shape has, whatever its extents depend on.
Value elementNumber(Emit &e, const KernelContext &kernel, const Shape &shape);
/// The index of a position.
Values delinearIndex(Emit &e, const KernelContext &kernel, const Shape &shape, Value position);

/// One work item for each index of `shape`; a single one for rank 0.
std::vector<GridDim> gridOver(const Shape &shape);

/// The type an element has in registers (bool i1, integers signless, floats) and in memory (bool
/// i8).
Type registerType(Type element);
Type memoryType(Type element);
Value loadElement(Emit &e, Type element, Value pointer, Value position);
void storeElement(Emit &e, Type element, Value value, Value pointer, Value position);

} // namespace rosso
