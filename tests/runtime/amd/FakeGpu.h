// A transport that plays the GPU's part: it reads rings the way the manual says, notes what it
// saw, and answers. It runs no machine code; a test says what a dispatch does. Opcodes and fields
// are the manual's numbers, not the driver's constants.
#pragma once

#include "runtime/amd/Transport.h"

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace rosso::amd {

class FakeGpu final : public Transport {
public:
  struct Packet {
    uint32_t op = 0;
    std::vector<uint32_t> body;
  };
  struct Dispatch {
    uint32_t groups = 0, initiator = 0;
    std::map<uint32_t, uint32_t> sh; // by index from 0x2C00
    uint64_t kernargs() const { return sh.at(0x240) | uint64_t{sh.at(0x241)} << 32; }
    uint64_t code() const { return (sh.at(0x20C) | uint64_t{sh.at(0x20D)} << 32) << 8; }
  };
  enum class Behaviour { Works, Paused, Hangs, Faults };

  /// What others keep hold of when the device owns the transport.
  struct State {
    GpuInfo info;
    std::vector<Packet> pm4, sdma; // as executed, indirect buffers in place
    std::vector<Dispatch> dispatches;
    std::function<void(const Dispatch &)> onDispatch = [](const Dispatch &) {};
    uint32_t computeDoorbells = 0, copyDoorbells = 0, allocations = 0, live = 0;
    uint64_t allocatedVram = 0, vramLimit = uint64_t{1} << 40;
    std::map<std::string, uint64_t> labels; // name -> address
    std::map<std::string, Memory> purposes;

    /// From this dispatch on (counting from 0, over all).
    Behaviour behaviour = Behaviour::Works;
    size_t fromDispatch = ~size_t{0};
    uint32_t packetsPerWait = ~0u; // while Paused
    std::optional<Interrupt> interrupt;
    std::vector<uint32_t> interrupts; // that were raised

    uint8_t *at(uint64_t address, uint64_t bytes); // null where nothing is
    template <typename T> T &word(uint64_t address) {
      return *reinterpret_cast<T *>(at(address, sizeof(T)));
    }

    struct Block {
      uint64_t bytes = 0;
      std::unique_ptr<uint8_t[]> data;
      uint8_t *base = nullptr;
    };
    std::map<uint64_t, Block> blocks;
    std::optional<Fault> fault;
  };

  explicit FakeGpu(const char *chip = "gfx1100");

  const std::shared_ptr<State> &state() const { return state_; }

  const GpuInfo &gpu() const override { return state_->info; }
  Result<Memory> allocate(uint64_t bytes, MemoryKind kind, std::string_view purpose) override;
  void free(const Memory &memory) override;
  Result<uint32_t> createQueue(QueueKind kind, const QueueMemory &memory) override;
  void destroyQueue(uint32_t queue) override;
  void ringDoorbell(uint32_t queue, uint64_t writePointer) override;
  void waitForEvent(std::chrono::milliseconds atMost) override;
  std::optional<Fault> fault() override { return state_->fault; }
  std::optional<Interrupt> useInterrupts() override { return state_->interrupt; }
  void label(uint64_t address, uint64_t bytes, std::string_view name, bool code) override;

private:
  struct Queue {
    QueueKind kind = QueueKind::Compute;
    QueueMemory memory;
    uint64_t written = 0;
    std::map<uint32_t, uint32_t> sh;
    bool alive = true, stuck = false;
  };

  void advance(Queue &queue, uint32_t &budget);
  bool runPm4(Queue &queue, const Packet &packet);
  size_t runSdma(const uint32_t *words);

  std::shared_ptr<State> state_ = std::make_shared<State>();
  std::vector<Queue> queues_;
  uint64_t nextAddress_ = 0x7f00'0000'0000;
  uint64_t clock_ = 1000;
};

} // namespace rosso::amd
