// Primitives of the interpreter: what the rows' expressions are made of, for the 32 lanes of a wave
// as vectors of the host compiler.
//
// A lane's value is its bits: V holds 32 dwords, whatever they mean; W 32 quadwords; M a mask, all
// ones or zero in each lane. Scalars are uint32_t (S), uint64_t and bool, with the same functions.
// f16 values lie in the low halves of dwords, the high halves zero.
//
// Floating point follows the host's control register: rounding and denormals of the wave's mode are
// put there before an instruction runs (isa/FloatEnvironment.h). Contraction must be off.
#pragma once

#include "runtime/emulator/decode/Instruction.h"
#include "runtime/emulator/exec/Wave.h"

#include <bit>
#include <cstdint>
#include <cstring>

namespace rosso::emulator::lanes {

#define LANES_INLINE [[gnu::always_inline]] inline

typedef uint32_t V __attribute__((vector_size(128)));
typedef int32_t M __attribute__((vector_size(128)));
typedef float VF __attribute__((vector_size(128)));
typedef uint64_t W __attribute__((vector_size(256)));
typedef int64_t WM __attribute__((vector_size(256)));
typedef double WD __attribute__((vector_size(256)));
typedef uint16_t H __attribute__((vector_size(64)));
typedef _Float16 HF __attribute__((vector_size(64)));
using S = uint32_t;

// --- constants, masks, selection ---

LANES_INLINE V splat(V, uint64_t value) { return V{} + uint32_t(value); }
LANES_INLINE W splat(W, uint64_t value) { return W{} + value; }
LANES_INLINE S splat(S, uint64_t value) { return S(value); }
LANES_INLINE uint64_t splat(uint64_t, uint64_t value) { return value; }
LANES_INLINE V laneIds(V) {
  V r;
  for (unsigned i = 0; i < kLanes; ++i)
    r[i] = i;
  return r;
}

LANES_INLINE V select(M m, V a, V b) { return m ? a : b; }
LANES_INLINE W select(M m, W a, W b) { return __builtin_convertvector(m, WM) ? a : b; }
LANES_INLINE M select(M m, M a, M b) { return (m & a) | (~m & b); }
LANES_INLINE S select(bool m, S a, S b) { return m ? a : b; }
LANES_INLINE uint64_t select(bool m, uint64_t a, uint64_t b) { return m ? a : b; }
LANES_INLINE M both(M a, M b) { return a & b; }
LANES_INLINE M either(M a, M b) { return a | b; }
LANES_INLINE M inverse(M a) { return ~a; }
LANES_INLINE bool both(bool a, bool b) { return a && b; }
LANES_INLINE bool either(bool a, bool b) { return a || b; }
LANES_INLINE bool inverse(bool a) { return !a; }
LANES_INLINE V bitOf(M m) { return (V)m & 1u; }
LANES_INLINE S bitOf(bool m) { return m; }
LANES_INLINE M always(V, bool value) { return M{} - int32_t(value); }
LANES_INLINE M always(W, bool value) { return M{} - int32_t(value); }
LANES_INLINE bool always(S, bool value) { return value; }
LANES_INLINE M narrowMask(WM m) { return __builtin_convertvector(m, M); }

/// Bit i of a scalar is lane i's.
LANES_INLINE M maskOf(uint32_t bits) {
  V r = laneIds(V{});
  return (M)(((V{} + bits) >> r) & 1u) != 0;
}
LANES_INLINE uint32_t bitsOf(M m) {
  V r = laneIds(V{});
  V t = (V)m & ((V{} + 1u) << r);
  uint32_t bits = 0;
  for (unsigned i = 0; i < kLanes; ++i)
    bits |= t[i];
  return bits;
}

// --- integers (+ - * & | ^ ~ << >> are the language's; counts must be below the width) ---

LANES_INLINE M eq(V a, V b) { return (M)(a == b); }
LANES_INLINE M eq(W a, W b) { return narrowMask((WM)(a == b)); }
LANES_INLINE M ltU(V a, V b) { return (M)(a < b); }
LANES_INLINE M ltU(W a, W b) { return narrowMask((WM)(a < b)); }
LANES_INLINE M ltS(V a, V b) { return (M)((M)a < (M)b); }
LANES_INLINE M ltS(W a, W b) { return narrowMask((WM)((WM)a < (WM)b)); }
LANES_INLINE bool eq(S a, S b) { return a == b; }
LANES_INLINE bool eq(uint64_t a, uint64_t b) { return a == b; }
LANES_INLINE bool ltU(S a, S b) { return a < b; }
LANES_INLINE bool ltU(uint64_t a, uint64_t b) { return a < b; }
LANES_INLINE bool ltS(S a, S b) { return int32_t(a) < int32_t(b); }
LANES_INLINE bool ltS(uint64_t a, uint64_t b) { return int64_t(a) < int64_t(b); }

LANES_INLINE V sra(V a, V n) { return (V)((M)a >> (M)n); }
LANES_INLINE V sra(V a, uint32_t n) { return (V)((M)a >> int32_t(n)); }
LANES_INLINE W sra(W a, W n) { return (W)((WM)a >> (WM)n); }
LANES_INLINE S sra(S a, S n) { return S(int32_t(a) >> n); }
LANES_INLINE uint64_t sra(uint64_t a, uint64_t n) { return uint64_t(int64_t(a) >> n); }

LANES_INLINE W zext(V a) { return __builtin_convertvector(a, W); }
LANES_INLINE W sext(V a) { return (W) __builtin_convertvector((M)a, WM); }
LANES_INLINE V low(W a) { return __builtin_convertvector(a, V); }
LANES_INLINE V high(W a) { return __builtin_convertvector(a >> 32u, V); }
LANES_INLINE uint64_t zext(S a) { return a; }
LANES_INLINE uint64_t sext(S a) { return uint64_t(int64_t(int32_t(a))); }
LANES_INLINE S low(uint64_t a) { return S(a); }
LANES_INLINE S high(uint64_t a) { return S(a >> 32); }

LANES_INLINE V popcount(V a) { return __builtin_elementwise_popcount(a); }
LANES_INLINE S popcount(S a) { return S(std::popcount(a)); }
LANES_INLINE uint64_t popcount(uint64_t a) { return uint64_t(std::popcount(a)); }
LANES_INLINE V reverseBits(V a) { return __builtin_elementwise_bitreverse(a); }
LANES_INLINE S reverseBits(S a) { return __builtin_bitreverse32(a); }
LANES_INLINE uint64_t reverseBits(uint64_t a) { return __builtin_bitreverse64(a); }
/// Zeros above the highest, below the lowest one; the width if there is none.
LANES_INLINE V leadingZeros(V a) { return __builtin_elementwise_clzg(a, V{} + 32u); }
LANES_INLINE W leadingZeros(W a) { return __builtin_elementwise_clzg(a, W{} + 64u); }
LANES_INLINE S leadingZeros(S a) { return S(std::countl_zero(a)); }
LANES_INLINE uint64_t leadingZeros(uint64_t a) { return uint64_t(std::countl_zero(a)); }
LANES_INLINE V trailingZeros(V a) { return __builtin_elementwise_ctzg(a, V{} + 32u); }
LANES_INLINE S trailingZeros(S a) { return S(std::countr_zero(a)); }
LANES_INLINE uint64_t trailingZeros(uint64_t a) { return uint64_t(std::countr_zero(a)); }

/// {hi, lo} >> n, the low half; n below 32.
LANES_INLINE V funnelShift(V hi, V lo, V n) {
  return low((zext(lo) | (zext(hi) << 32u)) >> zext(n));
}

// --- f32 ---

LANES_INLINE V addF32(V a, V b) { return (V)((VF)a + (VF)b); }
LANES_INLINE V subF32(V a, V b) { return (V)((VF)a - (VF)b); }
LANES_INLINE V mulF32(V a, V b) { return (V)((VF)a * (VF)b); }
LANES_INLINE V divF32(V a, V b) { return (V)((VF)a / (VF)b); }
LANES_INLINE V fmaF32(V a, V b, V c) { return (V)__builtin_elementwise_fma((VF)a, (VF)b, (VF)c); }
LANES_INLINE V sqrtF32(V a) { return (V)__builtin_elementwise_sqrt((VF)a); }
LANES_INLINE V truncF32(V a) { return (V)__builtin_elementwise_trunc((VF)a); }
LANES_INLINE V floorF32(V a) { return (V)__builtin_elementwise_floor((VF)a); }
LANES_INLINE V ceilF32(V a) { return (V)__builtin_elementwise_ceil((VF)a); }
LANES_INLINE V roundF32(V a) { return (V)__builtin_elementwise_roundeven((VF)a); }
LANES_INLINE M ltF32(V a, V b) { return (M)((VF)a < (VF)b); }
LANES_INLINE M leF32(V a, V b) { return (M)((VF)a <= (VF)b); }
LANES_INLINE M eqF32(V a, V b) { return (M)((VF)a == (VF)b); }
/// The values must be in the range of the integers, see rows/Shared.h.
LANES_INLINE V toI32F32(V a) { return (V) __builtin_convertvector((VF)a, M); }
LANES_INLINE V toU32F32(V a) {
  M big = (M)((VF)a >= 2147483648.0f);
  VF part = big ? (VF)a - 2147483648.0f : (VF)a;
  return (V) __builtin_convertvector(part, M) ^ ((V)big & 0x80000000u);
}
LANES_INLINE V fromI32F32(V a) { return (V) __builtin_convertvector((M)a, VF); }
LANES_INLINE V fromU32F32(V a) { return (V) __builtin_convertvector(a, VF); }

// --- f16: computed in f32 and rounded; `widen` and `round16` are the steps ---

LANES_INLINE V widenF16(V a) {
  HF h = (HF) __builtin_convertvector(a, H);
  return (V) __builtin_convertvector(h, VF);
}
LANES_INLINE V roundF32ToF16(V a) {
  HF h = __builtin_convertvector((VF)a, HF);
  return __builtin_convertvector((H)h, V);
}

// --- f64 ---

LANES_INLINE W addF64(W a, W b) { return (W)((WD)a + (WD)b); }
LANES_INLINE W subF64(W a, W b) { return (W)((WD)a - (WD)b); }
LANES_INLINE W mulF64(W a, W b) { return (W)((WD)a * (WD)b); }
LANES_INLINE W divF64(W a, W b) { return (W)((WD)a / (WD)b); }
LANES_INLINE W fmaF64(W a, W b, W c) { return (W)__builtin_elementwise_fma((WD)a, (WD)b, (WD)c); }
LANES_INLINE W sqrtF64(W a) { return (W)__builtin_elementwise_sqrt((WD)a); }
LANES_INLINE W truncF64(W a) { return (W)__builtin_elementwise_trunc((WD)a); }
LANES_INLINE W floorF64(W a) { return (W)__builtin_elementwise_floor((WD)a); }
LANES_INLINE W ceilF64(W a) { return (W)__builtin_elementwise_ceil((WD)a); }
LANES_INLINE W roundF64(W a) { return (W)__builtin_elementwise_roundeven((WD)a); }
LANES_INLINE M ltF64(W a, W b) { return narrowMask((WM)((WD)a < (WD)b)); }
LANES_INLINE M leF64(W a, W b) { return narrowMask((WM)((WD)a <= (WD)b)); }
LANES_INLINE M eqF64(W a, W b) { return narrowMask((WM)((WD)a == (WD)b)); }
LANES_INLINE V toI32F64(W a) { return (V) __builtin_convertvector((WD)a, M); }
LANES_INLINE V toU32F64(W a) { return low((W) __builtin_convertvector((WD)a, WM)); }
LANES_INLINE W fromI32F64(V a) { return (W) __builtin_convertvector((M)a, WD); }
LANES_INLINE W fromU32F64(V a) { return (W) __builtin_convertvector(a, WD); }
LANES_INLINE W widenF32(V a) { return (W) __builtin_convertvector((VF)a, WD); }
LANES_INLINE V roundF64ToF32(W a) { return (V) __builtin_convertvector((WD)a, VF); }

} // namespace rosso::emulator::lanes
