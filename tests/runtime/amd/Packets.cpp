// Dwords written out from the packets' documentation, not through the driver's constants.
#include "runtime/amd/pm4/Packets.h"
#include "runtime/amd/CommandBuffer.h"
#include "runtime/amd/sdma/Packets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rosso::amd {
namespace {

using testing::ElementsAre;

TEST(Pm4, DispatchSaysGroupsAndWaveSize) {
  EXPECT_THAT(encode(pm4::DispatchDirect{.groups = {304, 2, 1}}),
              ElementsAre(0xC0031500, // type 3, 4 body dwords, opcode 0x15
                          304, 2, 1,
                          0x8005)); // enabled, start at 0, wave32
  EXPECT_EQ(encode(pm4::DispatchDirect{.wave32 = false})[4], 0x0005u);
}

TEST(Pm4, CachesBetweenDispatchesLeaveL2Alone) {
  EXPECT_THAT(encode(pm4::AcquireMem{pm4::kBetweenDispatches}),
              ElementsAre(0xC0065800, 0, 0xFFFFFFFF, 0x00FFFFFF, 0, 0, 0x0A, 0x000003F0));
}

TEST(Pm4, CachesAfterOthersWrote) {
  EXPECT_EQ(encode(pm4::AcquireMem{pm4::kAfterOthersWrote})[7], 0x0000C3F0u);
  EXPECT_EQ(encode(pm4::AcquireMem{pm4::kAfterCodeWasWritten})[7], 0x0000C3F1u);
}

TEST(Pm4, WaitForWavesIsAPartialFlush) {
  EXPECT_THAT(encode(pm4::WaitForWaves{}), ElementsAre(0xC0004600, 0x00000407));
}

TEST(Pm4, ReleaseWritesBackL2AndThenTheSignal) {
  EXPECT_THAT(encode(pm4::ReleaseMem{.address = 0x7f00'1234'5678, .value = 42}),
              ElementsAre(0xC0064900, // 7 body dwords, opcode 0x49
                          0x06603514, // as Linux's fence on gfx11
                          0x20000000, // 32 bits, to memory, no interrupt
                          0x12345678, 0x00007f00, 42, 0, 0));
}

TEST(Pm4, ReleaseOnGfx12HasNoMetadataCache) {
  EXPECT_EQ(encode(pm4::ReleaseMem{.address = 8, .hasMetadataCache = false})[1], 0x06600514u);
}

TEST(Pm4, TimeStampsAreTheClockAtTheEndOfThePipe) {
  EXPECT_THAT(encode(pm4::ReleaseMem{
                  .address = 0x1000, .data = pm4::ReleaseMem::Data::Clock, .flush = false}),
              ElementsAre(0xC0064900, 0x00000514, 0x60000000, 0x1000, 0, 0, 0, 0));
}

TEST(Pm4, WaitMemComparesOneDwordInMemory) {
  EXPECT_THAT(encode(pm4::WaitMem{.address = 0x7f00'1234'5678, .value = 42}),
              ElementsAre(0xC0053C00, // 6 body dwords, opcode 0x3C
                          0x00000015, // function >=, space memory
                          0x12345678, 0x00007f00, 42, 0xFFFFFFFF, 4));
}

TEST(Pm4, InterruptsFollowTheConfirmedWrite) {
  EXPECT_THAT(encode(pm4::ReleaseMem{
                  .address = 0x7f00'0000'0018, .value = 3, .flush = false, .interrupt = 3}),
              ElementsAre(0xC0064900, 0x00000514,
                          0x22000000, // 32 bits; interrupt select 2
                          0x18, 0x7f00, 3, 0, 3));
}

TEST(Pm4, IndirectBufferIsValidAndCountsDwords) {
  EXPECT_THAT(encode(pm4::IndirectBuffer{.address = 0x7f00'0000'0100, .dwords = 0x1234}),
              ElementsAre(0xC0023F00, 0x00000100, 0x00007f00, 0x00801234));
}

TEST(Pm4, WriteDataToMemory) {
  pm4::Stream stream;
  pm4::appendWriteData(stream, 0x7f00'0000'0040, std::array{7u, 9u}, pm4::Confirm::Yes);
  EXPECT_THAT(stream, ElementsAre(0xC0043700, 0x00100500, 0x00000040, 0x00007f00, 7, 9));
  stream.clear();
  pm4::appendWriteData(stream, 0x40, std::array{7u}, pm4::Confirm::No);
  EXPECT_THAT(stream, ElementsAre(0xC0033700, 0x00000500, 0x40, 0, 7));
}

TEST(Pm4, CopyDataFromMemoryToMemoryIsConfirmed) {
  EXPECT_THAT(encode(pm4::CopyData{.from = 0x7f00'0000'0040, .to = 0x7e00'0000'0008, .bytes = 8}),
              ElementsAre(0xC0044000, 0x00110501, 0x40, 0x7f00, 0x08, 0x7e00));
  EXPECT_EQ(encode(pm4::CopyData{.from = 4, .to = 8})[1], 0x00100501u);
}

TEST(Pm4, SetShRegCountsItsValues) {
  pm4::Stream stream;
  pm4::appendSetShReg(stream, 0x20C, std::array{0x11u, 0x22u});
  EXPECT_THAT(stream, ElementsAre(0xC0027600, 0x20C, 0x11, 0x22));
}

TEST(Sdma, CopyIsByteExact) {
  EXPECT_THAT(
      encode(sdma::CopyLinear{.from = 0x7f00'0000'0003, .to = 0x7e00'0000'1001, .bytes = 0x400000}),
      ElementsAre(0x00000001, 0x3FFFFF, 0, 3, 0x7f00, 0x1001, 0x7e00));
}

TEST(Sdma, FillCountsBytesLessTheLastDword) {
  EXPECT_THAT(encode(sdma::ConstFill{.to = 0x7e00'0000'1000, .value = 5, .bytes = 4096}),
              ElementsAre(0x8000000B, 0x1000, 0x7e00, 5, 4092));
}

TEST(Sdma, FenceIsUncached) {
  EXPECT_THAT(encode(sdma::Fence{.address = 0x7f00'0000'0040, .value = 3}),
              ElementsAre(0x00030005, 0x40, 0x7f00, 3));
}

TEST(Sdma, PollMemComparesOneDwordInMemory) {
  EXPECT_THAT(encode(sdma::PollMem{.address = 0x7f00'1234'5678, .value = 42}),
              ElementsAre(0xD0000008, // memory, function >=
                          0x12345678, 0x00007f00, 42, 0xFFFFFFFF, 0x0FFF0004));
}

TEST(Sdma, TrapCarriesItsNumber) {
  EXPECT_THAT(encode(sdma::Trap{.interrupt = 7}), ElementsAre(0x00000006, 7));
}

TEST(Sdma, LimitsByVersion) {
  EXPECT_EQ(sdma::mostBytes(Isa::Gfx10), 0x3FFFE0u);
  EXPECT_EQ(sdma::mostBytes(Isa::Gfx11), 0x3FFFFFE0u);
}

// 7900-like state of a kernel with 3 KiB of LDS: 6 units of 512 bytes in bits 23:15 of RSRC2.
KernelCode someKernel() {
  return {.name = "k",
          .entry = 0x1700,
          .bytes = 152,
          .ldsBytes = 3000,
          .privateBytes = 0,
          .kernargBytes = 32,
          .rsrc1 = 0xE0AF0001,
          .rsrc2 = 0x0000009A,
          .rsrc3 = 0x30,
          .properties = 0x408};
}

TEST(LaunchState, FollowsTheDescriptor) {
  auto state =
      launchState(someKernel(), *findChip("gfx1100"), 0x7f00'0001'0000, 64, 0x7f00'0002'0040, {});
  ASSERT_TRUE(state.ok()) << state.error().message;
  EXPECT_EQ(state->code, 0x7f00'0001'1700u);
  EXPECT_EQ(state->rsrc2, 0x0003009Au);
  EXPECT_TRUE(state->wave32);
  EXPECT_EQ(state->userDataCount, 2u);
  EXPECT_EQ(state->userData[0], 0x00020040u);
  EXPECT_EQ(state->userData[1], 0x7f00u);
}

// Queue pointer, kernel arguments, dispatch id: in this order.
TEST(LaunchState, ScalarRegistersComeInTheirOrder) {
  KernelCode kernel = someKernel();
  kernel.properties = 0x41C;
  auto state = launchState(kernel, *findChip("gfx1100"), 0, 64, 0x1122'3344'5500, {});
  ASSERT_TRUE(state.ok());
  EXPECT_EQ(state->userDataCount, 6u);
  EXPECT_THAT(std::span(state->userData).first(6), ElementsAre(0, 0, 0x33445500, 0x1122, 0, 0));
}

TEST(LaunchState, RefusesWhatWeDoNotGive) {
  const Chip &chip = *findChip("gfx1100"), &old = *findChip("gfx1030");
  KernelCode kernel = someKernel();
  kernel.properties = 0x40A;
  EXPECT_EQ(launchState(kernel, chip, 0, 64, 0, {}).error().message,
            "kernel k wants a dispatch packet; compile it with \"amdgpu-no-dispatch-ptr\"");
  kernel = someKernel();
  kernel.privateBytes = 16;
  EXPECT_THAT(launchState(kernel, old, 0, 64, 0, {}).error().message,
              testing::HasSubstr("private memory, which gfx1030"));
  EXPECT_TRUE(launchState(kernel, chip, 0, 64, 0, {}).ok());
}

TEST(ShState, WritesOnlyWhatChanged) {
  ShState registers;
  pm4::Stream stream;
  registers.set(stream, 0x210, std::array{1u, 2u, 3u, 4u});
  EXPECT_THAT(stream, ElementsAre(0xC0047600, 0x210, 1, 2, 3, 4));
  stream.clear();
  registers.set(stream, 0x210, std::array{1u, 2u, 3u, 4u});
  EXPECT_THAT(stream, ElementsAre());
  registers.set(stream, 0x210, std::array{1u, 9u, 3u, 4u});
  EXPECT_THAT(stream, ElementsAre(0xC0017600, 0x211, 9));
}

// The whole first launch of a stream, register by register.
TEST(ShState, FirstLaunchSetsEverything) {
  auto state = launchState(someKernel(), *findChip("gfx1100"), 0x7f00'0001'0000, 64,
                           0x7f00'0002'0040, {.address = 0x7e00'0000'0000, .tmpringSize = 0x1040});
  ASSERT_TRUE(state.ok());
  ShState registers;
  pm4::Stream stream;
  const size_t dispatch = appendLaunch(stream, registers, *state, 10);
  EXPECT_EQ(dispatch, stream.size() - 5);
  EXPECT_THAT(stream, ElementsAre(                                    //
                          0xC0087600, 0x204, 0, 0, 0, 64, 1, 1, 0, 0, // start, threads
                          0xC0027600, 0x20C, 0x00000117, 0x7f,        // code >> 8
                          0xC0047600, 0x210, 0x00000000, 0x7e, 0xE0AF0001, 0x0003009A, 0xC0017600,
                          0x218, 0x1040,                         // TMPRING
                          0xC0017600, 0x215, 0,                  // limits
                          0xC0037600, 0x21B, 0, 0, 0,            // restart
                          0xC0017600, 0x228, 0x30,               // RSRC3
                          0xC0027600, 0x240, 0x00020040, 0x7f00, // arguments
                          0xC0031500, 10, 1, 1, 0x8005));
}

} // namespace
} // namespace rosso::amd
