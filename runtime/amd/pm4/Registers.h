// The SH registers that hold the state of a dispatch, as indices for SET_SH_REG (the register's
// number less 0x2C00). The same on gfx10.3 to gfx12. Source: Linux amdgpu, gc_11_0_0_offset.h.
//
// Left alone: COMPUTE_VMID, and the masks of enabled CUs, which the kernel driver owns.
#pragma once

#include <cstdint>

namespace rosso::amd::pm4 {

enum ShRegister : uint32_t {
  kStartX = 0x204, // and Y, Z: the first work group's number
  kStartY = 0x205,
  kStartZ = 0x206,
  kNumThreadX = 0x207, // and Y, Z: threads of a work group
  kNumThreadY = 0x208,
  kNumThreadZ = 0x209,
  kPipelineStatEnable = 0x20A,
  kPerfCountEnable = 0x20B,
  kProgramLo = 0x20C, // address >> 8
  kProgramHi = 0x20D,
  kScratchBaseLo = 0x210, // address >> 8; gfx11 and later
  kScratchBaseHi = 0x211,
  kRsrc1 = 0x212,
  kRsrc2 = 0x213,
  kResourceLimits = 0x215,
  kTmpringSize = 0x218, // private memory: waves of a shader engine, and bytes of a wave
  kRestartX = 0x21B,    // and Y, Z
  kRestartY = 0x21C,
  kRestartZ = 0x21D,
  kRsrc3 = 0x228,
  kUserData0 = 0x240, // to 0x24F: the first scalar registers of each wave
};
inline constexpr uint32_t kUserDataRegisters = 16;

/// Fields of COMPUTE_PGM_RSRC2 that matter here.
inline constexpr uint32_t kRsrc2ScratchEnable = 1 << 0;
inline constexpr uint32_t kRsrc2LdsShift = 15, kRsrc2LdsUnit = 512; // bytes; field is 9 bits

/// COMPUTE_TMPRING_SIZE: WAVES[11:0], WAVESIZE from bit 12 in units of 256 bytes (gfx11 and later).
inline constexpr uint32_t kTmpringMostWaves = 0xFFF;
inline constexpr uint32_t kTmpringWaveSizeShift = 12, kTmpringWaveSizeUnit = 256;
inline constexpr uint32_t kTmpringMostWaveSize = 0x7FFF; // 15 bits on gfx11, more on gfx12

} // namespace rosso::amd::pm4
