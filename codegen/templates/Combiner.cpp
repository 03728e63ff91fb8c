#include "codegen/templates/Combiner.h"

#include "codegen/Kernel.h"

namespace rosso {

using namespace mlir;

Combiner combinerOf(Emit &e, Operation *op) {
  Type element = getElementTypeOrSelf(op->getOperand(0).getType());
  Type type = registerType(element);
  bool isFloat = isa<FloatType>(type),
       isUnsigned = element.isUnsignedInteger() || element.isInteger(1);
  constexpr auto kAnyOrder = arith::FastMathFlags::reassoc | arith::FastMathFlags::contract;
  auto make = [&e](auto tag) {
    using OpType = typename decltype(tag)::type;
    return [&e](Value x, Value y) -> Value { return OpType::create(e.b, e.loc, x, y); };
  };
  unsigned bits = type.getIntOrFloatBitWidth();
  if (isa<ReduceSumOp>(op)) {
    if (isFloat)
      return {e.zero(type), [&e](Value x, Value y) -> Value {
                return arith::AddFOp::create(e.b, e.loc, x, y, kAnyOrder);
              }};
    return {e.zero(type), make(std::type_identity<arith::AddIOp>())};
  }
  if (isa<ReduceProdOp>(op)) {
    if (isFloat)
      return {e.constantFloat(type, 1), [&e](Value x, Value y) -> Value {
                return arith::MulFOp::create(e.b, e.loc, x, y, kAnyOrder);
              }};
    return {e.constant(type, 1), make(std::type_identity<arith::MulIOp>())};
  }
  bool isMax = isa<ReduceMaxOp, ArgMaxOp>(op);
  if (isFloat) {
    Value start = e.constantFloat(type, isMax ? -INFINITY : INFINITY);
    if (isMax)
      return {start, make(std::type_identity<arith::MaximumFOp>())};
    return {start, make(std::type_identity<arith::MinimumFOp>())};
  }
  auto attr = [&](const llvm::APInt &value) -> Value {
    return arith::ConstantOp::create(e.b, e.loc, IntegerAttr::get(type, value));
  };
  if (isUnsigned) {
    Value start = attr(isMax ? llvm::APInt::getMinValue(bits) : llvm::APInt::getMaxValue(bits));
    if (isMax)
      return {start, make(std::type_identity<arith::MaxUIOp>())};
    return {start, make(std::type_identity<arith::MinUIOp>())};
  }
  Value start =
      attr(isMax ? llvm::APInt::getSignedMinValue(bits) : llvm::APInt::getSignedMaxValue(bits));
  if (isMax)
    return {start, make(std::type_identity<arith::MaxSIOp>())};
  return {start, make(std::type_identity<arith::MinSIOp>())};
}

} // namespace rosso
