// SDMA packets as dwords, worked out by hand (Linux: amdgpu/sdma_v6_0_0_pkt_open.h).
#include "tests/emulator/PacketRig.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rosso::emulator::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

using Dwords = std::vector<uint32_t>;

// Count is bytes - 1; source, then destination.
TEST(CopyEngine, CopiesAnyBytes) {
  PacketRig rig;
  for (int i = 0; i < 16; ++i)
    rig.hostData[i] = static_cast<uint8_t>(i + 1);
  EXPECT_EQ(rig.copy({0x00000001, 4, 0, 3, 0x2000, 0x101, 0x6000}), "");
  EXPECT_EQ(rig.data[0x100], 0);
  EXPECT_EQ(rig.data[0x101], 4);
  EXPECT_EQ(rig.data[0x105], 8);
  EXPECT_EQ(rig.data[0x106], 0);
  EXPECT_EQ(rig.gpu.log.totals().uploadBytes, 5u);
  EXPECT_EQ(rig.gpu.log.totals().linkBytesToGpu, 5u + 28);
  EXPECT_EQ(rig.copy({0x00000001, 1, 0, 0x101, 0x6000, 0x40, 0x2000}), "");
  EXPECT_EQ(rig.gpu.log.totals().downloadBytes, 2u);
}

TEST(CopyEngine, WritesFencesAndTraps) {
  PacketRig rig;
  EXPECT_EQ(rig.copy({0x00000002, 0x10, 0x6000, 1, 0xAA, 0xBB}), ""); // two dwords
  EXPECT_EQ(rig.quad(kData + 0x10), 0xBB'000000AAu);
  rig.at(kHostData)[1] = 7;
  EXPECT_EQ(rig.copy({0x00030005, 0, 0x2000, 42, 0x00000006, 3}), "");
  EXPECT_EQ(rig.quad(kHostData), 0x7'0000002Au); // a fence has 32 bits
  EXPECT_EQ(rig.interrupts, 1);
}

// "for dword fill use bytes - 4": 8 fills three dwords; Linux' bytes - 1, 11, does too.
TEST(CopyEngine, FillsDwords) {
  for (uint32_t count : {8u, 11u}) {
    PacketRig rig;
    EXPECT_EQ(rig.copy({0x8000000B, 0, 0x6000, 0x01020304, count}), "");
    EXPECT_EQ(rig.at(kData)[2], 0x01020304u);
    EXPECT_EQ(rig.at(kData)[3], 0u);
  }
}

TEST(CopyEngine, PollsUntilMemoryHasTheValue) {
  PacketRig rig;
  int waits = 0;
  rig.whileWaiting = [&] {
    *rig.at(kHostData) = static_cast<uint32_t>(++waits);
    return true;
  };
  // MEM_POLL, function 5 (>=); retry for ever.
  EXPECT_EQ(rig.copy({0xD0000008, 0, 0x2000, 4, ~0u, 0x0FFF0004}), "");
  EXPECT_EQ(waits, 4);
  EXPECT_THAT(rig.copy({0xD0000008, 0, 0x2000, 9, ~0u, 0x00020004}), HasSubstr("in vain"));
}

TEST(CopyEngine, AFlushOfTheHostDataPathIsDoneAtOnce) {
  PacketRig rig;
  EXPECT_EQ(rig.copy({0x34000008, 0x389C, 0x3898, 0x400, 0x400, 0x0FFF000A}), "");
}

// Copying 26 MB at 26 GB/s takes 1 ms, and 1 us until the first byte is there.
TEST(CopyEngine, TimeStampsShowHowLongACopyTakes) {
  PacketRig rig;
  constexpr uint64_t kBytes = 26'000'000, kFrom = 0x2000'1000'0000, kTo = 0x6000'1000'0000;
  std::vector<uint8_t> from(kBytes), to(kBytes);
  for (auto [address, bytes, region] :
       {std::tuple{kFrom, &from, Region::Host}, std::tuple{kTo, &to, Region::Vram}})
    rig.memory.add({.address = address,
                    .bytes = kBytes,
                    .data = bytes->data(),
                    .region = region,
                    .purpose = "big",
                    .shadow = {},
                    .readers = {}});
  EXPECT_EQ(rig.copy({0x0000020D, 0, 0x2000, 0x00000001, kBytes - 1, 0, 0x10000000, 0x2000,
                      0x10000000, 0x6000, 0x0000020D, 8, 0x2000}),
            "");
  EXPECT_EQ(rig.quad(kHostData), 100'000'000u);
  EXPECT_EQ(rig.quad(kHostData + 8), 100'100'100u);
}

TEST(CopyEngine, IndirectBuffersEndOnEightDwords) {
  PacketRig rig;
  const Dwords inside{0x00000002, 0x10, 0x6000, 0, 5, 0, 0, 0};
  std::copy(inside.begin(), inside.end(), rig.at(kHostData + 0x20));
  const Dwords call{0x00000004, 0x20, 0x2000, 8, 0, 0};
  EXPECT_EQ(rig.copy(joined(Dwords{0, 0}, call)), "");
  EXPECT_EQ(*rig.at(kData + 0x10), 5u);
  EXPECT_THAT(rig.copy(joined(Dwords{0}, call)), HasSubstr("INDIRECT: ends at dword 0xf"));
}

// Reference 1 against a word of 0 or 1.
TEST(CopyEngine, CondExeLeavesOutWholePackets) {
  PacketRig rig;
  const Dwords guarded{0x00000002, 0x10, 0x6000, 0, 5};
  EXPECT_EQ(rig.copy(joined(Dwords{9, 0, 0x6000, 1, 5}, guarded)), "");
  EXPECT_EQ(*rig.at(kData + 0x10), 0u);
  *rig.at(kData) = 1;
  EXPECT_EQ(rig.copy(joined(Dwords{9, 0, 0x6000, 1, 5}, guarded)), "");
  EXPECT_EQ(*rig.at(kData + 0x10), 5u);
}

// Opcode 47 in [31:25]: add 64.
TEST(CopyEngine, Atomics) {
  PacketRig rig;
  *rig.at(kData) = ~0u;
  EXPECT_EQ(rig.copy({0x5E00000A, 0, 0x6000, 1, 0, 0, 0, 0}), "");
  EXPECT_EQ(rig.quad(kData), 0x1'00000000u);
}

TEST(CopyEngine, TheTailOfARingIsFilledWithNops) {
  PacketRig rig(Mode::Fast, "gfx1100", "pcie4x16", 16);
  EXPECT_EQ(rig.copy({0x000B0000, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}), ""); // NOP, 12 dwords
  EXPECT_EQ(rig.copy({0, 0, 0, 0, 0x00030005, 0, 0x2000, 9}), "");
  EXPECT_EQ(*rig.at(kHostData), 9u);
  EXPECT_THAT(rig.reported, ElementsAre(48, 52, 56, 60, 64, 80));
}

struct Malformed {
  const char *name;
  Dwords packet;
  const char *message;
  const char *chip = "gfx1100";
};

class MalformedCopy : public testing::TestWithParam<Malformed> {};

TEST_P(MalformedCopy, IsAnErrorThatSaysWhatAndWhere) {
  PacketRig rig(Mode::Strict, GetParam().chip);
  ASSERT_EQ(rig.copy({0, 0}), "");
  const std::string error = rig.copy(GetParam().packet);
  EXPECT_THAT(error, StartsWith("copy queue 1: ring byte 0x8 (read pointer 0x8, write pointer 0x"));
  EXPECT_THAT(error, HasSubstr(GetParam().message));
}

const Malformed kMalformed[] = {
    {"Unknown", {0x00000003}, "operation 3 with sub-operation 0 is not one of a copy queue"},
    {"OtherCopy", {0x00000401, 0, 0, 0, 0, 0, 0}, "operation 1 with sub-operation 4"},
    {"Privileged", {0x0000000E, 0, 0}, "SRBM_WRITE: is for the kernel driver's queues"},
    {"NopBits", {0x80000000}, "NOP: dword 0 (header) = 0x80000000: reserved bits"},
    {"PastTheWritePointer", {0x00000001, 0, 0}, "COPY_LINEAR of 7 dwords ends after the 3"},
    {"Broadcast", {0x08000001, 0, 0, 0, 0x2000, 0, 0x6000}, "reserved bits 0x8000000"},
    {"Swap", {0x00000001, 0, 0x10000, 0, 0x2000, 0, 0x6000}, "dword 2 (parameter)"},
    {"CountOfGfx10", {0x00000001, 0x400000, 0, 0, 0x2000, 0, 0x6000}, "dword 1 (count)", "gfx1030"},
    {"Overlap", {0x00000001, 7, 0, 0, 0x6000, 4, 0x6000}, "of 8 bytes overlap"},
    {"SourceUnmapped",
     {0x00000001, 7, 0, 0xFFC, 0x2000, 4, 0x6000},
     "page fault: read of 8 bytes at 0x200000000ffc"},
    {"TargetUnmapped",
     {0x00000001, 7, 0, 0, 0x2000, 0xFFC, 0x6000},
     "page fault: write of 8 bytes"},
    {"WriteMisaligned", {0x00000002, 2, 0x6000, 0, 1}, "destination 0x600000000002 is not"},
    {"FenceCached", {0x00000005, 0, 0x2000, 1}, "MTYPE 0 for a fence in the host's memory"},
    {"FenceMisaligned", {0x00030005, 2, 0x2000, 1}, "is not a multiple of 4"},
    {"TrapBits", {0x00000006, 0x10000000}, "dword 1 (context)"},
    {"PollFunction", {0xF0000008, 0, 0x2000, 0, 0, 0}, "function 7 is reserved"},
    {"PollRegister", {0x30000008, 0x1234, 0, 0, 0, 0}, "polls a register"},
    {"TimestampMisaligned", {0x0000020D, 4, 0x2000}, "is not a multiple of 8"},
    {"FillOfBytes", {0x0000000B, 0, 0x6000, 1, 8}, "fills of dwords (2) are emulated"},
    {"FillCount", {0x8000000B, 0, 0x6000, 1, 9}, "is not one of whole dwords"},
    {"IndirectMisaligned", {0x00000004, 0x10, 0x2000, 8, 0, 0}, "is not a multiple of 32"},
    {"IndirectSize", {0x00000004, 0x20, 0x2000, 9, 0, 0}, "a buffer of 9 dwords"},
    {"IndirectPrivileged", {0x80000004, 0x20, 0x2000, 8, 0, 0}, "reserved bits 0x80000000"},
    {"AtomicOperation", {0x0400000A, 0, 0x6000, 1, 0, 0, 0, 0}, "operation 2 is not known"},
    {"CacheDiscard", {0x00000011, 0, 0x20000000, 0, 0}, "GL2_DISCARD"},
};

INSTANTIATE_TEST_SUITE_P(All, MalformedCopy, testing::ValuesIn(kMalformed),
                         [](const auto &info) { return info.param.name; });

TEST(CopyEngine, PacketsDoNotCrossTheEndOfTheRing) {
  PacketRig rig(Mode::Fast, "gfx1100", "pcie4x16", 16);
  ASSERT_EQ(rig.copy({0x000C0000, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}), ""); // 13 dwords
  EXPECT_THAT(rig.copy({0x00030005, 0, 0x2000, 9}),
              HasSubstr("FENCE of 4 dwords goes past the end of the ring, where there are 3; fill "
                        "it with NOPs"));
}

} // namespace
} // namespace rosso::emulator::test
