// The seam below the AMD driver: what a way to a GPU must be able to do. Above it, rings, packets,
// code objects and signals are the same whether the GPU is behind Linux's KFD or is the emulator.
//
// Addresses are GPU virtual addresses. A transport hands out memory, lets the GPU see it, connects
// two kinds of rings, and forwards doorbells. It neither writes nor reads packets.
#pragma once

#include "runtime/amd/Chip.h"
#include "support/Result.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rosso::emulator {
class Counting;
}

namespace rosso::amd {

struct GpuInfo {
  const Chip *chip = nullptr;
  std::string name; // "AMD Radeon RX 7900 XTX, gfx1100" or "emulated gfx1100 (RX 7900 XTX)"
  std::string path; // where it is: "kfd node 1, 0000:03:00.0, /dev/dri/renderD128"
  uint32_t computeUnits = 0; // of this very GPU
  uint32_t shaderEngines = 0;
  uint32_t scratchSlotsPerCu = 32; // waves of a CU that may own private memory
  uint64_t vramBytes = 0;          // of the GPU, never the system's memory
  uint64_t visibleVramBytes = 0;   // that the host can map: the BAR
  double gpuClockHz = kGpuClockHz; // of the time stamps
};

enum class MemoryKind : uint8_t {
  Vram,     // the GPU's own; cached in L2. Host cannot see it.
  VramCode, // the same, executable
  Host,     // the host's, which both see; uncached for the GPU
};

struct Memory {
  uint64_t address = 0;    // page aligned
  uint64_t bytes = 0;      // as asked for, rounded up to pages
  uint8_t *host = nullptr; // what the host sees it as; null for VRAM
  uint64_t handle = 0;     // the transport's
};

enum class QueueKind : uint8_t { Compute, Copy };

/// The memory a queue lives in. Ring and pointers are MemoryKind::Host, of exactly the bytes given;
/// the EOP buffer is VRAM of kEopBytes (compute queues only).
struct QueueMemory {
  Memory ring;     // a power of two of bytes
  Memory pointers; // one page: write pointer (u64) at 0, read pointer (u64) at 64
  Memory endOfPipe;
};
inline constexpr uint64_t kEopBytes = 4096;
inline constexpr uint64_t kPageBytes = 4096;
inline constexpr uint64_t kWritePointerOffset = 0, kReadPointerOffset = 64;

/// What the GPU's side says went wrong. After a fault nothing on this transport works any more.
struct Fault {
  uint64_t address = 0; // 0 if it is not about an address
  std::string message;  // "page fault: write to 0x7f0000001000, not present"
};

/// How the GPU wakes the host: it writes the number to the address, and raises an interrupt with
/// the number as its context. RELEASE_MEM can do both, or FENCE and TRAP.
struct Interrupt {
  uint64_t address = 0; // 8-byte aligned
  uint32_t number = 0;
};

class Transport {
public:
  virtual ~Transport() = default;

  virtual const GpuInfo &gpu() const = 0;

  /// Errors: OutOfMemory, with what is free.
  virtual Result<Memory> allocate(uint64_t bytes, MemoryKind kind, std::string_view purpose) = 0;
  virtual void free(const Memory &memory) = 0;

  /// Private memory (scratch) for waves is the transport's user's; see Device. CREATE: returns the
  /// queue's number.
  virtual Result<uint32_t> createQueue(QueueKind kind, const QueueMemory &memory) = 0;
  virtual void destroyQueue(uint32_t queue) = 0;
  /// One 64-bit store: the write pointer's new value, in dwords for compute, in bytes for copies.
  /// The pointer in memory was written before.
  virtual void ringDoorbell(uint32_t queue, uint64_t writePointer) = 0;

  /// Waits until the GPU may have made progress, or a millisecond or so is over, or a fault is
  /// there. Spurious returns are allowed; the caller looks at its signal.
  virtual void waitForEvent(std::chrono::milliseconds atMost) = 0;
  virtual std::optional<Fault> fault() = 0;
  /// An interrupt for one queue: its signals will come with it, so that `waitForEvent` may sleep
  /// until one does; before the first call, it takes short naps. None: nobody needs waking.
  virtual std::optional<Interrupt> useInterrupts() { return std::nullopt; }
  /// Any number that changes while a launch gets on, if that can be seen: else a launch counts as
  /// hanging when nothing ends for too long.
  virtual uint64_t heartbeat() { return 0; }

  /// Tells whoever explains faults what lies where: "kernel matvec_q4_k", "weight blk.0.attn_q".
  /// `code` marks the code of one kernel.
  virtual void label(uint64_t address, uint64_t bytes, std::string_view name, bool code) {
    (void)address, (void)bytes, (void)name, (void)code;
  }

  /// What the emulator counts; null on hardware.
  virtual emulator::Counting *counting() { return nullptr; }
};

} // namespace rosso::amd
