// exp, log, sin and cos to less than one unit in the last place, and what divisions are made of.
// All in f64 with polynomials, rounded once: the same on every host. AMD gives 1 ulp for f32 (f16:
// 0.51), and its hardware differs from any other implementation in the last bit; so does this one.
#pragma once

#include "runtime/emulator/isa/rows/Shared.h"

namespace rosso::emulator::lanes {

template <class W> LANES_INLINE W real(W like, double value) {
  return constant(like, std::bit_cast<uint64_t>(value));
}
template <class W, size_t N> LANES_INLINE W polynomial(W x, const double (&c)[N]) {
  W r = real(x, c[N - 1]);
  for (size_t i = N - 1; i-- > 0;)
    r = fmaF64(r, x, real(x, c[i]));
  return r;
}
/// 2^n for n in -1022..1023, given as dwords.
template <class T> LANES_INLINE auto powerOfTwo(T n) { return zext(n + 1023u) << 52u; }

/// 2^x = 2^n e^(f ln 2), f in -0.5..0.5; Taylor to degree 9, relative error 3e-12.
template <class T> LANES_INLINE T exp2F32(T x) {
  static constexpr double kTerms[] = {1.0,       1.0,       1.0 / 2,    1.0 / 6,     1.0 / 24,
                                      1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880};
  auto wideX = widenF32(select(isNan(x), constant(x, 0), x));
  wideX = select(ltF64(wideX, real(wideX, -200)), real(wideX, -200), wideX);
  wideX = select(ltF64(real(wideX, 200), wideX), real(wideX, 200), wideX);
  auto n = roundF64(wideX);
  auto f = mulF64(subF64(wideX, n), real(n, 0.693147180559945309417));
  auto r = mulF64(polynomial(f, kTerms), powerOfTwo(toI32F64(n)));
  return select(isNan(x), quieted(x), roundF64ToF32(r));
}

/// log2 x = e + log2 m, m in 0.707..1.414; log m = 2 artanh((m - 1) / (m + 1)), to the 15th power:
/// relative error 1e-12.
template <class T> LANES_INLINE T log2F32(T x) {
  static constexpr double kTerms[] = {1.0,     1.0 / 3,  1.0 / 5,  1.0 / 7,
                                      1.0 / 9, 1.0 / 11, 1.0 / 13, 1.0 / 15};
  T mantissa = x & 0x7FFFFFu;
  T upper = select(ltU(constant(x, 0x3504F3), mantissa), constant(x, 1), constant(x, 0));
  T exponent = ((x >> 23u) & 255u) - 127u + upper;
  auto m = widenF32(mantissa | ((constant(x, 127) - upper) << 23u));
  auto s = divF64(subF64(m, real(m, 1)), addF64(m, real(m, 1)));
  auto log = mulF64(mulF64(s, polynomial(mulF64(s, s), kTerms)), real(m, 2.88539008177792681472));
  T r = roundF64ToF32(addF64(fromI32F64(exponent), log));
  r = select(isZeroF32(x), constant(x, 0xFF800000), r);
  r = select(eq(x, constant(x, 0x7F800000)), x, r);
  r = select(ltF32(x, constant(x, 0)), constant(x, 0xFFC00000), r);
  return select(isNan(x), quieted(x), r);
}

/// sin or cos of x turns. Whole turns fall away exactly; what is left is folded into an eighth.
template <class T> LANES_INLINE T turnsF32(T x, bool cosine) {
  static constexpr double kSine[] = {1.0,          -1.0 / 6,        1.0 / 120,         -1.0 / 5040,
                                     1.0 / 362880, -1.0 / 39916800, 1.0 / 6227020800.0};
  static constexpr double kCosine[] = {1.0,         -1.0 / 2,       1.0 / 24,         -1.0 / 720,
                                       1.0 / 40320, -1.0 / 3628800, 1.0 / 479001600.0};
  auto bad = either(isNan(x), isInfinite(x));
  auto turns = widenF32(select(bad, constant(x, 0), x));
  turns = subF64(turns, roundF64(turns));
  auto quarter = roundF64(mulF64(turns, real(turns, 4)));
  auto t = subF64(turns, mulF64(quarter, real(turns, 0.25)));
  auto angle = mulF64(t, real(t, 6.28318530717958647693));
  auto square = mulF64(angle, angle);
  auto sine = mulF64(angle, polynomial(square, kSine));
  auto cos = polynomial(square, kCosine);
  T q = toI32F64(quarter) + (cosine ? 1u : 0u); // cos x = sin(x + a quarter)
  auto zero = real(t, 0);
  auto r = select(isZero(q & 1u), sine, cos);
  r = select(isZero(q & 2u), r, subF64(zero, r));
  T result = roundF64ToF32(r);
  if (!cosine)
    result = select(isZeroF32(x), x, result); // -0 stays
  result = select(bad, constant(x, 0xFFC00000), result);
  return select(isNan(x), quieted(x), result);
}

template <class T> LANES_INLINE T rsqF32(T x) {
  auto root = sqrtF64(widenF32(x));
  return roundF64ToF32(divF64(real(root, 1), root));
}
template <class T> LANES_INLINE T rcpF32(T x) { return divF32(constant(x, 0x3F800000), x); }

// --- exponents ---

template <class T> LANES_INLINE T ldexpF32(T x, T n) {
  T exponent = maxS(minS(n, constant(n, 400)), constant(n, 0xFFFFFE70)); // -400
  return roundF64ToF32(mulF64(widenF32(x), powerOfTwo(exponent)));
}
template <class T> LANES_INLINE T frexpExponentF32(T x) {
  auto w = widenF32(x);
  T e = ((high(w) >> 20u) & 0x7FFu) - 1022u;
  e = select(isZeroF32(x), constant(x, 0), e);
  return select(either(isInfinite(x), isNan(x)), constant(x, 0), e);
}
template <class T> LANES_INLINE T frexpMantissaF32(T x) {
  auto w = widenF32(x);
  auto m = (w & 0x800FFFFFFFFFFFFFull) | 0x3FE0000000000000ull;
  auto keep = either(isZeroF32(x), either(isInfinite(x), isNan(x)));
  return select(keep, x, roundF64ToF32(m));
}

template <class W> LANES_INLINE auto isInfinite64(W x) {
  return eq(x & 0x7FFFFFFFFFFFFFFFull, constant(x, 0x7FF0000000000000));
}
template <class W> LANES_INLINE auto isZeroF64(W x) { return eqF64(x, real(x, 0)); }
/// Denormals brought into the normal range; their exponent is then 54 too high.
template <class W> LANES_INLINE W normalized64(W x) {
  return select(isZero(x & 0x7FF0000000000000ull), mulF64(x, real(x, 18014398509481984.0)), x);
}
template <class W> LANES_INLINE auto frexpExponentF64(W x) {
  auto e = (high(normalized64(x)) >> 20u) & 0x7FFu;
  e = e - 1022u;
  e = select(isZero(x & 0x7FF0000000000000ull), e - 54u, e);
  auto zero = constant(e, 0);
  e = select(isZeroF64(x), zero, e);
  return select(either(isInfinite64(x), isNan64(x)), zero, e);
}
template <class W> LANES_INLINE W frexpMantissaF64(W x) {
  W m = (normalized64(x) & 0x800FFFFFFFFFFFFFull) | 0x3FE0000000000000ull;
  return select(either(isZeroF64(x), either(isInfinite64(x), isNan64(x))), x, m);
}
/// Significand times a power of two that is normal (exact), times the rest (rounds once).
template <class W, class T> LANES_INLINE W ldexpF64(W x, T n) {
  T e = frexpExponentF64(x) + maxS(minS(n, constant(n, 4000)), constant(n, 0xFFFFF060));
  T first = maxS(minS(e, constant(n, 1000)), constant(n, 0xFFFFFC03)); // -1021
  T rest = maxS(minS(e - first, constant(n, 1000)), constant(n, 0xFFFFFC18));
  return mulF64(mulF64(frexpMantissaF64(x), powerOfTwo(first)), powerOfTwo(rest));
}
template <class W> LANES_INLINE W fractF64(W x) {
  W r = subF64(x, floorF64(x));
  return select(leF64(real(x, 1), r), constant(x, 0x3FEFFFFFFFFFFFFF), r);
}
template <class C, class W> LANES_INLINE W pickF64(const C &c, W a, W b, bool maximum) {
  W r = maximum ? select(ltF64(b, a), a, b) : select(ltF64(a, b), a, b);
  r = select(eqF64(a, b), maximum ? a & b : a | b, r);
  r = select(isNan64(b), a, r);
  if (c.ieee()) {
    auto quiet = constant(a, 0x0008000000000000);
    auto signalling = [&](W x) { return both(isNan64(x), isZero(x & quiet)); };
    r = select(signalling(b), b | quiet, r);
    r = select(signalling(a), a | quiet, r);
  }
  return r;
}
template <class W> LANES_INLINE W extremeF64(W a, W b, bool maximum) {
  W r = maximum ? select(ltF64(b, a), a, b) : select(ltF64(a, b), a, b);
  r = select(eqF64(a, b), maximum ? a & b : a | b, r);
  r = select(isNan64(b), b | 0x0008000000000000ull, r);
  return select(isNan64(a), a | 0x0008000000000000ull, r);
}
template <class W> LANES_INLINE auto toI32OfF64(W x) {
  auto fits = both(ltF64(x, real(x, 2147483648.0)), ltF64(real(x, -2147483649.0), x));
  auto r = toI32F64(select(fits, x, real(x, 0)));
  auto beyond = select(ltF64(x, real(x, 0)), constant(r, 0x80000000), constant(r, 0x7FFFFFFF));
  return select(fits, r, select(isNan64(x), constant(r, 0), beyond));
}
template <class W> LANES_INLINE auto toU32OfF64(W x) {
  auto fits = both(ltF64(x, real(x, 4294967296.0)), leF64(real(x, 0), x));
  auto r = toU32F64(select(fits, x, real(x, 0)));
  auto above = leF64(real(x, 4294967296.0), x);
  return select(fits, r, select(above, constant(r, 0xFFFFFFFF), constant(r, 0)));
}

// --- division ---
//
// One rule of v_div_scale reads ldexp(S0, 64) in the manual where only -64 makes sense: with a
// denominator above 2^126 and a denormal quotient, the denominator is to become smaller.
// v_div_fmas scales up or down by the exponent of S2, the quotient so far; the manual's text for
// gfx11 knows one direction only. v_div_fixup gives an infinity for a quotient that is NaN where
// numerator and denominator are not: the steps before overflowed.

template <class T> LANES_INLINE T exponentF32(T x) { return (x >> 23u) & 255u; }
template <class T> LANES_INLINE auto divScaleF32(T s0, T s1, T s2) {
  auto isDenorm = [](T x) { return both(isDenormalOrZero(x), nonZero(x & 0x7FFFFFu)); };
  auto quotient = divF64(widenF32(s2), widenF32(s1));
  auto smallQuotient = ltF64(quotient & 0x7FFFFFFFFFFFFFFFull, real(quotient, 0x1p-126));
  auto bigDenominator = ltF32(constant(s1, 0x7E800000), absF32(s1)); // above 2^126
  auto isDenominator = eqF32(s0, s1), isNumerator = eqF32(s0, s2);
  T up = ldexpF32(s0, constant(s0, 64)), down = ldexpF32(s0, constant(s0, 0xFFFFFFC0));

  T r = select(ltU(exponentF32(s2), constant(s0, 24)), up, s0); // tiny numerator
  auto flag = always(s0, false);
  r = select(smallQuotient, select(isNumerator, up, s0), r);
  flag = either(flag, smallQuotient);
  r = select(bigDenominator, select(smallQuotient, select(isDenominator, down, s0), down), r);
  flag = both(flag, either(inverse(bigDenominator), smallQuotient));
  r = select(isDenorm(s1), up, r);
  flag = both(flag, inverse(isDenorm(s1)));
  T difference = exponentF32(s2) - exponentF32(s1);
  auto hugeQuotient = ltS(constant(s0, 95), difference);
  r = select(hugeQuotient, select(isDenominator, up, s0), r);
  flag = either(flag, hugeQuotient);
  auto zero = either(isZero(absF32(s1)), isZero(absF32(s2)));
  r = select(zero, constant(s0, 0x7FC00000), r);
  flag = both(flag, inverse(zero));
  return WithBit{r, flag};
}
template <class T> LANES_INLINE T divFixupF32(T s0, T s1, T s2) {
  T sign = (s1 ^ s2) & 0x80000000u;
  auto zero1 = isZeroF32(s1), zero2 = isZeroF32(s2);
  auto inf1 = isInfinite(s1), inf2 = isInfinite(s2);
  T difference = exponentF32(s2) - exponentF32(s1);
  T r = select(isNan(s0), constant(s0, 0x7F800000), absF32(s0)) | sign;
  r = select(ltS(difference, constant(s0, 0xFFFFFF6A)), sign, r); // -150: underflows
  r = select(either(inf1, zero2), sign, r);
  r = select(either(zero1, inf2), sign | 0x7F800000u, r);
  r = select(either(both(zero1, zero2), both(inf1, inf2)), constant(s0, 0xFFC00000), r);
  r = select(isNan(s1), quieted(s1), r);
  return select(isNan(s2), quieted(s2), r);
}
template <class T> LANES_INLINE T divFixupF16(T s0, T s1, T s2) {
  T sign = (s1 ^ s2) & 0x8000u;
  T a1 = s1 & 0x7FFFu, a2 = s2 & 0x7FFFu;
  auto inf = constant(s0, 0x7C00);
  auto zero1 = isZero(a1), zero2 = isZero(a2), inf1 = eq(a1, inf), inf2 = eq(a2, inf);
  T r = (s0 & 0x7FFFu) | sign;
  r = select(either(inf1, zero2), sign, r);
  r = select(either(zero1, inf2), sign | 0x7C00u, r);
  r = select(either(both(zero1, zero2), both(inf1, inf2)), constant(s0, 0xFE00), r);
  r = select(isNan16(s1), s1 | 0x200u, r);
  return select(isNan16(s2), s2 | 0x200u, r);
}
template <class T, class M> LANES_INLINE T divFmasF32(T s0, T s1, T s2, M scaled) {
  // In f64, so that scaling into denormals does not round a second time in f32.
  T n = select(ltU(constant(s0, 127), exponentF32(s2)), constant(s0, 64), constant(s0, 0xFFFFFFC0));
  auto exact = fmaF64(widenF32(s0), widenF32(s1), widenF32(s2));
  T r = roundF64ToF32(mulF64(exact, powerOfTwo(n)));
  return select(scaled, r, fmaF32(s0, s1, s2));
}
template <class W> LANES_INLINE auto exponentF64(W x) { return (high(x) >> 20u) & 0x7FFu; }
template <class W> LANES_INLINE auto divScaleF64(W s0, W s1, W s2) {
  auto isDenorm = [](W x) {
    return both(isZero(x & 0x7FF0000000000000ull), nonZero(x & 0x000FFFFFFFFFFFFFull));
  };
  auto e1 = exponentF64(s1), e2 = exponentF64(s2);
  auto smallQuotient = isZero(divF64(s2, s1) & 0x7FF0000000000000ull);
  auto bigDenominator = ltF64(real(s1, 0x1p1022), s1 & 0x7FFFFFFFFFFFFFFFull);
  auto isDenominator = eqF64(s0, s1), isNumerator = eqF64(s0, s2);
  W up = mulF64(s0, real(s0, 0x1p128)), down = mulF64(s0, real(s0, 0x1p-128));
  W r = select(ltU(e2, constant(e2, 54)), up, s0);
  auto flag = always(e1, false);
  r = select(smallQuotient, select(isNumerator, up, s0), r);
  flag = either(flag, smallQuotient);
  r = select(bigDenominator, select(smallQuotient, select(isDenominator, down, s0), down), r);
  flag = both(flag, either(inverse(bigDenominator), smallQuotient));
  r = select(isDenorm(s1), up, r);
  flag = both(flag, inverse(isDenorm(s1)));
  auto hugeQuotient = ltS(constant(e1, 767), e2 - e1);
  r = select(hugeQuotient, select(isDenominator, up, s0), r);
  flag = either(flag, hugeQuotient);
  auto zero = either(isZeroF64(s1), isZeroF64(s2));
  r = select(zero, constant(s0, 0x7FF8000000000000), r);
  flag = both(flag, inverse(zero));
  return WithBit{r, flag};
}
template <class W> LANES_INLINE W divFixupF64(W s0, W s1, W s2) {
  W sign = (s1 ^ s2) & 0x8000000000000000ull;
  auto zero1 = isZeroF64(s1), zero2 = isZeroF64(s2);
  auto inf1 = isInfinite64(s1), inf2 = isInfinite64(s2);
  auto difference = exponentF64(s2) - exponentF64(s1);
  W r = select(isNan64(s0), constant(s0, 0x7FF0000000000000), s0 & 0x7FFFFFFFFFFFFFFFull) | sign;
  r = select(ltS(difference, constant(difference, 0xFFFFFBCD)), sign, r); // -1075
  r = select(either(inf1, zero2), sign, r);
  r = select(either(zero1, inf2), sign | 0x7FF0000000000000ull, r);
  r = select(either(both(zero1, zero2), both(inf1, inf2)), constant(s0, 0xFFF8000000000000), r);
  r = select(isNan64(s1), s1 | 0x0008000000000000ull, r);
  return select(isNan64(s2), s2 | 0x0008000000000000ull, r);
}
template <class W, class M> LANES_INLINE W divFmasF64(W s0, W s1, W s2, M scaled) {
  W plain = fmaF64(s0, s1, s2);
  auto up = ltU(constant(exponentF64(s2), 1023), exponentF64(s2));
  W factor = select(up, real(s0, 0x1p128), real(s0, 0x1p-128));
  return select(scaled, mulF64(plain, factor), plain);
}

} // namespace rosso::emulator::lanes
