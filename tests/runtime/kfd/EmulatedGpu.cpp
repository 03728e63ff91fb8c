#include "tests/runtime/kfd/EmulatedGpu.h"

#include "runtime/emulator/packets/CommandProcessor.h"
#include "runtime/emulator/packets/CopyEngine.h"

#include <sys/mman.h>
#include <thread>

namespace rosso::amd::kfd {

using namespace std::chrono_literals;

namespace {
constexpr uint32_t kVram = 1u << 0, kExecutable = 1u << 30;
} // namespace

class EmulatedGpu::Queue final : public emulator::QueueHost {
public:
  Queue(EmulatedGpu &gpu, uint32_t id, const FakeKernel::Queue &queue) : gpu_(gpu), queue_(queue) {
    const std::string name = "queue " + std::to_string(id);
    emulator::Stream ring(reinterpret_cast<const uint8_t *>(queue.ringBase), queue.ringBytes / 4);
    if (queue.type == 0)
      compute_ = std::make_unique<emulator::CommandProcessor>(
          *gpu.gpu_, *this, emulator::ComputeQueueSetup{name, ring, queue.endOfPipe});
    else
      copy_ = std::make_unique<emulator::CopyEngine>(*gpu.gpu_, *this,
                                                     emulator::CopyQueueSetup{name, ring});
  }
  ~Queue() override {
    stop_ = true;
    if (thread_.joinable())
      thread_.join();
  }
  void watch(uint64_t doorbells) {
    if (!thread_.joinable())
      thread_ =
          std::thread([this, at = reinterpret_cast<const uint8_t *>(doorbells + queue_.doorbell)] {
            loop(at);
          });
  }

  void consumed(uint64_t readPointer) override {
    emulator::storeMemory(reinterpret_cast<uint8_t *>(queue_.readPointer), readPointer, 8);
  }
  bool keepWaiting() override {
    std::this_thread::sleep_for(50us);
    return !stop_;
  }
  void signals(double, bool) override {}
  void signalled() override {}
  void interrupt() override { gpu_.kernel_.raiseInterrupt(); }
  const std::atomic<bool> &stop() const override { return stop_; }

private:
  void loop(const uint8_t *doorbell) {
    for (uint64_t seen = 0; !stop_;) {
      const uint64_t writePointer = emulator::loadMemory(doorbell, 8);
      if (writePointer == seen) {
        std::this_thread::sleep_for(50us);
        continue;
      }
      seen = writePointer;
      const auto end = compute_ ? compute_->run(writePointer, 0) : copy_->run(writePointer, 0);
      if (end)
        continue;
      std::lock_guard lock(gpu_.mutex_);
      gpu_.error_ = end.error().message;
      gpu_.kernel_.raisePageFault(
          {.address = compute_ ? compute_->faultAddress() : copy_->faultAddress(),
           .notPresent = true});
      return; // a queue that faulted does nothing any more
    }
  }

  EmulatedGpu &gpu_;
  const FakeKernel::Queue queue_;
  std::unique_ptr<emulator::CommandProcessor> compute_;
  std::unique_ptr<emulator::CopyEngine> copy_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

EmulatedGpu::EmulatedGpu(FakeKernel &kernel, const Chip &chip) : kernel_(kernel), chip_(chip) {}

Result<std::unique_ptr<EmulatedGpu>> EmulatedGpu::create(FakeKernel &kernel,
                                                         std::string_view chip) {
  const Chip &found = *findChip(chip);
  std::unique_ptr<EmulatedGpu> gpu(new EmulatedGpu(kernel, found));
  emulator::EngineOptions options;
  options.chip = &found;
  options.mode = emulator::Mode::Strict;
  ROSSO_TRY(gpu->engine_, emulator::Engine::create(options, gpu->memory_));
  gpu->gpu_ = std::make_unique<emulator::Gpu>(found, *emulator::findLink("pcie4x16"),
                                              emulator::Mode::Strict, gpu->memory_, *gpu->engine_);
  kernel.behind = gpu.get();
  return gpu;
}

EmulatedGpu::~EmulatedGpu() {
  queues_.clear();
  kernel_.behind = nullptr;
  for (const auto &[address, data] : vram_)
    ::munmap(reinterpret_cast<void *>(data), present_.at(address).bytes);
}

std::string EmulatedGpu::error() const {
  std::lock_guard lock(mutex_);
  return error_;
}

void EmulatedGpu::mapped(const FakeKernel::Allocation &allocation) {
  if (allocation.flags & kVram)
    vram_[allocation.address] =
        reinterpret_cast<uint64_t>(::mmap(nullptr, allocation.bytes, PROT_READ | PROT_WRITE,
                                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  present_[allocation.address] = allocation;
  add(allocation);
}

void EmulatedGpu::add(const FakeKernel::Allocation &allocation) {
  const bool isVram = allocation.flags & kVram;
  memory_.remove(allocation.address);
  memory_.add({.address = allocation.address,
               .bytes = allocation.bytes,
               .data = reinterpret_cast<uint8_t *>(isVram ? vram_[allocation.address]
                                                          : allocation.address), // the host's
               .region = isVram ? emulator::Region::Vram : emulator::Region::Host,
               .executable = (allocation.flags & kExecutable) != 0,
               .purpose = "memory of the driver",
               .shadow = {},
               .readers = {}});
}

void EmulatedGpu::unmapped(const FakeKernel::Allocation &allocation) {
  memory_.remove(allocation.address);
  present_.erase(allocation.address);
  if (const auto found = vram_.find(allocation.address); found != vram_.end()) {
    ::munmap(reinterpret_cast<void *>(found->second), allocation.bytes);
    vram_.erase(found);
  }
}

void EmulatedGpu::queueCreated(uint32_t id, const FakeKernel::Queue &queue) {
  auto &made = queues_[id] = std::make_unique<Queue>(*this, id, queue);
  if (doorbells_)
    made->watch(doorbells_);
}

/// After the last queue, the GPU remembers nothing of what addresses were used for.
void EmulatedGpu::queueDestroyed(uint32_t id) {
  queues_.erase(id);
  if (!queues_.empty())
    return;
  doorbells_ = 0; // the driver unmaps them now, and maps others for its next queues
  gpu_ = std::make_unique<emulator::Gpu>(chip_, *emulator::findLink("pcie4x16"),
                                         emulator::Mode::Strict, memory_, *engine_);
  for (const auto &[address, allocation] : present_)
    add(allocation);
}

void EmulatedGpu::doorbellsMapped(uint64_t address) {
  doorbells_ = address;
  for (auto &[id, queue] : queues_)
    queue->watch(address);
}

} // namespace rosso::amd::kfd
