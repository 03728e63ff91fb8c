#include "runtime/amd/Chip.h"

#include <algorithm>
#include <cctype>
#include <string>

namespace rosso::amd {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20, kGiB = uint64_t{1} << 30;

// Of several boards with one chip, the first stands for the chip.
//
// Units, memory and caches: AMD's product pages of the boards and processors; bandwidth is memory
// clock x bus width, as printed there. Machine numbers: LLVM, BinaryFormat/ELF.h. Registers and
// granules: LLVM's occupancy for each processor. Clocks: for the 7900 boards a planning value below
// boost, else the game clock AMD prints, and 2.6 GHz for the two processors with graphics inside.
// Their memory is the system's: what firmware can set aside at most.
constexpr Chip kChips[] = {
    {.name = "gfx1030",
     .board = "RX 6900 XT",
     .isa = Isa::Gfx10,
     .elfMachine = 0x36,
     .gfxTargetVersion = 100300,
     .computeUnits = 80,
     .shaderEngines = 4,
     .vgprsPerSimd = 1024,
     .vgprGranule = 16,
     .clockGHz = 2.0,
     .vramGBps = 512, // 16 Gbit/s x 256 bits
     .vramBytes = 16 * kGiB,
     .l2Bytes = 4 * kMiB,
     .mallBytes = 128 * kMiB,
     .hasWmma = false},
    {.name = "gfx1100",
     .board = "RX 7900 XTX",
     .isa = Isa::Gfx11,
     .elfMachine = 0x41,
     .gfxTargetVersion = 110000,
     .computeUnits = 96,
     .shaderEngines = 6,
     .vgprsPerSimd = 1536,
     .vgprGranule = 24,
     .clockGHz = 2.4,
     .vramGBps = 960, // 20 Gbit/s x 384 bits
     .vramBytes = 24 * kGiB,
     .l2Bytes = 6 * kMiB,
     .mallBytes = 96 * kMiB,
     .hasWmma = true},
    {.name = "gfx1100",
     .board = "RX 7900 XT",
     .isa = Isa::Gfx11,
     .elfMachine = 0x41,
     .gfxTargetVersion = 110000,
     .computeUnits = 84,
     .shaderEngines = 6,
     .vgprsPerSimd = 1536,
     .vgprGranule = 24,
     .clockGHz = 2.2,
     .vramGBps = 800, // 20 Gbit/s x 320 bits
     .vramBytes = 20 * kGiB,
     .l2Bytes = 6 * kMiB,
     .mallBytes = 80 * kMiB,
     .hasWmma = true},
    {.name = "gfx1101",
     .board = "RX 7800 XT",
     .isa = Isa::Gfx11,
     .elfMachine = 0x46,
     .gfxTargetVersion = 110001,
     .computeUnits = 60,
     .shaderEngines = 3,
     .vgprsPerSimd = 1536,
     .vgprGranule = 24,
     .clockGHz = 2.1,
     .vramGBps = 624, // 19.5 Gbit/s x 256 bits
     .vramBytes = 16 * kGiB,
     .l2Bytes = 4 * kMiB,
     .mallBytes = 64 * kMiB,
     .hasWmma = true},
    {.name = "gfx1102",
     .board = "RX 7600",
     .isa = Isa::Gfx11,
     .elfMachine = 0x47,
     .gfxTargetVersion = 110002,
     .computeUnits = 32,
     .shaderEngines = 2,
     .vgprsPerSimd = 1024,
     .vgprGranule = 16,
     .clockGHz = 2.25,
     .vramGBps = 288, // 18 Gbit/s x 128 bits
     .vramBytes = 8 * kGiB,
     .l2Bytes = 2 * kMiB,
     .mallBytes = 32 * kMiB,
     .hasWmma = true},
    {.name = "gfx1150",
     .board = "Radeon 890M",
     .isa = Isa::Gfx11,
     .elfMachine = 0x43,
     .gfxTargetVersion = 110500,
     .computeUnits = 16,
     .shaderEngines = 1,
     .vgprsPerSimd = 1024,
     .vgprGranule = 16,
     .clockGHz = 2.6,
     .vramGBps = 120, // LPDDR5X, 7.5 Gbit/s x 128 bits
     .vramBytes = 16 * kGiB,
     .l2Bytes = 2 * kMiB,
     .mallBytes = 0,
     .hasWmma = true},
    {.name = "gfx1151",
     .board = "Radeon 8060S",
     .isa = Isa::Gfx11,
     .elfMachine = 0x4a,
     .gfxTargetVersion = 110501,
     .computeUnits = 40,
     .shaderEngines = 2,
     .vgprsPerSimd = 1536,
     .vgprGranule = 24,
     .clockGHz = 2.6,
     .vramGBps = 256, // LPDDR5X, 8 Gbit/s x 256 bits
     .vramBytes = 96 * kGiB,
     .l2Bytes = 2 * kMiB,
     .mallBytes = 32 * kMiB,
     .hasWmma = true},
    {.name = "gfx1200",
     .board = "RX 9060 XT",
     .isa = Isa::Gfx12,
     .elfMachine = 0x48,
     .gfxTargetVersion = 120000,
     .computeUnits = 32,
     .shaderEngines = 2,
     .vgprsPerSimd = 1536,
     .vgprGranule = 24,
     .clockGHz = 2.5,
     .vramGBps = 320, // 20 Gbit/s x 128 bits
     .vramBytes = 16 * kGiB,
     .l2Bytes = 4 * kMiB,
     .mallBytes = 32 * kMiB,
     .hasWmma = true},
    {.name = "gfx1201",
     .board = "RX 9070 XT",
     .isa = Isa::Gfx12,
     .elfMachine = 0x4e,
     .gfxTargetVersion = 120001,
     .computeUnits = 64,
     .shaderEngines = 4,
     .vgprsPerSimd = 1536,
     .vgprGranule = 24,
     .clockGHz = 2.4,
     .vramGBps = 640, // 20 Gbit/s x 256 bits
     .vramBytes = 16 * kGiB,
     .l2Bytes = 8 * kMiB,
     .mallBytes = 64 * kMiB,
     .hasWmma = true},
};

/// "RX 7900 XT" -> "rx7900xt".
std::string boardName(std::string_view board) {
  std::string squeezed;
  for (char c : board)
    if (c != ' ')
      squeezed += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return squeezed;
}

} // namespace

std::span<const Chip> chips() { return kChips; }

const Chip *findChip(std::string_view name) {
  for (const Chip &chip : kChips)
    if (chip.name == name || boardName(chip.board) == name)
      return &chip;
  return nullptr;
}

const Chip *findChip(uint32_t gfxTargetVersion) {
  for (const Chip &chip : kChips)
    if (chip.gfxTargetVersion == gfxTargetVersion)
      return &chip;
  return nullptr;
}

uint32_t wavesPerSimd(const Chip &chip, uint32_t vgprs) {
  uint32_t granules = (std::max(vgprs, 1u) + chip.vgprGranule - 1) / chip.vgprGranule;
  return std::clamp(chip.vgprsPerSimd / (granules * chip.vgprGranule), 1u, kWavesPerSimd);
}

} // namespace rosso::amd
