// The dialect's registration, types, attributes, and what modules and functions carry for it.
#include "ir/Rosso.h"

#include "ir/Shapes.h"
#include "ir/quant/Formats.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#pragma GCC diagnostic ignored "-Wunused-parameter" // in generated code
#include "ir/Dialect.cpp.inc"
#include "ir/Enums.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "ir/Types.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "ir/Attrs.cpp.inc"

namespace rosso {

void RossoDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "ir/Types.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "ir/Attrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/Ops.cpp.inc"
      >();
}

static const QuantFormat *lookUp(llvm::StringRef name) {
  return findFormat(std::string_view(name.data(), name.size()));
}

const QuantFormat &QuantType::getFormat() const { return *lookUp(getFormatName()); }

LogicalResult QuantType::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                                llvm::StringRef formatName) {
  const QuantFormat *format = lookUp(formatName);
  if (!format || format->isFloat())
    return emitError() << "no quantised format is named '" << formatName << "'";
  return success();
}

Type QuantType::parse(AsmParser &parser) {
  llvm::StringRef formatName;
  if (parser.parseLess() || parser.parseKeyword(&formatName) || parser.parseGreater())
    return {};
  return parser.getChecked<QuantType>(parser.getContext(), formatName);
}

void QuantType::print(AsmPrinter &printer) const { printer << "<" << getFormatName() << ">"; }

/// A form that varies, written as Dim::str writes it: equal extents are then equal text.
static LogicalResult verifyForm(llvm::function_ref<InFlightDiagnostic()> emitError,
                                llvm::StringRef text) {
  auto dim = Dim::parse(std::string_view(text.data(), text.size()));
  if (!dim)
    return emitError() << dim.error().message;
  if (dim->isConstant())
    return emitError() << "extent '" << text << "' is constant; write it in the tensor's type";
  if (dim->str() != text)
    return emitError() << "extent '" << text << "' has the canonical form '" << dim->str() << "'";
  return success();
}

LogicalResult DimsAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                               llvm::ArrayRef<StringAttr> extents) {
  for (StringAttr extent : extents)
    if (failed(verifyForm(emitError, extent.getValue())))
      return failure();
  return success();
}

LogicalResult DimsAttr::verifyEncoding(llvm::ArrayRef<int64_t> shape, Type,
                                       llvm::function_ref<InFlightDiagnostic()> emitError) const {
  auto dynamic = static_cast<size_t>(llvm::count_if(shape, ShapedType::isDynamic));
  if (dynamic != getExtents().size())
    return emitError() << "the tensor has " << dynamic << " extents '?', its dims name "
                       << getExtents().size();
  return success();
}

static LogicalResult verifyVars(Operation *op, Attribute value) {
  auto dict = llvm::dyn_cast<DictionaryAttr>(value);
  if (!dict || !llvm::isa<ModuleOp>(op))
    return op->emitError("rosso.vars: expected a dictionary on a module");
  for (NamedAttribute var : dict.getValue()) {
    auto bounds = llvm::dyn_cast<ArrayAttr>(var.getValue());
    if (!bounds || bounds.size() != 2 || !llvm::all_of(bounds, llvm::IsaPred<IntegerAttr>))
      return op->emitError() << "rosso.vars: bounds of '" << var.getName().getValue()
                             << "': expected [min, max]";
    auto bound = [&](unsigned i) { return llvm::cast<IntegerAttr>(bounds[i]).getValue(); };
    constexpr int64_t kMost = int64_t{1} << 40; // sums of products with extents stay in 64 bits
    if (bound(0).getSignificantBits() > 42 || bound(1).getSignificantBits() > 42 ||
        bound(0).getSExtValue() < -kMost || bound(1).getSExtValue() > kMost ||
        bound(0).getSExtValue() > bound(1).getSExtValue())
      return op->emitError() << "rosso.vars: bounds of '" << var.getName().getValue()
                             << "': expected min <= max within 2^40";
  }
  return success();
}

LogicalResult RossoDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  if (attribute.getName() == kVarsAttr)
    return verifyVars(op, attribute.getValue());
  if (attribute.getName() == kNodeAttr || attribute.getName() == kScratchBytesAttr)
    if (!llvm::isa<IntegerAttr>(attribute.getValue()))
      return op->emitError() << attribute.getName().getValue() << ": expected an integer";
  return success();
}

LogicalResult RossoDialect::verifyRegionArgAttribute(Operation *op, unsigned, unsigned number,
                                                     NamedAttribute attribute) {
  auto text = llvm::dyn_cast<StringAttr>(attribute.getValue());
  auto complain = [&](llvm::StringRef wanted) {
    return op->emitError() << "argument " << number << ": " << attribute.getName().getValue()
                           << ": expected " << wanted;
  };
  if (attribute.getName() == kNameAttr && !text)
    return complain("a string");
  if (attribute.getName() == kSpaceAttr &&
      (!text || !llvm::is_contained({"weight", "state", "input"}, text.getValue())))
    return complain("\"weight\", \"state\" or \"input\"");
  if (attribute.getName() == kLayoutAttr &&
      (!text || !llvm::is_contained({"rows", "tile16", "tile32"}, text.getValue())))
    return complain("\"rows\", \"tile16\" or \"tile32\"");
  return success();
}

LogicalResult RossoDialect::verifyRegionResultAttribute(Operation *op, unsigned, unsigned number,
                                                        NamedAttribute attribute) {
  if (attribute.getName() == kNameAttr && !llvm::isa<StringAttr>(attribute.getValue()))
    return op->emitError() << "result " << number << ": rosso.name: expected a string";
  return success();
}

} // namespace rosso
