// What a kernel yields, and how its elements get into memory: stored, written into a slice of a
// state, or packed into int8 blocks.
#pragma once

#include "codegen/ElementEmitter.h"

namespace rosso {

class Wave;

class Root {
public:
  Root(const KernelContext &kernel, unsigned index);

  /// Extents of the elements to compute (of an update: those of the slice).
  const Shape &shape() const { return shape_; }
  /// The tensor they are elements of.
  Value value() const { return value_; }
  /// Whether elements are stored in blocks along the last axis, and how long these are.
  bool isBlocked() const { return blockLen_ != 1; }
  int64_t blockLen() const { return blockLen_; }
  /// Whether they go into a part of what is stored.
  bool isSlice() const { return shape_ != memoryShape_; }

  /// Computes and stores the element at `index`. Not of a blocked root.
  void storeOne(ElementEmitter &elements, Values index) const;
  /// On a GPU: the wave's 32 lanes compute and store block `block` of the last axis at the outer
  /// index `outer`, an element each.
  void storeBlock(ElementEmitter &elements, Wave &wave, ValueRange outer, Value block) const;

  /// On a GPU: this lane's element at `index`; of a blocked root, the lanes of a wave have the 32
  /// elements of a block.
  void storeLane(ElementEmitter &elements, Wave &wave, Values index) const;

  /// Computes and stores elements [from, to) of the last axis at the outer index `outer`. For a
  /// blocked root these are multiples of the block length.
  void store(ElementEmitter &elements, ValueRange outer, Value from, Value to) const;
  /// The same of the axes that `outer` does not index, as if they were one.
  void storeMerged(ElementEmitter &elements, ValueRange outer, Value from, Value to) const;
  /// The whole tensor at and below `outer`, which indexes some leading axes.
  void storeBelow(ElementEmitter &elements, ValueRange outer) const;
  /// All elements whose index is that of `index` on the axes `fixed`.
  void storeAt(ElementEmitter &elements, llvm::ArrayRef<int64_t> fixed, Values index) const;

private:
  void storeFrom(ElementEmitter &elements, llvm::ArrayRef<int64_t> fixed, Values index,
                 size_t axis) const;
  void storeRange(ElementEmitter &elements, ValueRange outer, Value from, Value to) const;
  void storeBlock(ElementEmitter &elements, Values index, Value block) const;
  Value blockRow(Emit &e, ValueRange outer) const;

  const KernelContext &kernel_;
  Value value_; // elements to compute
  Shape shape_;
  Shape memoryShape_; // of the tensor they are stored in
  Shape begin_;       // where in it the slice lies
  Type element_;      // of that tensor
  const QuantFormat *format_ = nullptr;
  int64_t blockLen_ = 1;
  Value pointer_;
  /// Ops whose last axis is of several parts, in the element's own index space, and where each
  /// part ends. Of a pad: around it, inside, around it.
  struct Parts {
    mlir::Operation *op;
    std::vector<int64_t> ends;
  };
  static void findParts(Value value, llvm::DenseSet<Value> &seen, std::vector<Parts> &found);
  std::vector<Parts> parts_;
};

} // namespace rosso
