// LLVM's printed form of an instruction -> our operands and modifiers. LLVM's numbering of operands
// is private to its backend; its assembly syntax is not.
#pragma once

#include "runtime/amd/Chip.h"
#include "runtime/emulator/decode/Instruction.h"
#include "support/Result.h"

#include <span>
#include <string_view>

namespace rosso::emulator {

/// Fills name, encoding, operands, modifiers, simm16, branchTarget and second from `instruction`'s
/// text and address and the dwords it was printed from.
Status parseText(Instruction &instruction, std::span<const uint32_t> dwords, amd::Isa isa);

/// "v[4:7]", "s3", "vcc_lo", "m0", "off", "-|v1|", "1.0", "0x10", "v1.h". A literal's value is
/// `literal`, whatever is printed.
Result<Operand> parseOperand(std::string_view text, uint32_t literal);

} // namespace rosso::emulator
