#include "runtime/amd/Ring.h"
#include "runtime/amd/Signal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <vector>

namespace rosso::amd {
namespace {

struct Memory16 {
  std::array<uint32_t, 16> words{};
  uint64_t write = 77, read = 77;
};

std::vector<uint32_t> packet(size_t dwords, uint32_t first = 1) {
  std::vector<uint32_t> words(dwords);
  std::iota(words.begin(), words.end(), first);
  return words;
}

TEST(Ring, StartsEmptyAndPublishesInItsUnits) {
  Memory16 pm4, sdma;
  Ring dwords(RingKind::Pm4, pm4.words, &pm4.write, &pm4.read);
  Ring bytes(RingKind::Sdma, sdma.words, &sdma.write, &sdma.read);
  EXPECT_EQ(pm4.write, 0u);
  EXPECT_EQ(pm4.read, 0u);
  for (Ring *ring : {&dwords, &bytes})
    ring->put(packet(3));
  EXPECT_EQ(pm4.write, 0u); // nothing is seen yet
  EXPECT_TRUE(dwords.hasUnpublished());
  EXPECT_EQ(dwords.publish(), 3u);
  EXPECT_EQ(pm4.write, 3u);
  EXPECT_EQ(bytes.publish(), 12u);
  EXPECT_EQ(sdma.write, 12u);
  EXPECT_FALSE(bytes.hasUnpublished());
}

TEST(Ring, IsNeverFilledToTheLastDword) {
  Memory16 memory;
  Ring ring(RingKind::Pm4, memory.words, &memory.write, &memory.read);
  EXPECT_TRUE(ring.fits(15));
  EXPECT_FALSE(ring.fits(16));
  ring.put(packet(10));
  EXPECT_TRUE(ring.fits(5));
  EXPECT_FALSE(ring.fits(6));
  memory.read = 4; // the GPU has read four
  EXPECT_TRUE(ring.fits(9));
  EXPECT_FALSE(ring.fits(10));
}

TEST(Ring, Pm4WrapsInThePacket) {
  Memory16 memory;
  Ring ring(RingKind::Pm4, memory.words, &memory.write, &memory.read);
  ring.put(packet(14));
  memory.read = 14;
  ring.put(packet(4, 100));
  EXPECT_EQ(memory.words[14], 100u);
  EXPECT_EQ(memory.words[15], 101u);
  EXPECT_EQ(memory.words[0], 102u);
  EXPECT_EQ(memory.words[1], 103u);
  EXPECT_EQ(ring.publish(), 18u);
}

TEST(Ring, SdmaPadsInsteadOfWrapping) {
  Memory16 memory;
  Ring ring(RingKind::Sdma, memory.words, &memory.write, &memory.read);
  ring.put(packet(13, 1));
  memory.read = 13 * 4;
  EXPECT_TRUE(ring.fits(7));
  EXPECT_FALSE(ring.fits(13)); // three of padding and thirteen are one too many
  ring.put(packet(4, 100));
  EXPECT_EQ(memory.words[13], 0u);
  EXPECT_EQ(memory.words[15], 0u);
  EXPECT_EQ(memory.words[0], 100u);
  EXPECT_EQ(memory.words[3], 103u);
  EXPECT_EQ(ring.publish(), (16u + 4) * 4);
}

TEST(Ring, SdmaPacketThatEndsWithTheRingNeedsNoPadding) {
  Memory16 memory;
  Ring ring(RingKind::Sdma, memory.words, &memory.write, &memory.read);
  ring.put(packet(12));
  memory.read = 48;
  ring.put(packet(4, 100));
  EXPECT_EQ(memory.words[15], 103u);
  EXPECT_EQ(ring.publish(), 64u);
}

// Hardware may report the read pointer in 32 bits, or modulo the ring.
TEST(Ring, PointersPassThe32ndBit) {
  constexpr uint64_t kStart = 0xFFFF'FFF8; // 8 dwords before
  Memory16 memory;
  Ring ring(RingKind::Pm4, memory.words, &memory.write, &memory.read, kStart);
  ring.put(packet(12));
  EXPECT_EQ(ring.publish(), 0x1'0000'0004u);
  EXPECT_EQ(memory.write, 0x1'0000'0004u);
  EXPECT_FALSE(ring.fits(4));
  memory.read = 0xFFFF'FFFC; // four are read
  EXPECT_TRUE(ring.fits(7));
  EXPECT_FALSE(ring.fits(8));
  memory.read = 0x0000'0004; // all are read, in 32 bits
  EXPECT_TRUE(ring.fits(15));
  memory.read = 2; // of index 4: two are left to read
  EXPECT_TRUE(ring.fits(13));
  EXPECT_FALSE(ring.fits(14));
}

TEST(Signal, CountsIn64BitsWhatTheGpuWritesIn32) {
  uint32_t word = 0;
  Signal signal(&word, 0x1000);
  EXPECT_TRUE(signal.hasReached(0));
  EXPECT_EQ(signal.advance(), 1u);
  EXPECT_EQ(signal.advance(), 2u);
  EXPECT_FALSE(signal.hasReached(1));
  word = 1;
  EXPECT_TRUE(signal.hasReached(1));
  EXPECT_FALSE(signal.hasReached(2));
  EXPECT_EQ(signal.reached(), 1u);
}

TEST(Signal, PassesThe32ndBit) {
  uint32_t word = 0xFFFF'FFFE;
  Signal signal(&word, 0, 0xFFFF'FFFE);
  EXPECT_TRUE(signal.hasReached(0xFFFF'FFFE));
  signal.advance();
  signal.advance();
  EXPECT_EQ(signal.last(), 0x1'0000'0000u);
  EXPECT_FALSE(signal.hasReached(0xFFFF'FFFF));
  word = 0;
  EXPECT_TRUE(signal.hasReached(0x1'0000'0000));
}

} // namespace
} // namespace rosso::amd
