// One wave that executes assembly text: LLVM's assembler, our decoder, our arithmetic.
#pragma once

#include "runtime/emulator/isa/Alu.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string_view>
#include <vector>

namespace rosso::emulator {

/// MODE as clang's kernels start: nearest, f32 denormals flushed or kept, f16 and f64 kept.
inline constexpr uint32_t kModeFlush32 = 0x3C0, kModeKeep = 0x3F0;

struct AluWave {
  explicit AluWave(std::string_view chip = "gfx1100");

  /// Executes all instructions; fails the test where one is not understood.
  void run(std::string_view text);
  /// The first error, instead of failing; empty if all went well.
  std::string tryRun(std::string_view text);

  void set(unsigned vgpr, uint32_t value) { std::fill_n(registers->v[vgpr], kLanes, value); }
  void set(unsigned vgpr, float value) { set(vgpr, std::bit_cast<uint32_t>(value)); }
  void setWide(unsigned vgpr, uint64_t value) {
    set(vgpr, uint32_t(value));
    set(vgpr + 1, uint32_t(value >> 32));
  }
  uint32_t at(unsigned vgpr, unsigned lane = 0) const { return registers->v[vgpr][lane]; }
  float real(unsigned vgpr, unsigned lane = 0) const {
    return std::bit_cast<float>(at(vgpr, lane));
  }
  uint64_t wide(unsigned vgpr, unsigned lane = 0) const {
    return at(vgpr, lane) | uint64_t(at(vgpr + 1, lane)) << 32;
  }
  uint32_t &s(unsigned index) { return registers->s[index]; }

  std::string chipName;
  std::unique_ptr<Registers> registers;
};

} // namespace rosso::emulator
