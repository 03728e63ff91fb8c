// An operand of a contraction, read in vectors along one of its axes.
//
// Between the operand and the buffer there may be movement ops: the operand is a view. Where moving
// along an axis means moving to the next element of the buffer, as far as some period and but for
// what lies in a padding, vectors are loaded; any other operand is read element by element.
#pragma once

#include "codegen/ElementEmitter.h"
#include "codegen/IndexForm.h"

namespace rosso {

class OperandView {
public:
  /// `tensor` as a sequence along `axis`, whose elements are widened to `type`.
  OperandView(ElementEmitter &elements, Value tensor, size_t axis, Type type, int64_t lanes);

  /// Whether vectors along the axis are loaded: of neighbours, or of every second to fourth
  /// element.
  bool isVectorised() const { return step_ >= 1 && step_ <= kMostStep; }
  /// Whether `vector` may be called: vectorised, and that without a period.
  bool hasVectors() const { return isVectorised() && period_ == 0; }
  /// The elements of a run, after which the next one lies somewhere else; 0: there is but one run.
  int64_t period() const { return isVectorised() ? period_ : 0; }

  /// Cycles to copy an element, roughly: of whole runs, or of any stretch.
  enum class Stretch { Any, WholeRuns };
  double cost(Stretch stretch = Stretch::WholeRuns) const;

  /// The `lanes` elements from `index` on, of which only the first `count` (any number) may be
  /// read.
  Value vector(ValueRange index, Value count) const;

  /// Whether the operand is a buffer of this very type, with no padding: its elements have
  /// addresses.
  bool isBufferOf(Type type) const;
  Value address(ValueRange index) const;
  /// By how many bytes one step on `axis` moves the address, if that is the same everywhere.
  std::optional<int64_t> bytesAlong(size_t axis) const;

  /// Writes the `count` elements from `index` on to `target`, and at most `lanes` - 1 others behind
  /// them.
  void copy(Value target, ValueRange index, Value count, Stretch stretch = Stretch::Any) const;

private:
  struct Bound { // 0 <= form < extent, else it is padding
    IndexForm form;
    Dim extent;
  };
  struct Trace {
    IndexForms forms;
    llvm::SmallVector<IndexForm, 6> symbols; // of each axis; with a period, then the rest within it
    llvm::SmallVector<IndexForm, 6> index;   // into the buffer
    llvm::SmallVector<Bound, 4> bounds;
    mlir::BlockArgument buffer;
    Shape shape; // of the buffer
    std::optional<double> padding;
  };

  std::optional<Trace> trace(int64_t period) const;
  bool follow(Trace &trace, Value tensor, llvm::SmallVector<IndexForm, 6> index) const;
  std::optional<int64_t> stepOf(const Trace &trace, const IndexForm &symbol) const;
  struct Lanes { // of a vector that hold elements of the buffer
    Value first, last;
  };
  Value isInside(ValueRange symbols) const;
  Value load(ValueRange symbols, Value count) const;
  Value loadLanes(ValueRange symbols, std::optional<Lanes> lanes) const;
  Value loadMasked(Value pointer, int64_t number, std::optional<Lanes> lanes) const;
  Value padding() const;
  void copyRun(Value target, Values symbols, Value count) const;
  void copyWholeRun(Value target, Values symbols) const;
  Value element(ValueRange index) const;

  static constexpr int64_t kMostStep = 4;

  ElementEmitter &elements_;
  Emit &e_;
  Value tensor_;
  size_t axis_;
  Type type_;
  int64_t lanes_;
  std::optional<Trace> trace_;
  int64_t period_ = 0; // runs of this many elements; 0: one run
  int64_t step_ = -1;  // in the buffer, in elements; -1: not the same everywhere
};

} // namespace rosso
