// Between the dialect's types and the project's own words for them: Shape, DType, QuantFormat.
#pragma once

#include "ir/quant/QuantFormat.h"
#include "support/DType.h"
#include "support/Dim.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"
#include "mlir/Support/LLVM.h"

#include <optional>

namespace rosso {

/// The extents of a tensor, those of its `?` read from the encoding.
Shape shapeOf(mlir::RankedTensorType type);
Shape shapeOf(mlir::Value value); // of a ranked tensor
mlir::RankedTensorType tensorOf(mlir::Value value);

/// `tensor<...>` with these extents and elements.
mlir::RankedTensorType tensorType(const Shape &shape, mlir::Type element);
/// The same extents with other elements.
mlir::RankedTensorType withElement(mlir::RankedTensorType type, mlir::Type element);

mlir::Type elementType(mlir::MLIRContext *context, DType dtype);
mlir::Type quantType(mlir::MLIRContext *context, std::string_view format);
/// The dtype of dense elements; nothing for quantised ones.
std::optional<DType> dtypeOf(mlir::Type element);
/// The format of quantised elements; null for dense ones.
const QuantFormat *formatOf(mlir::Type element);
/// As a Program's slots name elements: "f32", "q4_k".
std::string_view elementName(mlir::Type element);

/// Extents as ops take them, `["P", "0"]`, and back. The verifiers made sure that they parse.
mlir::ArrayAttr extentsAttr(mlir::MLIRContext *context, const Shape &extents);
Shape extentsOf(mlir::ArrayAttr attr);
/// One form from its text, which some verifier has accepted.
Dim dimOf(llvm::StringRef text);

/// The variables of the module around `op` (or `op` itself); none if it declares none.
VarTable varsOf(mlir::Operation *op);
void setVars(mlir::Operation *module, const VarTable &vars);
/// Fails with a diagnostic where a tensor in `root` has an extent of a variable that its module
/// does not declare: its size is then unknown.
mlir::LogicalResult requireDeclaredVariables(mlir::Operation *root);

/// Bytes of a tensor, dense and row-major, at its largest extents; quantised rows by whole blocks.
uint64_t byteSize(mlir::RankedTensorType type, const VarTable &vars);

/// The same number of elements, whatever the variables are.
bool sameElementCount(const Shape &a, const Shape &b);

} // namespace rosso
