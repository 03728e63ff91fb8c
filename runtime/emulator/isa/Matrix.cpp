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

using Kind = BoundOperand::Kind;
using lanes::readScalar;

namespace {

enum class Element : uint8_t { F16, Bf16, Int };

// Rows of 16 columns, and what lanes 0..15 or 16..31 of a register hold.
using Row = uint32_t __attribute__((vector_size(64)));
using FloatRow = float __attribute__((vector_size(64)));
using HalfRow = uint16_t __attribute__((vector_size(32)));
using Float16Row = _Float16 __attribute__((vector_size(32)));

LANES_INLINE Row halfRegister(const Registers &registers, unsigned index, bool upper) {
  Row r;
  std::memcpy(&r, registers.v[index] + (upper ? 16 : 0), sizeof r);
  return r;
}
LANES_INLINE void storeHalf(Registers &registers, unsigned index, bool upper, Row value) {
  std::memcpy(registers.v[index] + (upper ? 16 : 0), &value, sizeof value);
}
LANES_INLINE Row widenF16(Row x) {
  const auto half = (Float16Row) __builtin_convertvector(x, HalfRow);
  return (Row) __builtin_convertvector(half, FloatRow);
}
LANES_INLINE Row roundToF16(Row x) {
  const auto half = __builtin_convertvector((FloatRow)x, Float16Row);
  return __builtin_convertvector((HalfRow)half, Row);
}
LANES_INLINE Row roundToBf16(Row x) {
  const Row r = (x + 0x7FFFu + ((x >> 16u) & 1u)) >> 16u;
  const Row nan = (Row)((x & 0x7FFFFFFFu) > 0x7F800000u);
  return (r & ~nan) | (((x >> 16u) | 0x40u) & nan);
}

/// Element k of the 16 rows of A or columns of B, as f32 bits or as integers.
template <Element Type, unsigned Bits, unsigned K>
void load(const BoundAlu &alu, const Registers &registers, unsigned source, Row (&out)[K]) {
  constexpr unsigned kPerWord = 32 / Bits;
  const bool split = alu.isa == amd::Isa::Gfx12;
  const unsigned perLane = split ? K / 2 : K;
  const bool isSigned = alu.negLo >> source & 1;
  const uint32_t flipLow = alu.negLo >> source & 1 ? 0x8000u : 0;
  const uint32_t flipHigh = alu.negHi >> source & 1 ? 0x8000u : 0;
  for (unsigned k = 0; k < K; ++k) {
    const unsigned at = k % perLane, bit = at % kPerWord * Bits;
    const Row word =
        halfRegister(registers, alu.source[source].index + at / kPerWord, k >= perLane);
    Row x = (word >> bit) & ((1u << Bits) - 1u);
    if constexpr (Type == Element::Int) {
      constexpr uint32_t kSign = 1u << (Bits - 1);
      out[k] = isSigned ? (x ^ kSign) - kSign : x;
    } else {
      x ^= bit == 0 ? flipLow : flipHigh;
      out[k] = Type == Element::F16 ? widenF16(x) : x << 16u;
    }
  }
}

/// Where row m of C and D lies.
struct Place {
  unsigned index; // register after the first
  bool upper;     // lanes 16..31
  bool high;      // gfx12, 16 bits: half of the register
};
Place placeOf(unsigned m, bool gfx12, bool half) {
  if (!gfx12)
    return {m / 2, (m & 1) != 0, false};
  return half ? Place{m % 8 / 2, m >= 8, (m & 1) != 0} : Place{m % 8, m >= 8, false};
}

template <Element Type, bool Half>
Row loadC(const BoundAlu &alu, const Registers &registers, unsigned m) {
  const bool gfx12 = alu.isa == amd::Isa::Gfx12;
  const BoundOperand &c = alu.source[2];
  const Place place = placeOf(m, gfx12, Half);
  Row x = Row{} + readScalar(c, registers);
  if (c.kind == Kind::Vgpr)
    x = halfRegister(registers, c.index + place.index, place.upper);
  if (Half) {
    const bool high = c.kind == Kind::Vgpr && (gfx12 ? place.high : (alu.opSel >> 2 & 1) != 0);
    x = high ? x >> 16u : x & 0xFFFFu;
    x = Type == Element::F16 ? widenF16(x) : x << 16u;
  }
  if (Type == Element::Int)
    return x;
  if (alu.negHi >> 2 & 1)
    x &= 0x7FFFFFFFu;
  return alu.negLo >> 2 & 1 ? x ^ 0x80000000u : x;
}

/// Integers that do not saturate wrap; those that do are summed exactly and clamped once.
Row saturatedSum(Row c, Row products) {
  Row r;
  for (unsigned i = 0; i < 16; ++i) {
    const int64_t sum = int64_t(int32_t(c[i])) + int32_t(products[i]);
    r[i] = uint32_t(sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : sum);
  }
  return r;
}

template <Element Type, unsigned Bits, unsigned K, bool Half>
void multiply(const BoundAlu &alu, Registers &registers) {
  const bool gfx12 = alu.isa == amd::Isa::Gfx12;
  Row a[K], b[K], d[16];
  load<Type, Bits, K>(alu, registers, 0, a);
  load<Type, Bits, K>(alu, registers, 1, b);
  for (unsigned m = 0; m < 16; ++m)
    d[m] = loadC<Type, Half>(alu, registers, m);
  constexpr unsigned kTogether = 4; // rows whose sums stay in registers
  for (unsigned first = 0; first < 16; first += kTogether) {
    if constexpr (Type == Element::Int) {
      Row sum[kTogether]{};
      for (unsigned k = 0; k < K; ++k)
        for (unsigned m = 0; m < kTogether; ++m)
          sum[m] += (Row{} + a[k][first + m]) * b[k];
      for (unsigned m = 0; m < kTogether; ++m)
        d[first + m] = alu.clamp ? saturatedSum(d[first + m], sum[m]) : d[first + m] + sum[m];
    } else {
      FloatRow sum[kTogether];
      for (unsigned m = 0; m < kTogether; ++m)
        sum[m] = (FloatRow)d[first + m];
      for (unsigned k = 0; k < K; ++k)
        for (unsigned m = 0; m < kTogether; ++m)
          sum[m] = __builtin_elementwise_fma((FloatRow)(Row{} + a[k][first + m]), (FloatRow)b[k],
                                             sum[m]);
      for (unsigned m = 0; m < kTogether; ++m)
        d[first + m] = (Row)sum[m];
    }
  }
  for (unsigned m = 0; m < 16; ++m) {
    const Place place = placeOf(m, gfx12, Half);
    const unsigned index = alu.destination.index + place.index;
    Row value = d[m];
    if (Half) {
      value = Type == Element::F16 ? roundToF16(value) : roundToBf16(value);
      const Row old = halfRegister(registers, index, place.upper);
      const bool high = gfx12 ? place.high : (alu.opSel >> 2 & 1) != 0;
      value = high ? (old & 0xFFFFu) | (value << 16u) : (old & 0xFFFF0000u) | value;
    }
    storeHalf(registers, index, place.upper, value);
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
