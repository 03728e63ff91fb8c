// The KFD transport against a strict kernel side: what works, in what order, and what it looks like
// when it does not.
#include "runtime/amd/kfd/KfdTransport.h"
#include "tests/runtime/kfd/FakeKernel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace rosso::amd::kfd {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr uint64_t kMiB = 1 << 20, kGiB = 1 << 30;

class KfdTest : public ::testing::Test {
protected:
  void start(std::vector<FakeGpu> gpus = {fakeXtx()}) {
    kernel = std::make_unique<FakeKernel>(std::move(gpus));
    process = std::make_unique<Process>(*kernel);
  }
  void open(unsigned index = 0) {
    auto opened = KfdTransport::create(*process, index);
    ASSERT_TRUE(opened) << opened.error().message;
    transport = *std::move(opened);
  }
  Error failToOpen(unsigned index = 0) {
    auto opened = KfdTransport::create(*process, index);
    EXPECT_FALSE(opened);
    return opened ? badInput("opened") : opened.error();
  }
  QueueMemory queueMemory(QueueKind kind, uint64_t ringBytes = 65536) {
    QueueMemory memory;
    memory.ring = take(ringBytes, MemoryKind::Host);
    memory.pointers = take(kPageBytes, MemoryKind::Host);
    if (kind == QueueKind::Compute)
      memory.endOfPipe = take(kEopBytes, MemoryKind::Vram);
    return memory;
  }
  Memory take(uint64_t bytes, MemoryKind kind, std::string_view purpose = "test") {
    auto memory = transport->allocate(bytes, kind, purpose);
    EXPECT_TRUE(memory) << memory.error().message;
    return memory ? *memory : Memory();
  }
  /// Closes everything; the kernel must have nothing left and nothing to complain about.
  void TearDown() override {
    transport.reset();
    process.reset();
    if (kernel) {
      EXPECT_THAT(kernel->complaints(), IsEmpty());
      EXPECT_EQ(kernel->openFiles(), 0u);
    }
  }

  std::unique_ptr<FakeKernel> kernel;
  std::unique_ptr<Process> process;
  std::unique_ptr<KfdTransport> transport;
};

TEST_F(KfdTest, DescribesTheGpu) {
  start({fakeXtx(), fakeXt()});
  open(1);
  const GpuInfo &gpu = transport->gpu();
  EXPECT_EQ(gpu.chip->board, "RX 7900 XT");
  EXPECT_EQ(gpu.name, "AMD Radeon RX 7900 XT, gfx1100");
  EXPECT_EQ(gpu.path, "kfd node 2, 0000:0a:00.0, /dev/dri/renderD129");
  EXPECT_EQ(gpu.computeUnits, 84u);
  EXPECT_EQ(gpu.shaderEngines, 6u);
  EXPECT_EQ(gpu.scratchSlotsPerCu, 32u);
  EXPECT_EQ(gpu.vramBytes, 20 * kGiB);
  EXPECT_EQ(gpu.visibleVramBytes, 20 * kGiB);
  EXPECT_EQ(gpu.gpuClockHz, 100e6);
}

TEST_F(KfdTest, SeesASmallWindowIntoVram) {
  FakeGpu gpu = fakeXtx();
  gpu.hostSeesVram = false;
  start({gpu});
  open();
  EXPECT_EQ(transport->gpu().vramBytes, 24 * kGiB);
  EXPECT_EQ(transport->gpu().visibleVramBytes, 256 * kMiB);
  // Nothing of ours needs the window.
  auto queue = transport->createQueue(QueueKind::Compute, queueMemory(QueueKind::Compute));
  EXPECT_TRUE(queue) << queue.error().message;
}

TEST_F(KfdTest, MeasuresAClockThatIsNot100MHz) {
  start();
  kernel->gpuHertz = 48e6;
  open();
  EXPECT_NEAR(transport->gpu().gpuClockHz, 48e6, 48e4);
}

TEST_F(KfdTest, OpensInTheOrderTheKernelNeeds) {
  start();
  open();
  EXPECT_THAT(kernel->log(), ElementsAre("GET_VERSION", "ACQUIRE_VM", "ALLOC_MEMORY_OF_GPU",
                                         "MAP_MEMORY_TO_GPU", "GET_CLOCK_COUNTERS", "CREATE_EVENT",
                                         "CREATE_EVENT", "GET_CLOCK_COUNTERS"));
}

TEST_F(KfdTest, GivesMemoryOfThreeKinds) {
  start();
  open();
  const Memory vram = take(100, MemoryKind::Vram), code = take(5000, MemoryKind::VramCode),
               host = take(kPageBytes, MemoryKind::Host);
  EXPECT_EQ(vram.bytes, kPageBytes);
  EXPECT_EQ(code.bytes, 2 * kPageBytes);
  EXPECT_EQ(vram.host, nullptr);
  EXPECT_EQ(code.host, nullptr);
  ASSERT_EQ(host.host, reinterpret_cast<uint8_t *>(host.address));
  host.host[kPageBytes - 1] = 42;

  // VRAM, writable, no substitute; executable besides; GTT, writable, no substitute, coherent,
  // uncached.
  const auto &allocations = kernel->allocations();
  EXPECT_EQ(allocations.at(vram.handle).flags, 0x90000001u);
  EXPECT_EQ(allocations.at(code.handle).flags, 0xD0000001u);
  EXPECT_EQ(allocations.at(host.handle).flags, 0x96000002u);
  transport->free(host);
  EXPECT_FALSE(allocations.contains(host.handle));
}

TEST_F(KfdTest, AlignsBigVramToTwoMegabytes) {
  start();
  open();
  for (int i = 0; i < 4; ++i) {
    const Memory memory = take(3 * kMiB + 1, MemoryKind::Vram);
    EXPECT_EQ(memory.address % (2 * kMiB), 0u);
    EXPECT_EQ(memory.bytes, 3 * kMiB + 4096) << "what was asked for, in pages";
    EXPECT_EQ(kernel->allocations().at(memory.handle).bytes, 4 * kMiB);
  }
}

TEST_F(KfdTest, MakesAComputeQueue) {
  for (const bool published : {false, true}) {
    FakeGpu gpu = fakeXt();
    gpu.publishesSaveSizes = published;
    start({gpu});
    open();
    const QueueMemory memory = queueMemory(QueueKind::Compute);
    auto queue = transport->createQueue(QueueKind::Compute, memory);
    ASSERT_TRUE(queue) << queue.error().message;
    const FakeKernel::Queue &seen = kernel->queues().at(*queue);
    EXPECT_EQ(seen.ringBase, memory.ring.address);
    EXPECT_EQ(seen.writePointer, memory.pointers.address);
    EXPECT_EQ(seen.readPointer, memory.pointers.address + 64);
    EXPECT_EQ(seen.uses.size(), 4u) << "ring, pointers, end of pipe, save area";
    TearDown();
  }
}

TEST_F(KfdTest, RingsEachQueueItsOwnDoorbell) {
  start();
  open();
  auto compute = transport->createQueue(QueueKind::Compute, queueMemory(QueueKind::Compute));
  auto copy = transport->createQueue(QueueKind::Copy, queueMemory(QueueKind::Copy));
  ASSERT_TRUE(compute && copy);
  transport->ringDoorbell(*compute, 0x1'2345'6789);
  transport->ringDoorbell(*copy, 64);
  EXPECT_EQ(kernel->doorbellValue(kernel->queues().at(*compute).doorbell), 0x1'2345'6789u);
  EXPECT_EQ(kernel->doorbellValue(kernel->queues().at(*copy).doorbell), 64u);
  transport->ringDoorbell(99, 1); // no such queue: nothing happens
}

TEST_F(KfdTest, RefusesQueueMemoryThatTheKernelWouldNotTake) {
  start();
  open();
  QueueMemory memory = queueMemory(QueueKind::Compute);
  memory.pointers.address += 64;
  auto queue = transport->createQueue(QueueKind::Compute, memory);
  ASSERT_FALSE(queue);
  EXPECT_THAT(queue.error().message, HasSubstr("queue: its page of pointers is"));
  memory = queueMemory(QueueKind::Copy, 3 * 4096);
  EXPECT_FALSE(transport->createQueue(QueueKind::Copy, memory));
  memory = queueMemory(QueueKind::Compute);
  memory.endOfPipe = {};
  queue = transport->createQueue(QueueKind::Compute, memory);
  ASSERT_FALSE(queue);
  EXPECT_THAT(queue.error().message, HasSubstr("end-of-pipe buffer is no memory of this GPU"));
}

TEST_F(KfdTest, TearsDownQueuesBeforeTheirMemory) {
  start();
  open();
  const QueueMemory memory = queueMemory(QueueKind::Compute);
  auto queue = transport->createQueue(QueueKind::Compute, memory);
  ASSERT_TRUE(queue);
  transport.reset();
  const auto &log = kernel->log();
  const auto destroyed = std::find(log.begin(), log.end(), "DESTROY_QUEUE");
  const auto freed = std::find(log.begin(), log.end(), "FREE_MEMORY_OF_GPU");
  const auto eventGone = std::find(log.begin(), log.end(), "DESTROY_EVENT");
  EXPECT_LT(destroyed, freed);
  EXPECT_LT(freed, eventGone);
  EXPECT_NE(eventGone, log.end());
  EXPECT_EQ(kernel->allocations().size(), 1u) << "the event page stays";
}

TEST_F(KfdTest, OpensAgainInTheSameProcess) {
  start({fakeXtx(), fakeXt()});
  for (int i = 0; i < 3; ++i) {
    open(0);
    transport.reset();
    open(1); // shares the event page with the first GPU
    transport.reset();
  }
  const auto &log = kernel->log();
  EXPECT_EQ(std::count(log.begin(), log.end(), "ACQUIRE_VM"), 2);
  EXPECT_EQ(kernel->allocations().begin()->second.mappedTo.size(), 2u);
}

TEST_F(KfdTest, OpensAnewAfterAFork) {
  start();
  open();
  transport.reset();
  kernel->forked = true;
  open();
  EXPECT_EQ(kernel->events(), 2u);
}

TEST_F(KfdTest, OpensDespiteInterruptedCalls) {
  start();
  kernel->fail[0x15] = {-EINTR, -EAGAIN};
  kernel->fail[0x16] = {-EINTR};
  open();
}

TEST_F(KfdTest, WaitsForAnInterruptOrATimeout) {
  start();
  open();
  transport->waitForEvent(1ms); // nobody said that interrupts come: short naps
  EXPECT_EQ(kernel->lastWaitMs(), 0u);
  const auto interrupt = transport->useInterrupts();
  ASSERT_TRUE(interrupt);
  EXPECT_EQ(interrupt->address, kernel->eventPageAddress());
  EXPECT_EQ(interrupt->number, 0u);
  const auto another = transport->useInterrupts(); // of another queue
  ASSERT_TRUE(another);
  EXPECT_EQ(another->address, kernel->eventPageAddress() + 8);
  EXPECT_EQ(another->number, 1u);
  transport->waitForEvent(2ms);
  EXPECT_EQ(kernel->lastWaitMs(), 2u);
  kernel->interrupted = true;
  transport->waitForEvent(500ms); // returns at once, or this test takes long
  EXPECT_FALSE(kernel->interrupted);
  EXPECT_FALSE(transport->fault());
  kernel->fail[0x0C] = {-EINTR};
  transport->waitForEvent(1ms);
  EXPECT_FALSE(transport->fault());
}

TEST_F(KfdTest, ExplainsAPageFault) {
  start();
  open();
  const Memory arena = take(4 * kMiB, MemoryKind::Vram, "arena");
  transport->label(arena.address + kMiB, kMiB, "weight blk.0.attn_q", false);
  kernel->pageFault = {.address = arena.address + kMiB + 0x40, .readOnly = true};
  transport->waitForEvent(1ms);
  auto fault = transport->fault();
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->address, arena.address + kMiB + 0x40);
  EXPECT_THAT(fault->message, HasSubstr("page fault at 0x"));
  EXPECT_THAT(fault->message, HasSubstr("write to a read-only page; 0x40 bytes into weight "
                                        "blk.0.attn_q, in arena"));
  // It stays, and nothing works any more.
  kernel->pageFault.reset();
  EXPECT_TRUE(transport->fault());
  auto more = transport->allocate(4096, MemoryKind::Vram, "more");
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, ErrorCode::DeviceLost);
  EXPECT_THAT(more.error().message, HasSubstr("page fault at"));
}

TEST_F(KfdTest, ExplainsFaultsOutsideOfMemory) {
  start();
  open();
  const Memory last = take(kPageBytes, MemoryKind::Vram, "kernel code");
  kernel->pageFault = {.address = last.address + kPageBytes + 0x10, .notPresent = true};
  auto fault = transport->fault();
  ASSERT_TRUE(fault);
  EXPECT_THAT(fault->message, HasSubstr("page not present; 0x10 bytes behind the end of "
                                        "kernel code"));
}

TEST(KfdFault, AtAddressZeroHasUsualCauses) {
  const Fault fault = decode(MemoryException{.notPresent = 1, .gpuId = 1}, AddressMap());
  EXPECT_EQ(fault.message, "page fault at 0x0: page not present; in no memory of this program "
                           "(address 0: a null pointer, or private memory that was not set up)");
}

TEST(KfdFault, MayBeInTheHardware) {
  EXPECT_THAT(decode(MemoryException{.errorType = 3}, AddressMap()).message,
              HasSubstr("the GPU hangs"));
  EXPECT_THAT(decode(MemoryException{.errorType = 1}, AddressMap()).message, HasSubstr("ECC"));
  EXPECT_EQ(decode(HwException{.resetType = 1, .resetCause = 1}).message,
            "an engine was reset after an uncorrectable memory error, VRAM is kept");
}

TEST_F(KfdTest, TellsOfAReset) {
  start();
  open();
  kernel->reset = {.type = 0, .cause = 0, .memoryLost = 1};
  auto fault = transport->fault();
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->message, "the GPU was reset after a hang, VRAM is lost");
  EXPECT_FALSE(transport->allocate(4096, MemoryKind::Vram, "more"));
}

TEST_F(KfdTest, ALostDeviceIsAFault) {
  start();
  open();
  kernel->fail[0x0C] = {-EIO};
  auto fault = transport->fault();
  ASSERT_TRUE(fault);
  EXPECT_THAT(fault->message, HasSubstr("WAIT_EVENTS: Input/output error (EIO); the GPU was reset "
                                        "or is gone"));
}

TEST_F(KfdTest, SaysThatThereIsNoDriver) {
  start();
  kernel->kfdOpenError = -ENOENT;
  const Error error = failToOpen();
  EXPECT_EQ(error.code, ErrorCode::Unsupported);
  EXPECT_EQ(error.message, "amd: /dev/kfd: No such file or directory (ENOENT); load the driver "
                           "(modprobe amdgpu), and in a container pass /dev/kfd and /dev/dri "
                           "through");
}

TEST_F(KfdTest, SaysWhichGroupsAreMissing) {
  start();
  kernel->kfdOpenError = -EACCES;
  EXPECT_THAT(failToOpen().message, HasSubstr("/dev/kfd: Permission denied (EACCES); add this user "
                                              "to the groups render and video"));
  kernel->kfdOpenError = 0;
  kernel->renderOpenError = -EACCES;
  EXPECT_THAT(failToOpen().message, HasSubstr("amd: /dev/dri/renderD128: Permission denied"));
}

TEST_F(KfdTest, SaysThatTheKernelIsTooOld) {
  start();
  kernel->minor = 6;
  EXPECT_EQ(failToOpen().message, "amd: /dev/kfd: interface version 1.6, wanted 1.9 or a later "
                                  "minor; use Linux 6.1 or newer");
  kernel->major = 2;
  EXPECT_THAT(failToOpen().message, HasSubstr("interface version 2.6"));
}

TEST_F(KfdTest, SaysWhichGpusThereAre) {
  start({fakeXtx(), fakeXt()});
  EXPECT_EQ(failToOpen(5).message, "amd:5: no such GPU, found 2 GPUs; the last is amd:1");
  kernel->sysfs.errors[std::string(kNodesPath) + "/1/gpu_id"] = -EPERM;
  kernel->sysfs.errors[std::string(kNodesPath) + "/2/gpu_id"] = -EPERM;
  EXPECT_THAT(failToOpen().message, HasSubstr("found 0 GPUs and 2 that this process's cgroup "
                                              "hides"));
}

TEST_F(KfdTest, SaysThatItDoesNotKnowAChip) {
  FakeGpu gpu = fakeXtx();
  gpu.gfxTargetVersion = 90402;
  start({gpu});
  EXPECT_THAT(failToOpen().message,
              HasSubstr("amd:0 (0000:03:00.0): it is a gfx942, wanted one of gfx1030, gfx1100"));
}

TEST_F(KfdTest, SaysThatAnotherRuntimeWasFirst) {
  start();
  kernel->busyVm = true;
  EXPECT_THAT(failToOpen().message, HasSubstr("another GPU runtime in this process has bound it"));
}

TEST_F(KfdTest, SaysHowMuchVramIsFree) {
  start();
  open();
  kernel->freeVram = 2 * kGiB + kGiB / 2;
  auto memory = transport->allocate(3 * kGiB, MemoryKind::Vram, "weights");
  ASSERT_FALSE(memory);
  EXPECT_EQ(memory.error().code, ErrorCode::OutOfMemory);
  EXPECT_EQ(memory.error().message,
            "amd 0000:03:00.0: 3.00 GiB of VRAM for weights: 2.50 GiB of 24.00 GiB are free; use a "
            "smaller model or context, or end other programs on this GPU");
}

TEST_F(KfdTest, GivesBackWhatItHadWhenALaterStepFails) {
  start();
  open();
  const size_t before = kernel->allocations().size();
  kernel->fail[0x18] = {-ENOMEM};
  auto memory = transport->allocate(kMiB, MemoryKind::Host, "staging");
  ASSERT_FALSE(memory);
  EXPECT_THAT(memory.error().message, HasSubstr("no memory for page tables"));
  EXPECT_EQ(kernel->allocations().size(), before);

  QueueMemory parts = queueMemory(QueueKind::Compute);
  const size_t withParts = kernel->allocations().size();
  kernel->fail[0x02] = {-ENOMEM};
  auto queue = transport->createQueue(QueueKind::Compute, parts);
  ASSERT_FALSE(queue);
  EXPECT_THAT(queue.error().message, HasSubstr("the GPU has no queue left"));
  EXPECT_EQ(kernel->allocations().size(), withParts);
}

// Whatever call fails in the middle of opening, everything before it is undone.
TEST_F(KfdTest, SurvivesAFailureOfAnyCallWhileOpening) {
  for (const uint32_t number : {0x01, 0x15, 0x16, 0x18, 0x05, 0x08})
    for (int before = 0; before < 3; ++before) {
      start();
      std::deque<int> &plan = kernel->fail[number];
      plan.assign(static_cast<size_t>(before), -EINTR);
      plan.push_back(-EINVAL);
      const Error error = failToOpen();
      EXPECT_THAT(error.message, HasSubstr("EINVAL")) << number;
      EXPECT_THAT(error.message, Not(HasSubstr("opened")));
      TearDown();
    }
}

} // namespace
} // namespace rosso::amd::kfd
