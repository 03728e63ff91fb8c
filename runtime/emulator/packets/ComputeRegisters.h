// The registers of a compute queue that packets may write, and the dispatch they describe.
//
// Source: the register headers of Linux' amdgpu driver (gc_10_3_0, gc_11_0_0, gc_12_0_0: sh_mask);
// numbers are those SET_SH_REG takes, from the start of the SH window.
#pragma once

#include "runtime/emulator/Engine.h"
#include "support/Result.h"

#include <array>
#include <bitset>
#include <cstdint>
#include <string>

namespace rosso::emulator {

class ComputeRegisters {
public:
  explicit ComputeRegisters(const amd::Chip &chip) : chip_(chip) {}

  /// Errors: not a register of a compute queue, or bits it does not have.
  Status set(uint32_t number, uint32_t value);
  uint32_t get(uint32_t number) const { return values_[number - kFirst]; }

  /// What a dispatch packet starts with these registers. `dims` and `initiator` are the packet's.
  /// Errors: registers that were never written, contradict each other, or describe what no compute
  /// unit can hold.
  Result<Dispatch> dispatch(std::array<uint32_t, 3> dims, uint32_t initiator) const;

  /// VGPRs of a lane, bytes of LDS of a group, as the registers ask for them.
  static uint32_t vgprs(uint32_t rsrc1, bool wave32) {
    return ((rsrc1 & 63) + 1) * (wave32 ? 8 : 4);
  }
  static uint32_t ldsBytes(uint32_t rsrc2) { return (rsrc2 >> 15 & 511) * 512; }

private:
  static constexpr uint32_t kFirst = 0x200, kEnd = 0x250;

  bool written(uint32_t number) const { return written_[number - kFirst]; }
  Status checkPrograms(bool wave32) const;
  Status checkGroup(const Dispatch &dispatch) const;
  Status findScratch(Dispatch &dispatch) const;

  const amd::Chip &chip_;
  std::array<uint32_t, kEnd - kFirst> values_{};
  std::bitset<kEnd - kFirst> written_;
};

} // namespace rosso::emulator
