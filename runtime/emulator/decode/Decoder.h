// Bytes of AMDGPU machine code -> Instruction, by LLVM's disassembler.
#pragma once

#include "runtime/amd/Chip.h"
#include "runtime/emulator/decode/Instruction.h"
#include "support/Result.h"

#include <memory>
#include <span>

namespace rosso::emulator {

/// Not for several threads at once.
class Decoder {
public:
  static Result<std::unique_ptr<Decoder>> create(const amd::Chip &chip);
  virtual ~Decoder() = default;

  /// The instruction at the start of `code`, which lies at `address` for the GPU. Errors: bytes
  /// that are no instruction of this chip, and operands or modifiers we do not know.
  virtual Result<Instruction> decode(std::span<const uint8_t> code, uint64_t address) = 0;
};

} // namespace rosso::emulator
