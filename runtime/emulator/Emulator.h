// The emulated GPU as others see it: how it is asked for, and what it counts.
//
// It lives in a library of its own, librosso-emulator, that is loaded when an emulated device is
// opened; see EmulatorLibrary.h. Nothing here knows LLVM.
#pragma once

#include "runtime/amd/Transport.h"
#include "runtime/emulator/Engine.h"
#include "runtime/emulator/Link.h"
#include "runtime/emulator/TimeModel.h"
#include "support/Result.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace rosso::emulator {

struct EmulatorOptions {
  std::string chip = "gfx1100"; // or a board: "rx7900xt"
  uint64_t vramBytes = 0;       // 0: as much as the board has
  Mode mode = Mode::Fast;
  unsigned threads = 0; // that execute work groups; 0: one per core
  std::string link = "pcie4x16";
  bool traceBuffers = false; // count distinct bytes per buffer, which exact predictions need
};

/// Reads a device string: `emu`, `emu:gfx1201`,
/// `emu:rx7900xt,strict,vram=2G,link=tb4,threads=2,trace`. Errors: BadInput, with what could be
/// written instead.
Result<EmulatorOptions> parseEmulatorDevice(std::string_view device);

/// One dispatch that was executed.
struct DispatchCount {
  std::string kernel; // the label of its code, or its address
  uint32_t serial = 0;
  uint32_t groups = 0, threads = 0; // work groups, and threads of each
  uint32_t vgprs = 0, ldsBytes = 0;
  bool dependent = false; // the queue waited for earlier dispatches before it
  Counters counters;
  Prediction predicted;
};

/// What has happened since the GPU was opened. Take it before and after, and subtract.
struct Totals {
  uint64_t dispatches = 0, packets = 0; // packets of compute queues
  uint64_t doorbells = 0;               // of compute queues
  uint64_t copies = 0, copyDoorbells = 0;
  uint64_t roundTrips = 0;                      // the host rang a doorbell, and then waited
  uint64_t allocations = 0, allocatedBytes = 0; // of memory, through the transport
  uint64_t frees = 0;
  uint64_t vramBytes = 0, vramPeakBytes = 0;        // taken now, and at most so far
  uint64_t uploadBytes = 0, downloadBytes = 0;      // by copies between VRAM and the host's memory
  uint64_t linkBytesToGpu = 0, linkBytesToHost = 0; // all that crossed the link, packets included
  double seconds = 0;                               // modelled time of the GPU
};

/// What the emulator counted. Any thread may ask.
class Counting {
public:
  virtual ~Counting() = default;
  virtual Totals totals() const = 0;
  /// From now on dispatches are kept (or no longer), until they are taken.
  virtual void keepDispatches(bool keep) = 0;
  virtual std::vector<DispatchCount> takeDispatches() = 0;
  virtual const Link &link() const = 0;
};

/// The library's one symbol.
using EmulatorEntry = void(const EmulatorOptions *, Result<std::unique_ptr<amd::Transport>> *);
inline constexpr const char *kEmulatorEntry = "rossoOpenEmulator";

} // namespace rosso::emulator

extern "C" void rossoOpenEmulator(const rosso::emulator::EmulatorOptions *options,
                                  rosso::Result<std::unique_ptr<rosso::amd::Transport>> *result);
