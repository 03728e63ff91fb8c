// What has to lie between writers and readers, and what is said when it does not.
#include "tests/emulator/PacketRig.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rosso::emulator::test {
namespace {

using testing::HasSubstr;

using Dwords = std::vector<uint32_t>;

// Signals at kHostData: RELEASE_MEM of `value` without and with GL2_WB; WAIT_REG_MEM >= `value`.
Dwords release(uint32_t value, bool writeBack = false) {
  return {0xC0064900, writeBack ? 0x00200514u : 0x514u, 0x20000000, 0, 0x2000, value, 0, 0};
}
Dwords wait(uint32_t value) { return {0xC0053C00, 0x15, 0, 0x2000, value, ~0u, 4}; }
Dwords writeData(uint32_t offset, uint32_t value, bool confirm = true) {
  return {0xC0033700, confirm ? 0x00100500u : 0x500u, offset, 0x6000, value};
}

/// A compute queue whose kernels are started one by one.
class Order : public testing::Test {
protected:
  Order() : rig(Mode::Strict, "gfx1100", "pcie4x16", 1024) {
    EXPECT_EQ(rig.compute(kernelRegisters()), "");
    rig.memory.label({kCode, 1024, "matvec", true});
    rig.memory.label({kData, 1024, "scratch arena", false});
  }
  /// What the next dispatch may rely on after these packets.
  const Visibility &after(const Dwords &packets) {
    EXPECT_EQ(rig.compute(joined(packets, dispatch(1))), "");
    return rig.engine.runs.back().visibility;
  }
  PacketRig rig;
};

TEST_F(Order, NothingIsOrderedByItself) {
  after({});
  const Visibility &seen = after({});
  EXPECT_EQ(rig.engine.runs.back().dispatch.serial, 2u);
  EXPECT_EQ(seen.dispatches.finished, 0u);
  EXPECT_EQ(seen.dispatches.vectorSees, 0u);
}

TEST_F(Order, APartialFlushWaitsAndAnAcquireShows) {
  after({});
  EXPECT_EQ(after(kPartialFlush).dispatches.finished, 1u);
  EXPECT_EQ(rig.engine.runs.back().visibility.dispatches.vectorSees, 0u);
  // GLV and GL1 (0x300) for vector reads, GLK (0x80) for scalar ones.
  const Visibility vector = after(joined(kPartialFlush, acquire(0x300)));
  EXPECT_EQ(vector.dispatches.vectorSees, 2u);
  EXPECT_EQ(vector.dispatches.scalarSees, 0u);
  EXPECT_EQ(after(joined(kPartialFlush, acquire(0x80))).dispatches.scalarSees, 3u);
  EXPECT_EQ(rig.engine.runs.back().visibility.dispatches.vectorSees, 2u);
}

TEST_F(Order, L0WithoutGl1IsNotEnough) {
  after({});
  EXPECT_EQ(after(joined(kPartialFlush, acquire(0x100))).dispatches.vectorSees, 0u);
  PacketRig later(Mode::Strict, "gfx1200");
  EXPECT_EQ(later.compute(joined(kernelRegisters(0xE00F0000), dispatch(1), kPartialFlush,
                                 acquire(0x100), dispatch(1))),
            "");
  EXPECT_EQ(later.engine.runs.back().visibility.dispatches.vectorSees, 1u);
}

TEST_F(Order, AnAcquireBeforeTheWaitShowsNothing) {
  after({});
  const Visibility &seen = after(joined(acquire(0x3F0), kPartialFlush));
  EXPECT_EQ(seen.dispatches.finished, 1u);
  EXPECT_EQ(seen.dispatches.vectorSees, 0u);
}

TEST_F(Order, ARangeThatIsNotEverythingShowsNothing) {
  after({});
  // GL1_RANGE 2 with 256 bytes from 0.
  const Dwords part{0xC0065800, 0, 1, 0, 0, 0, 0xA, 0x3F8};
  EXPECT_EQ(after(joined(kPartialFlush, part)).dispatches.vectorSees, 0u);
}

TEST_F(Order, ASignalWaitedForIsAsGoodAsAFlush) {
  after({});
  EXPECT_EQ(after(release(1)).dispatches.finished, 0u); // RELEASE_MEM alone orders nothing
  EXPECT_EQ(after(wait(1)).dispatches.finished, 1u);
  EXPECT_EQ(after(joined(release(2), wait(2), acquire(0x3F0))).dispatches.vectorSees, 3u);
}

TEST_F(Order, WritesOfThePacketsNeedAnInvalidation) {
  EXPECT_EQ(after(writeData(0, 1)).packets.finished, 1u);
  EXPECT_EQ(rig.engine.runs.back().visibility.packets.scalarSees, 0u);
  EXPECT_EQ(after(joined(kPartialFlush, writeData(0, 1), acquire(0x80))).packets.scalarSees, 2u);
  // Without a confirmation it may still be on its way.
  EXPECT_EQ(after(joined(writeData(0x40, 1, false), acquire(0x80))).packets.finished, 2u);
}

TEST_F(Order, CopiesAreSeenOnlyPastL2) {
  PacketRig &r = rig;
  std::vector<uint32_t> copyRing(64);
  CopyEngine copier(r.gpu, r,
                    {"copy queue 1", Stream(reinterpret_cast<uint8_t *>(copyRing.data()), 64)});
  const Dwords packets{0x00000001, 3, 0, 0x100, 0x2000, 0x200, 0x6000, 0x00030005, 0, 0x2000, 1};
  std::copy(packets.begin(), packets.end(), copyRing.begin());
  ASSERT_TRUE(copier.run(4 * packets.size(), 0).ok());
  EXPECT_EQ(after({}).copies.finished, 0u);
  EXPECT_EQ(after(wait(1)).copies.finished, 2u); // the copy, and the fence itself
  EXPECT_EQ(after(acquire(0x3F0)).copies.vectorSees, 0u);
  EXPECT_EQ(after(acquire(0xC3F0)).copies.vectorSees, 2u);
}

TEST_F(Order, APacketMayNotReadWhatAKernelStillWrites) {
  rig.engine.onRun = [&](const Dispatch &d, const std::atomic<bool> &) {
    rig.memory.wrote(kData + 0x80, 4, writerId(WriterKind::Dispatch, d.serial));
    return Status();
  };
  after({});
  EXPECT_THAT(
      rig.compute({0xC0032200, 0x80, 0x6000, 0, 0}),
      HasSubstr("COND_EXEC: it reads scratch arena + 0x80, which kernel matvec (dispatch 1) "
                "may still be writing; wait for it before"));
}

TEST_F(Order, APacketMayNotWriteWhatAKernelStillReads) {
  rig.memory.find(kData, 4)->readers[0x80 / 4] = 1;
  after({});
  EXPECT_THAT(rig.compute(writeData(0x80, 1)),
              HasSubstr("WRITE_DATA: it writes scratch arena + 0x80, which kernel matvec "
                        "(dispatch 1) may still be reading"));
}

TEST_F(Order, AfterAFlushAPacketMayWriteIt) {
  rig.memory.find(kData, 4)->readers[0x80 / 4] = 1;
  after({});
  EXPECT_EQ(rig.compute(joined(kPartialFlush, writeData(0x80, 1))), "");
}

TEST_F(Order, PacketsOfOneQueueWriteInOrder) {
  EXPECT_EQ(rig.compute(joined(writeData(0x40, 1, false), writeData(0x40, 2, false))), "");
  EXPECT_EQ(*rig.at(kData + 0x40), 2u);
}

TEST_F(Order, ACopyNeedsASignalWithL2WrittenBack) {
  rig.engine.onRun = [&](const Dispatch &d, const std::atomic<bool> &) {
    rig.memory.wrote(kData + 0x80, 4, writerId(WriterKind::Dispatch, d.serial));
    return Status();
  };
  auto outcome = [&](const Dwords &compute, const Dwords &copyPackets) {
    after({});
    EXPECT_EQ(rig.compute(compute), "");
    std::vector<uint32_t> copyRing(64);
    CopyEngine copier(rig.gpu, rig,
                      {"copy queue 1", Stream(reinterpret_cast<uint8_t *>(copyRing.data()), 64)});
    const Dwords packets =
        joined(copyPackets, Dwords{0x00000001, 3, 0, 0x80, 0x6000, 0x100, 0x2000});
    std::copy(packets.begin(), packets.end(), copyRing.begin());
    auto end = copier.run(4 * packets.size(), 0);
    return end ? std::string() : end.error().message;
  };
  auto poll = [](uint32_t value) { return Dwords{0xD0000008, 0, 0x2000, value, ~0u, 0x0FFF0004}; };
  EXPECT_THAT(outcome({}, {}), HasSubstr("COPY_LINEAR: it reads scratch arena + 0x80, which kernel "
                                         "matvec (dispatch 1) may still be writing"));
  EXPECT_THAT(outcome(release(2), poll(2)),
              HasSubstr("kernel matvec (dispatch 2) left in L2; write L2 back with the signal"));
  EXPECT_EQ(outcome(release(3, true), poll(3)), "");
}

TEST_F(Order, NewCodeNeedsAnInvalidationOfTheInstructionCache) {
  EXPECT_EQ(rig.compute(joined(Dwords{0xC0033700, 0x00100500, 0x00100010, 0x6000, 0xBFB00000},
                               acquire(0x3F0))),
            "");
  EXPECT_THAT(rig.compute(dispatch(1)),
              HasSubstr("the code of kernel matvec at 0x600000100000 was written after the "
                        "instruction cache was last invalidated"));
}

TEST_F(Order, AfterTheInvalidationNewCodeRuns) {
  EXPECT_EQ(rig.compute(joined(Dwords{0xC0033700, 0x00100500, 0x00100010, 0x6000, 0xBFB00000},
                               acquire(0x3F1), dispatch(1))),
            "");
}

// A descriptor at kCode + 0x400 whose entry is kCode: LDS 1024 bytes, 16 bytes of arguments,
// properties 0x408 (kernarg pointer, wave32), two user SGPRs, group id x.
class Descriptor : public Order {
protected:
  Descriptor() {
    const Dwords descriptor{1024, 0, 16, 0,          0xFFFFFC00, 0xFFFFFFFF, 0,     0,
                            0,    0, 0,  0x00000000, 0xE0AF0000, 0x00000084, 0x408, 0};
    std::copy(descriptor.begin(), descriptor.end(), rig.at(kCode + 0x400));
  }
  std::string dispatched(const Dwords &registers, uint32_t initiator = 0x8005) {
    return rig.compute(joined(registers, Dwords{0xC0031500, 1, 1, 1, initiator}));
  }
  const Dwords arguments{0xC0027600, 0x240, 0x10, 0x6000};
  const Dwords lds{0xC0017600, 0x213, 0x84 | 2 << 15};
};

TEST_F(Descriptor, AgreesWithAGoodDispatch) { EXPECT_EQ(dispatched(joined(arguments, lds)), ""); }

TEST_F(Descriptor, SaysHowManyLanesAWaveHas) {
  EXPECT_THAT(dispatched(joined(arguments, lds), 0x0005),
              HasSubstr("kernel matvec: dispatched with waves of 64 lanes"));
}

TEST_F(Descriptor, SaysHowMuchLdsIsNeeded) {
  EXPECT_THAT(dispatched(arguments), HasSubstr("0 bytes of LDS, it needs 1024"));
}

TEST_F(Descriptor, SaysWhatRegistersMustBe) {
  EXPECT_THAT(dispatched(joined(arguments, Dwords{0xC0017600, 0x213, 0x82 | 2 << 15})),
              HasSubstr("COMPUTE_PGM_RSRC2 without LDS_SIZE is 0x82, its descriptor says 0x84"));
}

TEST_F(Descriptor, SaysHowManyArgumentsThereAre) {
  EXPECT_THAT(dispatched(joined(lds, Dwords{0xC0027600, 0x240, 0xFF8, 0x6000})),
              HasSubstr("arguments at 0x600000000ff8, wanted a multiple of 16"));
}

TEST_F(Descriptor, SaysWhereArgumentsMustBeMapped) {
  EXPECT_THAT(dispatched(joined(lds, Dwords{0xC0027600, 0x240, 0x1000, 0x6000})),
              HasSubstr("16 bytes of arguments at 0x600000001000 are not mapped"));
}

} // namespace
} // namespace rosso::emulator::test
