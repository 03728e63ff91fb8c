#include "codegen/Emit.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace rosso {

using namespace mlir;

namespace {
constexpr auto kContract = arith::FastMathFlags::contract;

Type elementType(Type type) { return getElementTypeOrSelf(type); }

LLVM::LoopAnnotationAttr annotationOf(MLIRContext *context, LoopStyle style) {
  auto yes = BoolAttr::get(context, true);
  LLVM::LoopVectorizeAttr vectorize;
  LLVM::LoopUnrollAttr unroll;
  if (style == LoopStyle::Scalar)
    vectorize = LLVM::LoopVectorizeAttr::get(context, /*disable=*/yes, {}, {}, {}, {}, {}, {});
  else
    unroll = LLVM::LoopUnrollAttr::get(context, /*disable=*/yes, {}, {}, {}, {}, {}, {});
  return LLVM::LoopAnnotationAttr::get(context, {}, vectorize, {}, unroll, {}, {}, {}, {}, {}, {},
                                       {}, {}, {}, {}, {});
}
} // namespace

Type Emit::vectorOf(Type element, int64_t lanes) {
  return lanes == 1 ? element : Type(VectorType::get({lanes}, element));
}

Type Emit::like(Type shape, Type element) {
  if (auto vector = dyn_cast<VectorType>(shape))
    return VectorType::get(vector.getShape(), element);
  return element;
}

Value Emit::constant(int64_t value) {
  Value &known = constants_[value];
  if (!known) {
    auto function = b.getInsertionBlock()->getParent()->getParentOfType<func::FuncOp>();
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&function.getBody().front());
    known = constant(index(), value);
  }
  return known;
}

Value Emit::constant(Type type, int64_t value) {
  Attribute scalar = b.getIntegerAttr(elementType(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(vector, scalar));
  return arith::ConstantOp::create(b, loc, cast<TypedAttr>(scalar));
}

Value Emit::constantFloat(Type type, double value) {
  auto floatType = cast<FloatType>(elementType(type));
  APFloat number(value);
  bool inexact;
  number.convert(floatType.getFloatSemantics(), APFloat::rmNearestTiesToEven, &inexact);
  Attribute scalar = FloatAttr::get(floatType, number);
  if (auto vector = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(vector, scalar));
  return arith::ConstantOp::create(b, loc, cast<TypedAttr>(scalar));
}

Value Emit::zero(Type type) {
  return isa<FloatType>(elementType(type)) ? constantFloat(type, 0) : constant(type, 0);
}

Value Emit::add(Value x, Value y) { return b.createOrFold<arith::AddIOp>(loc, x, y); }
Value Emit::sub(Value x, Value y) { return b.createOrFold<arith::SubIOp>(loc, x, y); }
Value Emit::mul(Value x, Value y) { return b.createOrFold<arith::MulIOp>(loc, x, y); }
Value Emit::divide(Value x, Value y) { return b.createOrFold<arith::DivUIOp>(loc, x, y); }
Value Emit::remainder(Value x, Value y) { return b.createOrFold<arith::RemUIOp>(loc, x, y); }
Value Emit::ceilDivide(Value x, int64_t divisor) {
  if (divisor == 1)
    return x;
  return divide(add(x, constant(x.getType(), divisor - 1)), constant(x.getType(), divisor));
}
Value Emit::minimum(Value x, Value y) { return b.createOrFold<arith::MinSIOp>(loc, x, y); }
Value Emit::maximum(Value x, Value y) { return b.createOrFold<arith::MaxSIOp>(loc, x, y); }
Value Emit::bitAnd(Value x, Value y) { return b.createOrFold<arith::AndIOp>(loc, x, y); }
Value Emit::bitAnd(Value x, int64_t mask) { return bitAnd(x, constant(x.getType(), mask)); }
Value Emit::bitOr(Value x, Value y) { return b.createOrFold<arith::OrIOp>(loc, x, y); }
Value Emit::bitXor(Value x, int64_t mask) {
  return b.createOrFold<arith::XOrIOp>(loc, x, constant(x.getType(), mask));
}
Value Emit::shiftLeft(Value x, int64_t bits) {
  return bits ? b.createOrFold<arith::ShLIOp>(loc, x, constant(x.getType(), bits)) : x;
}
Value Emit::shiftRight(Value x, int64_t bits) {
  return bits ? b.createOrFold<arith::ShRUIOp>(loc, x, constant(x.getType(), bits)) : x;
}
Value Emit::shiftRight(Value x, Value bits) { return b.createOrFold<arith::ShRUIOp>(loc, x, bits); }
Value Emit::shiftRightSigned(Value x, int64_t bits) {
  return bits ? b.createOrFold<arith::ShRSIOp>(loc, x, constant(x.getType(), bits)) : x;
}
Value Emit::less(Value x, Value y) {
  return b.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, x, y);
}
Value Emit::equal(Value x, Value y) {
  return b.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::eq, x, y);
}

Value Emit::addF(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y, kContract); }
Value Emit::subF(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y, kContract); }
Value Emit::mulF(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y, kContract); }
Value Emit::divF(Value x, Value y) { return arith::DivFOp::create(b, loc, x, y, kContract); }
Value Emit::fma(Value x, Value y, Value z) { return math::FmaOp::create(b, loc, x, y, z); }
Value Emit::maximumF(Value x, Value y) { return arith::MaximumFOp::create(b, loc, x, y); }
Value Emit::select(Value condition, Value yes, Value no) {
  return b.createOrFold<arith::SelectOp>(loc, condition, yes, no);
}

Value Emit::zeroExtend(Value v, Type element) {
  Type to = like(v.getType(), element);
  return v.getType() == to ? v : b.createOrFold<arith::ExtUIOp>(loc, to, v);
}
Value Emit::signExtend(Value v, Type element) {
  Type to = like(v.getType(), element);
  return v.getType() == to ? v : b.createOrFold<arith::ExtSIOp>(loc, to, v);
}
Value Emit::truncate(Value v, Type element) {
  Type to = like(v.getType(), element);
  return v.getType() == to ? v : b.createOrFold<arith::TruncIOp>(loc, to, v);
}
Value Emit::bitcast(Value v, Type type) {
  return v.getType() == type ? v : LLVM::BitcastOp::create(b, loc, type, v);
}
Value Emit::toFloat(Value v, Type element) {
  return b.createOrFold<arith::SIToFPOp>(loc, like(v.getType(), element), v);
}
Value Emit::extendFloat(Value v, Type element) {
  Type to = like(v.getType(), element);
  return v.getType() == to ? v : b.createOrFold<arith::ExtFOp>(loc, to, v);
}
Value Emit::splat(Value scalar, int64_t lanes) {
  return lanes == 1
             ? scalar
             : vector::BroadcastOp::create(b, loc, vectorOf(scalar.getType(), lanes), scalar);
}
Value Emit::lane(Value vector, int64_t index) {
  return isa<VectorType>(vector.getType()) ? vector::ExtractOp::create(b, loc, vector, index)
                                           : vector;
}

/// 2^x = 2^n * 2^f with n = round(x), |f| <= 1/2; 2^f by its Taylor polynomial of degree 7, whose
/// remainder on this interval is below 2^-27; n goes into the exponent in two halves, so that
/// results near the ends of the range (denormals included) are right.
Value Emit::exp2(Value x) {
  if (style_.gpu) // v_exp_f32 with scaling for denormals: 1 ulp
    return math::Exp2Op::create(b, loc, x);
  Type type = x.getType();
  Type intType = like(type, i32());
  Value low = constantFloat(type, -150), high = constantFloat(type, 128.5);
  // Comparisons written so that a NaN stays in x.
  Value tiny = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, x, low);
  Value clamped =
      select(tiny, low,
             select(arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, x, high), high, x));
  Value n = math::RoundEvenOp::create(b, loc, clamped);
  Value f = arith::SubFOp::create(b, loc, clamped, n);
  static constexpr double kLn2 = 0.69314718055994530942;
  double coefficients[8] = {1};
  for (int i = 1; i < 8; ++i)
    coefficients[i] = coefficients[i - 1] * kLn2 / i;
  Value p = constantFloat(type, coefficients[7]);
  for (int i = 6; i >= 0; --i)
    p = fma(p, f, constantFloat(type, coefficients[i]));
  p = select(tiny, zero(type), p); // a product that underflows would trap into microcode
  // A NaN has no integer; whatever the conversion gives is multiplied with the NaN polynomial.
  Value exponent = arith::FPToSIOp::create(b, loc, intType, n);
  Value half = shiftRightSigned(exponent, 1);
  Value rest = sub(exponent, half);
  Value bias = constant(intType, 127);
  auto power = [&](Value e) { return bitcast(shiftLeft(add(e, bias), 23), type); };
  return arith::MulFOp::create(b, loc, arith::MulFOp::create(b, loc, p, power(half)), power(rest));
}

Value Emit::exp(Value x) {
  // x * log2(e) in two parts: the rounding of a single product would cost |x| ulps.
  Value hi = constantFloat(x.getType(), 1.44269502162933349609375);
  Value lo = constantFloat(x.getType(), 1.925963033500011079e-8);
  Value product = arith::MulFOp::create(b, loc, x, hi);
  Value error = fma(x, hi, arith::NegFOp::create(b, loc, product));
  Value tail = fma(x, lo, error);
  // 2^(product + tail) = 2^product * (1 + tail * ln2), tail being tiny; for infinite x the tail is
  // not a number and 2^product already exact.
  Value base = exp2(product);
  Value corrected = fma(mulF(base, tail), constantFloat(x.getType(), 0.693147180559945), base);
  Value ordered = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ORD, tail, tail);
  Value finite = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, base,
                                       constantFloat(x.getType(), INFINITY));
  return select(arith::AndIOp::create(b, loc, ordered, finite), corrected, base);
}

Value Emit::intrinsic(Type result, StringRef name, ValueRange arguments) {
  auto call = LLVM::CallIntrinsicOp::create(b, loc, result, b.getStringAttr(name), arguments);
  return call.getNumResults() ? call.getResult(0) : Value();
}

Value Emit::at(Value pointer, Value byteOffset) {
  // Offsets are never negative: an unsigned one fits the offset register of a GPU's loads.
  if (byteOffset.getType().isInteger(32))
    byteOffset = arith::ExtUIOp::create(b, loc, i64(), byteOffset);
  return LLVM::GEPOp::create(b, loc, pointer.getType(), i8(), pointer,
                             ArrayRef<LLVM::GEPArg>{byteOffset}, LLVM::GEPNoWrapFlags::inbounds);
}
Value Emit::at(Value pointer, int64_t byteOffset) {
  if (byteOffset == 0)
    return pointer;
  return LLVM::GEPOp::create(b, loc, pointer.getType(), i8(), pointer,
                             ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(byteOffset)},
                             LLVM::GEPNoWrapFlags::inbounds);
}
Value Emit::load(Type type, Value pointer, unsigned align) {
  return LLVM::LoadOp::create(b, loc, type, pointer, align);
}
void Emit::store(Value value, Value pointer, unsigned align) {
  LLVM::StoreOp::create(b, loc, value, pointer, align);
}
Value Emit::stack(int64_t bytes) {
  auto function = b.getInsertionBlock()->getParent()->getParentOfType<func::FuncOp>();
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&function.getBody().front());
  return LLVM::AllocaOp::create(b, loc, pointer(style_.gpu ? 5 : 0), i8(), constant(i32(), bytes),
                                /*alignment=*/style_.gpu ? 16 : 64);
}

Values Emit::loop(Value begin, Value end, int64_t step, ValueRange init, const LoopBody &body,
                  LoopStyle style) {
  auto loopOp = scf::ForOp::create(b, loc, begin, end, constant(begin.getType(), step), init);
  if (style != LoopStyle::Free && !style_.gpu)
    loopOp->setAttr("loop_annotation", annotationOf(b.getContext(), style));
  OpBuilder::InsertionGuard guard(b);
  // Without carried values the body already has its terminator.
  b.setInsertionPointToStart(loopOp.getBody());
  Values results = body(loopOp.getInductionVar(), loopOp.getRegionIterArgs());
  if (!init.empty())
    scf::YieldOp::create(b, loc, results);
  return Values(loopOp.getResults());
}

void Emit::loop(Value begin, Value end, int64_t step, const std::function<void(Value)> &body,
                LoopStyle style) {
  loop(
      begin, end, step, ValueRange{},
      [&](Value index, ValueRange) {
        body(index);
        return Values{};
      },
      style);
}

void Emit::ifThen(Value condition, const std::function<void()> &then) {
  auto op = scf::IfOp::create(b, loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&op.getThenRegion().front());
  then();
}

void Emit::ifThenElse(Value condition, const std::function<void()> &then,
                      const std::function<void()> &otherwise) {
  auto op = scf::IfOp::create(b, loc, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&op.getThenRegion().front());
  then();
  b.setInsertionPointToStart(&op.getElseRegion().front());
  otherwise();
}

Value Emit::valueIf(Value condition, const std::function<Value()> &value, Value otherwise) {
  auto op = scf::IfOp::create(b, loc, otherwise.getType(), condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&op.getThenRegion().front());
  scf::YieldOp::create(b, loc, value());
  b.setInsertionPointToStart(&op.getElseRegion().front());
  scf::YieldOp::create(b, loc, otherwise);
  return op.getResult(0);
}

Value Emit::reduceAddF(Value vector) {
  return vector::ReductionOp::create(b, loc, vector::CombiningKind::ADD, vector,
                                     arith::FastMathFlags::reassoc | kContract);
}
Value Emit::reduceMaxF(Value vector) {
  return vector::ReductionOp::create(b, loc, vector::CombiningKind::MAXNUMF, vector,
                                     arith::FastMathFlags::nnan | arith::FastMathFlags::nsz);
}
Value Emit::reduceAdd(Value vector) {
  return vector::ReductionOp::create(b, loc, vector::CombiningKind::ADD, vector);
}

} // namespace rosso
