// The driver over KFD, from ioctls to numbers: the device, its packets and its code objects, on an
// emulated GPU behind the strict kernel side. Kernels are clang's, results are worked out here.
#include "runtime/Executable.h"
#include "runtime/amd/AmdDevice.h"
#include "runtime/amd/kfd/KfdTransport.h"
#include "tests/runtime/amd/TestProgram.h"
#include "tests/runtime/kfd/EmulatedGpu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <thread>

namespace rosso::amd::kfd {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class KfdDriverTest : public ::testing::Test {
protected:
  void SetUp() override {
    kernel = std::make_unique<FakeKernel>();
    auto made = EmulatedGpu::create(*kernel, "gfx1100");
    ASSERT_TRUE(made) << made.error().message;
    gpu = *std::move(made);
    process = std::make_unique<Process>(*kernel);
  }
  void open(Program program, std::chrono::milliseconds patience = 20s) {
    auto transport = KfdTransport::create(*process, 0);
    ASSERT_TRUE(transport) << transport.error().message;
    auto device = AmdDevice::open(*std::move(transport), {.name = "amd:0", .patience = patience});
    ASSERT_TRUE(device) << device.error().message;
    auto made = Executable::create(std::move(program), *std::move(device));
    ASSERT_TRUE(made) << made.error().message;
    executable = *std::move(made);
  }
  void TearDown() override {
    executable.reset();
    process.reset();
    EXPECT_THAT(kernel->complaints(), IsEmpty());
    EXPECT_EQ(kernel->openFiles(), 0u);
    gpu.reset();
  }
  std::span<const float> output() {
    const auto bytes = executable->output(0, 0);
    return {reinterpret_cast<const float *>(bytes.data()), bytes.size() / 4};
  }

  std::unique_ptr<FakeKernel> kernel;
  std::unique_ptr<EmulatedGpu> gpu;
  std::unique_ptr<Process> process;
  std::unique_ptr<Executable> executable;
};

// sum[t - 1] = 1 + (t - 1) + 0.5; the state adds them up.
TEST_F(KfdDriverTest, UploadsRunsAndKeepsItsState) {
  open(addAndAccumulate());
  ASSERT_TRUE(executable);
  EXPECT_THAT(executable->device().describe(), HasSubstr("amd:0, AMD Radeon RX 7900 XTX, gfx1100"));
  std::vector<float> weight(1000);
  std::iota(weight.begin(), weight.end(), 0.5f);
  const auto bytes = std::as_bytes(std::span(weight));
  ASSERT_TRUE(executable->uploadWeight(
      0, 0, {reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()}));
  auto input = executable->input(0, 0);
  std::fill_n(reinterpret_cast<float *>(input.data()), input.size() / 4, 1.0f);

  float expected = 0;
  for (int64_t t : {1, 64, 65, 1000}) {
    auto ran = executable->run(0, std::array<int64_t, 2>{0, t});
    ASSERT_TRUE(ran) << ran.error().message << " " << gpu->error();
    expected += static_cast<float>(t) + 0.5f;
    EXPECT_EQ(output()[0], expected) << t;
  }
  const size_t memory = kernel->allocations().size();
  const size_t calls = kernel->log().size();
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(executable->run(0, std::array<int64_t, 2>{0, 10}));
  EXPECT_EQ(kernel->allocations().size(), memory) << "no allocation after start";
  for (size_t i = calls; i < kernel->log().size(); ++i)
    EXPECT_EQ(kernel->log()[i], "WAIT_EVENTS") << "nothing else is asked of the kernel in a run";
}

TEST_F(KfdDriverTest, PrivateMemoryAndLds) {
  open(oneLaunch("reverse", 5));
  ASSERT_TRUE(executable);
  auto input = executable->input(0, 0);
  auto *x = reinterpret_cast<float *>(input.data());
  std::iota(x, x + input.size() / 4, 0.0f);
  auto ran = executable->run(0, std::array<int64_t, 2>{0, 0});
  ASSERT_TRUE(ran) << ran.error().message << " " << gpu->error();
  for (size_t i = 0; i < output().size(); ++i) {
    const size_t mirrored = i / 64 * 64 + 63 - i % 64;
    EXPECT_EQ(output()[i], static_cast<float>(mirrored)) << i;
  }
}

TEST_F(KfdDriverTest, OpensAgainAfterwards) {
  for (int i = 0; i < 2; ++i) {
    open(oneLaunch("reverse", 1));
    ASSERT_TRUE(executable);
    auto ran = executable->run(0, std::array<int64_t, 2>{0, 0});
    ASSERT_TRUE(ran) << ran.error().message << " " << gpu->error();
    executable.reset();
  }
}

TEST_F(KfdDriverTest, AFaultEndsTheRunWithOneError) {
  open(oneLaunch("stray", 1));
  ASSERT_TRUE(executable);
  auto ran = executable->run(0, std::array<int64_t, 2>{0, 0});
  ASSERT_FALSE(ran);
  EXPECT_EQ(ran.error().code, ErrorCode::DeviceLost);
  EXPECT_THAT(ran.error().message, HasSubstr("amd:0"));
  EXPECT_THAT(ran.error().message, HasSubstr("page fault at 0x"));
  EXPECT_THAT(ran.error().message, HasSubstr("failed in stray kernel (launch 1 of 1, 1 group"));
  EXPECT_EQ(executable->run(0, std::array<int64_t, 2>{0, 0}).error().message, ran.error().message);
}

TEST_F(KfdDriverTest, AHangEndsTheRunInBoundedTime) {
  open(oneLaunch("hang", 1), 300ms);
  ASSERT_TRUE(executable);
  auto ran = executable->run(0, std::array<int64_t, 2>{0, 1});
  ASSERT_FALSE(ran);
  EXPECT_EQ(ran.error().code, ErrorCode::Timeout);
  EXPECT_THAT(ran.error().message, HasSubstr("no progress for 300 ms"));
  EXPECT_THAT(ran.error().message, HasSubstr("failed in hang kernel (launch 1 of 1"));
}

TEST_F(KfdDriverTest, AResetEndsTheRun) {
  open(oneLaunch("hang", 1));
  ASSERT_TRUE(executable);
  std::thread resets([&] {
    std::this_thread::sleep_for(20ms);
    kernel->raiseReset({.type = 0, .cause = 0, .memoryLost = 1});
  });
  auto ran = executable->run(0, std::array<int64_t, 2>{0, 1});
  resets.join();
  ASSERT_FALSE(ran);
  EXPECT_EQ(ran.error().code, ErrorCode::DeviceLost);
  EXPECT_THAT(ran.error().message, HasSubstr("the GPU was reset after a hang, VRAM is lost"));
}

} // namespace
} // namespace rosso::amd::kfd
