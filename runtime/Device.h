// A machine that runs programs: host threads, an AMD GPU, the emulator.
//
// A device object serves one program. `load` takes all the memory there will ever be, loads the
// code and records each entry as a list of launches with resolved addresses; `submit` replays it.
// Everything above this interface is the same for every device.
#pragma once

#include "runtime/ArenaPlan.h"
#include "runtime/program/Program.h"
#include "support/Result.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace rosso::emulator {
class Counting;
}

namespace rosso {

/// $ROSSO_DEVICE, or "host": the device of whoever asks for none.
std::string defaultDevice();

struct RunOptions {
  std::string device = defaultDevice();
  int threads = 0;         // of the host device; 0: one per physical core we may use
  bool pinThreads = false; // thread t stays on the t-th CPU we may use
};

/// Launches [first, last) of an entry.
struct LaunchRange {
  uint32_t first = 0, last = 0;
};

/// Names a run that was submitted; later runs have greater numbers.
using Ticket = uint64_t;

class Device {
public:
  virtual ~Device() = default;

  virtual std::string_view name() const = 0; // "host"
  virtual std::string describe() const = 0;  // "host, AMD EPYC, 2 threads"
  virtual std::string target() const = 0;    // what to compile for: "host", "amdgpu:gfx1100"

  /// Takes the arena, loads the code, records the entries. Called once; `program` and `plan`
  /// outlive the device. States are zero afterwards.
  virtual Status load(const Program &program, const ArenaPlan &plan) = 0;

  /// From now on the buffer `ref` names (of one entry; weights and states of all) lies at `memory`,
  /// outside the arena: at least 16-byte aligned, alive until it is bound again. False where a
  /// device reads its own memory only.
  virtual bool bind(uint32_t entry, const BufferRef &ref, void *memory) {
    (void)entry, (void)ref, (void)memory;
    return false;
  }

  /// Arena memory as the host sees it; empty if it cannot. Inputs and outputs always can be seen.
  virtual std::span<uint8_t> hostView(uint64_t offset, uint64_t bytes) = 0;
  /// These three wait for the runs that were submitted before.
  virtual Status upload(uint64_t offset, std::span<const uint8_t> bytes) = 0;
  virtual Status download(uint64_t offset, std::span<uint8_t> bytes) = 0;
  virtual Status clear(uint64_t offset, uint64_t bytes) = 0;

  /// Queues a run of an entry behind those queued before, and returns before it is done where a
  /// device can; a full queue waits for its oldest run. All runs of an entry share its inputs and
  /// outputs. `vars` were checked. Allocates nothing.
  virtual Result<Ticket> submit(uint32_t entry, std::span<const int64_t> vars) = 0;
  /// Waits until that run and all before it are done and their results are visible.
  virtual Status wait(Ticket ticket) = 0;
  /// The outputs of its entry as a submitted run left them, although later runs may have written
  /// the real ones since: as they lie in the plan, from the first on. The run must be done. Empty
  /// if they take more than kKeptBytes, or if kRunsAhead runs were submitted after it.
  virtual std::span<const uint8_t> outputsOf(Ticket ticket) const = 0;
  static constexpr uint32_t kRunsAhead = 8; // that may be queued
  static constexpr uint64_t kKeptBytes = 256;

  /// Runs some launches of an entry and waits. `nanoseconds`, if not empty, gets the time of each
  /// launch of the range, which then run one after the other.
  virtual Status run(uint32_t entry, LaunchRange launches, std::span<const int64_t> vars,
                     std::span<uint64_t> nanoseconds) = 0;

  /// What an emulated GPU has counted; null for others.
  virtual emulator::Counting *counting() { return nullptr; }
};

/// Opens the device that `options.device` names, or says why it is not there. No other device is
/// ever used instead.
Result<std::unique_ptr<Device>> openDevice(const RunOptions &options);

} // namespace rosso
