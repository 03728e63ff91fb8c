// The device over a GPU that only plays: what is in the rings, and what happens when things fail.
#include "runtime/Executable.h"
#include "runtime/amd/AmdDevice.h"
#include "tests/runtime/amd/FakeGpu.h"
#include "tests/runtime/amd/TestProgram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

// Counts allocations, except where a sanitizer has its own operator new.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ROSSO_TEST_SANITIZED
#endif
#endif
namespace {
thread_local long allocationsHere = 0;
}
#ifndef ROSSO_TEST_SANITIZED
void *operator new(size_t size) {
  ++allocationsHere;
  if (void *memory = std::malloc(size ? size : 1))
    return memory;
  std::abort();
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }
#endif

namespace rosso::amd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Plays `add` and `accumulate`: arguments and data where the real kernels look for them.
void playKernel(FakeGpu::State &gpu, const FakeGpu::Dispatch &dispatch, uint64_t accumulateCode) {
  auto argument = [&](int i) { return gpu.word<uint64_t>(dispatch.kernargs() + 8 * i); };
  auto floats = [&](int i, size_t count = 1) {
    return reinterpret_cast<float *>(gpu.at(argument(i), 4 * count));
  };
  const int64_t count = gpu.word<int64_t>(argument(3) + 8); // P, T
  if (dispatch.code() == accumulateCode) {
    *floats(1) += floats(0, count)[count - 1];
    *floats(2) = *floats(1);
    return;
  }
  for (int64_t i = 0; i < std::min<int64_t>(count, dispatch.groups * 64); ++i)
    floats(2, count)[i] = floats(0, count)[i] + floats(1, count)[i];
}

struct AmdDeviceTest : testing::Test {
  /// Loads a program onto a device over the fake GPU. The plan and program stay here.
  Status open(Program wanted = addAndAccumulate(), AmdOptions options = {.name = "fake"},
              const char *chip = "gfx1100") {
    auto gpu = std::make_unique<FakeGpu>(chip);
    state = gpu->state();
    options.patience = std::chrono::milliseconds(60);
    program = std::move(wanted);
    ROSSO_TRY(plan, planArena(program));
    ROSSO_TRY(device, AmdDevice::open(std::move(gpu), options));
    if (auto status = device->load(program, plan); !status)
      return status;
    FakeGpu::State &fake = *state;
    const uint64_t accumulate = fake.labels["accumulated"];
    fake.onDispatch = [&fake, accumulate](const FakeGpu::Dispatch &dispatch) {
      playKernel(fake, dispatch, accumulate);
    };
    fake.pm4.clear();
    fake.computeDoorbells = fake.copyDoorbells = 0;
    return {};
  }
  std::span<float> input() { return floats(plan.inputSlots[0][0]); }
  std::span<float> output() { return floats(plan.outputSlots[0][0]); }
  std::span<float> floats(ArenaSlot slot) {
    auto bytes = device->hostView(slot.offset, slot.bytes);
    return {reinterpret_cast<float *>(bytes.data()), bytes.size() / 4};
  }
  void fillWeight(float value) {
    std::vector<float> weight(1000, value);
    ASSERT_TRUE(device
                    ->upload(plan.weightSlots[0].offset,
                             {reinterpret_cast<const uint8_t *>(weight.data()), 4000})
                    .ok());
  }
  std::vector<uint32_t> ops() const {
    std::vector<uint32_t> list;
    for (const auto &packet : state->pm4)
      list.push_back(packet.op);
    return list;
  }

  std::shared_ptr<FakeGpu::State> state;
  Program program;
  ArenaPlan plan;
  std::unique_ptr<Device> device;
};

TEST_F(AmdDeviceTest, RunsAnEntryWithOneDoorbell) {
  ASSERT_TRUE(open().ok());
  fillWeight(0.5f);
  for (size_t i = 0; i < 100; ++i)
    input()[i] = static_cast<float>(i);
  state->computeDoorbells = 0;
  const uint32_t allocations = state->allocations;
  const int64_t vars[] = {0, 100};
  ASSERT_TRUE(device->run(0, {0, 2}, vars, {}).ok());
  EXPECT_EQ(output()[0], 99.5f);
  ASSERT_TRUE(device->run(0, {0, 2}, vars, {}).ok());
  EXPECT_EQ(output()[0], 199.0f); // the state was kept
  EXPECT_EQ(state->computeDoorbells, 2u);
  EXPECT_EQ(state->allocations, allocations);
}

// EVENT_WRITE 46, WRITE_DATA 37, ACQUIRE_MEM 58, INDIRECT_BUFFER 3F, SET_SH_REG 76, DISPATCH 15,
// RELEASE_MEM 49.
TEST_F(AmdDeviceTest, SendsThesePackets) {
  ASSERT_TRUE(open().ok());
  const int64_t vars[] = {3, 65};
  ASSERT_TRUE(device->run(0, {0, 2}, vars, {}).ok());
  EXPECT_THAT(ops(), ElementsAre(0x46, 0x37, 0x37, 0x58, 0x3F,                   // before
                                 0x76, 0x76, 0x76, 0x76, 0x76, 0x76, 0x76, 0x76, // all registers
                                 0x15,                                           // add
                                 0x46, 0x37, 0x58,                               // barrier
                                 0x76, 0x76, 0x76, 0x15,                         // accumulate
                                 0x46, 0x40, // the output is kept
                                 0x49));     // signal
  // The variables, as two dwords each, with confirmation.
  const auto &variables = state->pm4[1].body;
  EXPECT_THAT(variables, ElementsAre(0x00100500, testing::_, testing::_, 3, 0, 65, 0));
  EXPECT_EQ(state->pm4[3].body[6], 0xC3F0u);
  EXPECT_EQ(state->dispatches.back().groups, 1u);
  EXPECT_EQ(state->dispatches[state->dispatches.size() - 2].groups, 2u); // ceil(65 / 64)
  EXPECT_EQ(state->dispatches.back().initiator, 0x8005u);
}

TEST_F(AmdDeviceTest, QueuesWaitForEachOtherOnTheGpu) {
  ASSERT_TRUE(open().ok());
  state->behaviour = FakeGpu::Behaviour::Paused; // until the host waits, for the last step
  state->packetsPerWait = 2;
  std::fill(input().begin(), input().end(), 1.0f);
  fillWeight(2);
  const int64_t vars[] = {0, 100};
  ASSERT_TRUE(device->submit(0, vars).ok());
  fillWeight(5); // after the run that needs the old one
  auto last = device->submit(0, vars);
  ASSERT_TRUE(last.ok());
  EXPECT_TRUE(state->pm4.empty());
  ASSERT_TRUE(device->wait(*last).ok());
  EXPECT_EQ(output()[0], 3.0f + 6.0f);
  EXPECT_EQ(std::ranges::count(ops(), 0x3Cu), 2); // one for each of the weights
}

TEST_F(AmdDeviceTest, NoWorkGroupsMeanNoDispatch) {
  ASSERT_TRUE(open().ok());
  state->onDispatch = {[](const FakeGpu::Dispatch &) {}};
  const int64_t none[] = {0, 0}, some[] = {0, 1000};
  for (int round = 0; round < 2; ++round) {
    const size_t before = state->dispatches.size();
    ASSERT_TRUE(device->run(0, {0, 2}, none, {}).ok());
    EXPECT_EQ(state->dispatches.size(), before + 1); // accumulate alone
    ASSERT_TRUE(device->run(0, {0, 2}, some, {}).ok());
    EXPECT_EQ(state->dispatches.size(), before + 3);
    EXPECT_EQ(state->dispatches[before + 1].groups, 16u);
  }
}

TEST_F(AmdDeviceTest, QueuesRunsAheadEachWithItsOwnGrid) {
  ASSERT_TRUE(open().ok());
  fillWeight(1);
  ASSERT_TRUE(device->download(plan.stateSlots[0].offset, std::span<uint8_t>()).ok());
  std::fill(input().begin(), input().end(), 1.0f);
  const size_t before = state->dispatches.size();
  state->behaviour = FakeGpu::Behaviour::Paused; // nothing moves until somebody waits
  state->packetsPerWait = 3;
  Ticket last = 0;
  for (int64_t t = 1; t <= 7; ++t) {
    const int64_t vars[] = {0, 100 * t};
    auto ticket = device->submit(0, vars);
    ASSERT_TRUE(ticket.ok()) << ticket.error().message;
    EXPECT_GT(*ticket, last);
    last = *ticket;
  }
  EXPECT_EQ(state->dispatches.size(), before);
  ASSERT_TRUE(device->wait(last).ok());
  ASSERT_EQ(state->dispatches.size(), before + 14);
  for (int t = 1; t <= 7; ++t)
    EXPECT_EQ(state->dispatches[before + 2 * (t - 1)].groups, (100u * t + 63) / 64) << t;
  EXPECT_EQ(output()[0], 14.0f);
  for (int t = 1; t <= 7; ++t) { // what each of them left
    const auto kept = device->outputsOf(last - 7 + t);
    ASSERT_EQ(kept.size(), 4u);
    float y = 0;
    std::memcpy(&y, kept.data(), 4);
    EXPECT_EQ(y, 2.0f * static_cast<float>(t));
  }
}

TEST_F(AmdDeviceTest, SubmittingAllocatesNothing) {
  ASSERT_TRUE(open().ok());
  fillWeight(1);
  const int64_t vars[] = {0, 500};
  ASSERT_TRUE(device->run(0, {0, 2}, vars, {}).ok());
  state->behaviour = FakeGpu::Behaviour::Paused; // so that the fake itself does nothing meanwhile
  const long before = allocationsHere;
  for (int i = 0; i < 6; ++i)
    ASSERT_TRUE(device->submit(0, vars).ok());
  EXPECT_EQ(allocationsHere, before);
}

TEST_F(AmdDeviceTest, MoreRunsThanFitWaitForTheOldest) {
  ASSERT_TRUE(open().ok());
  fillWeight(1);
  std::fill(input().begin(), input().end(), 1.0f);
  state->behaviour = FakeGpu::Behaviour::Paused;
  state->packetsPerWait = 1;
  Ticket last = 0;
  for (int64_t t = 1; t <= 50; ++t) {
    const int64_t vars[] = {0, 10 * t};
    auto ticket = device->submit(0, vars);
    ASSERT_TRUE(ticket.ok()) << ticket.error().message;
    last = *ticket;
  }
  ASSERT_TRUE(device->wait(last).ok());
  EXPECT_EQ(output()[0], 100.0f);
  EXPECT_THAT(device->wait(last + 1).error().message, HasSubstr("was submitted"));
}

// A ring of 1024 dwords: 300 launches one by one fill it again and again.
TEST_F(AmdDeviceTest, AFullRingWaitsForTheGpu) {
  Program many = addAndAccumulate();
  while (many.entries[0].launches.size() < 300)
    many.entries[0].launches.push_back(many.entries[0].launches[1]);
  AmdOptions options{.name = "fake"};
  options.ringBytes = 4096;
  ASSERT_TRUE(open(many, options).ok());
  state->behaviour = FakeGpu::Behaviour::Paused;
  state->packetsPerWait = 5;
  std::fill(input().begin(), input().end(), 1.0f);
  fillWeight(0);
  std::vector<uint64_t> nanoseconds(300);
  const int64_t vars[] = {0, 10};
  auto status = device->run(0, {0, 300}, vars, nanoseconds);
  ASSERT_TRUE(status.ok()) << status.error().message;
  EXPECT_EQ(output()[0], 299.0f);
  EXPECT_THAT(nanoseconds, testing::Each(2500u)); // 250 ticks of 10 ns
}

TEST_F(AmdDeviceTest, RunsPartOfAnEntry) {
  ASSERT_TRUE(open().ok());
  fillWeight(2);
  std::fill(input().begin(), input().end(), 1.0f);
  const int64_t vars[] = {0, 10};
  ASSERT_TRUE(device->run(0, {0, 1}, vars, {}).ok());
  std::vector<float> sum(10);
  ASSERT_TRUE(
      device->download(plan.scratch.offset + 64, {reinterpret_cast<uint8_t *>(sum.data()), 40})
          .ok());
  EXPECT_THAT(sum, testing::Each(3.0f));
  ASSERT_TRUE(device->run(0, {1, 2}, vars, {}).ok());
  EXPECT_EQ(output()[0], 3.0f);
}

TEST_F(AmdDeviceTest, WeightsAndStatesAreNotSeenByTheHost) {
  ASSERT_TRUE(open().ok());
  EXPECT_TRUE(device->hostView(plan.weightSlots[0].offset, 4000).empty());
  EXPECT_TRUE(device->hostView(plan.stateSlots[0].offset, 4).empty());
  EXPECT_EQ(device->hostView(plan.inputSlots[0][0].offset, 4000).size(), 4000u);
  // States begin as zero although the GPU's memory holds anything.
  float total = 7;
  ASSERT_TRUE(
      device->download(plan.stateSlots[0].offset, {reinterpret_cast<uint8_t *>(&total), 4}).ok());
  EXPECT_EQ(total, 0.0f);
  // Inputs and outputs can be copied as well.
  const float five = 5;
  ASSERT_TRUE(
      device->upload(plan.inputSlots[0][0].offset, {reinterpret_cast<const uint8_t *>(&five), 4})
          .ok());
  EXPECT_EQ(input()[0], 5.0f);
  ASSERT_TRUE(device->clear(plan.inputSlots[0][0].offset, 4).ok());
  EXPECT_EQ(input()[0], 0.0f);
}

TEST_F(AmdDeviceTest, LabelsWhatLiesWhere) {
  ASSERT_TRUE(open().ok());
  EXPECT_EQ(state->labels.count("weight w"), 1u);
  EXPECT_EQ(state->labels.count("state total"), 1u);
  EXPECT_EQ(state->labels.count("input x of step"), 1u);
  EXPECT_EQ(state->labels.count("output y of step"), 1u);
  EXPECT_EQ(state->labels.count("add of two"), 1u);
}

TEST_F(AmdDeviceTest, SignalsComeWithTheInterruptTheTransportWants) {
  auto gpu = std::make_unique<FakeGpu>();
  state = gpu->state();
  const Memory page = *gpu->allocate(kPageBytes, MemoryKind::Host, "events");
  state->interrupt = Interrupt{page.address + 24, 5};
  auto opened = AmdDevice::open(std::move(gpu), {.name = "fake"});
  ASSERT_TRUE(opened.ok());
  program = addAndAccumulate();
  plan = *planArena(program);
  ASSERT_TRUE((*opened)->load(program, plan).ok());
  EXPECT_EQ(state->word<uint32_t>(page.address + 24), 5u);
  // One for each upload (code, arguments), for the cleared states, and of the compute queue.
  EXPECT_THAT(state->interrupts, ElementsAre(5, 5, 5, 5));
}

TEST_F(AmdDeviceTest, GivesEverythingBack) {
  ASSERT_TRUE(open().ok());
  EXPECT_GT(state->live, 5u);
  device.reset();
  EXPECT_EQ(state->live, 0u);
}

TEST_F(AmdDeviceTest, PrivateMemoryIsSizedForEveryWave) {
  ASSERT_TRUE(open(oneLaunch("permute", 1)).ok());
  // 68 bytes a thread (clang's number) x 64 = 4352 bytes = 17 units a wave; 96 CUs x 32 waves over
  // 6 engines = 512 waves.
  const Memory memory = state->purposes.at("private memory of threads");
  EXPECT_EQ(memory.bytes, 512u * 17 * 256 * 6);
  state->onDispatch = [](const FakeGpu::Dispatch &) {};
  const int64_t vars[] = {0, 1};
  ASSERT_TRUE(device->run(0, {0, 1}, vars, {}).ok());
  const auto &sh = state->dispatches.back().sh;
  EXPECT_EQ(sh.at(0x218), 512u | 17u << 12);
  EXPECT_EQ((sh.at(0x210) | uint64_t{sh.at(0x211)} << 32) << 8, memory.address);
}

TEST_F(AmdDeviceTest, RefusesProgramsForOthers) {
  auto status = open(addAndAccumulate("gfx1201"));
  EXPECT_THAT(status.error().message,
              HasSubstr("the program is for amdgpu:gfx1201, this GPU is amdgpu:gfx1100"));
  Program host = addAndAccumulate();
  host.target = "host";
  for (Kernel &kernel : host.kernels)
    kernel.threads = 0;
  EXPECT_THAT(open(host).error().message, HasSubstr("the program is for host"));
}

TEST_F(AmdDeviceTest, RefusesProgramsThatDoNotFitTheirCode) {
  Program program1 = addAndAccumulate();
  program1.kernels[0].symbol = "subtract";
  EXPECT_THAT(open(program1).error().message, HasSubstr("no symbol 'subtract.kd'"));
  Program program2 = addAndAccumulate();
  program2.entries[0].launches[0].buffers.pop_back();
  EXPECT_THAT(open(program2).error().message, HasSubstr("takes 32 bytes of arguments"));
  Program program3 = addAndAccumulate();
  program3.kernels[0].ldsBytes = 512;
  EXPECT_THAT(open(program3).error().message, HasSubstr("512 bytes of LDS, the code object 0"));
}

TEST_F(AmdDeviceTest, TooLittleVramSaysWhatIsWanted) {
  auto gpu = std::make_unique<FakeGpu>();
  gpu->state()->vramLimit = 16384;
  program = addAndAccumulate();
  plan = *planArena(program);
  auto opened = AmdDevice::open(std::move(gpu), {.name = "fake"});
  ASSERT_TRUE(opened.ok());
  auto status = (*opened)->load(program, plan);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::OutOfMemory);
  EXPECT_THAT(status.error().message, HasSubstr("fake: VRAM: 12288 bytes are free"));
  EXPECT_THAT(status.error().message, HasSubstr("wanted: weights 3.9 KiB"));
}

// The second dispatch of a run hangs.
TEST_F(AmdDeviceTest, AHangNamesTheLastGoodAndTheFailingLaunch) {
  ASSERT_TRUE(open().ok());
  const int64_t vars[] = {0, 100};
  ASSERT_TRUE(device->run(0, {0, 2}, vars, {}).ok());
  state->behaviour = FakeGpu::Behaviour::Hangs;
  state->fromDispatch = state->dispatches.size() + 1;
  const auto begin = std::chrono::steady_clock::now();
  auto status = device->run(0, {0, 2}, vars, {});
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::Timeout);
  EXPECT_EQ(status.error().message,
            "fake (gfx1100): compute queue: signal at 2, waited for 3, no progress for 60 ms; "
            "entry step: failed in accumulated (launch 2 of 2, 1 group of 64 threads); last good "
            "was add of two (launch 1 of 2, 2 groups of 64 threads); "
            "the device must be opened again");
  // It stays failed, whatever is asked.
  state->behaviour = FakeGpu::Behaviour::Works;
  std::vector<uint8_t> bytes(4);
  EXPECT_EQ(device->run(0, {0, 2}, vars, {}).error().message, status.error().message);
  EXPECT_EQ(device->submit(0, vars).error().message, status.error().message);
  EXPECT_EQ(device->upload(0, bytes).error().message, status.error().message);
  EXPECT_EQ(device->download(0, bytes).error().message, status.error().message);
  EXPECT_EQ(device->clear(0, 4).error().message, status.error().message);
  device.reset(); // ends
}

TEST_F(AmdDeviceTest, AHangOfTheFirstOfSeveralQueuedRunsIsNamed) {
  ASSERT_TRUE(open().ok());
  state->behaviour = FakeGpu::Behaviour::Hangs;
  state->fromDispatch = state->dispatches.size();
  Ticket last = 0;
  for (int64_t t = 1; t <= 3; ++t) {
    const int64_t vars[] = {0, 64 * t};
    last = *device->submit(0, vars);
  }
  auto status = device->wait(last);
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message,
              HasSubstr("entry step: failed in add of two (launch 1 of 2, 1 group of 64 threads); "
                        "it was the first"));
}

TEST_F(AmdDeviceTest, LaunchesThatOverlapAreNamedTogether) {
  Program overlapping = addAndAccumulate();
  overlapping.entries[0].launches.push_back(overlapping.entries[0].launches[0]);
  overlapping.entries[0].launches[2].barrierBefore = false;
  ASSERT_TRUE(open(overlapping).ok());
  state->behaviour = FakeGpu::Behaviour::Hangs;
  state->fromDispatch = state->dispatches.size() + 1;
  const int64_t vars[] = {0, 64};
  auto status = device->run(0, {0, 3}, vars, {});
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message,
              HasSubstr("failed in accumulated (launch 2 of 3, 1 group of 64 threads) or add of "
                        "two (launch 3 of 3, 1 group of 64 threads); last good was add of two "
                        "(launch 1 of 3"));
}

TEST_F(AmdDeviceTest, AFaultCarriesTheTransportsText) {
  ASSERT_TRUE(open().ok());
  state->behaviour = FakeGpu::Behaviour::Faults;
  state->fromDispatch = state->dispatches.size();
  const int64_t vars[] = {0, 64};
  auto status = device->run(0, {0, 2}, vars, {});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::DeviceLost);
  EXPECT_EQ(status.error().message,
            "fake (gfx1100): page fault: write to 0xdead000, not present; entry step: failed in "
            "add of two (launch 1 of 2, 1 group of 64 threads); it was the first; the device "
            "must be opened again");
}

TEST_F(AmdDeviceTest, HoldsItsLockWhileItLives) {
  setenv("XDG_RUNTIME_DIR", testing::TempDir().c_str(), 1);
  auto lock = DeviceLock::take("device test");
  ASSERT_TRUE(lock.ok()) << lock.error().message;
  auto opened = AmdDevice::open(std::make_unique<FakeGpu>(), {.name = "fake"}, std::move(*lock));
  ASSERT_TRUE(opened.ok());
  EXPECT_THAT(DeviceLock::take("device test").error().message, HasSubstr("in use by pid"));
  opened->reset();
  EXPECT_TRUE(DeviceLock::take("device test").ok());
}

TEST(OpenDevice, ForeignNamesSayWhatThereIs) {
  EXPECT_THAT(openDevice({.device = "tpu"}).error().message,
              HasSubstr("expected host, emu[:CHIP,...] or amd[:N]"));
  EXPECT_THAT(openDevice({.device = "amd:x"}).error().message, HasSubstr("N counts from 0"));
  EXPECT_THAT(openDevice({.device = "emu:gfx9"}).error().message, HasSubstr("gfx9"));
}

} // namespace
} // namespace rosso::amd
