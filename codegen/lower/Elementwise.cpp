// Elementwise ops on scalars. The loop vectoriser (on the host) and the lanes (on a GPU) make
// vectors of them, so every lowering is straight-line code without calls.
#include "codegen/lower/Lower.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/StringMap.h"

#include <numbers>
#include <vector>

namespace rosso {

using namespace mlir;

namespace {

bool isFloatType(Value v) { return isa<FloatType>(getElementTypeOrSelf(v.getType())); }

bool isUnsignedElement(Value tensor) {
  return getElementTypeOrSelf(tensor.getType()).isUnsignedInteger() ||
         getElementTypeOrSelf(tensor.getType()).isInteger(1);
}

Value compareF(Emit &e, arith::CmpFPredicate predicate, Value x, Value y) {
  return arith::CmpFOp::create(e.b, e.loc, predicate, x, y);
}
Value compareI(Emit &e, arith::CmpIPredicate predicate, Value x, Value y) {
  return arith::CmpIOp::create(e.b, e.loc, predicate, x, y);
}

/// A logarithm that is right for positive numbers, made right for all others.
Value logarithmAtEnds(Emit &e, Value x, Value result) {
  Type f = x.getType();
  Value zero = e.constantFloat(f, 0), infinity = e.constantFloat(f, INFINITY);
  result = e.select(compareF(e, arith::CmpFPredicate::OEQ, x, infinity), infinity, result);
  result = e.select(compareF(e, arith::CmpFPredicate::OEQ, x, zero), e.constantFloat(f, -INFINITY),
                    result);
  return e.select(compareF(e, arith::CmpFPredicate::UGE, x, zero),
                  e.select(compareF(e, arith::CmpFPredicate::UNO, x, x), x, result),
                  e.constantFloat(f, NAN));
}

/// log2 of a positive normal f32 is e + log2(m), m in [sqrt(1/2), sqrt(2)), and log2(m) the odd
/// series of atanh in s = (m-1)/(m+1), |s| < 0.172: five terms leave 2e-9.
Value log2F32(Emit &e, Value x) {
  Type f = e.f32(), i = e.i32();
  Value tiny = compareF(e, arith::CmpFPredicate::OLT, x, e.constantFloat(f, 0x1p-126));
  Value scaled = e.select(tiny, e.mulF(x, e.constantFloat(f, 0x1p25)), x);
  Value bits = e.bitcast(scaled, i);
  Value shifted = e.sub(bits, e.constant(i, 0x3f3504f3)); // bits of sqrt(1/2)
  Value exponent = e.shiftRightSigned(shifted, 23);
  Value m = e.bitcast(e.sub(bits, e.shiftLeft(exponent, 23)), f);
  Value one = e.constantFloat(f, 1);
  Value s = e.divF(e.subF(m, one), e.addF(m, one));
  Value s2 = e.mulF(s, s);
  static constexpr double kScale = 2 * std::numbers::log2e;
  Value p = e.constantFloat(f, kScale / 11);
  for (int k : {9, 7, 5, 3, 1})
    p = e.fma(p, s2, e.constantFloat(f, kScale / k));
  Value whole = e.toFloat(exponent, f);
  whole = e.select(tiny, e.subF(whole, e.constantFloat(f, 25)), whole);
  Value result = e.fma(p, s, whole);
  return logarithmAtEnds(e, x, result);
}

/// sin of an f64: x = q*pi + r with |r| <= pi/2, pi in three parts, so that r is good for |x| up to
/// 2^30; then `terms` terms of the Taylor series: 8 leave 1e-11, 11 leave 1e-17.
Value sineSeries(Emit &e, Value x, int terms) {
  Type f = e.f64();
  Value q =
      math::RoundEvenOp::create(e.b, e.loc, e.mulF(x, e.constantFloat(f, std::numbers::inv_pi)));
  Value negative = arith::NegFOp::create(e.b, e.loc, q);
  Value r = x;
  for (double part : {std::numbers::pi, 1.2246467991473532e-16, -2.9947698097183397e-33})
    r = e.fma(negative, e.constantFloat(f, part), r);
  Value r2 = e.mulF(r, r);
  double factorial = 1;
  std::vector<double> coefficients;
  for (int k = 0; k < terms; ++k) {
    coefficients.push_back((k % 2 ? -1 : 1) / factorial);
    factorial *= (2 * k + 2) * (2 * k + 3);
  }
  Value p = e.constantFloat(f, coefficients.back());
  for (int k = terms - 2; k >= 0; --k)
    p = e.fma(p, r2, e.constantFloat(f, coefficients[static_cast<size_t>(k)]));
  Value sine = e.mulF(p, r);
  // The sign is that of (-1)^q: q - 2*floor(q/2) is 0 or 1.
  Value parity =
      e.subF(q, e.mulF(e.constantFloat(f, 2),
                       math::FloorOp::create(e.b, e.loc, e.mulF(q, e.constantFloat(f, 0.5)))));
  Value sign = e.subF(e.constantFloat(f, 1), e.mulF(e.constantFloat(f, 2), parity));
  return e.mulF(sine, sign);
}

/// What is left of a large |x|, given by its bits, without multiples of 2*pi: an f64 in [-pi, pi).
///
/// x = m * 2^e with an integer m, so of the bits of 1/pi those above 2^-(e-1) make even multiples
/// of pi. The next 64 bits W give x/pi mod 2 = (m * W mod 2^64) * 2^-63, and the 32 bits after them
/// the digits that are left when that is near 0. Source: Payne and Hanek 1983; 2^7 <= 2^e is
/// assumed.
Value reducedByPi(Emit &e, Value magnitude) {
  Type i = e.i32(), wide = e.i64(), f = e.f64();
  static constexpr uint32_t kInversePi[] = {0x517CC1B7, 0x27220A94, 0xFE13ABE8, 0xFA9A6EE0,
                                            0x6DB14ACC, 0x9E21C820, 0xFF28B1D5};
  Value m = e.zeroExtend(e.bitOr(e.bitAnd(magnitude, 0x7FFFFF), e.constant(i, 0x800000)), wide);
  Value firstBit = e.sub(e.shiftRight(magnitude, 23), e.constant(i, 151)); // e - 1, 6 to 103
  Value firstWord = e.shiftRight(firstBit, 5);
  Value words[4];
  for (int at = 0; at < 4; ++at) {
    words[at] = e.constant(i, static_cast<int32_t>(kInversePi[at]));
    for (int first = 1; first < 4; ++first)
      words[at] = e.select(e.equal(firstWord, e.constant(i, first)),
                           e.constant(i, static_cast<int32_t>(kInversePi[first + at])), words[at]);
  }
  auto product = [&](int at) { // of m and the 32 bits that begin in words[at]
    Value window = e.intrinsic(i, "llvm.fshl", {words[at], words[at + 1], firstBit});
    return e.mul(m, e.zeroExtend(window, wide));
  };
  Value turns = e.add(e.shiftLeft(product(0), 32), e.add(product(1), e.shiftRight(product(2), 32)));
  Value high = e.toFloat(e.truncate(e.shiftRight(turns, 32), i), f);
  Value low = e.toFloat(e.shiftRight(e.truncate(turns, i), 1), f);
  Value halfTurns =
      e.fma(low, e.constantFloat(f, 0x1p-62), e.mulF(high, e.constantFloat(f, 0x1p-31)));
  return e.mulF(halfTurns, e.constantFloat(f, std::numbers::pi));
}

Value sinF32(Emit &e, Value x) {
  Type i = e.i32(), f = e.f64();
  Value bits = e.bitcast(x, i), magnitude = e.bitAnd(bits, 0x7FFFFFFF);
  Value reduced = reducedByPi(e, magnitude);
  Value negative = e.less(bits, e.constant(i, 0));
  reduced = e.select(negative, arith::NegFOp::create(e.b, e.loc, reduced), reduced);
  constexpr int64_t kLarge = 0x4E800000, kInfinity = 0x7F800000; // bits of 2^30 and infinity
  Value isLarge = compareI(e, arith::CmpIPredicate::ult, e.sub(magnitude, e.constant(i, kLarge)),
                           e.constant(i, kInfinity - kLarge));
  Value angle = e.select(isLarge, reduced, e.extendFloat(x, f));
  return arith::TruncFOp::create(e.b, e.loc, e.f32(), sineSeries(e, angle, 8));
}

/// 2^x = 2^n * 2^f with n = round(x), |f| <= 1/2, and 14 terms of the Taylor series: 1e-17. GPUs
/// have no such instruction and no library.
Value exp2F64(Emit &e, Value x) {
  Type f = e.f64();
  auto clamp = [&](arith::CmpFPredicate beyond, double bound) {
    Value limit = e.constantFloat(f, bound);
    x = e.select(compareF(e, beyond, x, limit), limit, x); // a NaN stays
  };
  clamp(arith::CmpFPredicate::OLT, -1100);
  clamp(arith::CmpFPredicate::OGT, 1100);
  Value n = math::RoundEvenOp::create(e.b, e.loc, x);
  Value r = e.subF(x, n);
  double coefficients[14] = {1};
  for (int k = 1; k < 14; ++k)
    coefficients[k] = coefficients[k - 1] * std::numbers::ln2 / k;
  Value p = e.constantFloat(f, coefficients[13]);
  for (int k = 12; k >= 0; --k)
    p = e.fma(p, r, e.constantFloat(f, coefficients[k]));
  Value exponent = arith::FPToSIOp::create(e.b, e.loc, e.i32(), n);
  return e.intrinsic(f, "llvm.ldexp", {p, exponent});
}

/// As log2F32, with the series to s^25: |s| < 0.172 leaves 1e-21.
Value log2F64(Emit &e, Value x) {
  Type f = e.f64(), i = e.i64();
  Value tiny = compareF(e, arith::CmpFPredicate::OLT, x, e.constantFloat(f, 0x1p-1022));
  Value scaled = e.select(tiny, e.mulF(x, e.constantFloat(f, 0x1p54)), x);
  Value bits = e.bitcast(scaled, i);
  Value shifted = e.sub(bits, e.constant(i, 0x3fe6a09e667f3bcd)); // bits of sqrt(1/2)
  Value exponent = e.shiftRightSigned(shifted, 52);
  Value m = e.bitcast(e.sub(bits, e.shiftLeft(exponent, 52)), f);
  Value one = e.constantFloat(f, 1);
  Value s = e.divF(e.subF(m, one), e.addF(m, one));
  Value s2 = e.mulF(s, s);
  static constexpr double kScale = 2 * std::numbers::log2e;
  Value p = e.constantFloat(f, kScale / 25);
  for (int k = 23; k >= 1; k -= 2)
    p = e.fma(p, s2, e.constantFloat(f, kScale / k));
  Value whole = e.toFloat(e.truncate(exponent, e.i32()), f);
  whole = e.select(tiny, e.subF(whole, e.constantFloat(f, 54)), whole);
  return logarithmAtEnds(e, x, e.fma(p, s, whole));
}

Value exp2Of(Emit &e, Value x) {
  if (!x.getType().isF64())
    return e.exp2(x);
  return e.isGpu() ? exp2F64(e, x) : Value(math::Exp2Op::create(e.b, e.loc, x));
}
Value log2Of(Emit &e, Value x) {
  if (!x.getType().isF64())
    return log2F32(e, x);
  return e.isGpu() ? log2F64(e, x) : Value(math::Log2Op::create(e.b, e.loc, x));
}
Value sinOf(Emit &e, Value x) {
  if (!x.getType().isF64())
    return sinF32(e, x);
  return e.isGpu() ? sineSeries(e, x, 11) : Value(math::SinOp::create(e.b, e.loc, x));
}

/// Integer division that gives 0 for a divisor of 0, and wraps for min / -1.
Value safeDivide(Emit &e, Value x, Value y, bool isUnsigned, bool wantRemainder) {
  Type type = x.getType();
  Value zero = e.zero(type), one = e.constant(type, 1);
  Value isZero = compareI(e, arith::CmpIPredicate::eq, y, zero);
  Value divisor = e.select(isZero, one, y);
  Value result;
  if (isUnsigned) {
    result = wantRemainder ? Value(arith::RemUIOp::create(e.b, e.loc, x, divisor))
                           : Value(arith::DivUIOp::create(e.b, e.loc, x, divisor));
  } else {
    Value minusOne = compareI(e, arith::CmpIPredicate::eq, divisor, e.constant(type, -1));
    divisor = e.select(minusOne, one, divisor);
    if (wantRemainder)
      result = arith::RemSIOp::create(e.b, e.loc, x, divisor);
    else
      result = e.select(minusOne, e.sub(zero, x), arith::DivSIOp::create(e.b, e.loc, x, divisor));
  }
  return e.select(isZero, zero, result);
}

/// Float to integer towards zero; out of range saturates, NaN gives 0.
Value floatToInt(Emit &e, Value x, Type to, bool isUnsigned) {
  auto name = isUnsigned ? "llvm.fptoui.sat" : "llvm.fptosi.sat";
  return LLVM::CallIntrinsicOp::create(e.b, e.loc, to, e.b.getStringAttr(name), ValueRange{x})
      .getResult(0);
}

Value cast(Emit &e, Value x, Type from, Type to) {
  Type target = registerType(to);
  bool fromFloat = isa<FloatType>(from), toFloat = isa<FloatType>(to);
  if (to.isInteger(1)) {
    Value zero = e.zero(x.getType());
    return fromFloat ? compareF(e, arith::CmpFPredicate::UNE, x, zero)
                     : compareI(e, arith::CmpIPredicate::ne, x, zero);
  }
  bool fromUnsigned = from.isUnsignedInteger() || from.isInteger(1);
  if (fromFloat && toFloat) {
    unsigned a = from.getIntOrFloatBitWidth(), b = to.getIntOrFloatBitWidth();
    if (from == to)
      return x;
    if (a == b) // f16 and bf16
      return arith::TruncFOp::create(e.b, e.loc, target, e.extendFloat(x, e.f32()));
    if (a < b)
      return e.extendFloat(x, target);
    if (a == 64 && b == 16) // no runtime library rounds f64 to bf16
      x = arith::TruncFOp::create(e.b, e.loc, e.f32(), x);
    return arith::TruncFOp::create(e.b, e.loc, target, x);
  }
  if (fromFloat)
    return floatToInt(e, x, target, to.isUnsignedInteger());
  if (toFloat) {
    // Through f32 for the halves: no runtime library knows i64 to bf16.
    bool isHalf = to.getIntOrFloatBitWidth() == 16;
    Type first = isHalf ? Type(e.f32()) : target;
    Value number = fromUnsigned ? Value(arith::UIToFPOp::create(e.b, e.loc, first, x))
                                : Value(arith::SIToFPOp::create(e.b, e.loc, first, x));
    return isHalf ? Value(arith::TruncFOp::create(e.b, e.loc, target, number)) : number;
  }
  unsigned a = from.getIntOrFloatBitWidth(), b = to.getIntOrFloatBitWidth();
  if (a == b)
    return x;
  if (a > b)
    return e.truncate(x, target);
  return fromUnsigned ? e.zeroExtend(x, target) : e.signExtend(x, target);
}

struct Operands {
  Value x, y, z;
  bool isUnsigned;
};
using Lowering = Value (*)(Emit &, const Operands &);

template <typename FloatOp, typename IntOp, typename UnsignedOp = IntOp>
Value binary(Emit &e, const Operands &o) {
  if (isFloatType(o.x))
    return FloatOp::create(e.b, e.loc, o.x, o.y);
  if (o.isUnsigned)
    return UnsignedOp::create(e.b, e.loc, o.x, o.y);
  return IntOp::create(e.b, e.loc, o.x, o.y);
}
template <typename IntOp> Value bits(Emit &e, const Operands &o) {
  return IntOp::create(e.b, e.loc, o.x, o.y);
}
template <typename FloatOp> Value unary(Emit &e, const Operands &o) {
  return FloatOp::create(e.b, e.loc, o.x);
}
template <arith::CmpFPredicate F, arith::CmpIPredicate S, arith::CmpIPredicate U>
Value compare(Emit &e, const Operands &o) {
  return isFloatType(o.x) ? compareF(e, F, o.x, o.y) : compareI(e, o.isUnsigned ? U : S, o.x, o.y);
}

const llvm::StringMap<Lowering> &lowerings() {
  using F = arith::CmpFPredicate;
  using I = arith::CmpIPredicate;
  static const llvm::StringMap<Lowering> table = {
      {"neg",
       [](Emit &e, const Operands &o) {
         return isFloatType(o.x) ? Value(arith::NegFOp::create(e.b, e.loc, o.x))
                                 : e.sub(e.zero(o.x.getType()), o.x);
       }},
      {"not", [](Emit &e, const Operands &o) { return e.bitXor(o.x, -1); }},
      {"exp2", [](Emit &e, const Operands &o) { return exp2Of(e, o.x); }},
      {"log2", [](Emit &e, const Operands &o) { return log2Of(e, o.x); }},
      {"sin", [](Emit &e, const Operands &o) { return sinOf(e, o.x); }},
      {"sqrt", unary<math::SqrtOp>},
      {"rsqrt",
       [](Emit &e, const Operands &o) -> Value {
         Value root = math::SqrtOp::create(e.b, e.loc, o.x);
         return arith::DivFOp::create(e.b, e.loc, e.constantFloat(o.x.getType(), 1), root);
       }},
      {"recip",
       [](Emit &e, const Operands &o) -> Value {
         return arith::DivFOp::create(e.b, e.loc, e.constantFloat(o.x.getType(), 1), o.x);
       }},
      {"trunc", unary<math::TruncOp>},
      {"floor", unary<math::FloorOp>},
      {"round", unary<math::RoundEvenOp>},
      {"add", binary<arith::AddFOp, arith::AddIOp>},
      {"sub", binary<arith::SubFOp, arith::SubIOp>},
      {"mul", binary<arith::MulFOp, arith::MulIOp>},
      {"div",
       [](Emit &e, const Operands &o) {
         return isFloatType(o.x) ? Value(arith::DivFOp::create(e.b, e.loc, o.x, o.y))
                                 : safeDivide(e, o.x, o.y, o.isUnsigned, false);
       }},
      {"mod",
       [](Emit &e, const Operands &o) {
         return isFloatType(o.x) ? Value(arith::RemFOp::create(e.b, e.loc, o.x, o.y))
                                 : safeDivide(e, o.x, o.y, o.isUnsigned, true);
       }},
      {"max", binary<arith::MaximumFOp, arith::MaxSIOp, arith::MaxUIOp>},
      {"min", binary<arith::MinimumFOp, arith::MinSIOp, arith::MinUIOp>},
      {"and", bits<arith::AndIOp>},
      {"or", bits<arith::OrIOp>},
      {"xor", bits<arith::XOrIOp>},
      {"shl", bits<arith::ShLIOp>},
      {"shr",
       [](Emit &e, const Operands &o) {
         return o.isUnsigned ? Value(arith::ShRUIOp::create(e.b, e.loc, o.x, o.y))
                             : Value(arith::ShRSIOp::create(e.b, e.loc, o.x, o.y));
       }},
      {"cmplt", compare<F::OLT, I::slt, I::ult>},
      {"cmpeq", compare<F::OEQ, I::eq, I::eq>},
      {"cmpne", compare<F::UNE, I::ne, I::ne>},
  };
  return table;
}

} // namespace

Value lowerElementwise(Emit &e, Operation *op, ValueRange operands) {
  Type resultType = getElementTypeOrSelf(op->getResult(0).getType());
  if (isa<WhereOp>(op))
    return e.select(operands[0], operands[1], operands[2]);
  if (isa<CastOp>(op))
    return cast(e, operands[0], getElementTypeOrSelf(op->getOperand(0).getType()), resultType);
  if (isa<BitcastOp>(op))
    return e.bitcast(operands[0], registerType(resultType));

  // Halves compute in f32 and round after each op.
  bool half = operands[0].getType().isF16() || operands[0].getType().isBF16();
  Operands o{operands[0],
             operands.size() > 1 ? operands[1] : Value(),
             {},
             isUnsignedElement(op->getOperand(0))};
  if (half) {
    o.x = e.extendFloat(o.x, e.f32());
    if (o.y)
      o.y = e.extendFloat(o.y, e.f32());
  }
  auto it = lowerings().find(op->getName().stripDialect());
  assert(it != lowerings().end() && "every elementwise op has a lowering");
  Value result = it->second(e, o);
  if (half && isa<FloatType>(resultType))
    result = arith::TruncFOp::create(e.b, e.loc, resultType, result);
  return result;
}

} // namespace rosso
