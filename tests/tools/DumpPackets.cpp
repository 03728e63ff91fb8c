// Packets as text. Dwords are written out from their documentation (Linux amdgpu, nvd.h), not by
// the driver's encoders.
#include "tools/dump/Packets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rosso::dump {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<PacketText> decode(std::vector<uint32_t> dwords) { return decodePackets(dwords); }

TEST(PacketText, DispatchDirect) {
  // Type 3, four dwords after the header's count of 3, opcode 0x15.
  const auto packets = decode({0xC0031500, 0x90, 1, 1, 0x00008005});
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_EQ(packets[0].name, "DISPATCH_DIRECT");
  EXPECT_THAT(packets[0].fields,
              ElementsAre("groups = 144 x 1 x 1",
                          "initiator = COMPUTE_SHADER_EN | FORCE_START_AT_000 | CS_W32_EN"));
}

TEST(PacketText, SetShRegNamesEveryRegister) {
  // From COMPUTE_PGM_RSRC1 (0x2E12, index 0x212) on: RSRC1 with 6 granules of VGPRs and WGP mode,
  // RSRC2 with 15 user SGPRs and 3 units of LDS.
  const auto packets = decode({0xC0027600, 0x212, 0x20000006, 0x0001809E});
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_THAT(packets[0].fields,
              ElementsAre("COMPUTE_PGM_RSRC1 = 0x20000006 (VGPRS 6, FLOAT_MODE 0x0, WGP_MODE)",
                          "COMPUTE_PGM_RSRC2 = 0x1809e (USER_SGPR 15, LDS_SIZE 1536 B, TGID_X)"));
}

TEST(PacketText, UserDataAndProgramNameWhatTheyPointAt) {
  const std::vector<uint32_t> stream = {0xC0027600, 0x20C, 0x70000011, 0,
                                        0xC0027600, 0x240, 0x00001000, 0x11};
  const auto packets = decodePackets(stream, [](uint64_t address) {
    return address == 0x7000001100 ? "code of k" : address == 0x1100001000 ? "arguments" : "";
  });
  ASSERT_EQ(packets.size(), 2u);
  EXPECT_EQ(packets[0].fields[0], "COMPUTE_PGM_LO = 0x70000011 (code of k)");
  EXPECT_EQ(packets[1].at, 4u);
  EXPECT_EQ(packets[1].fields[0], "COMPUTE_USER_DATA_0 = 0x1000 (arguments)");
}

TEST(PacketText, WaitsAndCaches) {
  // CS_PARTIAL_FLUSH is event 7 with index 4; GCR_CNTL 0x3F0 is what Linux calls all but L2.
  const auto packets =
      decode({0xC0004600, 0x407, 0xC0065800, 0, 0xFFFFFFFF, 0x00FFFFFF, 0, 0, 0xA, 0x3F0});
  ASSERT_EQ(packets.size(), 2u);
  EXPECT_THAT(packets[0].fields, ElementsAre("event = CS_PARTIAL_FLUSH, index 4"));
  EXPECT_THAT(packets[1].fields,
              ElementsAre("caches = GLM_WB_INV | GLK_WB | GLK_INV | GLV_INV | GL1_INV"));
}

TEST(PacketText, WritesAndReleases) {
  const auto packets = decode({0xC0043700, 0x00100500, 0x1000, 0x7C, 5, 6, //
                               0xC0064900, 0x06603514, 0x20000000, 0x2000, 0x7C, 0x2A, 0, 0});
  ASSERT_EQ(packets.size(), 2u);
  EXPECT_THAT(packets[0].fields,
              ElementsAre("to = memory 0x7c00001000, confirmed", "data = 0x5 0x6"));
  EXPECT_THAT(packets[1].fields[1], HasSubstr("32 bits to 0x7c00002000 = 0x2a"));
}

TEST(PacketText, NopsCoverWhatTheySkip) {
  const auto packets = decode({0xFFFF1000, 0xC0031000, 1, 2, 3, 4, 0xC0003F00});
  ASSERT_EQ(packets.size(), 3u);
  EXPECT_EQ(packets[0].name, "NOP (one dword)");
  EXPECT_EQ(packets[1].dwords.size(), 5u);
  EXPECT_EQ(packets[2].at, 6u);
}

TEST(PacketText, WhatIsNoPacketSaysSo) {
  EXPECT_EQ(decode({0x12345678, 1})[0].name, "not a packet of type 3");
  EXPECT_THAT(decode({0xC0053C00, 1})[0].name, HasSubstr("ends behind the stream"));
  EXPECT_EQ(decode({0xC000FF00, 0})[0].name, "opcode 0xff");
  EXPECT_EQ(decode({0xC0003F00, 0})[0].name, "INDIRECT_BUFFER (body of 1 dwords, wanted 3)");
  EXPECT_THAT(decode({}), IsEmpty());
}

} // namespace

} // namespace rosso::dump
