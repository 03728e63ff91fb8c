// Packets as dwords, worked out by hand from their documentation (Linux: amdgpu/nvd.h).
#include "tests/emulator/PacketRig.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rosso::emulator::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

using Dwords = std::vector<uint32_t>;

TEST(CommandProcessor, ADispatchHasTheStateOfItsRegisters) {
  PacketRig rig;
  EXPECT_EQ(rig.compute(kernelRegisters()), "");
  EXPECT_EQ(rig.compute({0xC0027600, 0x240, 0xAABBCCDD, 0x11223344}), ""); // USER_DATA_0, 1
  EXPECT_EQ(rig.compute({0xC0031500, 5, 2, 3, 0x8005}), "");
  ASSERT_EQ(rig.engine.runs.size(), 1u);
  const Dispatch &d = rig.engine.runs[0].dispatch;
  EXPECT_EQ(d.code, kCode);
  EXPECT_EQ(d.rsrc1, 0xE0AF0000u);
  EXPECT_EQ(d.rsrc2, 0x84u);
  EXPECT_THAT(d.groups, ElementsAre(5, 2, 3));
  EXPECT_THAT(d.groupSize, ElementsAre(32, 1, 1));
  EXPECT_EQ(d.userData[0], 0xAABBCCDDu);
  EXPECT_EQ(d.userData[1], 0x11223344u);
  EXPECT_TRUE(d.wave32);
  EXPECT_EQ(d.serial, 1u);
}

// Bit 5 of the initiator: dimensions count threads. 96 threads are 3 groups of 32.
TEST(CommandProcessor, DimensionsMayCountThreads) {
  PacketRig rig;
  EXPECT_EQ(rig.compute(joined(kernelRegisters(), Dwords{0xC0031500, 96, 1, 1, 0x8025})), "");
  ASSERT_EQ(rig.engine.runs.size(), 1u);
  EXPECT_THAT(rig.engine.runs[0].dispatch.groups, ElementsAre(3, 1, 1));
  EXPECT_THAT(rig.compute({0xC0031500, 97, 1, 1, 0x8025}), HasSubstr("not whole groups of 32"));
}

TEST(CommandProcessor, AnIndirectDispatchReadsItsGroupsFromMemory) {
  PacketRig rig;
  rig.at(kData + 0x40)[0] = 7;
  rig.at(kData + 0x40)[1] = 1;
  rig.at(kData + 0x40)[2] = 2;
  EXPECT_EQ(rig.compute(joined(kernelRegisters(), Dwords{0xC0021600, 0x40, 0x6000, 0x8005})), "");
  ASSERT_EQ(rig.engine.runs.size(), 1u);
  EXPECT_THAT(rig.engine.runs[0].dispatch.groups, ElementsAre(7, 1, 2));
}

// COMPUTE_TMPRING_SIZE: WAVES 4, WAVESIZE 8 x 256 bytes; base 0x600000000400 >> 8.
TEST(CommandProcessor, PrivateMemoryComesFromItsRegisters) {
  PacketRig rig;
  const Dwords scratch{0xC0017600, 0x218,      0x00008004, 0xC0027600, 0x210,
                       0x00000004, 0x00000060, 0xC0017600, 0x213,      0x85};
  EXPECT_EQ(rig.compute(joined(kernelRegisters(), scratch, dispatch(1))), "");
  ASSERT_EQ(rig.engine.runs.size(), 1u);
  EXPECT_EQ(rig.engine.runs[0].dispatch.scratchBase, 0x600000000400u);
  EXPECT_EQ(rig.engine.runs[0].dispatch.scratchBytesPerWave, 2048u);
}

TEST(CommandProcessor, PacketsWrapAroundTheEndOfTheRing) {
  PacketRig rig(Mode::Fast, "gfx1100", "pcie4x16", 16);
  EXPECT_EQ(rig.compute({0xC00B1000, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}), ""); // NOP, 13 dwords
  // WRITE_DATA of 5 dwords from position 13: its last two lie at the beginning of the ring.
  EXPECT_EQ(rig.compute({0xC0033700, 0x00100500, 0x10, 0x6000, 0x12345678}), "");
  EXPECT_EQ(*rig.at(kData + 0x10), 0x12345678u);
  EXPECT_EQ(rig.ring[0], 0x6000u);
  EXPECT_THAT(rig.reported, ElementsAre(13, 18));
}

TEST(CommandProcessor, FillersAreOneDword) {
  PacketRig rig;
  EXPECT_EQ(rig.compute({0xFFFF1000, 0x80000000, 0xC0001000, 0x55, 0xFFFF1000}), "");
  EXPECT_THAT(rig.reported, ElementsAre(1, 2, 4, 5));
}

TEST(CommandProcessor, WriteDataWritesAllItsDwords) {
  PacketRig rig;
  EXPECT_EQ(rig.compute({0xC0053700, 0x00100500, 0x20, 0x2000, 1, 2, 3}), "");
  EXPECT_EQ(rig.at(kHostData + 0x20)[0], 1u);
  EXPECT_EQ(rig.at(kHostData + 0x20)[2], 3u);
  EXPECT_EQ(rig.gpu.log.totals().linkBytesToHost, 12u);
  EXPECT_EQ(rig.gpu.log.totals().linkBytesToGpu, 28u); // the packet itself
}

// DATA_SEL 1 and 2 of RELEASE_MEM: 4 bytes, or 8.
TEST(CommandProcessor, ReleaseMemWritesItsData) {
  PacketRig rig;
  rig.at(kHostData)[1] = 0x99;
  EXPECT_EQ(rig.compute({0xC0064900, 0x00000514, 0x20000000, 0, 0x2000, 42, 43, 0}), "");
  EXPECT_EQ(rig.quad(kHostData), 0x99'0000002Au);
  EXPECT_EQ(rig.interrupts, 0);
  EXPECT_EQ(rig.compute({0xC0064900, 0x00000514, 0x42000000, 0, 0x2000, 42, 43, 0}), "");
  EXPECT_EQ(rig.quad(kHostData), 0x2B'0000002Au);
  EXPECT_EQ(rig.interrupts, 1); // INT_SEL 2
  EXPECT_EQ(rig.signalsWritten, 2);
}

// Every data selection 3 and COPY_DATA source 9 show a clock of 100 MHz that is one second old.
TEST(CommandProcessor, TimeStampsShowModelledTime) {
  PacketRig rig;
  auto stamp = [&](uint32_t offset) { // RELEASE_MEM, DATA_SEL 3
    return Dwords{0xC0064900, 0x00000514, 0x60000000, offset, 0x2000, 0, 0, 0};
  };
  const Dwords parsed{0xC0044000, 0x00110509, 0, 0, 0x10, 0x2000}; // COPY_DATA of the clock
  EXPECT_EQ(rig.compute(joined(kernelRegisters(), stamp(0), dispatch(1), parsed, stamp(8))), "");
  rig.gpu.log.keep(true);
  EXPECT_EQ(rig.compute(joined(dispatch(1), stamp(24))), "");
  const auto kept = rig.gpu.log.take();
  EXPECT_EQ(rig.quad(kHostData), 100'000'000u);
  // The parser does not wait for the dispatch.
  EXPECT_EQ(rig.quad(kHostData + 16), 100'000'000u);
  // Nothing counted, cold code: 0.65 us, then 550 + 475 clocks and 775 of the one wave's life
  // spread over 64 x 96 places, at 2.4 GHz: 1.077 us.
  EXPECT_EQ(rig.quad(kHostData + 8), 100'000'107u);
  // The second does not wait for the first, and its code is warm: 0.15 us and 525 clocks, 0.369 us.
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_FALSE(kept[0].dependent);
  EXPECT_NEAR(kept[0].predicted.seconds, 0.369e-6, 0.001e-6);
  EXPECT_EQ(rig.quad(kHostData + 24), 100'000'144u);
}

TEST(CommandProcessor, AWaitGoesOnWhenMemoryHasTheValue) {
  PacketRig rig;
  int waits = 0;
  rig.whileWaiting = [&] {
    *rig.at(kHostData) = ++waits == 3 ? 0x1005 : 4;
    return true;
  };
  // Function 5 (>=), memory, reference 5 under mask 0xFF.
  EXPECT_EQ(rig.compute({0xC0053C00, 0x15, 0, 0x2000, 5, 0xFF, 4}), "");
  EXPECT_EQ(waits, 3);
  rig.whileWaiting = [] { return false; };
  EXPECT_EQ(rig.compute({0xC0053C00, 0x13, 0, 0x2000, 6, 0xFF, 4}), "stopped");
}

// Comparison codes 0 to 6: always, <, <=, ==, !=, >=, >. Unsigned.
TEST(CommandProcessor, WaitsKnowSevenComparisons) {
  const bool holds[7][3] = {{true, true, true},   {true, false, false}, {true, true, false},
                            {false, true, false}, {true, false, true},  {false, true, true},
                            {false, false, true}};
  for (uint32_t function = 0; function < 7; ++function)
    for (uint32_t i = 0; i < 3; ++i) {
      PacketRig rig;
      *rig.at(kHostData) = 0x80000000 + i - 1;
      EXPECT_EQ(rig.compute({0xC0053C00, 0x10 | function, 0, 0x2000, 0x80000000, ~0u, 4}),
                holds[function][i] ? "" : "stopped")
          << function << " " << i;
    }
}

TEST(CommandProcessor, WaitsOf64Bits) {
  PacketRig rig;
  rig.at(kHostData)[1] = 2;
  EXPECT_EQ(rig.compute({0xC0079300, 0x15, 0, 0x2000, 0, 2, ~0u, ~0u, 4}), "");
  EXPECT_EQ(rig.compute({0xC0079300, 0x15, 0, 0x2000, 1, 2, ~0u, ~0u, 4}), "stopped");
}

TEST(CommandProcessor, AFlushOfTheHostDataPathIsDoneAtOnce) {
  PacketRig rig;
  EXPECT_EQ(rig.compute({0xC0053C00, 0x43, 0xE26, 0xE27, 4, 4, 0x20}), "");
  EXPECT_THAT(rig.compute({0xC0053C00, 0x43, 0xE25, 0xE27, 4, 4, 0x20}),
              HasSubstr("writes register 0xe25"));
}

TEST(CommandProcessor, IndirectBuffersAreExecuted) {
  PacketRig rig;
  const Dwords inside{0xFFFF1000, 0xC0033700, 0x00100500, 0x100, 0x6000, 77};
  std::copy(inside.begin(), inside.end(), rig.at(kHostData));
  EXPECT_EQ(rig.compute({0xC0023F00, 0, 0x2000, 0x00800006}), "");
  EXPECT_EQ(*rig.at(kData + 0x100), 77u);
  rig.at(kHostData)[0] = 0xC0023F00; // an INDIRECT_BUFFER that ends where the old body does
  rig.at(kHostData)[1] = 0;
  rig.at(kHostData)[3] = 0x00800006;
  EXPECT_THAT(rig.compute({0xC0023F00, 0, 0x2000, 0x00800006}),
              StartsWith("compute queue 0: indirect buffer at 0x200000000000 dword 0x0: "
                         "INDIRECT_BUFFER: inside an indirect buffer"));
}

TEST(CommandProcessor, CondExecLeavesOutWholePackets) {
  PacketRig rig;
  const Dwords guarded{0xC0033700, 0x00100500, 0x200, 0x6000, 1};
  EXPECT_EQ(rig.compute(joined(Dwords{0xC0032200, 0, 0x6000, 0, 5}, guarded)), "");
  EXPECT_EQ(*rig.at(kData + 0x200), 0u);
  *rig.at(kData) = 1;
  EXPECT_EQ(rig.compute(joined(Dwords{0xC0032200, 0, 0x6000, 0, 5}, guarded)), "");
  EXPECT_EQ(*rig.at(kData + 0x200), 1u);
  *rig.at(kData) = 0;
  EXPECT_THAT(rig.compute(joined(Dwords{0xC0032200, 0, 0x6000, 0, 4}, guarded)),
              HasSubstr("COND_EXEC skips to the middle of packet c0033700"));
}

// TC_OP_ATOMIC_ADD_RTN_64 is 47, ..._CMPSWAP_RTN_32 is 8.
TEST(CommandProcessor, Atomics) {
  PacketRig rig;
  rig.at(kData)[0] = ~0u;
  EXPECT_EQ(rig.compute({0xC0071E00, 47, 0, 0x6000, 2, 0, 0, 0, 0}), "");
  EXPECT_EQ(rig.quad(kData), 0x1'00000001u);
  EXPECT_EQ(rig.compute({0xC0071E00, 8, 0, 0x6000, 9, 0, 1, 0, 0}), "");
  EXPECT_EQ(*rig.at(kData), 9u);
  EXPECT_THAT(rig.compute({0xC0071E00, 2, 0, 0x6000, 9, 0, 1, 0, 0}), HasSubstr("operation 2"));
}

TEST(CommandProcessor, CopyDataAndDmaDataMoveMemory) {
  PacketRig rig;
  rig.at(kData)[0] = 5;
  rig.at(kData)[1] = 6;
  EXPECT_EQ(rig.compute({0xC0044000, 0x00110501, 0, 0x6000, 0x40, 0x6000}), ""); // 64 bits
  EXPECT_EQ(rig.quad(kData + 0x40), 0x6'00000005u);
  EXPECT_EQ(rig.compute({0xC0044000, 0x00100505, 9, 0, 0x48, 0x6000}), ""); // immediate
  EXPECT_EQ(*rig.at(kData + 0x48), 9u);
  EXPECT_EQ(rig.compute({0xC0055000, 0x80000000, 0x40, 0x6000, 0x80, 0x6000, 12}), "");
  EXPECT_EQ(rig.at(kData + 0x80)[2], 9u);
  EXPECT_EQ(rig.compute({0xC0055000, 0xC0000000, 3, 0, 0x80, 0x6000, 8}), ""); // data
  EXPECT_EQ(rig.quad(kData + 0x80), 0x3'00000003u);
  EXPECT_EQ(rig.at(kData + 0x80)[2], 9u);
}

TEST(CommandProcessor, CodeIsForgottenOnlyIfItChanged) {
  PacketRig rig;
  EXPECT_EQ(rig.compute(acquire(0x3F1)), "");
  EXPECT_EQ(rig.engine.invalidations, 0);
  EXPECT_EQ(rig.compute({0xC0033700, 0x00100500, 0x00100000, 0x6000, 0xBFB00000}), "");
  EXPECT_EQ(rig.compute(acquire(0x3F0)), "");
  EXPECT_EQ(rig.engine.invalidations, 0);
  EXPECT_EQ(rig.compute(acquire(0x3F1)), "");
  EXPECT_EQ(rig.engine.invalidations, 1);
}

struct Malformed {
  const char *name;
  Dwords packet;
  const char *message;
  const char *chip = "gfx1100";
};

class MalformedPacket : public testing::TestWithParam<Malformed> {};

TEST_P(MalformedPacket, IsAnErrorThatSaysWhatAndWhere) {
  PacketRig rig(Mode::Fast, GetParam().chip);
  ASSERT_EQ(rig.compute(joined(kernelRegisters(), Dwords{0xFFFF1000})), "");
  const std::string error = rig.compute(GetParam().packet);
  EXPECT_THAT(error, StartsWith("compute queue 0: ring dword 0x16 (read pointer 0x16, write "
                                "pointer 0x"));
  EXPECT_THAT(error, HasSubstr(GetParam().message));
  EXPECT_TRUE(rig.engine.runs.empty());
}

const Malformed kMalformed[] = {
    {"TypeZero", {0x00000000}, "header 0x0 is of type 0, wanted type 3"},
    {"TypeTwoWithBits", {0x80000001}, "header 0x80000001 is of type 2"},
    {"UnknownOpcode",
     {0xC000FE00, 0},
     "opcode 0xfe is not one of a compute queue; packet c000fe00"},
    {"Predicate", {0xC0004601, 0x407}, "EVENT_WRITE: header 0xc0004601: predication"},
    {"HeaderBits", {0xC0004604, 0x407}, "reserved bits 0x4 are set"},
    {"ShortBody", {0xC0021500, 1, 1, 1}, "DISPATCH_DIRECT: body of 3 dwords, wanted 4"},
    {"PastTheWritePointer", {0xC0031500, 1, 1}, "packet of 5 dwords ends after the 3 before"},
    {"KernelDrivers", {0xC000A200, 0}, "MAP_QUEUES: is for the kernel driver's queues"},
    {"ConfigRegister", {0xC0016800, 0, 0}, "SET_CONFIG_REG: is for the kernel driver's queues"},
    {"UserConfig", {0xC0017900, 0x200, 0}, "register 0x200: a compute queue needs none but"},

    {"RegisterOutside", {0xC0017600, 0x250, 0}, "register 0x250 is not one of a compute queue"},
    {"RegisterOfGraphics", {0xC0017600, 0x10, 0}, "register 0x10 is not one of a compute queue"},
    {"RegisterGap", {0xC0017600, 0x220, 0}, "register 0x220 is not one"},
    {"RegisterOfPackets", {0xC0017600, 0x201, 1}, "0x201 is written by dispatch packets"},
    {"Vmid", {0xC0017600, 0x214, 1}, "COMPUTE_VMID is the kernel driver's"},
    {"RunsOutOfTheWindow", {0xC0027600, 0x24F, 0, 0}, "register 0x250 is not one"},
    {"RegisterDwordBits", {0xC0017600, 0x10000240, 0}, "reserved bits 0x10000000"},
    {"LaterChipsRegister",
     {0xC0017600, 0x22B, 0},
     "not one of a compute queue on gfx1030",
     "gfx1030"},
    {"Rsrc1Sgprs", {0xC0017600, 0x212, 0x40}, "COMPUTE_PGM_RSRC1 = 0x40: reserved bits 0x40"},
    {"Rsrc2Trap", {0xC0017600, 0x213, 0x40}, "COMPUTE_PGM_RSRC2 = 0x40: reserved bits"},
    {"ProgramHigh", {0xC0017600, 0x20D, 0x100}, "COMPUTE_PGM_HI = 0x100: reserved bits 0x100"},
    {"Limits", {0xC0017600, 0x215, 0x400}, "COMPUTE_RESOURCE_LIMITS"},

    {"NoGroups", {0xC0031500, 4, 0, 1, 0x8005}, "0 groups along y; leave such a dispatch out"},
    {"NotEnabled", {0xC0031500, 1, 1, 1, 0x8004}, "COMPUTE_SHADER_EN (bit 0) is not set"},
    {"InitiatorBits", {0xC0031500, 1, 1, 1, 0x8085}, "initiator 0x8085: reserved bits 0x80"},
    {"PartialGroups", {0xC0031500, 1, 1, 1, 0x8007}, "bits 0x2 ask for what is not emulated"},

    {"GlmAlone", acquire(0x3D0), "ACQUIRE_MEM: GCR 0x3d0: GLM_WB and GLM_INV go together"},
    {"Discard", acquire(0x23F0), "GL2_DISCARD drops"},
    {"ReservedRange", acquire(0x3F4), "GL1_RANGE 1 is reserved"},
    {"GcrBits", acquire(0x803F0), "reserved bits 0x80000"},
    {"CoherenceOfOldChips", {0xC0065800, 1, ~0u, 0xFF, 0, 0, 10, 0x3F0}, "dword 1 (coherence"},

    {"ReleaseEvent",
     {0xC0064900, 0x504, 0x20000000, 0, 0x2000, 0, 0, 0},
     "event type 0x4 with index 5"},
    {"ReleaseIndex",
     {0xC0064900, 0x614, 0x20000000, 0, 0x2000, 0, 0, 0},
     "event type 0x14 with index 6"},
    {"ReleaseGlm", {0xC0064900, 0x1514, 0x20000000, 0, 0x2000, 0, 0, 0}, "GLM_WB and GLM_INV"},
    {"ReleaseDataSel", {0xC0064900, 0x514, 0xA0000000, 0, 0x2000, 0, 0, 0}, "DATA_SEL is reserved"},
    {"ReleaseMisaligned",
     {0xC0064900, 0x514, 0x40000000, 4, 0x2000, 0, 0, 0},
     "address 0x200000000004 is not a multiple of 8"},
    {"ReleaseUnmapped",
     {0xC0064900, 0x514, 0x20000000, 0, 0x5000, 0, 0, 0},
     "page fault: write of 4 bytes at 0x500000000000, not mapped"},

    {"WaitFunction", {0xC0053C00, 0x17, 0, 0x2000, 0, 0, 4}, "function or operation is reserved"},
    {"WaitRegister", {0xC0053C00, 0x03, 0xE27, 0, 0, 0, 4}, "waits for register 0xe27"},
    {"WaitEngine", {0xC0053C00, 0x113, 0, 0x2000, 0, 0, 4}, "reserved bits 0x100"},
    {"WaitMisaligned", {0xC0053C00, 0x13, 2, 0x2000, 0, 0, 4}, "is not a multiple of 4"},
    {"WaitUnmapped", {0xC0053C00, 0x13, 0, 0x5000, 0, 0, 4}, "page fault: read of 4 bytes"},
    {"WaitInterval", {0xC0053C00, 0x13, 0, 0x2000, 0, 0, 0x10000}, "dword 6 (poll interval)"},

    {"WriteRegister", {0xC0033700, 0x00100000, 0x2E00, 0, 1}, "writes register 0x2e00"},
    {"WriteEngine", {0xC0033700, 0x40100500, 0, 0x6000, 1}, "reserved bits 0x40000000"},
    {"WriteUnmapped",
     {0xC0043700, 0x00100500, 0xFFC, 0x6000, 1, 2},
     "page fault: write of 8 bytes at 0x600000000ffc"},
    {"WriteHigh", {0xC0033700, 0x00100500, 0, 0x10000, 1}, "has more than 48 bits"},

    {"CopySource", {0xC0044000, 0x00100504, 0, 0, 0, 0x6000}, "SRC_SEL 4"},
    {"CopyDestination", {0xC0044000, 0x00100405, 0, 0, 0, 0x6000}, "DST_SEL 4"},
    {"Event", {0xC0004600, 0x0404}, "event type 0x4 with index 4, wanted CS_PARTIAL_FLUSH"},
    {"EmptyBuffer", {0xC0023F00, 0, 0x2000, 0x00800000}, "an empty buffer"},
    {"BufferNotValid", {0xC0023F00, 0, 0x2000, 0x00000004}, "VALID (bit 23) is not set"},
    {"BufferVmid", {0xC0023F00, 0, 0x2000, 0x01800004}, "VMID is the kernel driver's"},
    {"BufferUnmapped", {0xC0023F00, 0xFFC, 0x2000, 0x00800002}, "page fault: read of 8 bytes"},
    {"PredicateOutside", {0xC0002300, 0x01000001}, "PRED_EXEC: is for indirect buffers only"},
    {"DmaOverlap", {0xC0055000, 0, 0, 0x6000, 4, 0x6000, 8}, "overlap"},
};

INSTANTIATE_TEST_SUITE_P(All, MalformedPacket, testing::ValuesIn(kMalformed),
                         [](const auto &info) { return info.param.name; });

struct BadState {
  const char *name;
  Dwords registers;
  const char *message;
};

class BadRegisters : public testing::TestWithParam<BadState> {};

TEST_P(BadRegisters, AreFoundByTheDispatch) {
  PacketRig rig;
  ASSERT_EQ(rig.compute(joined(kernelRegisters(), GetParam().registers)), "");
  EXPECT_THAT(rig.compute(dispatch(1)), HasSubstr(GetParam().message));
  EXPECT_TRUE(rig.engine.runs.empty());
}

const BadState kBadStates[] = {
    {"TooManyThreads", {0xC0027600, 0x207, 64, 32}, "a group of 2048 threads"},
    {"NoThreads", {0xC0017600, 0x208, 0}, "0 threads a group along y"},
    {"TooManyUserSgprs", {0xC0017600, 0x213, 17 << 1}, "17 user SGPRs, there are at most 16"},
    {"TooMuchLds", {0xC0017600, 0x213, 129 << 15}, "66048 bytes of LDS"},
    {"TooManyVgprs", {0xC0017600, 0x212, 32}, "264 VGPRs, a wave has at most 256"},
    // 1024 threads are 32 waves; a WGP holds 4 x 5 of 256 VGPRs.
    {"NeverStarts", {0xC0017600, 0x212, 0x2000001F, 0xC0017600, 0x207, 1024}, "room for 20 waves"},
    {"Start", {0xC0017600, 0x21B, 1}, "COMPUTE_RESTART [0] = 0x1, wanted 0"},
    {"ScratchWithoutRegisters", {0xC0017600, 0x213, 0x85}, "was never written on this queue"},
    {"NotExecutable", {0xC0027600, 0x20C, 0, 0x60}, "(vram page + 0x0) is not executable"},
    {"NotMapped", {0xC0027600, 0x20C, 0, 0x50}, "are not mapped"},
    // The page's last 256 bytes begin at 0xF00.
    {"FetchesPastTheEnd", {0xC0027600, 0x20C, 0x1010, 0x60}, "are not mapped"},
};

INSTANTIATE_TEST_SUITE_P(All, BadRegisters, testing::ValuesIn(kBadStates),
                         [](const auto &info) { return info.param.name; });

TEST(CommandProcessor, RegistersMustHaveBeenWritten) {
  PacketRig rig;
  EXPECT_THAT(rig.compute(dispatch(1)),
              HasSubstr("DISPATCH_DIRECT: COMPUTE_PGM_LO was never written on this queue"));
}

// RSRC1 bit 23 is IEEE_MODE until gfx11.
TEST(CommandProcessor, RegistersLoseBitsWithLaterChips) {
  PacketRig rig(Mode::Fast, "gfx1200");
  EXPECT_THAT(rig.compute({0xC0017600, 0x212, 0xE08F0000}), HasSubstr("reserved bits 0x800000"));
}

TEST(CommandProcessor, ReleaseMemNeedsAnEndOfPipeBuffer) {
  PacketRig rig;
  rig.processor = std::make_unique<CommandProcessor>(
      rig.gpu, rig,
      ComputeQueueSetup{"compute queue 0",
                        Stream(reinterpret_cast<const uint8_t *>(rig.ring.data()), 64), 0});
  EXPECT_THAT(rig.compute({0xC0064900, 0x514, 0x20000000, 0, 0x2000, 0, 0, 0}),
              HasSubstr("no end-of-pipe buffer"));
}

TEST(CommandProcessor, ErrorsOfTheEngineNameTheDispatch) {
  PacketRig rig;
  rig.engine.onRun = [](const Dispatch &, const std::atomic<bool> &) {
    return Status(malformed("kernel k: out of bounds"));
  };
  EXPECT_THAT(rig.compute(joined(kernelRegisters(), dispatch(3))),
              HasSubstr("DISPATCH_DIRECT: kernel k: out of bounds; packet c0031500 00000003"));
}

} // namespace
} // namespace rosso::emulator::test
