// The launches of an entry as packets, recorded once and run again and again as an indirect
// buffer.
//
//   first launch    every register a dispatch needs | DISPATCH
//   independent     the registers that changed | DISPATCH
//   dependent       WAIT FOR WAVES | mark | ACQUIRE_MEM | the registers that changed | DISPATCH
//
// The mark is a dword the host can see: all launches before the one it names have ended. It is
// written between waiting for the waves and emptying the caches, both of which take far longer.
//
// Where the number of work groups depends on variables, two dwords of the DISPATCH are patched for
// each run: the number, and the header, which becomes a NOP of the same length if there are none.
// A buffer has one copy (a lane) for each run that may be queued at a time, so that none is patched
// while the GPU may be reading it; a buffer without such launches has a single one.
#pragma once

#include "runtime/amd/CodeObject.h"
#include "runtime/amd/pm4/Packets.h"
#include "runtime/amd/pm4/Registers.h"
#include "runtime/program/LaunchGrid.h"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace rosso::amd {

/// Private memory of waves ("scratch" in AMD's manuals), one for all kernels of a device.
struct PrivateMemory {
  uint64_t address = 0; // 256-byte aligned
  uint32_t tmpringSize = 0;
};

/// What a launch puts into registers, worked out once.
struct LaunchState {
  uint64_t code = 0; // address of the first instruction
  uint32_t threads = 0;
  uint32_t rsrc1 = 0, rsrc2 = 0, rsrc3 = 0;
  bool wave32 = true;
  bool architectedScratch = true; // private memory by registers: gfx11 and later
  PrivateMemory privateMemory;
  std::array<uint32_t, pm4::kUserDataRegisters> userData{};
  uint32_t userDataCount = 0;
};

/// The state of a kernel's launch at these addresses. Errors: Unsupported, where the kernel wants
/// what only other runtimes give.
Result<LaunchState> launchState(const KernelCode &kernel, const Chip &chip, uint64_t imageAddress,
                                uint32_t threads, uint64_t kernargs,
                                const PrivateMemory &privateMemory);

/// What the SH registers hold, as far as the packets of one stream have set them.
class ShState {
public:
  /// Appends what sets neighbouring registers, less those at both ends that hold their values.
  void set(pm4::Stream &stream, uint32_t first, std::span<const uint32_t> values);
  void set(pm4::Stream &stream, const LaunchState &state);

private:
  static constexpr uint32_t kFirst = 0x200, kCount = 0x80;
  std::array<uint32_t, kCount> values_{};
  std::array<bool, kCount> known_{};
};

struct RecordedLaunch {
  LaunchState state;
  LaunchGrid grid;
  bool barrierBefore = true;
};

/// Waits for what is running, marks that `launch` comes next, and makes its data visible.
void appendBarrier(pm4::Stream &stream, uint64_t markAddress, uint32_t launch);
/// Registers and dispatch. Returns where in the stream the dispatch is.
size_t appendLaunch(pm4::Stream &stream, ShState &registers, const LaunchState &state,
                    uint32_t groups);

class CommandBuffer {
public:
  CommandBuffer() = default;
  /// `lanes`: how many runs may be queued at a time.
  CommandBuffer(std::span<const RecordedLaunch> launches, uint64_t markAddress, uint32_t lanes);

  uint64_t dwords() const { return packets_.size(); }
  /// Of all lanes.
  uint64_t bytes() const { return lanes_ * laneBytes(); }
  std::span<const uint32_t> packets() const { return packets_; }

  /// Writes the lanes to memory.
  void place(uint8_t *host, uint64_t address);
  /// Prepares a lane for a run. Nothing that runs may be using it.
  void patch(uint32_t lane, std::span<const RecordedLaunch> launches,
             std::span<const int64_t> vars);
  pm4::IndirectBuffer lane(uint32_t lane) const;

private:
  struct Patch {
    uint32_t launch = 0;
    size_t dispatch = 0; // in dwords
  };
  uint64_t laneBytes() const { return (packets_.size() * 4 + 255) / 256 * 256; }

  pm4::Stream packets_;
  std::vector<Patch> patches_;
  uint32_t lanes_ = 1;
  uint8_t *host_ = nullptr;
  uint64_t address_ = 0;
};

} // namespace rosso::amd
