#include "runtime/amd/Copies.h"
#include "tests/runtime/amd/FakeGpu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

namespace rosso::amd {
namespace {

using testing::HasSubstr;

/// A copy queue over chunks of 4 KiB.
struct CopiesTest : testing::Test {
  void open(const char *chip = "gfx1100", StagingSize size = {4096, 3}) {
    gpu = std::make_unique<FakeGpu>(chip);
    state = gpu->state();
    health = std::make_unique<Health>(*gpu, "fake", std::chrono::milliseconds(50));
    control = *gpu->allocate(kPageBytes, MemoryKind::Host, "control");
    std::memset(control.host, 0, kPageBytes);
    auto made = Copies::create(
        *gpu, *health, Signal(reinterpret_cast<uint32_t *>(control.host), control.address), size);
    ASSERT_TRUE(made.ok()) << made.error().message;
    copies = std::move(*made);
    vram = *gpu->allocate(64 << 10, MemoryKind::Vram, "arena");
  }
  void TearDown() override { copies.reset(); }

  static std::vector<uint8_t> someBytes(size_t size) {
    std::vector<uint8_t> bytes(size);
    for (size_t i = 0; i < size; ++i)
      bytes[i] = static_cast<uint8_t>(i * 7 + i / 251);
    return bytes;
  }

  std::unique_ptr<FakeGpu> gpu;
  std::shared_ptr<FakeGpu::State> state;
  std::unique_ptr<Health> health;
  std::unique_ptr<Copies> copies;
  Memory control, vram;
};

TEST_F(CopiesTest, UploadsAndDownloadsThroughTheChunks) {
  open();
  for (size_t size : {1u, 4095u, 4096u, 4097u, 40000u}) {
    const auto bytes = someBytes(size);
    ASSERT_TRUE(copies->upload(vram.address + 3, bytes).ok());
    ASSERT_TRUE(copies->drain().ok());
    EXPECT_EQ(std::memcmp(state->at(vram.address + 3, size), bytes.data(), size), 0) << size;
    std::vector<uint8_t> back(size);
    ASSERT_TRUE(copies->download(vram.address + 3, back).ok());
    EXPECT_EQ(back, bytes) << size;
  }
}

TEST_F(CopiesTest, ReusesAChunkOnlyWhenItsCopyIsDone) {
  open();
  state->behaviour = FakeGpu::Behaviour::Paused; // goes on only while the host waits
  state->packetsPerWait = 1;
  const auto bytes = someBytes(60000);
  ASSERT_TRUE(copies->upload(vram.address, bytes).ok());
  ASSERT_TRUE(copies->drain().ok());
  EXPECT_EQ(std::memcmp(state->at(vram.address, bytes.size()), bytes.data(), bytes.size()), 0);
}

TEST_F(CopiesTest, DownloadsKeepTheEngineAhead) {
  open();
  state->behaviour = FakeGpu::Behaviour::Paused;
  state->packetsPerWait = 1;
  std::vector<uint8_t> bytes = someBytes(30000), back(30000);
  std::memcpy(state->at(vram.address, bytes.size()), bytes.data(), bytes.size());
  ASSERT_TRUE(copies->download(vram.address, back).ok());
  EXPECT_EQ(back, bytes);
}

TEST_F(CopiesTest, ClearsAnyRange) {
  open();
  for (auto [from, size] : {std::pair{1u, 2u}, {4u, 16u}, {5u, 9u}, {3u, 20001u}, {8u, 1u}}) {
    std::memset(state->at(vram.address, 32768), 0xFF, 32768);
    ASSERT_TRUE(copies->clear(vram.address + from, size).ok());
    ASSERT_TRUE(copies->drain().ok());
    const uint8_t *bytes = state->at(vram.address, 32768);
    for (uint32_t i = 0; i < 32768; ++i)
      ASSERT_EQ(bytes[i], i >= from && i < from + size ? 0 : 0xFF) << i;
  }
}

// 22 bits of count on SDMA 5.2: 4 MiB less 32 bytes, and the rest.
TEST_F(CopiesTest, OldEnginesGetSmallerPackets) {
  open("gfx1030", {4 << 20, 2});
  const Memory big = *gpu->allocate(8 << 20, MemoryKind::Vram, "big");
  ASSERT_TRUE(copies->upload(big.address, someBytes(4 << 20)).ok());
  ASSERT_TRUE(copies->drain().ok());
  ASSERT_EQ(state->sdma.size(), 3u); // two copies and a fence
  EXPECT_EQ(state->sdma[0].body[1], 0x3FFFE0u - 1);
  EXPECT_EQ(state->sdma[1].body[1], 32u - 1);
}

TEST_F(CopiesTest, AStandingEngineIsAnErrorInBoundedTime) {
  open();
  state->behaviour = FakeGpu::Behaviour::Paused;
  state->packetsPerWait = 0;
  ASSERT_TRUE(copies->upload(vram.address, someBytes(100)).ok());
  auto status = copies->drain();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::Timeout);
  EXPECT_THAT(status.error().message,
              HasSubstr("fake: copy queue: signal at 0, waited for 1, no progress for 50 ms"));
  state->packetsPerWait = ~0u; // too late: it stays failed
  EXPECT_EQ(copies->drain().error().message, status.error().message);
  EXPECT_EQ(copies->upload(vram.address, someBytes(1)).error().message, status.error().message);
}

TEST_F(CopiesTest, AFaultIsReportedWithItsText) {
  open();
  auto status = copies->upload(0x1000, someBytes(100)); // no memory there
  if (status.ok())
    status = copies->drain();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::DeviceLost);
  EXPECT_THAT(status.error().message, HasSubstr("fake: COPY_LINEAR outside of memory"));
}

} // namespace
} // namespace rosso::amd
