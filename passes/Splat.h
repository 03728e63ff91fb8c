// Tensors whose elements are all one constant: `constant`, moved about by any movement op.
#pragma once

#include "ir/Rosso.h"

#include "mlir/IR/PatternMatch.h"

#include <optional>

namespace rosso {

/// A number as the elements of some type hold it.
struct Number {
  bool isFloat = false;
  double real = 0;     // of floats
  int64_t integer = 0; // of integers and bools

  double asDouble() const { return isFloat ? real : static_cast<double>(integer); }
  bool is(double value) const { return asDouble() == value; }
};

/// The one value of all elements of `tensor`, if it is known.
std::optional<Number> splatOf(mlir::Value tensor);

/// A tensor of `type` whose elements are all `number`, rounded to its elements.
mlir::Value makeSplat(mlir::OpBuilder &builder, mlir::Location loc, mlir::RankedTensorType type,
                      Number number);

/// What an elementwise op makes of constant operands; nothing if it is not known here.
std::optional<Number> evaluate(mlir::Operation *op, llvm::ArrayRef<Number> operands);

/// Marks `to` as computing the graph node that `from` computed.
void copyNode(mlir::Operation *from, mlir::Operation *to);

} // namespace rosso
