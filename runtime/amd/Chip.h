// The chips we know: one row each. What differs between them and matters to the compiler, the
// driver, the emulator or the time model is a column here and nowhere else.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace rosso::amd {

enum class Isa : uint8_t { Gfx10, Gfx11, Gfx12 };

struct Chip {
  std::string_view name;  // LLVM's: "gfx1100"
  std::string_view board; // whose numbers the rest of the row gives: "RX 7900 XTX"
  Isa isa = Isa::Gfx11;
  uint8_t elfMachine = 0;              // low byte of e_flags of its code objects
  uint32_t gfxTargetVersion = 0;       // KFD's: 110000
  uint32_t computeUnits = 0;           // two to a work-group processor (WGP)
  uint32_t shaderEngines = 0;          // of two arrays each
  uint32_t vgprsPerSimd = 0;           // wave32 registers of one lane and SIMD
  uint32_t vgprGranule = 0;            // registers are given to wave32 in these units
  double clockGHz = 0;                 // to plan with, under load
  double vramGBps = 0;                 // 1e9 bytes a second
  uint64_t vramBytes = 0;              // of the board
  uint64_t l2Bytes = 0, mallBytes = 0; // second level; last level (Infinity Cache)
  bool hasWmma = false;
};

inline constexpr uint32_t kWavesPerSimd = 16;
inline constexpr uint32_t kSimdsPerCu = 2;
inline constexpr uint32_t kLdsBytesPerWgp = 128 << 10;
inline constexpr uint32_t kLdsBytesPerGroup = 64 << 10;
inline constexpr double kGpuClockHz = 100e6; // of time stamps

std::span<const Chip> chips();
/// By LLVM's name ("gfx1100"), then the first board with that chip; or by the board's in lower case
/// without spaces ("rx7900xt"). Null if we know neither.
const Chip *findChip(std::string_view name);
/// By KFD's gfx_target_version; null if we do not know it.
const Chip *findChip(uint32_t gfxTargetVersion);

/// How many waves of a kernel with this many VGPRs a SIMD holds: 1 to 16.
uint32_t wavesPerSimd(const Chip &chip, uint32_t vgprs);

} // namespace rosso::amd
