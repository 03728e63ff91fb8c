#include "runtime/emulator/exec/Step.h"

namespace rosso::emulator {

bool isVector(InstructionClass instructionClass) {
  switch (instructionClass) {
  case InstructionClass::Valu:
  case InstructionClass::ValuTrans:
  case InstructionClass::ValuDot:
  case InstructionClass::ValuDouble:
  case InstructionClass::ValuQuarterRate:
  case InstructionClass::Vopd:
  case InstructionClass::Wmma:
  case InstructionClass::Lds:
  case InstructionClass::LdsAtomic:
  case InstructionClass::GlobalLoad:
  case InstructionClass::GlobalStore:
  case InstructionClass::GlobalAtomic:
  case InstructionClass::Scratch:
    return true;
  default:
    return false;
  }
}

namespace {

/// Registers of data that a store sends: the widest vector range it reads besides a 64-bit address.
uint8_t storeSlots(const Instruction &instruction) {
  uint8_t dwords = 1;
  for (size_t i = 1; i < instruction.operands.size(); ++i)
    if (instruction.operands[i].kind == OperandKind::Vgpr)
      dwords = instruction.operands[i].dwords;
  constexpr uint8_t kSlots[] = {2, 2, 3, 5, 6}; // b32 ... b128: between the measured 2 and 6
  return kSlots[dwords < 4 ? dwords : 4];
}

bool hasWideAddress(const Instruction &instruction) {
  for (const Operand &operand : instruction.operands)
    if (operand.kind == OperandKind::None) // "off": no scalar base
      return true;
  return instruction.encoding == Encoding::Flat;
}

} // namespace

uint8_t issueSlots(const Instruction &instruction, InstructionClass instructionClass) {
  switch (instructionClass) {
  case InstructionClass::Valu: {
    const std::string &name = instruction.name;
    return name.starts_with("v_") && name.find("rev_") != std::string::npos && name.ends_with("64")
               ? 2
               : 1; // v_lshlrev_b64 and its like
  }
  case InstructionClass::ValuDot:
  case InstructionClass::Vopd:
  case InstructionClass::Lds:
  case InstructionClass::LdsAtomic:
    return 1;
  case InstructionClass::ValuTrans:
  case InstructionClass::ValuQuarterRate:
    return 4;
  case InstructionClass::ValuDouble:
    return 16;
  case InstructionClass::Wmma:
    return instruction.name.find("_iu4") != std::string::npos ? 16 : 32;
  case InstructionClass::GlobalLoad:
    return hasWideAddress(instruction) ? 2 : 1;
  case InstructionClass::GlobalStore:
  case InstructionClass::GlobalAtomic:
    return storeSlots(instruction);
  case InstructionClass::Scratch:
    return instruction.destinations ? 1 : storeSlots(instruction);
  default:
    return 0;
  }
}

} // namespace rosso::emulator
