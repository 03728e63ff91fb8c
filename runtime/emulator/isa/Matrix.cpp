// WMMA: D = A B + C for one wave, 16 x 16 results, whatever exec says.
//
// Layout of gfx11: lane l holds row l % 16 of A and column l % 16 of B, all 16 elements along k in
// ascending order of registers and bits; lanes 16..31 repeat lanes 0..15 (what we read is lanes
// 0..15). Register r, lane l of C and D is row 2 r + l / 16, column l % 16; results of 16 bits take
// one half of each register, the one op_sel bit 2 says.
// Layout of gfx12: the same rows and columns, but lanes 0..15 hold the first half of the k's and
// lanes 16..31 the second; register r, lane l of C and D is row r + 8 (l / 16); results of 16 bits
// are packed two rows a register.
// Rounding: AMD does not say in which order and how often the sums round. Here: f32, one fused
// multiply-add after the other, k ascending, beginning with C; 16-bit results round once at the
// end. Source: RDNA3 ISA and RDNA4 ISA, 7.9 and 7.12; 16.10.
#include "runtime/emulator/isa/Interpreter.h"

#include <bit>
#include <cstring>

namespace rosso::emulator {

using namespace lanes;
using Kind = BoundOperand::Kind;

namespace {

enum class Element : uint8_t { F16, Bf16, Int };

/// Element k of the 16 rows of A or columns of B, as f32 bits or as integers; in lanes 0..15 and
/// again in 16..31.
struct Fragment {
  V k[32];
};

V element(V word, unsigned bit, unsigned bits, Element type, bool isSigned, bool neg) {
  V x = (word >> bit) & ((1u << bits) - 1u);
  if (type == Element::Int)
    return isSigned ? signExtend(x, bits) : x;
  x ^= neg ? 0x8000u : 0u;
  return type == Element::F16 ? widenF16(x) : widenBf16(x);
}

/// Lanes 0..15 of `x` twice, or lanes 16..31 twice.
V halfTwice(V x, bool upper) {
  V r;
  for (unsigned i = 0; i < kLanes; ++i)
    r[i] = x[i % 16 + (upper ? 16 : 0)];
  return r;
}

void load(const BoundAlu &alu, const Registers &registers, unsigned source, unsigned count,
          unsigned bits, Element type, Fragment &out) {
  const bool split = alu.isa == amd::Isa::Gfx12;
  const unsigned perLane = split ? count / 2 : count, perWord = 32 / bits;
  const bool isSigned = alu.negLo >> source & 1;
  for (unsigned k = 0; k < count; ++k) {
    const unsigned at = k % perLane, bit = at % perWord * bits;
    const bool neg = (bit == 0 ? alu.negLo : alu.negHi) >> source & 1;
    const V word = loadVector(registers, alu.source[source].index + at / perWord);
    out.k[k] = halfTwice(element(word, bit, bits, type, isSigned, neg), k >= perLane);
  }
}

/// For each lane the value of its row `r`: of rows 2 r and 2 r + 1, or r and r + 8.
V rowOf(V column, unsigned r, bool gfx12) {
  V x;
  for (unsigned i = 0; i < kLanes; ++i)
    x[i] = column[gfx12 ? r + i / 16 * 8 : 2 * r + i / 16];
  return x;
}

uint32_t accumulatorWord(const BoundAlu &alu, const Registers &registers, unsigned word,
                         unsigned l) {
  const BoundOperand &c = alu.source[2];
  return c.kind == Kind::Vgpr ? registers.v[c.index + word][l] : readScalar(c, registers);
}

V loadC(const BoundAlu &alu, const Registers &registers, unsigned r, Element type, bool half) {
  const bool gfx12 = alu.isa == amd::Isa::Gfx12, constant = alu.source[2].kind != Kind::Vgpr;
  V x;
  for (unsigned l = 0; l < kLanes; ++l)
    x[l] = accumulatorWord(alu, registers, half && gfx12 ? r / 2 : r, l);
  if (half) {
    const bool high = !constant && (gfx12 ? r & 1 : alu.opSel >> 2 & 1);
    x = high ? x >> 16u : x & 0xFFFFu;
    x = type == Element::F16 ? widenF16(x) : widenBf16(x);
  }
  if (type == Element::Int)
    return x;
  if (alu.negHi >> 2 & 1)
    x &= 0x7FFFFFFFu;
  return alu.negLo >> 2 & 1 ? x ^ 0x80000000u : x;
}

using Words16 = uint32_t __attribute__((vector_size(64)));
using Floats16 = float __attribute__((vector_size(64)));

/// Half of a register: its lanes 0..15 or 16..31.
Words16 halfOf(const uint32_t (&lanes)[kLanes], bool upper) {
  Words16 half;
  std::memcpy(&half, lanes + (upper ? 16 : 0), sizeof half);
  return half;
}

Floats16 widened(Words16 bits, Element type) {
  if (type == Element::Bf16)
    return std::bit_cast<Floats16>(static_cast<Words16>(bits << 16));
  using Shorts16 = uint16_t __attribute__((vector_size(32)));
  using Halves16 = _Float16 __attribute__((vector_size(32)));
  return __builtin_convertvector(std::bit_cast<Halves16>(__builtin_convertvector(bits, Shorts16)),
                                 Floats16);
}

/// Element k of all rows of A or columns of B.
void loadFloats(const BoundAlu &alu, const Registers &registers, unsigned source, Element type,
                Floats16 (&out)[16]) {
  const unsigned perHalf = alu.isa == amd::Isa::Gfx12 ? 8 : 16; // of k, in a half of the wave
  for (unsigned k = 0; k < 16; ++k) {
    const auto &lanes = registers.v[alu.source[source].index + k % perHalf / 2];
    const bool neg = (k % 2 ? alu.negHi : alu.negLo) >> source & 1;
    const Words16 word = halfOf(lanes, k >= perHalf) >> k % 2 * 16 & 0xFFFFu;
    out[k] = widened(word ^ (neg ? 0x8000u : 0u), type);
  }
}

/// The usual case, results of f32: a row of 16 results at a time. A row is half of a register.
void multiplyFloats(const BoundAlu &alu, Registers &registers, Element type) {
  const bool gfx12 = alu.isa == amd::Isa::Gfx12;
  const BoundOperand &c = alu.source[2];
  Floats16 a[16], b[16], d[16];
  loadFloats(alu, registers, 0, type, a);
  loadFloats(alu, registers, 1, type, b);
  const uint32_t constant = c.kind == Kind::Vgpr ? 0 : readScalar(c, registers);
  for (unsigned m = 0; m < 16; ++m) {
    Words16 row = Words16{} + constant;
    if (c.kind == Kind::Vgpr)
      row = halfOf(registers.v[c.index + (gfx12 ? m % 8 : m / 2)], gfx12 ? m >= 8 : m % 2);
    row &= alu.negHi >> 2 & 1 ? 0x7FFFFFFFu : ~0u;
    row ^= alu.negLo >> 2 & 1 ? 0x80000000u : 0u;
    d[m] = std::bit_cast<Floats16>(row);
  }
  for (unsigned m = 0; m < 16;
       m += 4) { // four rows at a time: sums that do not wait for each other
    Floats16 sum[4] = {d[m], d[m + 1], d[m + 2], d[m + 3]};
    for (unsigned k = 0; k < 16; ++k)
      for (unsigned i = 0; i < 4; ++i)
        sum[i] = __builtin_elementwise_fma(Floats16{} + a[k][m + i], b[k], sum[i]);
    std::memcpy(d + m, sum, sizeof sum);
  }
  for (unsigned m = 0; m < 16; ++m) {
    auto &lanes = registers.v[alu.destination.index + (gfx12 ? m % 8 : m / 2)];
    std::memcpy(lanes + ((gfx12 ? m >= 8 : m % 2) ? 16 : 0), &d[m], sizeof d[m]);
  }
}

template <Element Type, unsigned Bits, unsigned K, bool HalfResult>
void multiply(const BoundAlu &alu, Registers &registers) {
  if constexpr (Type != Element::Int && !HalfResult)
    return multiplyFloats(alu, registers, Type);
  const bool gfx12 = alu.isa == amd::Isa::Gfx12;
  Fragment a, b;
  load(alu, registers, 0, K, Bits, Type, a);
  load(alu, registers, 1, K, Bits, Type, b);
  V d[8];
  for (unsigned r = 0; r < 8; ++r) {
    V sum = loadC(alu, registers, r, Type, HalfResult);
    if constexpr (Type == Element::Int) {
      V products{}; // at most 32 x 255 x 255: exact
      for (unsigned k = 0; k < K; ++k)
        products += rowOf(a.k[k], r, gfx12) * b.k[k];
      const Context c{alu, registers, alu.clamp};
      sum = alu.clamp ? clampI32(c, sext(sum) + sext(products)) : sum + products;
    } else {
      for (unsigned k = 0; k < K; ++k)
        sum = fmaF32(rowOf(a.k[k], r, gfx12), b.k[k], sum);
      if (HalfResult)
        sum = Type == Element::F16 ? roundF32ToF16(sum) : roundF32ToBf16(sum);
    }
    d[r] = sum;
  }
  const unsigned to = alu.destination.index;
  for (unsigned r = 0; r < 8; ++r) {
    if (!HalfResult) {
      storeVector(registers, to + r, d[r]);
    } else if (gfx12) {
      if (r % 2 == 0)
        storeVector(registers, to + r / 2, d[r] | (d[r + 1] << 16u));
    } else {
      const V old = loadVector(registers, to + r);
      const bool high = alu.opSel >> 2 & 1;
      storeVector(registers, to + r,
                  high ? (old & 0xFFFFu) | (d[r] << 16u) : (old & 0xFFFF0000u) | d[r]);
    }
  }
}

constexpr AluOp row(std::string_view name, OperandType c, ExecuteAlu execute) {
  AluOp op;
  op.name = name;
  op.kind = InstructionClass::Wmma;
  op.source = {OperandType::B32, OperandType::B32, c};
  op.sources = 3;
  op.execute = execute;
  return op;
}

constexpr AluOp kOps[] = {
    row("v_wmma_f32_16x16x16_f16", OperandType::F32, multiply<Element::F16, 16, 16, false>),
    row("v_wmma_f32_16x16x16_bf16", OperandType::F32, multiply<Element::Bf16, 16, 16, false>),
    row("v_wmma_f16_16x16x16_f16", OperandType::F16, multiply<Element::F16, 16, 16, true>),
    row("v_wmma_bf16_16x16x16_bf16", OperandType::F16, multiply<Element::Bf16, 16, 16, true>),
    row("v_wmma_i32_16x16x16_iu8", OperandType::B32, multiply<Element::Int, 8, 16, false>),
    row("v_wmma_i32_16x16x16_iu4", OperandType::B32, multiply<Element::Int, 4, 16, false>),
    row("v_wmma_i32_16x16x32_iu4", OperandType::B32, multiply<Element::Int, 4, 32, false>),
};

} // namespace

std::span<const AluOp> matrixOps() { return kOps; }

} // namespace rosso::emulator
