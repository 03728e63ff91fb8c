// The registers of one wave of 32 lanes.
#pragma once

#include "runtime/emulator/decode/Instruction.h"

#include <cstdint>

namespace rosso::emulator {

inline constexpr uint32_t kLanes = 32;

/// Where flat addresses mean LDS and private memory, as the kernel driver sets them: what
/// src_shared_base and src_private_base read. Each is 4 GiB long.
inline constexpr uint64_t kSharedAperture = 0x0001'0000'0000'0000,
                          kPrivateAperture = 0x0002'0000'0000'0000;

/// Registers behind v255 that no instruction names: operands of SDWA, once they are taken apart.
inline constexpr uint16_t kHiddenRegister = 256, kHiddenRegisters = 3;

struct alignas(64) Registers {
  uint32_t v[256 + kHiddenRegisters][kLanes];
  /// By the numbers of Instruction.h: s0..s105, vcc, ttmp0..15, null (reads 0), m0, exec.
  uint32_t s[128];
  bool scc;
  /// As hardware keeps it: [1:0] round f32, [3:2] round f16/f64, [5:4] denorm f32 (bit 0: of
  /// inputs, bit 1: of outputs are kept), [7:6] denorm f16/f64, 8 DX10_CLAMP, 9 IEEE, 23 FP16_OVFL.
  uint32_t mode;

  uint32_t exec() const { return s[kExecLo]; }
  uint32_t vcc() const { return s[kVccLo]; }
};

} // namespace rosso::emulator
