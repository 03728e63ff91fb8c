// A GPU behind Linux's KFD: the transport for real hardware.
//
// Teardown runs backwards: queues, then what they were made of, then events, then doorbells. The
// binding of the GPU stays with the process (Process.h).
#pragma once

#include "runtime/amd/Transport.h"
#include "runtime/amd/kfd/Events.h"

#include <map>

namespace rosso::amd::kfd {

class KfdTransport final : public Transport {
public:
  static Result<std::unique_ptr<KfdTransport>> create(Process &process, unsigned index);
  ~KfdTransport() override;

  const GpuInfo &gpu() const override { return info_; }
  Result<Memory> allocate(uint64_t bytes, MemoryKind kind, std::string_view purpose) override;
  void free(const Memory &memory) override;
  Result<uint32_t> createQueue(QueueKind kind, const QueueMemory &memory) override;
  void destroyQueue(uint32_t queue) override;
  void ringDoorbell(uint32_t queue, uint64_t writePointer) override;
  void waitForEvent(std::chrono::milliseconds atMost) override;
  std::optional<Fault> fault() override;
  void label(uint64_t address, uint64_t bytes, std::string_view name, bool code) override;
  std::optional<Interrupt> useInterrupts() override;

private:
  using Clock = std::chrono::steady_clock;
  struct OpenQueue {
    uint64_t *doorbell = nullptr;
    Memory saveArea;
  };

  KfdTransport(Process &process, BoundGpu &gpu) : process_(process), gpu_(gpu) {}
  Result<Memory> take(uint64_t bytes, MemoryKind kind, Fit fit, std::string_view purpose);
  Status checkQueueMemory(QueueKind kind, const QueueMemory &memory) const;
  Status mapDoorbells(uint64_t offset);
  Status measureClock(Clock::time_point began, const GetClockCounters &first);
  void describe();
  void look(std::chrono::milliseconds atMost);

  Process &process_;
  BoundGpu &gpu_;
  GpuInfo info_;
  std::unique_ptr<Events> events_;
  std::map<uint32_t, OpenQueue> queues_;
  std::vector<uint64_t> handles_; // of this transport's memory
  uint8_t *doorbells_ = nullptr;
  uint64_t doorbellOffset_ = 0;
  AddressMap map_;
  bool interrupts_ = false; // that all queues send
  std::optional<Fault> fault_;
  Clock::time_point nextLook_{};
};

} // namespace rosso::amd::kfd
