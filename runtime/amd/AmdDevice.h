// An AMD GPU as a device: one program in its VRAM, a compute queue that runs it, a copy queue that
// fills it. The same over every Transport, a real GPU or an emulated one.
//
// `load` takes all memory. From then on a run is some 30 dwords in the compute ring and one
// doorbell:
//
//   (WAIT for copies) | WAIT FOR WAVES | variables -> VRAM | run's number -> host | ACQUIRE_MEM |
//   INDIRECT_BUFFER | (WAIT FOR WAVES | small outputs -> where they are kept) |
//   RELEASE_MEM: next point of the timeline
//
// The indirect buffer is the entry's CommandBuffer. Up to kRunsAhead runs may be queued. Copies and
// runs do not overlap: each queue waits, on the GPU, for what the other was given before.
//
// Everything the GPU tells lies in one page of host memory, the control page: the timelines of both
// queues, and the mark of the run in progress (its number, and how far its launches are).
#pragma once

#include "runtime/Device.h"
#include "runtime/amd/CommandBuffer.h"
#include "runtime/amd/Copies.h"
#include "runtime/amd/DeviceLock.h"
#include "runtime/amd/Health.h"
#include "runtime/amd/Layout.h"
#include "runtime/amd/Queue.h"
#include "runtime/amd/Transport.h"

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace rosso::amd {

struct AmdOptions {
  std::string name = "amd";                   // "emu", "amd:1"
  std::chrono::milliseconds patience{20'000}; // without any progress: then the GPU hangs
  uint64_t ringBytes = 256 << 10;             // of the compute queue
  StagingSize staging = {};
};

class AmdDevice final : public Device {
public:
  /// `lock`: held for as long as the device lives.
  static Result<std::unique_ptr<Device>> open(std::unique_ptr<Transport> transport,
                                              AmdOptions options, DeviceLock lock = {});
  ~AmdDevice() override;

  std::string_view name() const override { return options_.name; }
  std::string describe() const override;
  std::string target() const override;
  Status load(const Program &program, const ArenaPlan &plan) override;
  std::span<uint8_t> hostView(uint64_t offset, uint64_t bytes) override;
  Status upload(uint64_t offset, std::span<const uint8_t> bytes) override;
  Status download(uint64_t offset, std::span<uint8_t> bytes) override;
  Status clear(uint64_t offset, uint64_t bytes) override;
  Result<Ticket> submit(uint32_t entry, std::span<const int64_t> vars) override;
  Status wait(Ticket ticket) override;
  std::span<const uint8_t> outputsOf(Ticket ticket) const override;
  Status run(uint32_t entry, LaunchRange launches, std::span<const int64_t> vars,
             std::span<uint64_t> nanoseconds) override;
  emulator::Counting *counting() override { return transport_->counting(); }

private:
  // The control page. Each timeline has a cache line of its own.
  static constexpr uint64_t kComputeSignal = 0, kCopySignal = 64, kMark = 128;
  static constexpr uint64_t kMarkRun = kMark, kMarkLaunch = kMark + 4;

  struct EntryCommands {
    std::vector<RecordedLaunch> launches;
    CommandBuffer commands;
  };
  enum class Pace : uint8_t {
    Free,    // launches without a barrier between them overlap
    OneByOne // each waits for the one before
  };
  /// What is known of a queued run, for explanations.
  struct Run {
    uint64_t point = 0; // of the compute timeline
    uint32_t entry = 0;
    LaunchRange launches;
    Pace pace = Pace::Free;
    std::vector<int64_t> vars;
  };

  AmdDevice(std::unique_ptr<Transport> transport, AmdOptions options, DeviceLock lock);

  Result<Memory> allocate(uint64_t bytes, MemoryKind kind, std::string_view purpose);
  Result<PrivateMemory> takePrivateMemory(const std::vector<const KernelCode *> &kernels);
  Status placeCode(const CodeObject &code);
  Status recordEntries(const std::vector<const KernelCode *> &kernels,
                       const PrivateMemory &privateMemory);
  void label();
  uint64_t address(uint64_t planOffset) const;
  /// Copies small outputs to where later runs leave them alone.
  void appendKeep(uint32_t entry, uint32_t place);

  /// Waits until a run may be queued, notes it, and puts what comes before its launches into
  /// `stream_`. Returns its place among the queued.
  Result<uint32_t> begin(uint32_t entry, LaunchRange launches, Pace pace,
                         std::span<const int64_t> vars);
  Status runOneByOne(uint32_t entry, LaunchRange launches, std::span<const int64_t> vars,
                     std::span<uint64_t> nanoseconds);
  /// What the compute queue was doing: of the first run that is not done.
  std::string explain() const;
  std::string describeLaunch(const Run &run, uint32_t launch) const;

  DeviceLock lock_;
  std::unique_ptr<Transport> transport_;
  AmdOptions options_;
  Health health_;
  std::vector<Memory> memory_; // all that was taken, but for the queues'
  Memory control_, vram_, host_, stamps_, kept_;
  std::unique_ptr<Queue> compute_;
  std::unique_ptr<Copies> copies_;

  const Program *program_ = nullptr;
  const ArenaPlan *plan_ = nullptr;
  Layout layout_;
  uint64_t codeAddress_ = 0;
  std::vector<EntryCommands> entries_;
  std::array<Run, kRunsAhead> runs_; // by point % kRunsAhead
  pm4::Stream stream_;
  std::vector<uint32_t> variableDwords_;
};

} // namespace rosso::amd
