// Machine code of a linked object as text, by LLVM's disassembler, for any target LLVM knows.
#pragma once

#include "runtime/program/Listing.h"
#include "support/Result.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace llvm {
class TargetMachine;
}

namespace rosso {

/// The instructions of function `symbol`. Bytes that are no instruction are shown as such. Errors:
/// Internal, where the object has no such function.
Result<std::vector<InstructionListing>> disassemble(std::span<const uint8_t> object,
                                                    const std::string &symbol,
                                                    const llvm::TargetMachine &machine);

/// Fills `line` of the instructions from the debug information of `object`, which need not be
/// linked and has the same function.
void addLines(std::span<const uint8_t> object, const std::string &symbol,
              std::vector<InstructionListing> &instructions);

} // namespace rosso
