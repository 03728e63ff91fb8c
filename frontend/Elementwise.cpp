// Types and elementwise arithmetic. What Ops.def has no row for is composed of rows, in tinygrad's
// way where it has one. Booleans count as the numbers 0 and 1 but never reach an arithmetic row:
// their sum is `or`, their product `and`.

#include "frontend/Build.h"

#include <cmath>
#include <numbers>

namespace rosso {

using namespace build;

namespace {

/// An op of one source that keeps its type.
Tensor same(Op op, const Tensor &t) {
  if (auto bad = firstBad({t}))
    return *bad;
  return make(op, t.dtype(), t.shape(), {t});
}

/// An op of one source on floats; integers become f32.
Tensor onFloats(Op op, const Tensor &t) {
  if (auto bad = firstBad({t}))
    return *bad;
  return same(op, promote(t, floatDType(t.dtype())));
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
  return function(promote(t, leastUpperDType(result, DType::F32))).cast(result);
}

/// An op of two sources; `onBool` takes its place between booleans.
Tensor binary(Op op, Op onBool, const Tensor &a, const Tensor &b) {
  auto both = broadcasted(mnemonic(op), a, b);
  if (!both)
    return failed(both.error());
  const auto &[x, y] = *both;
  return make(x.dtype() == DType::Bool ? onBool : op, x.dtype(), x.shape(), {x, y});
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
  return make(op, x.dtype(), x.shape(), {x, y});
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
Tensor integerPower(const Tensor &base, int64_t n) {
  if (n == 0)
    return base.fullLike(1);
  Tensor half = integerPower(base, n / 2);
  if (n == 1)
    return base;
  return n % 2 == 0 ? half * half : half * half * base;
}

} // namespace

Tensor Tensor::cast(DType to) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  if (isQuantized())
    return isFloat(to) ? dequant(to) : dequant().cast(to);
  if (weak_)
    return promote(*this, to);
  return to == dtype() ? *this : make(Op::Cast, to, shape(), {*this});
}

Tensor Tensor::bitcast(DType to) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  if (byteSize(to) != byteSize(dtype()))
    return failed("bitcast", std::string(name(dtype())) + " to " + std::string(name(to)) +
                                 "; expected types of one size");
  return to == dtype() ? *this : make(Op::Bitcast, to, shape(), {*this});
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
  DType working = floatDType(commonDType(*this, other));
  return binary(Op::Div, Op::Div, promote(*this, working), promote(other, working));
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
  if (auto n = constantValue(exponent)) {
    if (*n == std::trunc(*n) && std::abs(*n) <= 64) {
      DType result = commonDType(*this, exponent);
      if (*n < 0 && !isFloat(result))
        return failed("pow", "an integer to a negative power; cast the base to a float");
      Tensor power = integerPower(promote(*this, result), std::abs(static_cast<int64_t>(*n)));
      return *n < 0 ? power.reciprocal() : power;
    }
    if (*n == 0.5)
      return sqrt();
  }
  DType result = commonDType(*this, exponent);
  if (!isFloat(result))
    return failed("pow", "an integer to a power known only at run time; cast one to a float");
  // |b|^e, with the sign of b for odd e; a negative base has no other powers.
  Tensor base = promote(*this, result), e = promote(exponent, result);
  Tensor magnitude = (base.abs().log2() * e).exp2();
  Tensor odd = e.fmod(2).abs().eq(1);
  Tensor whole = e.eq(e.trunc());
  Tensor signedPower = odd.where(-magnitude, magnitude);
  Tensor nan = magnitude.fullLike(std::numeric_limits<double>::quiet_NaN());
  Tensor power = (base < 0).where(whole.where(signedPower, nan), magnitude);
  return e.eq(0).where(1, power);
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
               broadcastTo((*values)[1], *shape)});
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

Tensor Tensor::isinf() const {
  if (auto bad = firstBad({*this}))
    return *bad;
  if (!isFloat(dtype()))
    return full(shape(), false);
  return abs().eq(std::numeric_limits<double>::infinity());
}

Tensor Tensor::isfinite() const { return (isinf() | isnan()).logicalNot(); }

Tensor Tensor::lerp(const Tensor &end, const Tensor &weight) const {
  return *this + (end - *this) * weight;
}

Tensor Tensor::logaddexp(const Tensor &other) const {
  Tensor highest = maximum(other);
  return ((*this - highest).exp() + (other - highest).exp()).log() + highest;
}

Tensor Tensor::copysign(const Tensor &other) const {
  Tensor magnitude = abs();
  Tensor negative = (other < 0) | (other.reciprocal() < 0); // 1 / -0 is -infinity
  return negative.where(-magnitude, magnitude);
}

} // namespace rosso
