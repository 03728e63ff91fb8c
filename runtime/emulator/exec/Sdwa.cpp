// SDWA: instructions of gfx10 on bytes and halves of registers. Sources are taken apart into hidden
// registers, the plain instruction computes on these, and the result goes where it belongs.
#include "runtime/emulator/exec/LaneMemory.h"
#include "runtime/emulator/exec/Program.h"

namespace rosso::emulator {
namespace {

struct Bits {
  uint32_t shift, width;
};
Bits bitsOf(Part part) {
  if (part == Part::Dword)
    return {0, 32};
  const auto index = static_cast<uint32_t>(part);
  return part < Part::Word0 ? Bits{8 * index, 8} : Bits{16 * (index - 4), 16};
}

uint32_t signExtended(uint32_t value, uint32_t width) {
  const uint32_t sign = uint32_t{1} << (width - 1);
  return (value ^ sign) - sign;
}

uint32_t selected(uint32_t value, Part part, bool sext) {
  const Bits bits = bitsOf(part);
  if (bits.width == 32)
    return value;
  value = value >> bits.shift & ((uint32_t{1} << bits.width) - 1);
  return sext ? signExtended(value, bits.width) : value;
}

/// `result` as part of a register that held `old`.
uint32_t placed(uint32_t old, uint32_t result, Part part, Unused unused) {
  const Bits bits = bitsOf(part);
  if (bits.width == 32)
    return result;
  const uint32_t low = (uint32_t{1} << bits.width) - 1, mask = low << bits.shift;
  switch (unused) {
  case Unused::Pad:
    return result << bits.shift & mask;
  case Unused::Sext: // the sign above, zeros below
    return signExtended(result & low, bits.width) << bits.shift;
  case Unused::Preserve:
    break;
  }
  return (old & ~mask) | (result << bits.shift & mask);
}

bool executeSdwa(Wave &wave, const Step &step) {
  const Instruction &instruction = *step.instruction;
  const Modifiers &modifiers = instruction.modifiers;
  Registers &registers = wave.registers;
  for (uint16_t source = 0; source < 2; ++source) {
    const size_t at = instruction.destinations + source;
    if (at >= instruction.operands.size())
      break;
    const Operand &operand = instruction.operands[at];
    const bool vector = operand.kind == OperandKind::Vgpr;
    for (uint32_t lane = 0; lane < kLanes; ++lane)
      registers.v[kHiddenRegister + source][lane] =
          selected(vector ? registers.v[operand.index][lane] : registers.s[operand.index],
                   modifiers.sourcePart[source], operand.sext);
  }
  step.alu->execute(*step.alu, registers);
  if (instruction.operands[0].kind == OperandKind::Vgpr)
    forLanes(wave.exec(), [&](uint32_t lane) {
      uint32_t &to = registers.v[instruction.operands[0].index][lane];
      to = placed(to, registers.v[kHiddenRegister + 2][lane], modifiers.destinationPart,
                  modifiers.unused);
    });
  return true;
}

} // namespace

Status bindSdwa(const Instruction &instruction, Instruction &plain, Step &step) {
  plain.address = instruction.address;
  plain.bytes = instruction.bytes;
  plain.encoding = Encoding::Vop3; // has all modifiers, and takes any register
  plain.name = instruction.name;
  plain.operands = instruction.operands;
  plain.destinations = instruction.destinations;
  plain.text = instruction.text;
  plain.modifiers.clamp = instruction.modifiers.clamp;
  plain.modifiers.omod = instruction.modifiers.omod;
  for (uint16_t source = 0; source < 2; ++source) {
    const size_t at = instruction.destinations + source;
    if (at >= plain.operands.size())
      break;
    Operand &operand = plain.operands[at];
    if (!operand.isRegister() || operand.dwords != 1)
      return unsupported("SDWA with this operand is not modelled");
    operand.kind = OperandKind::Vgpr;
    operand.index = static_cast<uint16_t>(kHiddenRegister + source);
    operand.sext = false;
  }
  if (plain.operands.empty() || !plain.destinations || plain.operands[0].dwords != 1)
    return unsupported("SDWA of this instruction is not modelled");
  for (const RegisterRange &range : instruction.reads)
    if (range.vector && plain.operands[0].kind == OperandKind::Vgpr &&
        range.index == plain.operands[0].index &&
        (instruction.name.find("mac") != std::string::npos))
      return unsupported("SDWA of this instruction is not modelled");
  if (plain.operands[0].kind == OperandKind::Vgpr)
    plain.operands[0].index = kHiddenRegister + 2;
  step.kind = StepKind::Execute;
  step.execute = executeSdwa;
  return {};
}

} // namespace rosso::emulator
