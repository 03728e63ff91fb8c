// The emulated GPU behind the fake kernel: it sees the memory that was mapped for it, its queues'
// threads watch the doorbells, and its faults and interrupts become the kernel's events. What the
// driver does over KFD then runs from end to end.
#pragma once

#include "runtime/emulator/Gpu.h"
#include "tests/runtime/kfd/FakeKernel.h"

#include <memory>

namespace rosso::amd::kfd {

class EmulatedGpu final : public FakeKernel::Gpu {
public:
  /// Becomes the GPU behind `kernel`, which must outlive it.
  static Result<std::unique_ptr<EmulatedGpu>> create(FakeKernel &kernel, std::string_view chip);
  ~EmulatedGpu() override;

  void mapped(const FakeKernel::Allocation &allocation) override;
  void unmapped(const FakeKernel::Allocation &allocation) override;
  void queueCreated(uint32_t id, const FakeKernel::Queue &queue) override;
  void queueDestroyed(uint32_t id) override;
  void doorbellsMapped(uint64_t address) override;

  /// What stopped a queue; empty if nothing did.
  std::string error() const;

private:
  class Queue;

  EmulatedGpu(FakeKernel &kernel, const Chip &chip);
  void add(const FakeKernel::Allocation &allocation);

  FakeKernel &kernel_;
  const Chip &chip_;
  emulator::Memory memory_{/*shadowed=*/true};
  std::unique_ptr<emulator::Engine> engine_;
  std::unique_ptr<emulator::Gpu> gpu_;
  std::map<uint64_t, FakeKernel::Allocation> present_; // by address
  std::map<uint64_t, uint64_t> vram_;                  // what stands for it in this process
  std::map<uint32_t, std::unique_ptr<Queue>> queues_;
  uint64_t doorbells_ = 0;
  mutable std::mutex mutex_; // of error_
  std::string error_;
};

} // namespace rosso::amd::kfd
