// Instructions that are no arithmetic of lanes on their own: they move values between lanes or
// between registers, or set the mode. Source: RDNA3 ISA, 16.8 and 16.12, by name.
#include "runtime/emulator/isa/Interpreter.h"

namespace rosso::emulator {

using namespace lanes;
using Kind = BoundOperand::Kind;

static void doNothing(const BoundAlu &, Registers &) {}

/// The lane of a vector source, or the scalar itself.
static uint32_t laneOf(const BoundOperand &operand, const Registers &registers, unsigned lane) {
  return operand.kind == Kind::Vgpr ? registers.v[operand.index][lane]
                                    : readScalar(operand, registers);
}

static void readFirstLane(const BoundAlu &alu, Registers &registers) {
  const uint32_t exec = registers.exec();
  const unsigned lane = exec ? unsigned(std::countr_zero(exec)) : 0;
  writeScalar(alu.destination, registers, laneOf(alu.source[0], registers, lane));
}

static void readLane(const BoundAlu &alu, Registers &registers) {
  const unsigned lane = readScalar(alu.source[1], registers) & 31;
  writeScalar(alu.destination, registers, laneOf(alu.source[0], registers, lane));
}

static void writeLane(const BoundAlu &alu, Registers &registers) {
  const unsigned lane = readScalar(alu.source[1], registers) & 31;
  registers.v[alu.destination.index][lane] = readScalar(alu.source[0], registers);
}

/// `lanes` names, for each lane, the one whose value it takes. op_sel bit 0: also from lanes that
/// are switched off; bit 1: those give 0 (else the lane keeps what it has).
static void gather(const BoundAlu &alu, Registers &registers, const unsigned (&lanes)[kLanes]) {
  uint32_t old[kLanes];
  std::memcpy(old, registers.v[alu.source[0].index], sizeof old);
  const uint32_t exec = registers.exec();
  uint32_t *result = registers.v[alu.destination.index];
  for (unsigned i = 0; i < kLanes; ++i) {
    if (!(exec >> i & 1))
      continue;
    if (alu.opSel & 1 || exec >> lanes[i] & 1)
      result[i] = old[lanes[i]];
    else if (alu.opSel & 2)
      result[i] = 0;
  }
}

template <unsigned RowFlip> static void permLane(const BoundAlu &alu, Registers &registers) {
  const uint64_t select =
      readScalar(alu.source[1], registers) | uint64_t(readScalar(alu.source[2], registers)) << 32;
  unsigned from[kLanes];
  for (unsigned i = 0; i < kLanes; ++i)
    from[i] = ((i & 16) ^ RowFlip) | (select >> (i % 16 * 4) & 15);
  gather(alu, registers, from);
}

template <unsigned RowFlip> static void permLaneVar(const BoundAlu &alu, Registers &registers) {
  unsigned from[kLanes];
  for (unsigned i = 0; i < kLanes; ++i)
    from[i] = ((i & 16) ^ RowFlip) | (laneOf(alu.source[1], registers, i) & 15);
  gather(alu, registers, from);
}

static void swap(const BoundAlu &alu, Registers &registers) {
  const M active = maskOf(registers.exec());
  const unsigned a = alu.destination.index, b = alu.source[0].index;
  const V x = loadVector(registers, a), y = loadVector(registers, b);
  storeVector(registers, a, select(active, y, x));
  storeVector(registers, b, select(active, x, y));
}

/// v_movrel*: M0 is added to the number of the source, the destination, or both. Numbers beyond
/// the last register read 0 and write nothing.
template <bool RelativeSource, bool RelativeDestination, bool Halves>
static void moveRelative(const BoundAlu &alu, Registers &registers) {
  const uint32_t m0 = registers.s[kM0];
  const uint32_t up = Halves ? m0 & 0x3FF : m0, down = Halves ? m0 >> 16 & 0x3FF : m0;
  const uint32_t from = alu.source[0].index + (RelativeSource ? up : 0);
  const uint32_t to = alu.destination.index + (RelativeDestination ? down : 0);
  if (to > 255)
    return;
  V value{};
  if (alu.source[0].kind != Kind::Vgpr)
    value = splat(V{}, readScalar(alu.source[0], registers));
  else if (from < 256)
    value = loadVector(registers, from);
  storeVector(registers, to, select(maskOf(registers.exec()), value, loadVector(registers, to)));
}

template <bool RelativeSource, unsigned Dwords>
static void moveScalarRelative(const BoundAlu &alu, Registers &registers) {
  const uint32_t m0 = registers.s[kM0];
  uint32_t value[Dwords];
  for (unsigned i = 0; i < Dwords; ++i) {
    const uint32_t from = alu.source[0].index + i + (RelativeSource ? m0 : 0);
    value[i] = alu.source[0].kind != Kind::Scalar
                   ? uint32_t(readScalarWide(alu.source[0], registers) >> (32 * i))
               : from < kVccLo ? registers.s[from]
                               : 0;
  }
  for (unsigned i = 0; i < Dwords; ++i)
    if (const uint32_t to = alu.destination.index + i + (RelativeSource ? 0 : m0); to < kVccLo)
      registers.s[to] = value[i];
}

static void setRound(const BoundAlu &alu, Registers &registers) {
  registers.mode = (registers.mode & ~0xFu) | (uint32_t(alu.immediate) & 0xF);
  FloatEnvironment::apply(registers.mode);
}

static void setDenorm(const BoundAlu &alu, Registers &registers) {
  registers.mode = (registers.mode & ~0xF0u) | (uint32_t(alu.immediate) & 0xF) << 4;
  FloatEnvironment::apply(registers.mode);
}

static constexpr AluOp row(std::string_view name, unsigned sources, ExecuteAlu execute,
                           bool scalarResult = false, bool scalar = false) {
  AluOp op;
  op.name = name;
  op.kind = scalar ? InstructionClass::Salu : InstructionClass::Valu;
  op.result = OperandType::B32;
  op.scc = scalarResult ? SccRule::Only : SccRule::Keep;
  op.source = {OperandType::B32, OperandType::B32, OperandType::B32};
  op.sources = uint8_t(sources);
  op.execute = execute;
  return op;
}

static constexpr AluOp kOps[] = {
    row("v_nop", 0, doNothing),
    row("v_pipeflush", 0, doNothing),
    row("v_readfirstlane_b32", 1, readFirstLane),
    row("v_readlane_b32", 2, readLane),
    row("v_writelane_b32", 2, writeLane),
    row("v_permlane16_b32", 3, permLane<0>),
    row("v_permlanex16_b32", 3, permLane<16>),
    row("v_permlane16_var_b32", 2, permLaneVar<0>),
    row("v_permlanex16_var_b32", 2, permLaneVar<16>),
    row("v_permlane64_b32", 1, doNothing), // swaps halves of wave64; nothing to do for 32 lanes
    row("v_swap_b32", 1, swap),
    row("v_movreld_b32", 1, moveRelative<false, true, false>),
    row("v_movrels_b32", 1, moveRelative<true, false, false>),
    row("v_movrelsd_b32", 1, moveRelative<true, true, false>),
    row("v_movrelsd_2_b32", 1, moveRelative<true, true, true>),
    row("s_movrels_b32", 1, moveScalarRelative<true, 1>, false, true),
    row("s_movrels_b64", 1, moveScalarRelative<true, 2>, false, true),
    row("s_movreld_b32", 1, moveScalarRelative<false, 1>, false, true),
    row("s_movreld_b64", 1, moveScalarRelative<false, 2>, false, true),
    row("s_round_mode", 0, setRound, false, true),
    row("s_denorm_mode", 0, setDenorm, false, true),
};
std::span<const AluOp> specialOps() { return kOps; }

} // namespace rosso::emulator
