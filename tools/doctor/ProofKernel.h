// A kernel written in machine code, that shows that a GPU runs what it is given: no compiler, no
// library, not even LLVM stands between these words and the chip.
//
// Thread t stores two numbers that are easy to check: a hash of t, and t / 2 + 1 as a float. Each
// wave stores what the hardware told it: where it ran, a cycle counter, and the time at its begin
// and end.
#pragma once

#include "runtime/amd/Chip.h"
#include "runtime/program/Program.h"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace rosso::doctor {

inline constexpr uint32_t kNoWord = 0xFFFFFFFF; // no instruction begins or ends like this

/// An instruction as people and as the chip read it.
struct ProofLine {
  const char *text;
  std::array<uint32_t, 3> words;

  constexpr ProofLine(const char *t, std::initializer_list<uint32_t> w)
      : text(t), words{kNoWord, kNoWord, kNoWord} {
    size_t i = 0;
    for (uint32_t word : w)
      words[i++] = word;
  }
};

std::span<const ProofLine> proofLines(amd::Isa isa);

inline constexpr uint32_t kProofThreads = 32; // of a group: one wave
inline constexpr uint32_t kProofGroups = 4096;

/// The code object for a chip.
std::vector<uint8_t> proofCode(const amd::Chip &chip);
/// It as a program: entry `main` with outputs `values`, two dwords a thread, and `records`, eight a
/// wave.
Program proofProgram(const amd::Chip &chip);

/// What thread t must have stored.
std::array<uint32_t, 2> proofValue(uint32_t thread);

/// What a wave stored of the hardware.
struct ProofRecord {
  uint32_t place = 0;  // HW_ID1: [4:0] wave, [9:8] SIMD, [13:10] WGP, [16] array, [20:18] engine
  uint32_t cycles = 0; // SHADER_CYCLES
  uint64_t begin = 0, end = 0; // of the clock that all time stamps come from
  uint64_t unused = 0;

  uint32_t engine() const { return place >> 18 & 7; }
  /// A number for its WGP, among all of the chip.
  uint32_t wgp() const {
    return (place >> 18 & 7) << 8 | (place >> 16 & 1) << 4 | (place >> 10 & 15);
  }
};
static_assert(sizeof(ProofRecord) == 32);

} // namespace rosso::doctor
