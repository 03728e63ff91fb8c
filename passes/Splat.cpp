#include "passes/Splat.h"

#include "ir/Shapes.h"

#include "llvm/ADT/APSInt.h"
#include "llvm/ADT/StringSwitch.h"

#include <cmath>

using namespace mlir;

namespace rosso {

namespace {

/// `number` as elements of this type hold it: rounded, wrapped.
Number rounded(Number number, Type element) {
  if (auto floats = llvm::dyn_cast<FloatType>(element)) {
    llvm::APFloat value(number.asDouble());
    bool losesInfo = false;
    value.convert(floats.getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven, &losesInfo);
    value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &losesInfo);
    return {.isFloat = true, .real = value.convertToDouble()};
  }
  auto integers = llvm::cast<IntegerType>(element);
  int64_t value = number.integer;
  unsigned width = integers.getWidth();
  if (number.isFloat) {
    llvm::APSInt whole(width, integers.isUnsigned());
    bool isExact = false; // towards zero, saturating, NaN is 0
    llvm::APFloat(number.real).convertToInteger(whole, llvm::APFloat::rmTowardZero, &isExact);
    value = whole.getExtValue();
  }
  if (width == 1)
    return {.integer = number.isFloat ? number.real != 0 : number.integer != 0};
  if (width < 64) {
    auto unused = 64 - width;
    auto high = static_cast<uint64_t>(value) << unused;
    value = integers.isUnsigned() ? static_cast<int64_t>(high >> unused)
                                  : static_cast<int64_t>(high) >> unused;
  }
  return {.integer = value};
}

std::optional<double> evaluateFloat(llvm::StringRef op, double x, double y) {
  return llvm::StringSwitch<std::optional<double>>(op)
      .Case("neg", -x)
      .Case("exp2", std::exp2(x))
      .Case("log2", std::log2(x))
      .Case("sqrt", std::sqrt(x))
      .Case("rsqrt", 1 / std::sqrt(x))
      .Case("recip", 1 / x)
      .Case("trunc", std::trunc(x))
      .Case("floor", std::floor(x))
      .Case("round", std::nearbyint(x))
      .Case("add", x + y)
      .Case("sub", x - y)
      .Case("mul", x * y)
      .Case("div", x / y)
      .Case("max", std::isnan(x) || std::isnan(y) ? std::nullopt : std::optional(std::max(x, y)))
      .Case("min", std::isnan(x) || std::isnan(y) ? std::nullopt : std::optional(std::min(x, y)))
      .Default(std::nullopt);
}

/// Signed arithmetic that wraps is done in uint64_t, where it is defined.
std::optional<int64_t> evaluateInteger(llvm::StringRef op, int64_t x, int64_t y) {
  auto wrap = [](uint64_t bits) { return std::optional(static_cast<int64_t>(bits)); };
  auto a = static_cast<uint64_t>(x), b = static_cast<uint64_t>(y);
  if (op == "add")
    return wrap(a + b);
  if (op == "sub")
    return wrap(a - b);
  if (op == "mul")
    return wrap(a * b);
  if (op == "neg")
    return wrap(0 - a);
  if (op == "and")
    return x & y;
  if (op == "or")
    return x | y;
  if (op == "xor")
    return x ^ y;
  if (op == "max")
    return std::max(x, y);
  if (op == "min")
    return std::min(x, y);
  if ((op == "div" || op == "mod") && y != -1) // the one quotient that overflows
    return y == 0 ? 0 : op == "div" ? x / y : x % y;
  return std::nullopt;
}

} // namespace

std::optional<Number> splatOf(Value tensor) {
  Operation *op = tensor.getDefiningOp();
  while (op && llvm::isa<ReshapeOp, PermuteOp, ExpandOp, ShrinkOp, FlipOp, StrideOp, WindowOp>(op))
    op = op->getOperand(0).getDefiningOp();
  auto constant = llvm::dyn_cast_or_null<ConstantOp>(op);
  if (!constant)
    return std::nullopt;
  Number number;
  if (auto real = llvm::dyn_cast<FloatAttr>(constant.getValue()))
    number = {.isFloat = true, .real = real.getValueAsDouble()};
  else
    number.integer = llvm::cast<IntegerAttr>(constant.getValue()).getInt();
  return rounded(number, tensorOf(constant).getElementType());
}

Value makeSplat(OpBuilder &builder, Location loc, RankedTensorType type, Number number) {
  Type element = type.getElementType();
  number = rounded(number, element);
  Attribute literal = number.isFloat ? Attribute(builder.getF64FloatAttr(number.real))
                                     : Attribute(builder.getI64IntegerAttr(number.integer));
  Value value =
      ConstantOp::create(builder, loc, RankedTensorType::get({}, element), literal).getResult();
  if (type.getRank() == 0)
    return value;
  llvm::SmallVector<int64_t> ones(type.getRank(), 1);
  auto unit = RankedTensorType::get(ones, element);
  value = ReshapeOp::create(builder, loc, unit, value).getResult();
  return unit == type ? value : ExpandOp::create(builder, loc, type, value).getResult();
}

std::optional<Number> evaluate(Operation *op, llvm::ArrayRef<Number> operands) {
  Type element = tensorOf(op->getResult(0)).getElementType();
  llvm::StringRef name = op->getName().stripDialect();
  if (llvm::isa<CastOp>(op))
    return rounded(operands[0], element);
  if (llvm::isa<WhereOp>(op))
    return operands[operands[0].integer ? 1 : 2];
  Number x = operands[0], y = operands.back();
  if (llvm::isa<CmpLtOp, CmpEqOp, CmpNeOp>(op)) {
    Type source = tensorOf(op->getOperand(0)).getElementType();
    if (source.isUnsignedInteger(64))
      return std::nullopt;
    auto compare = [&](auto a, auto b) -> int64_t {
      return llvm::isa<CmpLtOp>(op) ? a < b : llvm::isa<CmpEqOp>(op) ? a == b : a != b;
    };
    return Number{.integer = x.isFloat ? compare(x.real, y.real) : compare(x.integer, y.integer)};
  }
  if (llvm::isa<NotOp>(op))
    return rounded({.integer = element.isInteger(1) ? !x.integer : ~x.integer}, element);
  if (llvm::isa<FloatType>(element)) {
    if (auto real = evaluateFloat(name, x.real, y.real))
      return rounded({.isFloat = true, .real = *real}, element);
    return std::nullopt;
  }
  if (element.isUnsignedInteger(64) || !llvm::isa<IntegerType>(element))
    return std::nullopt;
  if (auto integer = evaluateInteger(name, x.integer, y.integer))
    return rounded({.integer = *integer}, element);
  return std::nullopt;
}

void copyNode(Operation *from, Operation *to) {
  if (Attribute node = from->getAttr(kNodeAttr))
    to->setAttr(kNodeAttr, node);
}

} // namespace rosso
