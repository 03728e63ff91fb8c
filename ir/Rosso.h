// The `rosso` dialect: types, attributes and ops as C++. Declared in Rosso.td and Ops.td.
#pragma once

#include "ir/quant/QuantFormat.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace rosso {

// Names of attributes that are not an op's own.
inline constexpr llvm::StringLiteral kVarsAttr = "rosso.vars";                  // module
inline constexpr llvm::StringLiteral kScratchBytesAttr = "rosso.scratch_bytes"; // module, i64
inline constexpr llvm::StringLiteral kNameAttr = "rosso.name";     // argument or result
inline constexpr llvm::StringLiteral kSpaceAttr = "rosso.space";   // argument: one of the three
inline constexpr llvm::StringLiteral kLayoutAttr = "rosso.layout"; // argument: rows, tile16 or
                                                                   // tile32
inline constexpr llvm::StringLiteral kNodeAttr = "rosso.node";     // op: the graph node's id, i64

/// The tensor of bools of the shape of `tensor`.
mlir::Type boolsLike(mlir::Type tensor);

/// Element i of the result depends on element i of each operand and nothing else.
template <typename ConcreteOp>
class Elementwise : public mlir::OpTrait::TraitBase<ConcreteOp, Elementwise> {};
/// An element of the result is an element of an operand, somewhere else (or a constant).
template <typename ConcreteOp>
class Movement : public mlir::OpTrait::TraitBase<ConcreteOp, Movement> {};
/// Combines the elements along `axes`.
template <typename ConcreteOp>
class Reduction : public mlir::OpTrait::TraitBase<ConcreteOp, Reduction> {};

/// Combines the elements of `axis` up to each.
template <typename ConcreteOp> class Scan : public mlir::OpTrait::TraitBase<ConcreteOp, Scan> {};

} // namespace rosso

// Generated code leaves parameters unused.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "ir/Dialect.h.inc"
#include "ir/Enums.h.inc"
#define GET_TYPEDEF_CLASSES
#include "ir/Types.h.inc"
#define GET_ATTRDEF_CLASSES
#include "ir/Attrs.h.inc"
#define GET_OP_CLASSES
#include "ir/Ops.h.inc"
#pragma GCC diagnostic pop
