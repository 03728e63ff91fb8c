// Arithmetic that rows share, over any backend: T is a value of dwords, W one of quadwords, of the
// interpreter (Lanes.h) or of the translator. `c` tells what is known about the instruction.
//
// Source of the rules: AMD, "RDNA3 Instruction Set Architecture", chapter 16, by instruction name;
// what that leaves open is said at the function.
#pragma once

#include "runtime/emulator/isa/Lanes.h"

namespace rosso::emulator::lanes {

/// A value and a bit of each lane: carries of v_add_co, the flag of v_div_scale. SCC of scalars.
template <class T, class M> struct WithBit {
  T value;
  M bit;
};
template <class T, class M> WithBit(T, M) -> WithBit<T, M>;

// --- bits ---

template <class T> LANES_INLINE T constant(T like, uint64_t value) { return splat(like, value); }
template <class T> LANES_INLINE auto isZero(T x) { return eq(x, constant(x, 0)); }
template <class T> LANES_INLINE auto nonZero(T x) { return inverse(isZero(x)); }
template <class T> LANES_INLINE T minU(T a, T b) { return select(ltU(a, b), a, b); }
template <class T> LANES_INLINE T maxU(T a, T b) { return select(ltU(a, b), b, a); }
template <class T> LANES_INLINE T minS(T a, T b) { return select(ltS(a, b), a, b); }
template <class T> LANES_INLINE T maxS(T a, T b) { return select(ltS(a, b), b, a); }
template <class T> LANES_INLINE T med3U(T a, T b, T c) {
  return maxU(minU(a, b), minU(maxU(a, b), c));
}
template <class T> LANES_INLINE T med3S(T a, T b, T c) {
  return maxS(minS(a, b), minS(maxS(a, b), c));
}
template <class T> LANES_INLINE T signExtend(T x, unsigned bits) {
  return sra(x << (32u - bits), constant(x, 32u - bits));
}
template <class T> LANES_INLINE auto wide(T lo, T hi) { return zext(lo) | (zext(hi) << 32u); }
template <class T> LANES_INLINE T absDifference(T a, T b) {
  return select(ltU(a, b), b - a, a - b);
}
template <class T> LANES_INLINE T mulHighU(T a, T b) { return high(zext(a) * zext(b)); }
template <class T> LANES_INLINE T mulHighS(T a, T b) { return high(sext(a) * sext(b)); }
template <class T> LANES_INLINE T bfeU(T x, T offset, T width) {
  return (x >> (offset & 31u)) & ((constant(x, 1) << (width & 31u)) - 1u);
}
template <class T> LANES_INLINE T bfeS(T x, T offset, T width) {
  T w = width & 31u;
  T sign = (constant(x, 1) << w) >> 1u; // 0 for a width of 0
  T field = sra(x, offset & 31u) & ((constant(x, 1) << w) - 1u);
  return (field ^ sign) - sign;
}
/// Leading bits equal to the sign bit, -1 if all are.
template <class T> LANES_INLINE T countSignBits(T x) {
  T y = x ^ sra(x, constant(x, 31));
  return select(isZero(y), constant(x, 0xFFFFFFFF), leadingZeros(y));
}
template <class T> LANES_INLINE T orMinusOne(T x, T count) {
  return select(isZero(x), count * 0u - 1u, count);
}
template <class T> LANES_INLINE T byteOf(T x, unsigned i) { return (x >> (8u * i)) & 255u; }
template <class T> LANES_INLINE T signedByteOf(T x, unsigned i) {
  return sra(x << (24u - 8u * i), constant(x, 24));
}
template <class T> LANES_INLINE T permute(T s0, T s1, T selector) {
  T result = constant(s0, 0);
  auto data = wide(s1, s0);
  for (unsigned i = 0; i < 4; ++i) {
    T sel = byteOf(selector, i);
    T byte = low(data >> zext((sel & 7u) << 3u)) & 255u;
    // 8..11: the sign of bytes 1, 3, 5, 7
    T signAt = ((sel & 3u) << 4u) + 15u;
    T sign = (constant(s0, 0) - (low(data >> zext(signAt)) & 1u)) & 255u;
    byte = select(ltU(constant(sel, 7), sel), sign, byte);
    byte = select(eq(sel, constant(sel, 12)), constant(sel, 0), byte);
    byte = select(ltU(constant(sel, 12), sel), constant(sel, 255), byte);
    result = result | (byte << (8u * i));
  }
  return result;
}
template <class T> LANES_INLINE T sadBytes(T a, T b, T sum, bool masked) {
  for (unsigned i = 0; i < 4; ++i) {
    T difference = absDifference(byteOf(a, i), byteOf(b, i));
    sum = sum + (masked ? select(isZero(byteOf(b, i)), constant(a, 0), difference) : difference);
  }
  return sum;
}

template <class T> LANES_INLINE T lerpBytes(T a, T b, T rounding) {
  T r = constant(a, 0);
  for (unsigned i = 0; i < 4; ++i)
    r = r | (((byteOf(a, i) + byteOf(b, i) + ((rounding >> (8u * i)) & 1u)) >> 1u) << (8u * i));
  return r;
}

// --- bits of scalars ---

/// Each bit twice.
template <class W> LANES_INLINE W replicateBits(W x) {
  x = (x | (x << 16u)) & 0x0000FFFF0000FFFFull;
  x = (x | (x << 8u)) & 0x00FF00FF00FF00FFull;
  x = (x | (x << 4u)) & 0x0F0F0F0F0F0F0F0Full;
  x = (x | (x << 2u)) & 0x3333333333333333ull;
  x = (x | (x << 1u)) & 0x5555555555555555ull;
  return x | (x << 1u);
}
/// Bit 4 i: whether any of the bits 4 i to 4 i + 3 is set.
template <class W> LANES_INLINE W anyOfQuads(W x) {
  x = x | (x >> 1u);
  return (x | (x >> 2u)) & 0x1111111111111111ull;
}
template <class W> LANES_INLINE W quadMask(W x) {
  x = anyOfQuads(x);
  x = (x | (x >> 3u)) & 0x0303030303030303ull;
  x = (x | (x >> 6u)) & 0x000F000F000F000Full;
  x = (x | (x >> 12u)) & 0x000000FF000000FFull;
  return (x | (x >> 24u)) & 0xFFFFull;
}
template <class W> LANES_INLINE W wholeQuads(W x) { return anyOfQuads(x) * 15u; }
template <class T> LANES_INLINE auto shiftAdd(T a, T b, unsigned count) {
  auto sum = (zext(a) << count) + zext(b);
  return WithBit{low(sum), nonZero(high(sum))};
}
/// Of s_bfe: widths of 0 give 0, and those beyond the value's end take what is there.
template <class T> LANES_INLINE T bitField(T x, T offset, T width, bool isSigned) {
  T zero = constant(x, 0), count = minU(width, constant(x, 32));
  T shift = (constant(x, 32) - count) & 31u;
  T field = (isSigned ? sra(x, offset) : x >> offset) << shift;
  return select(isZero(count), zero, isSigned ? sra(field, shift) : field >> shift);
}
template <class W> LANES_INLINE W bitField64(W x, W offset, W width, bool isSigned) {
  W zero = constant(x, 0), count = minU(width, constant(x, 64));
  W shift = (constant(x, 64) - count) & 63u;
  W field = (isSigned ? sra(x, offset) : x >> offset) << shift;
  return select(isZero(count), zero, isSigned ? sra(field, shift) : field >> shift);
}

// --- saturating integers (the clamp bit) ---

template <class C, class T> LANES_INLINE T addU(const C &c, T a, T b) {
  T sum = a + b;
  return c.clamp() ? select(ltU(sum, a), constant(a, 0xFFFFFFFF), sum) : sum;
}
template <class C, class T> LANES_INLINE T subU(const C &c, T a, T b) {
  return c.clamp() ? select(ltU(a, b), constant(a, 0), a - b) : a - b;
}
/// The sum or difference `r` overflowed where `over`'s sign bit is set; it then has the wrong sign.
template <class T> LANES_INLINE T saturated(T r, T over) {
  return select(ltS(over, constant(r, 0)), sra(r, constant(r, 31)) ^ 0x80000000u, r);
}
template <class C, class T> LANES_INLINE T addS(const C &c, T a, T b) {
  T sum = a + b;
  return c.clamp() ? saturated(sum, (a ^ sum) & (b ^ sum)) : sum;
}
template <class C, class T> LANES_INLINE T subS(const C &c, T a, T b) {
  T difference = a - b;
  return c.clamp() ? saturated(difference, (a ^ b) & (a ^ difference)) : difference;
}
template <class C, class W> LANES_INLINE auto clampI32(const C &c, W x) {
  if (c.clamp()) {
    x = select(ltS(constant(x, 0x7FFFFFFF), x), constant(x, 0x7FFFFFFF), x);
    x = select(ltS(x, constant(x, 0xFFFFFFFF80000000)), constant(x, 0xFFFFFFFF80000000), x);
  }
  return low(x);
}
template <class C, class W> LANES_INLINE auto clampU32(const C &c, W x) {
  if (c.clamp())
    x = select(ltU(constant(x, 0xFFFFFFFF), x), constant(x, 0xFFFFFFFF), x);
  return low(x);
}
template <class C, class T, class M> LANES_INLINE auto addWithCarry(const C &c, T a, T b, M carry) {
  T sum = a + b + bitOf(carry);
  auto out = either(ltU(sum, a), both(carry, eq(sum, a)));
  return WithBit{c.clamp() ? select(out, constant(a, 0xFFFFFFFF), sum) : sum, out};
}
template <class C, class T, class M>
LANES_INLINE auto subWithBorrow(const C &c, T a, T b, M borrow) {
  T r = a - b - bitOf(borrow);
  auto out = either(ltU(a, b), both(borrow, eq(a, b)));
  return WithBit{c.clamp() ? select(out, constant(a, 0), r) : r, out};
}
/// The flag is the sign of the 65-bit sum.
template <class T, class W> LANES_INLINE auto madI64(T a, T b, W x) {
  W product = sext(a) * sext(b), sum = product + x;
  W overflow = (product ^ sum) & (x ^ sum);
  return WithBit{sum, nonZero((sum ^ overflow) >> 63u)};
}
template <class C, class T> LANES_INLINE T madI24(const C &c, T a, T b, T x) {
  return c.clamp() ? clampI32(c, sext(a) * sext(b) + sext(x)) : a * b + x;
}
template <class C, class T> LANES_INLINE T madU24(const C &c, T a, T b, T x) {
  return c.clamp() ? clampU32(c, zext(a) * zext(b) + zext(x)) : a * b + x;
}
/// Results of 16 bits, given exactly in 32 (signed).
template <class C, class T> LANES_INLINE T narrowU16(const C &c, T x) {
  if (c.clamp())
    x = select(ltS(x, constant(x, 0)), constant(x, 0), minS(x, constant(x, 0xFFFF)));
  return x & 0xFFFFu;
}
template <class C, class T> LANES_INLINE T narrowI16(const C &c, T x) {
  if (c.clamp())
    x = maxS(minS(x, constant(x, 0x7FFF)), constant(x, 0xFFFF8000));
  return x & 0xFFFFu;
}

template <class C, class T> LANES_INLINE T madU16(const C &c, T a, T b, T x) {
  T r = a * b + x; // at most 0xFFFF0000 - 0x1FFFF + 0x1FFFE: fits
  return c.clamp() ? minU(r, constant(a, 0xFFFF)) : r & 0xFFFFu;
}

// --- f32: NaN, denormals, minimum and maximum ---

template <class T> LANES_INLINE auto isNan(T x) { return inverse(eqF32(x, x)); }
template <class T> LANES_INLINE auto isInfinite(T x) {
  return eq(x & 0x7FFFFFFFu, constant(x, 0x7F800000));
}
template <class T> LANES_INLINE auto isDenormalOrZero(T x) { return isZero(x & 0x7F800000u); }
template <class T> LANES_INLINE auto isSignalling(T x) {
  return ltU((x & 0x7FFFFFFFu) - 0x7F800001u, constant(x, 0x3FFFFF));
}
template <class T> LANES_INLINE T quieted(T x) { return x | 0x400000u; }
template <class T> LANES_INLINE T flushed(T x) {
  return select(isDenormalOrZero(x), x & 0x80000000u, x);
}
template <class C, class T> LANES_INLINE T flushedInput(const C &c, T x) {
  return c.flushInputs32() ? flushed(x) : x;
}
template <class C, class T> LANES_INLINE T flushedOutput(const C &c, T x) {
  return c.flushOutputs32() ? flushed(x) : x;
}

/// Of gfx11's v_min_f32 (v_min_num_f32 of gfx12: as with IEEE): a number wins over a quiet NaN,
/// -0 is less than +0, and signalling NaNs come out quiet if the mode says IEEE.
template <class C, class T> LANES_INLINE T pickF32(const C &c, T a, T b, bool maximum) {
  a = flushedInput(c, a), b = flushedInput(c, b);
  T r = maximum ? select(ltF32(b, a), a, b) : select(ltF32(a, b), a, b);
  r = select(eqF32(a, b), maximum ? a & b : a | b, r); // differ in the sign of zero, if at all
  r = select(isNan(b), a, r);
  if (c.ieee()) {
    r = select(isSignalling(b), quieted(b), r);
    r = select(isSignalling(a), quieted(a), r);
  }
  return r;
}
template <class C, class T> LANES_INLINE T minF32(const C &c, T a, T b) {
  return pickF32(c, a, b, false);
}
template <class C, class T> LANES_INLINE T maxF32(const C &c, T a, T b) {
  return pickF32(c, a, b, true);
}
/// IEEE 754-2019 minimum and maximum: NaNs win.
template <class C, class T> LANES_INLINE T extremeF32(const C &c, T a, T b, bool maximum) {
  a = flushedInput(c, a), b = flushedInput(c, b);
  T r = maximum ? select(ltF32(b, a), a, b) : select(ltF32(a, b), a, b);
  r = select(eqF32(a, b), maximum ? a & b : a | b, r);
  r = select(isNan(b), quieted(b), r);
  return select(isNan(a), quieted(a), r);
}
template <class C, class T> LANES_INLINE T med3F32(const C &c, T s0, T s1, T s2) {
  T least = minF32(c, minF32(c, s0, s1), s2);
  T most = maxF32(c, maxF32(c, s0, s1), s2);
  T r = select(eqF32(most, s1), maxF32(c, s0, s2), maxF32(c, s0, s1));
  r = select(eqF32(most, s0), maxF32(c, s1, s2), r);
  return select(either(isNan(s0), either(isNan(s1), isNan(s2))), least, r);
}
template <class T> LANES_INLINE auto isZeroF32(T x) { return eqF32(x, constant(x, 0)); }
template <class T> LANES_INLINE auto isZeroProductOperand(T a, T b) {
  return either(isZeroF32(a), isZeroF32(b));
}
template <class T> LANES_INLINE T negF32(T x) { return x ^ 0x80000000u; }
template <class T> LANES_INLINE T absF32(T x) { return x & 0x7FFFFFFFu; }
template <class T> LANES_INLINE T fractF32(T x) {
  T r = subF32(x, floorF32(x));
  return select(leF32(constant(x, 0x3F800000), r), constant(x, 0x3F7FFFFF), r);
}

/// The classes of v_cmp_class: 0 signalling NaN, 1 quiet NaN, 2 -infinity, 3 -normal, 4 -denormal,
/// 5 -0, 6 +0, 7 +denormal, 8 +normal, 9 +infinity.
template <class T>
LANES_INLINE auto inClass(T x, T wanted, uint32_t signBit, uint32_t exponent, uint32_t quietBit) {
  T magnitude = x & (signBit - 1u);
  T positive = select(isZero(x & signBit), constant(x, 1), constant(x, 0));
  T sort = select(isZero(magnitude & exponent), constant(x, 4), constant(x, 3)); // of -x
  sort = select(isZero(magnitude), constant(x, 5), sort);
  sort = select(eq(magnitude, constant(x, exponent)), constant(x, 2), sort);
  sort = select(isZero(positive), sort, constant(x, 11) - sort);
  T nan = select(isZero(x & quietBit), constant(x, 0), constant(x, 1));
  sort = select(ltU(constant(x, exponent), magnitude), nan, sort);
  return nonZero((wanted >> sort) & 1u);
}

template <class W> LANES_INLINE auto inClass64(W x, decltype(low(W())) wanted) {
  // The upper dword tells all but whether the significand's lower bits are zero.
  auto rest = select(isZero(low(x)), constant(wanted, 0), constant(wanted, 1));
  return inClass(high(x) | rest, wanted, 0x80000000, 0x7FF00000, 0x80000);
}

template <class W> LANES_INLINE auto isNan64(W x) { return inverse(eqF64(x, x)); }

// --- cube maps ---

template <class T> LANES_INLINE auto cubeMajorZ(T x, T y, T z) {
  return both(leF32(absF32(x), absF32(z)), leF32(absF32(y), absF32(z)));
}
template <class T> LANES_INLINE auto cubeMajorY(T x, T y) { return leF32(absF32(x), absF32(y)); }
template <class T> LANES_INLINE auto isNegative(T x) { return ltF32(x, constant(x, 0)); }
template <class T> LANES_INLINE T cubePick(T x, T y, T z, T ifZ, T ifY, T ifX) {
  return select(cubeMajorZ(x, y, z), ifZ, select(cubeMajorY(x, y), ifY, ifX));
}
template <class T> LANES_INLINE T cubeFace(T x, T y, T z) {
  auto f = [&](uint32_t bits) { return constant(x, bits); };
  return cubePick(x, y, z, select(isNegative(z), f(0x40A00000), f(0x40800000)),
                  select(isNegative(y), f(0x40400000), f(0x40000000)),
                  select(isNegative(x), f(0x3F800000), f(0)));
}
template <class T> LANES_INLINE T cubeS(T x, T y, T z) {
  return cubePick(x, y, z, select(isNegative(z), negF32(x), x), x,
                  select(isNegative(x), z, negF32(z)));
}
template <class T> LANES_INLINE T cubeT(T x, T y, T z) {
  return cubePick(x, y, z, negF32(y), select(isNegative(y), negF32(z), z), negF32(y));
}
template <class T> LANES_INLINE T cubeAxis(T x, T y, T z) { return cubePick(x, y, z, z, y, x); }
template <class T> LANES_INLINE T mulLit(T x, T y, T z) {
  T least = constant(x, 0xFF7FFFFF);
  auto minimal = either(isNan(y), leF32(y, least));
  minimal = either(minimal, either(isNan(z), leF32(z, constant(x, 0))));
  return select(minimal, least, mulF32(x, y));
}

// --- f32: conversions ---

template <class T> LANES_INLINE T toI32(T x) {
  auto fits = both(ltF32(x, constant(x, 0x4F000000)), leF32(constant(x, 0xCF000000), x));
  T r = toI32F32(select(fits, x, constant(x, 0)));
  T beyond = select(isZero(x & 0x80000000u), constant(x, 0x7FFFFFFF), constant(x, 0x80000000));
  beyond = select(isNan(x), constant(x, 0), beyond);
  return select(fits, r, beyond);
}
template <class T> LANES_INLINE T toU32(T x) {
  auto fits = both(ltF32(x, constant(x, 0x4F800000)), leF32(constant(x, 0), x));
  T r = toU32F32(select(fits, x, constant(x, 0)));
  auto above = leF32(constant(x, 0x4F800000), x);
  return select(fits, r, select(above, constant(x, 0xFFFFFFFF), constant(x, 0)));
}
/// Towards zero, whatever the mode says; infinities stay, and NaNs become quiet.
template <class T> LANES_INLINE T truncateToF16(T x) {
  T magnitude = x & 0x7FFFFFFFu, sign = (x >> 16u) & 0x8000u;
  T normal = (magnitude - 0x38000000u) >> 13u;
  // Below 2^-14: the significand with its hidden one, in units of 2^-24.
  T exponent = magnitude >> 23u;
  T shift = minU(constant(x, 126) - exponent, constant(x, 31));
  T denormal = ((magnitude & 0x7FFFFFu) | 0x800000u) >> shift;
  T r = select(ltU(magnitude, constant(x, 0x38800000)), denormal, normal);
  r = select(ltU(constant(x, 0x477FFFFF), magnitude), constant(x, 0x7BFF), r);
  r = select(eq(magnitude, constant(x, 0x7F800000)), constant(x, 0x7C00), r);
  T nan = ((magnitude >> 13u) & 0x3FFu) | 0x7E00u;
  r = select(ltU(constant(x, 0x7F800000), magnitude), nan, r);
  return r | sign;
}
/// To signed or unsigned 16 bits, rounded to nearest even and saturated, NaN as 0.
template <class T> LANES_INLINE T toNorm16(T x, bool isSigned) {
  T scaled = roundF32(mulF32(x, constant(x, isSigned ? 0x46FFFE00 : 0x477FFF00)));
  T value = toI32(scaled);
  return isSigned ? maxS(minS(value, constant(x, 0x7FFF)), constant(x, 0xFFFF8001)) & 0xFFFFu
                  : maxS(minS(value, constant(x, 0xFFFF)), constant(x, 0));
}

// --- f16: exact in f32, rounded once ---

template <class T> LANES_INLINE auto isNan16(T x) { return ltU(constant(x, 0x7C00), x & 0x7FFFu); }
template <class T> LANES_INLINE auto isSignalling16(T x) {
  return ltU((x & 0x7FFFu) - 0x7C01u, constant(x, 0x1FF));
}
template <class T> LANES_INLINE auto lessF16(T a, T b) { return ltF32(widenF16(a), widenF16(b)); }
template <class T> LANES_INLINE auto lessEqualF16(T a, T b) {
  return leF32(widenF16(a), widenF16(b));
}
template <class T> LANES_INLINE auto equalF16(T a, T b) { return eqF32(widenF16(a), widenF16(b)); }
template <class T> LANES_INLINE T fractF16(T x) {
  T wide = widenF16(x);
  T r = roundF32ToF16(subF32(wide, floorF32(wide)));
  return select(eq(r, constant(x, 0x3C00)), constant(x, 0x3BFF), r);
}
template <class T> LANES_INLINE T addF16(T a, T b) {
  return roundF32ToF16(addF32(widenF16(a), widenF16(b)));
}
template <class T> LANES_INLINE T subF16(T a, T b) {
  return roundF32ToF16(subF32(widenF16(a), widenF16(b)));
}
template <class T> LANES_INLINE T mulF16(T a, T b) {
  return roundF32ToF16(mulF32(widenF16(a), widenF16(b)));
}
/// Rounds p + x to odd in f32, so that rounding to f16 afterwards is as if there had been one step:
/// the sum's error (Knuth's two-sum) says on which side of the f32 neighbour the sum lies.
template <class T> LANES_INLINE T addToOdd(T p, T x) {
  T sum = addF32(p, x);
  T back = subF32(sum, p);
  T error = addF32(subF32(p, subF32(sum, back)), subF32(x, back));
  auto inexact = either(ltF32(error, constant(p, 0)), ltF32(constant(p, 0), error));
  T away = select(isZero((error ^ sum) & 0x80000000u), sum + 1u, sum - 1u);
  return select(both(inexact, isZero(sum & 1u)), away, sum);
}
template <class C, class T> LANES_INLINE T fmaF16(const C &c, T a, T b, T x) {
  T p = mulF32(widenF16(a), widenF16(b)); // exact
  if (c.nearest16())
    return roundF32ToF16(addToOdd(p, widenF16(x)));
  // Directed roundings compose.
  return roundF32ToF16(roundF64ToF32(addF64(widenF32(p), widenF32(widenF16(x)))));
}
template <class C, class T> LANES_INLINE T pickF16(const C &c, T a, T b, bool maximum) {
  T x = widenF16(a), y = widenF16(b);
  T r = maximum ? select(ltF32(y, x), a, b) : select(ltF32(x, y), a, b);
  r = select(eqF32(x, y), maximum ? a & b : a | b, r);
  r = select(isNan16(b), a, r);
  if (c.ieee()) {
    r = select(isSignalling16(b), b | 0x200u, r);
    r = select(isSignalling16(a), a | 0x200u, r);
  }
  return r;
}
template <class C, class T> LANES_INLINE T minF16(const C &c, T a, T b) {
  return pickF16(c, a, b, false);
}
template <class C, class T> LANES_INLINE T maxF16(const C &c, T a, T b) {
  return pickF16(c, a, b, true);
}
template <class T> LANES_INLINE T extremeF16(T a, T b, bool maximum) {
  T x = widenF16(a), y = widenF16(b);
  T r = maximum ? select(ltF32(y, x), a, b) : select(ltF32(x, y), a, b);
  r = select(eqF32(x, y), maximum ? a & b : a | b, r);
  r = select(isNan16(b), b | 0x200u, r);
  return select(isNan16(a), a | 0x200u, r);
}
template <class C, class T> LANES_INLINE T med3F16(const C &c, T s0, T s1, T s2) {
  T least = minF16(c, minF16(c, s0, s1), s2);
  T most = widenF16(maxF16(c, maxF16(c, s0, s1), s2));
  T r = select(eqF32(most, widenF16(s1)), maxF16(c, s0, s2), maxF16(c, s0, s1));
  r = select(eqF32(most, widenF16(s0)), maxF16(c, s1, s2), r);
  return select(either(isNan16(s0), either(isNan16(s1), isNan16(s2))), least, r);
}
/// x * 2^n, exact in f32 for what f16 can hold.
template <class T> LANES_INLINE T ldexpF16(T x, T n) {
  T scale = (maxS(minS(n, constant(n, 60)), constant(n, 0xFFFFFFC4)) + 127u) << 23u;
  return roundF32ToF16(mulF32(widenF16(x), scale));
}

// --- bf16 ---

template <class T> LANES_INLINE T widenBf16(T x) { return x << 16u; }
/// To nearest even.
template <class T> LANES_INLINE T roundF32ToBf16(T x) {
  T r = (x + 0x7FFFu + ((x >> 16u) & 1u)) >> 16u;
  return select(isNan(x), (x >> 16u) | 0x40u, r);
}

// --- dot products ---

template <class C, class T>
LANES_INLINE T dotBytes(const C &c, T a, T b, T sum, bool signA, bool signB) {
  if (!c.clamp()) {
    for (unsigned i = 0; i < 4; ++i)
      sum = sum + (signA ? signedByteOf(a, i) : byteOf(a, i)) *
                      (signB ? signedByteOf(b, i) : byteOf(b, i));
    return sum;
  }
  T products = constant(a, 0); // at most 4 x 255 x 255 in magnitude: exact
  for (unsigned i = 0; i < 4; ++i)
    products = products + (signA ? signedByteOf(a, i) : byteOf(a, i)) *
                              (signB ? signedByteOf(b, i) : byteOf(b, i));
  return clampI32(c, sext(sum) + sext(products));
}
template <class C, class T>
LANES_INLINE T dotNibbles(const C &c, T a, T b, T sum, bool signA, bool signB) {
  T products = constant(a, 0);
  for (unsigned i = 0; i < 8; ++i) {
    T x = (a >> (4u * i)) & 15u, y = (b >> (4u * i)) & 15u;
    x = signA ? (x ^ 8u) - 8u : x;
    y = signB ? (y ^ 8u) - 8u : y;
    products = products + x * y;
  }
  return c.clamp() ? clampI32(c, sext(sum) + sext(products)) : sum + products;
}
template <class C, class T> LANES_INLINE T dotUnsignedClamp(const C &c, T sum, T products) {
  return c.clamp() ? clampU32(c, zext(sum) + zext(products)) : sum + products;
}
/// Products of two f16 or bf16 are exact in f32 (bf16's but for overflow); each sum rounds.
template <class T> LANES_INLINE T dot2F16(T a, T b, T sum) {
  sum = fmaF32(widenF16(a & 0xFFFFu), widenF16(b & 0xFFFFu), sum);
  return fmaF32(widenF16(a >> 16u), widenF16(b >> 16u), sum);
}
template <class T> LANES_INLINE T dot2Bf16(T a, T b, T sum) {
  sum = fmaF32(a << 16u, b << 16u, sum);
  return fmaF32(a & 0xFFFF0000u, b & 0xFFFF0000u, sum);
}

} // namespace rosso::emulator::lanes
