#include "runtime/emulator/Memory.h"

#include <gmock/gmock.h>

namespace rosso::emulator {
namespace {

struct TwoMappings : testing::Test {
  TwoMappings() : memory(true) {
    memory.add({.address = 0x10000, .bytes = 64, .data = low, .purpose = "arena"});
    memory.add({.address = 0x20000,
                .bytes = 64,
                .data = high,
                .region = Region::Host,
                .purpose = "inputs"});
  }
  uint8_t low[64] = {}, high[64] = {};
  Memory memory;
};

TEST_F(TwoMappings, RangesMustLieInOneMappingAsAWhole) {
  EXPECT_EQ(memory.at(0x10000, 64), low);
  EXPECT_EQ(memory.at(0x1003c, 4), low + 60);
  EXPECT_EQ(memory.at(0x1003d, 4), nullptr);
  EXPECT_EQ(memory.at(0x0ffff, 1), nullptr);
  EXPECT_EQ(memory.at(0x20000, 1), high);
  EXPECT_EQ(memory.find(0xffffffffffffffff, 2), nullptr);
}

TEST_F(TwoMappings, AddressesAreDescribedByTheirInnermostLabel) {
  memory.label({.address = 0x10000, .bytes = 64, .name = "scratch arena"});
  memory.label({.address = 0x10010, .bytes = 16, .name = "weight a"});
  EXPECT_EQ(memory.describe(0x10014), "weight a + 0x4");
  EXPECT_EQ(memory.describe(0x10020), "scratch arena + 0x20");
  EXPECT_EQ(memory.describe(0x20001), "inputs + 0x1");
  EXPECT_EQ(memory.describe(0x10044), "no allocation (nearest below: 0x4 bytes past the end of "
                                      "arena)");
  EXPECT_EQ(memory.describe(0x1), "no allocation");
}

TEST_F(TwoMappings, LabelsOfCodeNameKernelsAndGoWithTheirMapping) {
  memory.label({.address = 0x10000, .bytes = 32, .name = "add", .code = true});
  EXPECT_EQ(memory.kernelAt(0x1001f), "add");
  EXPECT_EQ(memory.kernelAt(0x10020), "");
  memory.remove(0x10000);
  EXPECT_EQ(memory.kernelAt(0x10000), "");
  EXPECT_EQ(memory.at(0x10000, 1), nullptr);
}

TEST_F(TwoMappings, ShadowsRememberWhoWroteAndWhichBytesNobodyHas) {
  memory.wrote(0x10004, 8, writerId(WriterKind::Copy, 7));
  memory.wrote(0x1000e, 4, writerId(WriterKind::Dispatch, 3));
  const uint32_t *shadow = memory.find(0x10000, 1)->shadow.get();
  EXPECT_EQ(shadow[0], 0u);
  EXPECT_EQ(shadow[1], 0x02000007u);
  EXPECT_EQ(shadow[2], 0x02000007u);
  EXPECT_EQ(shadow[3], 0x0c000003u); // bytes 0 and 1 are missing
  EXPECT_EQ(shadow[4], 0x30000003u); // bytes 2 and 3 are missing
  memory.wrote(0x10012, 2, writerId(WriterKind::Dispatch, 4));
  EXPECT_EQ(shadow[4], 0x00000004u);
}

} // namespace
} // namespace rosso::emulator
