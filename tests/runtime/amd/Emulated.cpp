// The device over the emulated GPU, from packets to numbers: kernels that clang compiled, and
// results worked out here.
#include "runtime/Executable.h"
#include "runtime/amd/AmdDevice.h"
#include "runtime/emulator/EmulatorLibrary.h"
#include "tests/runtime/amd/TestProgram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

namespace rosso::amd {
namespace {

using testing::HasSubstr;

std::span<float> floats(std::span<uint8_t> bytes) {
  return {reinterpret_cast<float *>(bytes.data()), bytes.size() / 4};
}
std::span<const float> floats(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const float *>(bytes.data()), bytes.size() / 4};
}

struct Emulated : testing::TestWithParam<const char *> {
  std::string chip() const {
    return std::string(GetParam()).find("gfx1201") != std::string::npos ? "gfx1201" : "gfx1100";
  }
  std::unique_ptr<Executable> open(Program program) {
    auto made = Executable::create(std::move(program), {.device = GetParam()});
    EXPECT_TRUE(made.ok()) << made.error().message;
    return made.ok() ? std::move(*made) : nullptr;
  }
  std::unique_ptr<Executable> openAddAndAccumulate() {
    auto exe = open(addAndAccumulate(chip()));
    if (!exe)
      return exe;
    std::vector<float> weight(1000);
    std::iota(weight.begin(), weight.end(), 0.5f);
    EXPECT_TRUE(
        exe->uploadWeight(0, 0, {reinterpret_cast<const uint8_t *>(weight.data()), 4000}).ok());
    for (float &x : floats(exe->input(0, 0)))
      x = 1;
    return exe;
  }
};

#define ASSERT_OK(expression)                                                                      \
  if (auto status = (expression); !status)                                                         \
  FAIL() << status.error().message

// sum[t - 1] = 1 + (t - 1) + 0.5; the state adds them up.
TEST_P(Emulated, RunsAndKeepsItsState) {
  auto exe = openAddAndAccumulate();
  ASSERT_TRUE(exe);
  float expected = 0;
  for (int64_t t : {1, 64, 65, 1000}) {
    ASSERT_OK(exe->run(0, std::array<int64_t, 2>{0, t}));
    expected += static_cast<float>(t) + 0.5f;
    EXPECT_EQ(floats(exe->output(0, 0))[0], expected) << t;
  }
  ASSERT_OK(exe->clearStates());
  ASSERT_OK(exe->run(0, std::array<int64_t, 2>{0, 2}));
  EXPECT_EQ(floats(exe->output(0, 0))[0], 2.5f);
}

TEST_P(Emulated, RunsCanBeQueuedAhead) {
  auto exe = openAddAndAccumulate();
  ASSERT_TRUE(exe);
  float expected = 0;
  Ticket last = 0;
  for (int64_t t = 1; t <= 30; ++t) {
    auto ticket = exe->submit(0, std::array<int64_t, 2>{0, t * 30});
    ASSERT_TRUE(ticket.ok()) << ticket.error().message;
    last = *ticket;
    expected += static_cast<float>(t * 30) + 0.5f;
  }
  ASSERT_OK(exe->wait(last));
  EXPECT_EQ(floats(exe->output(0, 0))[0], expected);
  // The outputs of the last eight are kept, those before are not.
  for (int64_t t = 30; t > 22; --t) {
    const auto kept = exe->output(last - static_cast<Ticket>(30 - t), 0, 0);
    ASSERT_EQ(kept.size(), 4u) << t;
    EXPECT_EQ(floats(kept)[0], expected) << t;
    expected -= static_cast<float>(t * 30) + 0.5f;
  }
  EXPECT_TRUE(exe->output(last - 8, 0, 0).empty());
}

TEST_P(Emulated, SharedMemoryAndBarriers) {
  auto exe = open(oneLaunch("reverse", 5, chip()));
  ASSERT_TRUE(exe);
  auto x = floats(exe->input(0, 0));
  std::iota(x.begin(), x.end(), 0.0f);
  ASSERT_OK(exe->run(0, std::array<int64_t, 2>{0, 0}));
  auto y = floats(exe->output(0, 0));
  for (size_t i = 0; i < y.size(); ++i) {
    const size_t from = i / 64 * 64 + 63 - i % 64;
    EXPECT_EQ(y[i], static_cast<float>(from)) << i;
  }
}

TEST_P(Emulated, PrivateMemory) {
  auto exe = open(oneLaunch("permute", 3, chip()));
  ASSERT_TRUE(exe);
  auto x = floats(exe->input(0, 0));
  std::iota(x.begin(), x.end(), 10.0f);
  ASSERT_OK(exe->run(0, std::array<int64_t, 2>{0, 3}));
  auto y = floats(exe->output(0, 0));
  for (size_t i = 0; i < y.size(); ++i) {
    float mine[16], sum = 0;
    for (size_t k = 0; k < 16; ++k)
      mine[(k * 5 + i) % 16] = x[i] + static_cast<float>(k);
    for (size_t k = 0; k < 16; ++k)
      sum += mine[(k + 3) % 16] * static_cast<float>(k + 1);
    EXPECT_EQ(y[i], sum) << i; // small integers: exact in whatever order
  }
}

TEST_P(Emulated, RelocatedTables) {
  auto exe = open(oneLaunch("pick", 1, chip()));
  ASSERT_TRUE(exe);
  for (int64_t t : {0, 1, 2}) {
    ASSERT_OK(exe->run(0, std::array<int64_t, 2>{0, t}));
    EXPECT_THAT(floats(exe->output(0, 0)), testing::Each(static_cast<float>(t + 1)));
  }
}

TEST_P(Emulated, LaunchesAreTimedAndRunAlone) {
  auto exe = openAddAndAccumulate();
  ASSERT_TRUE(exe);
  std::array<uint64_t, 2> nanoseconds{};
  ASSERT_OK(exe->run(0, std::array<int64_t, 2>{0, 100}, nanoseconds));
  EXPECT_EQ(floats(exe->output(0, 0))[0], 100.5f);
  EXPECT_THAT(nanoseconds, testing::Each(testing::AllOf(testing::Gt(0u), testing::Lt(1'000'000u))));
  ASSERT_OK(exe->runLaunch(0, 1, std::array<int64_t, 2>{0, 100}));
  EXPECT_EQ(floats(exe->output(0, 0))[0], 201.0f);
}

// The laws of a decode step.
TEST_P(Emulated, OneDoorbellAndNothingElsePerRun) {
  auto exe = openAddAndAccumulate();
  ASSERT_TRUE(exe);
  emulator::Counting *counting = exe->device().counting();
  ASSERT_NE(counting, nullptr);
  ASSERT_OK(exe->run(0, std::array<int64_t, 2>{0, 10}));
  const emulator::Totals before = counting->totals();
  for (int i = 0; i < 10; ++i)
    ASSERT_OK(exe->run(0, std::array<int64_t, 2>{0, 10}));
  const emulator::Totals after = counting->totals();
  EXPECT_EQ(after.doorbells - before.doorbells, 10u);
  EXPECT_EQ(after.dispatches - before.dispatches, 20u);
  EXPECT_EQ(after.copyDoorbells, before.copyDoorbells);
  EXPECT_EQ(after.allocations, before.allocations);
  EXPECT_EQ(after.downloadBytes, before.downloadBytes);
  EXPECT_LE(after.roundTrips - before.roundTrips, 10u);
  // To the host: the output twice, the signal, and the marks of the run and of its one barrier.
  EXPECT_LE(after.linkBytesToHost - before.linkBytesToHost, 10u * (4 + 4 + 4 + 8 + 4));
}

TEST_P(Emulated, AStrayWriteNamesTheKernel) {
  auto exe = open(oneLaunch("stray", 1, chip()));
  ASSERT_TRUE(exe);
  auto status = exe->run(0, std::array<int64_t, 2>{0, 0});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::DeviceLost);
  EXPECT_THAT(status.error().message, HasSubstr("stray kernel"));
  EXPECT_THAT(status.error().message, HasSubstr("failed in stray kernel (launch 1 of 1, 1 group"));
  EXPECT_EQ(exe->run(0, std::array<int64_t, 2>{0, 0}).error().message, status.error().message);
}

INSTANTIATE_TEST_SUITE_P(Devices, Emulated,
                         testing::Values("emu", "emu:gfx1100,strict", "emu:gfx1201,interpreted"),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::ranges::replace_if(
                               name, [](unsigned char c) { return !std::isalnum(c); }, '_');
                           return name;
                         });

// A kernel that never ends, and a device that is not as patient as usual.
TEST(EmulatedFaults, AHangIsFoundInBoundedTimeAndNamed) {
  auto transport = emulator::openEmulator({.chip = "gfx1100", .mode = emulator::Mode::Interpreted});
  ASSERT_TRUE(transport.ok()) << transport.error().message;
  auto device = AmdDevice::open(std::move(*transport),
                                {.name = "emu", .patience = std::chrono::milliseconds(500)});
  ASSERT_TRUE(device.ok()) << device.error().message;
  const Program program = oneLaunch("hang", 2);
  const ArenaPlan plan = *planArena(program);
  ASSERT_OK((*device)->load(program, plan));
  const auto begin = std::chrono::steady_clock::now();
  auto status = (*device)->run(0, {0, 1}, std::array<int64_t, 2>{0, 0}, {});
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message,
              HasSubstr("failed in hang kernel (launch 1 of 1, 2 groups of 64 threads)"));
  device->reset(); // stops the kernel
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

// `accumulate` reads what `add` writes: without the barrier between them strict mode objects.
TEST(EmulatedFaults, ADroppedBarrierIsFoundInStrictMode) {
  Program program = addAndAccumulate();
  program.entries[0].launches[1].barrierBefore = false;
  auto exe = Executable::create(std::move(program), {.device = "emu:gfx1100,strict"});
  ASSERT_TRUE(exe.ok()) << exe.error().message;
  const std::vector<uint8_t> weight(4000);
  ASSERT_OK((*exe)->uploadWeight(0, 0, weight));
  auto status = (*exe)->run(0, std::array<int64_t, 2>{0, 100});
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr("accumulated"));
  EXPECT_THAT(status.error().message, HasSubstr("add of two"));
}

// A ring of 4 KiB and 300 launches that are put into it one by one.
TEST(EmulatedFaults, AFullRingIsWaitedFor) {
  Program program = addAndAccumulate();
  while (program.entries[0].launches.size() < 300)
    program.entries[0].launches.push_back(program.entries[0].launches[1]);
  const ArenaPlan plan = *planArena(program);
  auto transport = emulator::openEmulator({});
  ASSERT_TRUE(transport.ok()) << transport.error().message;
  AmdOptions options{.name = "emu"};
  options.ringBytes = 4096;
  auto device = AmdDevice::open(std::move(*transport), options);
  ASSERT_TRUE(device.ok()) << device.error().message;
  ASSERT_OK((*device)->load(program, plan));
  const std::vector<uint8_t> weight(4000);
  ASSERT_OK((*device)->upload(plan.weightSlots[0].offset, weight));
  for (float &x : floats((*device)->hostView(plan.inputSlots[0][0].offset, 4000)))
    x = 2;
  std::vector<uint64_t> nanoseconds(300);
  ASSERT_OK((*device)->run(0, {0, 300}, std::array<int64_t, 2>{0, 10}, nanoseconds));
  EXPECT_EQ(floats((*device)->hostView(plan.outputSlots[0][0].offset, 4))[0], 598.0f);
}

TEST(EmulatedFaults, TooLittleVramIsAnError) {
  Program program = addAndAccumulate();
  program.scratchBytes = 64 << 20;
  auto exe = Executable::create(std::move(program), {.device = "emu:gfx1100,vram=16M"});
  ASSERT_FALSE(exe.ok());
  EXPECT_EQ(exe.error().code, ErrorCode::OutOfMemory);
  EXPECT_THAT(exe.error().message, HasSubstr("scratch 64.0 MiB"));
}

} // namespace
} // namespace rosso::amd
