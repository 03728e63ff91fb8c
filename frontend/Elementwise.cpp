// Types and elementwise arithmetic. What Ops.def has no row for is composed of rows, in tinygrad's
// way where it has one. Booleans count as the numbers 0 and 1 but never reach an arithmetic row:
// their sum is `or`, their product `and`.

#include "frontend/Build.h"
#include "frontend/FileMemory.h"

#include <cmath>
#include <numbers>

namespace rosso {

using namespace build;

namespace {

/// An op of one source that keeps its type.
Tensor same(Op op, const Tensor &t) {
  if (auto bad = firstBad({t}))
    return *bad;
  return make(op, t.dtype(), t.shape(), {t}).asWeak(t.isWeak());
}

/// An op of one source on floats; integers become f32.
Tensor onFloats(Op op, const Tensor &t) {
  if (auto bad = firstBad({t}))
    return *bad;
  return same(op, promote(t, floatDType(t.dtype()))).asWeak(t.isWeak());
}

/// Rounding of one kind; integers are round already.
Tensor roundedBy(Op op, const Tensor &t) {
  if (auto bad = firstBad({t}))
    return *bad;
  return isFloat(t.dtype()) ? same(op, t) : t;
}

/// A function computed in f32 at least, and returned in t's own float type.
template <typename F> Tensor inFullPrecision(const Tensor &t, F function) {
  if (auto bad = firstBad({t}))
    return *bad;
  DType result = floatDType(t.dtype());
  return function(promote(t, leastUpperDType(result, DType::F32))).cast(result).asWeak(t.isWeak());
}

/// An op of two sources; `onBool` takes its place between booleans.
Tensor binary(Op op, Op onBool, const Tensor &a, const Tensor &b) {
  auto both = broadcasted(mnemonic(op), a, b);
  if (!both)
    return failed(both.error());
  const auto &[x, y] = *both;
  return make(x.dtype() == DType::Bool ? onBool : op, x.dtype(), x.shape(), {x, y})
      .asWeak(meetWeakly(a, b));
}

Tensor compare(Op op, const Tensor &a, const Tensor &b) {
  auto both = broadcasted(mnemonic(op), a, b);
  if (!both)
    return failed(both.error());
  const auto &[x, y] = *both;
  if (x.dtype() == DType::Bool) {
    if (op == Op::CmpLt)
      return x.logicalNot() & y;
    Tensor differ = make(Op::Xor, DType::Bool, x.shape(), {x, y});
    return op == Op::CmpNe ? differ : differ.logicalNot();
  }
  return make(op, DType::Bool, x.shape(), {x, y});
}

/// An op on bits, of integers or booleans.
Tensor bitwise(Op op, const Tensor &a, const Tensor &b) {
  auto both = broadcasted(mnemonic(op), a, b);
  if (!both)
    return failed(both.error());
  const auto &[x, y] = *both;
  bool shifts = op == Op::Shl || op == Op::Shr;
  if (isFloat(x.dtype()) || (shifts && x.dtype() == DType::Bool))
    return failed(mnemonic(op), "operands of " + std::string(name(a.dtype())) + " and " +
                                    std::string(name(b.dtype())) + "; expected integers" +
                                    (shifts ? "" : " or bools"));
  return make(op, x.dtype(), x.shape(), {x, y}).asWeak(meetWeakly(a, b));
}

/// Whether truncating division of integers left the quotient one above the floor.
Tensor roundedUp(const Tensor &remainder, const Tensor &divisor) {
  return remainder.ne(0) & ((remainder < 0) ^ (divisor < 0));
}

/// The number of a weak scalar or constant, if this is one.
std::optional<double> constantValue(const Tensor &t) {
  if (t.node()->op != Op::Constant)
    return std::nullopt;
  const Attr &value = *t.node()->find("value");
  if (const double *number = std::get_if<double>(&value))
    return *number;
  return static_cast<double>(std::get<int64_t>(value));
}

/// base^n by squaring.
Tensor constantPower(const Tensor &base, int64_t n) {
  if (n == 0)
    return base.fullLike(1);
  Tensor half = constantPower(base, n / 2);
  if (n == 1)
    return base;
  return n % 2 == 0 ? half * half : half * half * base;
}

/// base^e of integers of one type, by squaring for every bit that e may have. Negative powers are
/// those of 1 / base, which is whole for 1 and -1 only.
Tensor integerPower(const Tensor &base, const Tensor &e) {
  DType type = base.dtype();
  Tensor square = base, power = base.onesLike();
  int bits = 8 * static_cast<int>(byteSize(type)) - !isUnsigned(type);
  for (int bit = 0; bit < bits; ++bit) {
    Tensor isSet = ((e >> bit) & 1).ne(0);
    power = isSet.where(power * square, power);
    square = square * square;
  }
  if (isUnsigned(type))
    return power;
  Tensor inverse = base.eq(1).where(1, base.eq(-1).where(1 - 2 * (e & 1), 0));
  return (e < 0).where(inverse, power);
}

/// 1 / x is told apart for the two zeros.
Tensor isNegative(const Tensor &t) {
  return isFloat(t.dtype()) ? (t < 0) | (t.reciprocal() < 0) : t < 0;
}

/// |base|^e, with the sign of the base for odd e; a negative base has no other powers.
Tensor realPower(const Tensor &base, const Tensor &e) {
  Tensor magnitude = (base.abs().log2() * e).exp2();
  Tensor isOdd = e.fmod(2).abs().eq(1), isWhole = e.eq(e.trunc());
  Tensor nan = magnitude.fullLike(std::numeric_limits<double>::quiet_NaN());
  Tensor hasNone = (base < 0) & base.isfinite() & isWhole.logicalNot();
  Tensor power = (isNegative(base) & isOdd).where(-magnitude, hasNone.where(nan, magnitude));
  return (e.eq(0) | base.eq(1)).where(1, power);
}

/// The unsigned integer type of as many bytes.
DType bitsOf(unsigned bytes) {
  return bytes == 1 ? DType::U8 : bytes == 2 ? DType::U16 : bytes == 4 ? DType::U32 : DType::U64;
}

/// Elements of a wide unsigned type taken apart into `to`, the low bits first.
Tensor takenApart(const Tensor &t, DType to) {
  std::vector<Tensor> parts;
  for (unsigned at = 0; at < byteSize(t.dtype()); at += byteSize(to))
    parts.push_back((t >> static_cast<int>(8 * at)).cast(to));
  return Tensor::stack(parts, -1).flatten(-2, -1);
}

/// Elements of a narrow unsigned type put together, as many as make one of `to`.
Tensor putTogether(const Tensor &t, DType to) {
  int64_t many = byteSize(to) / byteSize(t.dtype());
  Tensor groups = t.unflatten(-1, {-1, many}), whole;
  for (int64_t at = 0; at < many; ++at) {
    Tensor part = groups.select(-1, at).cast(to) << 8 * at * byteSize(t.dtype());
    whole = whole.defined() ? whole | part : part;
  }
  return whole;
}

} // namespace

Tensor Tensor::cast(DType to) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  if (isQuantized())
    return isFloat(to) ? dequant(to) : dequant().cast(to);
  if (weak_ && node_->op == Op::Constant)
    return promote(*this, to);
  return to == dtype() ? asWeak(false) : make(Op::Cast, to, shape(), {*this});
}

Tensor Tensor::asWeak(bool weak) const {
  Tensor same = *this;
  same.weak_ = weak && ok() && dtype() != DType::Bool;
  return same;
}

Tensor Tensor::bitcast(DType to) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  unsigned from = byteSize(dtype()), wanted = byteSize(to);
  if (from != wanted && (ndim() == 0 || !(size(-1) * from).dividedBy(wanted)))
    return failed("bitcast", std::string(name(dtype())) + " " + str(shape()) + " to " +
                                 std::string(name(to)) +
                                 "; expected a last axis whose bytes are whole elements");
  if (to == dtype())
    return *this;
  if (isFile(node_->device))
    return bitcastOfFile(*this, to);
  if (from == wanted)
    return make(Op::Bitcast, to, shape(), {*this});
  Tensor bits = bitcast(bitsOf(from));
  return (from > wanted ? takenApart(bits, bitsOf(wanted)) : putTogether(bits, bitsOf(wanted)))
      .bitcast(to);
}

Tensor Tensor::dequant(DType to) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  if (!isQuantized())
    return cast(to);
  if (!isFloat(to))
    return failed("dequant", "to " + std::string(name(to)) + "; expected a float type");
  return make(Op::Dequant, to, shape(), {*this});
}

Tensor Tensor::materialize(DType to) const {
  Tensor expanded = dequant(to);
  if (!expanded.ok() || !isQuantized())
    return expanded;
  return make(Op::Dequant, to, shape(), {*this}, {{"materialize", int64_t{1}}});
}

Tensor Tensor::neg() const {
  if (auto bad = firstBad({*this}))
    return *bad;
  return same(dtype() == DType::Bool ? Op::Not : Op::Neg, *this);
}

Tensor Tensor::add(const Tensor &other) const { return binary(Op::Add, Op::Or, *this, other); }

Tensor Tensor::sub(const Tensor &other) const {
  if (auto bad = firstBad({*this, other}))
    return *bad;
  if (commonDType(*this, other) == DType::Bool)
    return failed("sub", "operands of bool; expected numbers; cast one, or use ^");
  return binary(Op::Sub, Op::Sub, *this, other);
}

Tensor Tensor::mul(const Tensor &other) const { return binary(Op::Mul, Op::And, *this, other); }

Tensor Tensor::div(const Tensor &other) const {
  if (auto bad = firstBad({*this, other}))
    return *bad;
  DType common = commonDType(*this, other), working = floatDType(common);
  bool isOpen = isWeak() && other.isWeak(); // int / int is a float of the default width
  return binary(Op::Div, Op::Div, promote(*this, working), promote(other, working))
      .asWeak(isOpen || (isFloat(common) && meetWeakly(*this, other)));
}

Tensor Tensor::truncDiv(const Tensor &other) const {
  if (auto bad = firstBad({*this, other}))
    return *bad;
  if (isFloat(commonDType(*this, other)))
    return div(other).trunc();
  return binary(Op::Div, Op::And, *this, other);
}

Tensor Tensor::floorDiv(const Tensor &other) const {
  if (auto bad = firstBad({*this, other}))
    return *bad;
  DType common = commonDType(*this, other);
  if (isFloat(common))
    return div(other).floor();
  Tensor quotient = truncDiv(other);
  if (isUnsigned(common) || common == DType::Bool)
    return quotient;
  return quotient - roundedUp(fmod(other), other).cast(common);
}

Tensor Tensor::fmod(const Tensor &other) const {
  if (auto bad = firstBad({*this, other}))
    return *bad;
  if (commonDType(*this, other) == DType::Bool)
    return failed("mod", "operands of bool; expected numbers");
  return binary(Op::Mod, Op::Mod, *this, other);
}

Tensor Tensor::mod(const Tensor &other) const {
  Tensor remainder = fmod(other);
  if (auto bad = firstBad({remainder}))
    return *bad;
  if (isUnsigned(remainder.dtype()))
    return remainder;
  return roundedUp(remainder, other).where(remainder + other, remainder);
}

Tensor Tensor::pow(const Tensor &exponent) const {
  if (auto bad = firstBad({*this, exponent}))
    return *bad;
  DType result = commonDType(*this, exponent);
  bool isWeakResult = meetWeakly(*this, exponent);
  if (auto n = constantValue(exponent)) {
    if (*n < 0 && isInteger(result))
      return failed("pow", "an integer to a negative power; cast the base to a float");
    if (*n == std::trunc(*n) && std::abs(*n) <= 64 && (*n >= 0 || isFloat(result))) {
      Tensor power = constantPower(promote(*this, result), std::abs(static_cast<int64_t>(*n)));
      return (*n < 0 ? power.reciprocal() : power).asWeak(isWeakResult);
    }
    if (*n == 0.5)
      return sqrt().asWeak(isWeakResult);
  }
  if (result == DType::Bool)
    return bitwiseOr(exponent.logicalNot()); // 0^1 is the only 0
  auto both = broadcasted("pow", *this, exponent);
  if (!both)
    return failed(both.error());
  if (!isFloat(result))
    return integerPower((*both)[0], (*both)[1]).asWeak(isWeakResult);
  DType working = leastUpperDType(result, DType::F32);
  return realPower(promote(*this, working), promote(exponent, working))
      .cast(result)
      .asWeak(isWeakResult);
}

Tensor Tensor::maximum(const Tensor &other) const { return binary(Op::Max, Op::Or, *this, other); }
Tensor Tensor::minimum(const Tensor &other) const { return binary(Op::Min, Op::And, *this, other); }
Tensor Tensor::lt(const Tensor &other) const { return compare(Op::CmpLt, *this, other); }
Tensor Tensor::eq(const Tensor &other) const { return compare(Op::CmpEq, *this, other); }
Tensor Tensor::ne(const Tensor &other) const { return compare(Op::CmpNe, *this, other); }

Tensor Tensor::logicalNot() const { return same(Op::Not, cast(DType::Bool)); }

Tensor Tensor::bitwiseNot() const {
  if (auto bad = firstBad({*this}))
    return *bad;
  if (isFloat(dtype()))
    return failed("not",
                  "an operand of " + std::string(name(dtype())) + "; expected integers or bools");
  return same(Op::Not, *this);
}

Tensor Tensor::bitwiseAnd(const Tensor &other) const { return bitwise(Op::And, *this, other); }
Tensor Tensor::bitwiseOr(const Tensor &other) const { return bitwise(Op::Or, *this, other); }
Tensor Tensor::bitwiseXor(const Tensor &other) const { return bitwise(Op::Xor, *this, other); }
Tensor Tensor::lshift(const Tensor &bits) const { return bitwise(Op::Shl, *this, bits); }
Tensor Tensor::rshift(const Tensor &bits) const { return bitwise(Op::Shr, *this, bits); }

Tensor Tensor::where(const Tensor &yes, const Tensor &no) const {
  auto values = broadcasted("where", yes, no);
  if (!values)
    return failed(values.error());
  Tensor condition = cast(DType::Bool);
  if (auto bad = firstBad({condition}))
    return *bad;
  auto shape = broadcastShape("where", condition.shape(), (*values)[0].shape());
  if (!shape)
    return failed(shape.error());
  return make(Op::Where, (*values)[0].dtype(), *shape,
              {broadcastTo(condition, *shape), broadcastTo((*values)[0], *shape),
               broadcastTo((*values)[1], *shape)})
      .asWeak(meetWeakly(yes, no));
}

Tensor Tensor::maskedFill(const Tensor &mask, const Tensor &value) const {
  return mask.where(value, *this);
}

Tensor Tensor::clip(std::optional<Tensor> low, std::optional<Tensor> high) const {
  Tensor clipped = *this;
  if (low)
    clipped = clipped.maximum(*low);
  return high ? clipped.minimum(*high) : clipped;
}

Tensor Tensor::abs() const {
  if (auto bad = firstBad({*this}))
    return *bad;
  if (isUnsigned(dtype()) || dtype() == DType::Bool)
    return *this;
  return maximum(neg());
}

Tensor Tensor::sign() const {
  if (auto bad = firstBad({*this}))
    return *bad;
  if (dtype() == DType::Bool)
    return *this;
  Tensor ofNonZero =
      isUnsigned(dtype()) ? fullLike(1) : (*this < 0).where(fullLike(-1), fullLike(1));
  return ne(0).where(ofNonZero, zerosLike());
}

Tensor Tensor::square() const { return mul(*this); }
Tensor Tensor::sqrt() const { return onFloats(Op::Sqrt, *this); }
Tensor Tensor::rsqrt() const { return onFloats(Op::Rsqrt, *this); }
Tensor Tensor::reciprocal() const { return onFloats(Op::Recip, *this); }
Tensor Tensor::exp2() const { return onFloats(Op::Exp2, *this); }
Tensor Tensor::log2() const { return onFloats(Op::Log2, *this); }
Tensor Tensor::sin() const { return onFloats(Op::Sin, *this); }
Tensor Tensor::floor() const { return roundedBy(Op::Floor, *this); }
Tensor Tensor::trunc() const { return roundedBy(Op::Trunc, *this); }
Tensor Tensor::round() const { return roundedBy(Op::Round, *this); }

Tensor Tensor::ceil() const {
  if (auto bad = firstBad({*this}))
    return *bad;
  return isFloat(dtype()) ? neg().floor().neg() : *this;
}

Tensor Tensor::exp() const {
  return inFullPrecision(*this, [](const Tensor &x) { return (x * std::numbers::log2e).exp2(); });
}

Tensor Tensor::log() const { return log2() * std::numbers::ln2; }
Tensor Tensor::log10() const { return log2() * (std::numbers::ln2 / std::numbers::ln10); }

Tensor Tensor::cos() const {
  // 1 - 2 sin(x/2)^2: halving is exact, where pi/2 - x would lose the low bits of a large x.
  return inFullPrecision(*this, [](const Tensor &x) { return 1 - 2 * (x * 0.5).sin().square(); });
}

Tensor Tensor::tan() const { return sin() / cos(); }

Tensor Tensor::isnan() const { return ne(*this); }

Tensor Tensor::isinf(bool positive, bool negative) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (!isFloat(dtype()) || !(positive || negative))
    return full(shape(), false);
  return positive && negative ? abs().eq(kInfinity) : eq(positive ? kInfinity : -kInfinity);
}

Tensor Tensor::isfinite() const { return (isinf() | isnan()).logicalNot(); }

Tensor Tensor::isclose(const Tensor &other, double rtol, double atol, bool equalNan) const {
  Tensor isNear = (*this - other).abs() <= atol + rtol * other.abs();
  Tensor close = (isfinite() & other.isfinite() & isNear) | ((isinf() | other.isinf()) & eq(other));
  return equalNan ? close | (isnan() & other.isnan()) : close;
}

Tensor Tensor::lerp(const Tensor &end, const Tensor &weight) const {
  if (auto bad = firstBad({*this, end, weight}))
    return *bad;
  if (dtype() != DType::U8 || weight.isWeak())
    return *this + (end - *this) * weight;
  // Bytes in fixed point: weights of 7 bits, rounded.
  constexpr int kBits = 7;
  Tensor whole = (weight * (1 << kBits) + 0.5).cast(DType::I16);
  Tensor step = ((end - *this).cast(DType::I8) * whole + (1 << (kBits - 1))).cast(DType::U16);
  return (*this + (step >> kBits)).cast(DType::U8);
}

Tensor Tensor::logaddexp(const Tensor &other) const {
  Tensor highest = maximum(other);
  return ((*this - highest).exp() + (other - highest).exp()).log() + highest;
}

Tensor Tensor::copysign(const Tensor &other) const {
  auto both = broadcasted("copysign", *this, other);
  if (!both)
    return failed(both.error());
  Tensor magnitude = (*both)[0].abs();
  return isNegative((*both)[1]).where(-magnitude, magnitude);
}

} // namespace rosso
