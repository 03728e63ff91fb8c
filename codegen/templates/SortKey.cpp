#include "codegen/templates/SortKey.h"

namespace rosso {

using namespace mlir;

Type sortKeyType(Emit &e, Type element) {
  return element.getIntOrFloatBitWidth() > 32 ? e.i64() : e.i32();
}

Value descendingKey(Emit &e, Value x, Type element) {
  Type key = sortKeyType(e, element);
  const int64_t sign = key.isInteger(64) ? INT64_MIN : int64_t{INT32_MIN};
  if (auto type = dyn_cast<FloatType>(x.getType())) {
    if (type.getWidth() < 32)
      x = e.extendFloat(x, e.f32());
    x = e.addF(x, e.zero(x.getType())); // -0 becomes 0
    Value bits = e.bitcast(x, key);
    Value negative = e.less(bits, e.zero(key));
    Value ascending = e.select(negative, e.bitXor(bits, -1), e.bitXor(bits, sign));
    Value isNan = arith::CmpFOp::create(e.b, e.loc, arith::CmpFPredicate::UNO, x, x);
    return e.bitXor(e.select(isNan, e.constant(key, -1), ascending), -1);
  }
  bool isUnsigned = element.isUnsignedInteger();
  if (x.getType() != key)
    x = isUnsigned ? e.zeroExtend(x, key) : e.signExtend(x, key);
  return e.bitXor(isUnsigned ? x : e.bitXor(x, sign), -1);
}

} // namespace rosso
