#include "codegen/templates/Combiner.h"

#include "codegen/Kernel.h"

#include "llvm/ADT/StringSwitch.h"

namespace rosso {

using namespace mlir;

Joining joiningOf(Operation *op) {
  if (isa<ReduceSumOp, CumSumOp>(op))
    return Joining::Sum;
  if (isa<ReduceProdOp, CumProdOp>(op))
    return Joining::Prod;
  return isa<ReduceMinOp, CumMinOp>(op) ? Joining::Min : Joining::Max;
}

std::optional<Joining> joiningNamed(StringRef name) {
  return llvm::StringSwitch<std::optional<Joining>>(name)
      .Case("sum", Joining::Sum)
      .Case("prod", Joining::Prod)
      .Case("max", Joining::Max)
      .Case("min", Joining::Min)
      .Default(std::nullopt);
}

namespace {

template <typename OpType> auto joinBy(Emit &e) {
  return [&e](Value x, Value y) -> Value { return OpType::create(e.b, e.loc, x, y); };
}

template <typename OpType> auto joinInAnyOrder(Emit &e) {
  constexpr auto kAnyOrder = arith::FastMathFlags::reassoc | arith::FastMathFlags::contract;
  return [&e](Value x, Value y) -> Value { return OpType::create(e.b, e.loc, x, y, kAnyOrder); };
}

/// Of 0 and -0 either may be the larger.
template <typename OpType> auto joinExtremes(Emit &e) {
  return [&e](Value x, Value y) -> Value {
    return OpType::create(e.b, e.loc, x, y, arith::FastMathFlags::nsz);
  };
}

Combiner combinerOfFloats(Emit &e, Joining joining, Type type) {
  switch (joining) {
  case Joining::Sum:
    return {e.zero(type), joinInAnyOrder<arith::AddFOp>(e)};
  case Joining::Prod:
    return {e.constantFloat(type, 1), joinInAnyOrder<arith::MulFOp>(e)};
  case Joining::Max:
    return {e.constantFloat(type, -INFINITY), joinExtremes<arith::MaximumFOp>(e)};
  case Joining::Min:
    return {e.constantFloat(type, INFINITY), joinExtremes<arith::MinimumFOp>(e)};
  }
  llvm_unreachable("every joining has a case");
}

} // namespace

Combiner combinerOf(Emit &e, Joining joining, Type element) {
  Type type = registerType(element);
  if (isa<FloatType>(type))
    return combinerOfFloats(e, joining, type);
  bool isUnsigned = element.isUnsignedInteger() || element.isInteger(1);
  unsigned bits = type.getIntOrFloatBitWidth();
  auto constant = [&](const llvm::APInt &value) -> Value {
    return arith::ConstantOp::create(e.b, e.loc, IntegerAttr::get(type, value));
  };
  switch (joining) {
  case Joining::Sum: // of bools: any
    if (bits == 1)
      return {e.zero(type), joinBy<arith::OrIOp>(e)};
    return {e.zero(type), joinBy<arith::AddIOp>(e)};
  case Joining::Prod:
    return {e.constant(type, 1), joinBy<arith::MulIOp>(e)};
  case Joining::Max:
    if (isUnsigned)
      return {constant(llvm::APInt::getMinValue(bits)), joinBy<arith::MaxUIOp>(e)};
    return {constant(llvm::APInt::getSignedMinValue(bits)), joinBy<arith::MaxSIOp>(e)};
  case Joining::Min:
    if (isUnsigned)
      return {constant(llvm::APInt::getMaxValue(bits)), joinBy<arith::MinUIOp>(e)};
    return {constant(llvm::APInt::getSignedMaxValue(bits)), joinBy<arith::MinSIOp>(e)};
  }
  llvm_unreachable("every joining has a case");
}

Combiner combinerOf(Emit &e, Operation *op) {
  return combinerOf(e, joiningOf(op), getElementTypeOrSelf(op->getOperand(0).getType()));
}

} // namespace rosso
