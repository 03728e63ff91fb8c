// The value of one element of any tensor in a kernel, computed from the kernel's operands.
//
// This is where fusion happens in code: nothing between the operands and the requested element is
// ever stored. Movement ops become index arithmetic, elementwise ops become instructions. What a
// template computes itself (the result of a contraction, of a reduction) it binds, and everything
// that depends on it reads the bound value.
#pragma once

#include "codegen/Kernel.h"

#include <functional>
#include <map>
#include <optional>
#include <vector>

namespace rosso {

class ElementEmitter {
public:
  ElementEmitter(Emit &e, const KernelContext &kernel) : e_(e), kernel_(kernel) {
    scopes_.emplace_back();
  }

  /// The element of `tensor` at `index` (i64, one for each axis), in its register type.
  Value element(Value tensor, ValueRange index);

  /// Elements of `tensor` come from `source` from now on.
  using Source = std::function<Value(ValueRange index)>;
  void bind(Value tensor, Source source) { sources_.insert_or_assign(key(tensor), source); }
  void unbind(Value tensor) { sources_.erase(key(tensor)); }

  /// Indices on the axis of a concat lie in its source number `source` from now on, so that no
  /// other needs to be read; those on the last axis of a pad in the source (1) or around it (0).
  void choose(mlir::Operation *op, unsigned source) { choices_[op] = source; }
  void forgetChoices() { choices_.clear(); }
  /// The source chosen; nothing if any may be meant.
  std::optional<unsigned> chosen(mlir::Operation *op) const {
    auto it = choices_.find(op);
    return it == choices_.end() ? std::nullopt : std::optional(it->second);
  }

  /// An element of an operand read as if it had the extents `shape`: a reshape of memory moves
  /// nothing.
  Value reshaped(mlir::BlockArgument argument, const Shape &shape, ValueRange index);

  /// Values emitted while a Scope lives are forgotten with it: one for each nested region.
  class Scope {
  public:
    explicit Scope(ElementEmitter &elements) : elements_(elements) {
      elements_.scopes_.emplace_back();
    }
    ~Scope() { elements_.scopes_.pop_back(); }
    Scope(const Scope &) = delete;
    Scope &operator=(const Scope &) = delete;

  private:
    ElementEmitter &elements_;
  };

  Emit &emit() { return e_; }
  const KernelContext &kernel() const { return kernel_; }

private:
  using Key = std::vector<void *>; // tensor, then index values

  static void *key(Value v) { return v.getAsOpaquePointer(); }
  Value compute(Value tensor, ValueRange index);
  Value operand(mlir::BlockArgument argument, ValueRange index);

  Emit &e_;
  const KernelContext &kernel_;
  std::map<void *, Source> sources_;
  llvm::DenseMap<mlir::Operation *, unsigned> choices_;
  std::vector<std::map<Key, Value>> scopes_;
};

} // namespace rosso
