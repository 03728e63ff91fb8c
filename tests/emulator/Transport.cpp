// The emulated GPU behind the driver's seam: threads, doorbells, faults, and ends that come early.
#include "runtime/emulator/EmulatorTransport.h"
#include "runtime/emulator/packets/MemoryAccess.h"
#include "tests/emulator/PacketRig.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace rosso::emulator::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

using Dwords = std::vector<uint32_t>;

/// A driver of the plainest kind: one ring, and memory to play with.
class Driver {
public:
  explicit Driver(EmulatorOptions options = {.vramBytes = 64 << 20}) {
    transport = *EmulatorTransport::open(options, [this](Memory &memory) {
      auto made = std::make_unique<NotingEngine>();
      engine = made.get();
      (void)memory;
      return Result<std::unique_ptr<Engine>>(std::move(made));
    });
    data = *transport->allocate(4096, amd::MemoryKind::Host, "signals");
    compute = queue(amd::QueueKind::Compute);
    copies = queue(amd::QueueKind::Copy);
  }

  struct Ring {
    amd::QueueMemory memory{};
    uint32_t number = 0;
    uint64_t written = 0; // dwords
    bool copies = false;
  };

  Ring queue(amd::QueueKind kind) {
    Ring ring{.copies = kind == amd::QueueKind::Copy};
    ring.memory.ring = *transport->allocate(4096, amd::MemoryKind::Host, "ring");
    ring.memory.pointers = *transport->allocate(4096, amd::MemoryKind::Host, "pointers");
    if (!ring.copies)
      ring.memory.endOfPipe = *transport->allocate(4096, amd::MemoryKind::Vram, "end of pipe");
    ring.number = *transport->createQueue(kind, ring.memory);
    return ring;
  }
  void put(Ring &ring, const Dwords &packets) {
    auto *dwords = reinterpret_cast<uint32_t *>(ring.memory.ring.host);
    for (uint32_t dword : packets)
      dwords[ring.written++ % 1024] = dword;
    const uint64_t pointer = ring.written * (ring.copies ? 4 : 1);
    storeMemory(ring.memory.pointers.host, pointer, 8);
    transport->ringDoorbell(ring.number, pointer);
  }
  uint32_t lo(uint64_t address) const { return static_cast<uint32_t>(address); }
  uint32_t hi(uint64_t address) const { return static_cast<uint32_t>(address >> 32); }
  Dwords release(uint32_t value) const {
    return {0xC0064900, 0x514, 0x20000000, lo(data.address), hi(data.address), value, 0, 0};
  }
  Dwords wait(uint32_t value) const {
    return {0xC0053C00, 0x15, lo(data.address), hi(data.address), value, ~0u, 4};
  }
  uint64_t signal() const { return loadMemory(data.host, 4); }
  /// Waits for the signal, or for a fault.
  bool reaches(uint32_t value) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (signal() < value && !transport->fault() && std::chrono::steady_clock::now() < end)
      transport->waitForEvent(100ms);
    return signal() >= value;
  }
  std::string faultMessage() {
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (!transport->fault() && std::chrono::steady_clock::now() < end)
      transport->waitForEvent(100ms);
    return transport->fault() ? transport->fault()->message : "";
  }

  std::unique_ptr<EmulatorTransport> transport;
  NotingEngine *engine = nullptr;
  amd::Memory data;
  Ring compute, copies;
};

TEST(EmulatorTransport, SaysWhatItIs) {
  Driver driver({.chip = "gfx1201", .vramBytes = 1 << 30, .mode = Mode::Strict, .link = "tb4"});
  const amd::GpuInfo &gpu = driver.transport->gpu();
  EXPECT_EQ(gpu.name, "emulated gfx1201 (RX 9070 XT)");
  EXPECT_EQ(gpu.path, "emulator, strict, behind Thunderbolt 4");
  EXPECT_EQ(gpu.vramBytes, uint64_t{1} << 30);
  EXPECT_EQ(gpu.computeUnits, 64u);
}

TEST(EmulatorTransport, ADoorbellWakesTheQueue) {
  Driver driver;
  driver.put(driver.compute, driver.release(7));
  EXPECT_TRUE(driver.reaches(7));
  const auto &pointers = driver.compute.memory.pointers;
  for (int i = 0; i < 10000 && loadMemory(pointers.host + 64, 8) != 8; ++i)
    std::this_thread::sleep_for(1ms);
  EXPECT_EQ(loadMemory(pointers.host + 64, 8), 8u); // dwords
  const Totals totals = driver.transport->totals();
  EXPECT_EQ(totals.doorbells, 1u);
  EXPECT_EQ(totals.copyDoorbells, 0u);
  EXPECT_LE(totals.roundTrips, 1u);
}

TEST(EmulatorTransport, ARingGoesRoundManyTimes) {
  Driver driver;
  for (uint32_t i = 1; i <= 1000; ++i) { // 8 dwords each, in a ring of 1024
    driver.put(driver.compute, driver.release(i));
    if (i % 64 == 0)
      ASSERT_TRUE(driver.reaches(i)) << driver.faultMessage();
  }
  EXPECT_TRUE(driver.reaches(1000));
}

TEST(EmulatorTransport, QueuesWaitForEachOther) {
  Driver driver;
  const uint64_t d = driver.data.address;
  driver.put(driver.compute, joined(driver.wait(5), driver.release(9)));
  std::this_thread::sleep_for(5ms);
  EXPECT_EQ(driver.signal(), 0u);
  driver.put(driver.copies, {0x00030005, driver.lo(d), driver.hi(d), 5});
  EXPECT_TRUE(driver.reaches(9));
}

TEST(EmulatorTransport, AWaitThatIsNeverSatisfiedHangsUntilTheQueueGoes) {
  Driver driver;
  driver.put(driver.compute, driver.wait(5));
  std::this_thread::sleep_for(5ms);
  EXPECT_FALSE(driver.transport->fault());
  driver.transport->destroyQueue(driver.compute.number);
  driver.transport->free(driver.compute.memory.ring);
  EXPECT_FALSE(driver.transport->fault());
}

TEST(EmulatorTransport, AHangingKernelEndsWithTheTransport) {
  Driver driver;
  std::atomic<bool> runs{false};
  driver.engine->onRun = [&](const Dispatch &, const std::atomic<bool> &stop) {
    runs = true;
    while (!stop)
      std::this_thread::sleep_for(1ms);
    return Status(malformed("stopped"));
  };
  auto code = *driver.transport->allocate(4096, amd::MemoryKind::VramCode, "code");
  Dwords registers = kernelRegisters();
  registers[2] = driver.lo(code.address >> 8);
  registers[3] = driver.hi(code.address >> 8);
  driver.put(driver.compute, joined(registers, dispatch(1)));
  for (int i = 0; i < 10000 && !runs; ++i)
    std::this_thread::sleep_for(1ms);
  EXPECT_TRUE(runs);
  EXPECT_FALSE(driver.transport->fault());
}

TEST(EmulatorTransport, AMalformedPacketStopsEverything) {
  Driver driver;
  driver.put(driver.compute, {0xC0004600, 0x404});
  EXPECT_THAT(driver.faultMessage(), HasSubstr("compute queue 0: ring dword 0x0"));
  driver.put(driver.copies,
             {0x00030005, driver.lo(driver.data.address), driver.hi(driver.data.address), 5});
  std::this_thread::sleep_for(5ms);
  EXPECT_EQ(driver.signal(), 0u);
  EXPECT_FALSE(driver.transport->allocate(4096, amd::MemoryKind::Host, "more").ok());
}

TEST(EmulatorTransport, AFaultKnowsItsAddress) {
  Driver driver;
  driver.put(driver.copies, {0x00030005, 0x1000, 0, 5});
  EXPECT_THAT(driver.faultMessage(), HasSubstr("page fault: write of 4 bytes at 0x1000"));
  EXPECT_EQ(driver.transport->fault()->address, 0x1000u);
}

TEST(EmulatorTransport, TheDoorbellAgreesWithTheWritePointer) {
  Driver driver;
  driver.transport->ringDoorbell(driver.compute.number, 8);
  EXPECT_THAT(driver.faultMessage(),
              HasSubstr("compute queue 0: doorbell 0x8, but the write pointer in memory is 0x0"));
}

TEST(EmulatorTransport, TheDoorbellDoesNotOutrunTheRing) {
  Driver driver;
  storeMemory(driver.compute.memory.pointers.host, 1025, 8);
  driver.transport->ringDoorbell(driver.compute.number, 1025);
  EXPECT_THAT(driver.faultMessage(), HasSubstr("4100 bytes ahead of the read pointer in a ring of "
                                               "4096"));
}

TEST(EmulatorTransport, CopyQueuesAreNeverFull) {
  Driver driver;
  storeMemory(driver.copies.memory.pointers.host, 4096, 8);
  driver.transport->ringDoorbell(driver.copies.number, 4096);
  EXPECT_THAT(driver.faultMessage(), HasSubstr("4096 bytes ahead"));
}

TEST(EmulatorTransport, VramEnds) {
  Driver driver({.vramBytes = 4 << 20});
  auto first = driver.transport->allocate(3 << 20, amd::MemoryKind::Vram, "weights");
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->host, nullptr);
  auto second = driver.transport->allocate(1 << 20, amd::MemoryKind::Vram, "states");
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::OutOfMemory);
  EXPECT_EQ(second.error().message, "states: wanted 1 MiB of VRAM, 0 MiB of 4 MiB are free");
  driver.transport->free(*first);
  EXPECT_TRUE(driver.transport->allocate(1 << 20, amd::MemoryKind::Vram, "states").ok());
  // The end-of-pipe buffer is VRAM too.
  EXPECT_EQ(driver.transport->totals().vramBytes, (1u << 20) + 4096);
  EXPECT_EQ(driver.transport->totals().vramPeakBytes, (3u << 20) + 4096);
}

// A VRAM of 24 GiB costs nothing until it is touched.
TEST(EmulatorTransport, VramIsThereWhenItIsTouched) {
  Driver driver({.chip = "gfx1100"});
  EXPECT_TRUE(
      driver.transport->allocate(uint64_t{23} << 30, amd::MemoryKind::Vram, "weights").ok());
}

TEST(EmulatorTransport, MemoryOfALiveQueueIsNotFreed) {
  Driver driver;
  driver.transport->free(driver.compute.memory.ring);
  EXPECT_THAT(driver.faultMessage(), HasSubstr("which is still used by a queue"));
}

TEST(EmulatorTransport, AQueueWantsItsMemory) {
  Driver driver;
  auto odd = *driver.transport->allocate(12288, amd::MemoryKind::Host, "ring");
  amd::QueueMemory memory = driver.compute.memory;
  memory.ring = odd;
  EXPECT_THAT(driver.transport->createQueue(amd::QueueKind::Compute, memory).error().message,
              HasSubstr("ring of 12288 bytes, wanted a power of two"));
  memory = driver.compute.memory;
  memory.endOfPipe = {};
  EXPECT_THAT(driver.transport->createQueue(amd::QueueKind::Compute, memory).error().message,
              HasSubstr("wanted an end-of-pipe buffer"));
}

// Doorbells and signals each take 1.25 us through a tunnel.
TEST(EmulatorTransport, RoundTripsCostTheirWay) {
  Driver driver({.vramBytes = 64 << 20, .link = "tb4"});
  const uint64_t d = driver.data.address;
  Dwords stamp{0xC0064900, 0x00000514, 0x60000000, driver.lo(d + 8), driver.hi(d), 0, 0, 0};
  driver.put(driver.compute, joined(stamp, driver.release(1)));
  ASSERT_TRUE(driver.reaches(1));
  EXPECT_EQ(loadMemory(driver.data.host + 8, 8), 100'000'125u);
  driver.put(driver.compute, joined(stamp, driver.release(2)));
  ASSERT_TRUE(driver.reaches(2));
  EXPECT_EQ(loadMemory(driver.data.host + 8, 8), 100'000'375u);
}

} // namespace
} // namespace rosso::emulator::test
