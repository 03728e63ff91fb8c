// The emulated GPU behind the driver's seam: memory, queues, doorbells.
//
// Every queue has a thread that sleeps until a doorbell rings, so that the driver meets what it
// would meet on hardware: everything happens later, signals are written by someone else, and a wait
// that is never satisfied hangs until the queue is destroyed. VRAM, and the host's memory as the
// GPU sees it, are at addresses of their own, which no pointer of this process equals.
//
// Threads: the host's calls take `mutex_`; a queue's thread holds `inUse_` shared while it executes
// packets, and free() takes it alone.
#pragma once

#include "runtime/emulator/Emulator.h"
#include "runtime/emulator/Gpu.h"

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>

namespace rosso::emulator {

class EmulatorTransport final : public amd::Transport, public Counting {
public:
  using MakeEngine = std::function<Result<std::unique_ptr<Engine>>(Memory &)>;
  static Result<std::unique_ptr<EmulatorTransport>> open(const EmulatorOptions &options,
                                                         const MakeEngine &makeEngine);
  ~EmulatorTransport() override;

  const amd::GpuInfo &gpu() const override { return info_; }
  Result<amd::Memory> allocate(uint64_t bytes, amd::MemoryKind kind,
                               std::string_view purpose) override;
  void free(const amd::Memory &memory) override;
  Result<uint32_t> createQueue(amd::QueueKind kind, const amd::QueueMemory &memory) override;
  void destroyQueue(uint32_t queue) override;
  void ringDoorbell(uint32_t queue, uint64_t writePointer) override;
  void waitForEvent(std::chrono::milliseconds atMost) override;
  std::optional<amd::Fault> fault() override;
  uint64_t heartbeat() override;
  void label(uint64_t address, uint64_t bytes, std::string_view name, bool code) override;
  Counting *counting() override { return this; }

  Totals totals() const override { return gpu_->log.totals(); }
  void keepDispatches(bool keep) override { gpu_->log.keep(keep); }
  std::vector<DispatchCount> takeDispatches() override { return gpu_->log.take(); }
  const Link &link() const override { return gpu_->link; }

private:
  class Queue;
  friend class Queue;
  struct Block { // of memory, as handed out
    amd::Memory memory;
    amd::MemoryKind kind;
    uint8_t *data = nullptr;
    uint32_t users = 0; // queues that live in it
  };

  EmulatorTransport() = default;
  void raise(amd::Fault fault); // the first one stays
  Status checkQueueMemory(amd::QueueKind kind, const amd::QueueMemory &memory);
  Block *blockOf(const amd::Memory &memory);
  void use(const amd::QueueMemory &memory, int users);

  amd::GpuInfo info_;
  std::unique_ptr<Memory> memory_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Gpu> gpu_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;  // doorbells, signals, faults, stops
  std::map<uint64_t, Block> blocks_; // by address
  uint64_t vramFree_ = 0, nextVram_ = 0, nextHost_ = 0;
  std::map<uint32_t, std::unique_ptr<Queue>> queues_;
  uint32_t nextQueue_ = 0;
  std::optional<amd::Fault> fault_;
  uint64_t events_ = 0, eventsSeen_ = 0; // signals, interrupts, faults
  bool rang_ = false;                    // since the host last waited
  double hostNow_ = 0, lastSignal_ = 0;  // modelled time

  std::shared_timed_mutex inUse_;
  std::atomic<int> frees_{0}; // that wait for `inUse_`
};

} // namespace rosso::emulator
