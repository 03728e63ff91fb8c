// LLVM's assembler, for tests: machine code that none of our own code made.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rosso::emulator {

/// The bytes of `.text`. On a syntax error, prints it and returns nothing.
std::vector<uint8_t> assemble(std::string_view text, std::string_view chip = "gfx1100");

} // namespace rosso::emulator
