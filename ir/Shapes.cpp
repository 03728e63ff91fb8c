#include "ir/Shapes.h"

#include "ir/Rosso.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseSet.h"

#include <algorithm>
#include <numeric>

using namespace mlir;

namespace rosso {

Dim dimOf(llvm::StringRef text) {
  auto dim = Dim::parse(std::string_view(text.data(), text.size()));
  assert(dim.ok() && "the verifier accepted this form");
  return *std::move(dim);
}

Shape shapeOf(RankedTensorType type) {
  auto dims = llvm::dyn_cast_or_null<DimsAttr>(type.getEncoding());
  Shape shape;
  shape.reserve(type.getRank());
  size_t at = 0;
  for (int64_t extent : type.getShape())
    shape.push_back(ShapedType::isDynamic(extent) ? dimOf(dims.getExtents()[at++].getValue())
                                                  : Dim(extent));
  return shape;
}

RankedTensorType tensorOf(Value value) { return llvm::cast<RankedTensorType>(value.getType()); }

Shape shapeOf(Value value) { return shapeOf(tensorOf(value)); }

RankedTensorType tensorType(const Shape &shape, Type element) {
  MLIRContext *context = element.getContext();
  llvm::SmallVector<int64_t> extents;
  llvm::SmallVector<StringAttr> forms;
  for (const Dim &dim : shape) {
    extents.push_back(dim.isConstant() ? dim.constant() : ShapedType::kDynamic);
    if (!dim.isConstant())
      forms.push_back(StringAttr::get(context, dim.str()));
  }
  Attribute encoding = forms.empty() ? Attribute() : DimsAttr::get(context, forms);
  return RankedTensorType::get(extents, element, encoding);
}

RankedTensorType withElement(RankedTensorType type, Type element) {
  return RankedTensorType::get(type.getShape(), element, type.getEncoding());
}

Type boolsLike(Type tensor) {
  auto ranked = llvm::dyn_cast<RankedTensorType>(tensor);
  return ranked ? withElement(ranked, IntegerType::get(tensor.getContext(), 1)) : Type();
}

Type elementType(MLIRContext *context, DType dtype) {
  switch (info(dtype).kind) {
  case DTypeKind::Bool:
    return IntegerType::get(context, 1);
  case DTypeKind::Signed:
    return IntegerType::get(context, 8 * byteSize(dtype));
  case DTypeKind::Unsigned:
    return IntegerType::get(context, 8 * byteSize(dtype), IntegerType::Unsigned);
  case DTypeKind::Float:
    break;
  }
  switch (dtype) {
  case DType::F16:
    return Float16Type::get(context);
  case DType::BF16:
    return BFloat16Type::get(context);
  case DType::F32:
    return Float32Type::get(context);
  default:
    return Float64Type::get(context);
  }
}

Type quantType(MLIRContext *context, std::string_view format) {
  return QuantType::get(context, llvm::StringRef(format.data(), format.size()));
}

std::optional<DType> dtypeOf(Type element) {
  for (int i = 0; i < static_cast<int>(std::size(kDTypes)); ++i)
    if (auto dtype = static_cast<DType>(i); elementType(element.getContext(), dtype) == element)
      return dtype;
  return std::nullopt;
}

const QuantFormat *formatOf(Type element) {
  auto quant = llvm::dyn_cast<QuantType>(element);
  return quant ? &quant.getFormat() : nullptr;
}

std::string_view elementName(Type element) {
  if (const QuantFormat *format = formatOf(element))
    return format->name;
  return name(*dtypeOf(element));
}

ArrayAttr extentsAttr(MLIRContext *context, const Shape &extents) {
  llvm::SmallVector<Attribute> forms;
  for (const Dim &extent : extents)
    forms.push_back(StringAttr::get(context, extent.str()));
  return ArrayAttr::get(context, forms);
}

Shape extentsOf(ArrayAttr attr) {
  Shape extents;
  extents.reserve(attr.size());
  for (Attribute form : attr)
    extents.push_back(dimOf(llvm::cast<StringAttr>(form).getValue()));
  return extents;
}

VarTable varsOf(Operation *op) {
  auto module = llvm::dyn_cast<ModuleOp>(op);
  if (!module)
    module = op->getParentOfType<ModuleOp>();
  VarTable vars;
  auto dict = module ? module->getAttrOfType<DictionaryAttr>(kVarsAttr) : DictionaryAttr();
  for (NamedAttribute var : dict ? dict.getValue() : llvm::ArrayRef<NamedAttribute>()) {
    auto bounds = llvm::cast<ArrayAttr>(var.getValue());
    auto bound = [&](unsigned i) { return llvm::cast<IntegerAttr>(bounds[i]).getInt(); };
    vars[var.getName().str()] = {bound(0), bound(1)};
  }
  return vars;
}

void setVars(Operation *module, const VarTable &vars) {
  Builder builder(module->getContext());
  llvm::SmallVector<NamedAttribute> entries;
  for (const auto &[name, bounds] : vars)
    entries.push_back(
        builder.getNamedAttr(name, builder.getI64ArrayAttr({bounds.min, bounds.max})));
  module->setAttr(kVarsAttr, builder.getDictionaryAttr(entries));
}

LogicalResult requireDeclaredVariables(Operation *root) {
  VarTable vars = varsOf(root);
  llvm::DenseSet<Attribute> good;
  auto check = [&](Operation *op, Type type) {
    auto tensor = llvm::dyn_cast<RankedTensorType>(type);
    auto dims = tensor ? llvm::dyn_cast_or_null<DimsAttr>(tensor.getEncoding()) : DimsAttr();
    if (!dims || !good.insert(dims).second)
      return success();
    for (StringAttr extent : dims.getExtents()) {
      Dim dim = dimOf(extent.getValue());
      for (const auto &[name, coefficient] : dim.terms())
        if (!vars.count(name)) {
          op->emitError() << "extent '" << extent.getValue() << "' names '" << name
                          << "', which rosso.vars of the module does not declare";
          return failure();
        }
    }
    return success();
  };
  WalkResult result = root->walk([&](Operation *op) -> WalkResult {
    for (Type type : op->getResultTypes())
      if (failed(check(op, type)))
        return failure();
    for (Region &region : op->getRegions())
      for (mlir::Block &block : region)
        for (Type type : block.getArgumentTypes())
          if (failed(check(op, type)))
            return failure();
    return success();
  });
  return failure(result.wasInterrupted());
}

uint64_t byteSize(RankedTensorType type, const VarTable &vars) {
  uint64_t elements = 1;
  for (const Dim &extent : shapeOf(type))
    elements *= static_cast<uint64_t>(extent.max(vars));
  if (const QuantFormat *format = formatOf(type.getElementType()))
    return elements / format->blockLen * format->blockSize;
  return elements * byteSize(*dtypeOf(type.getElementType()));
}

bool sameElementCount(const Shape &a, const Shape &b) {
  // A product in normal form: the constant factor, then the primitive forms in order of text.
  auto normal = [](const Shape &shape) {
    int64_t constant = 1;
    std::vector<std::string> forms;
    for (const Dim &extent : shape) {
      if (extent.isConstant()) {
        constant *= extent.constant();
        continue;
      }
      int64_t divisor = extent.constant();
      for (const auto &[name, coefficient] : extent.terms())
        divisor = std::gcd(divisor, coefficient);
      constant *= divisor;
      forms.push_back(extent.dividedBy(divisor)->str());
    }
    std::sort(forms.begin(), forms.end());
    return std::pair(constant, constant == 0 ? std::vector<std::string>() : forms);
  };
  return normal(a) == normal(b);
}

} // namespace rosso
