// Two blocks of every format, worked out by hand from the pictures in Formats.h: the bytes that are
// not zero, and the weights they make.
//
// f16 patterns used: 0x3C00 = 1, 0x4000 = 2, 0xC000 = -2, 0x3800 = 0.5, 0xB800 = -0.5,
// 0x3400 = 0.25, 0xBC00 = -1, 0x5640 = 100, 0x0001 = 2^-24. Stored low byte first.
#include "ir/quant/Formats.h"
#include "ir/quant/Expand.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <utility>
#include <vector>

namespace rosso {
namespace {

/// The weights of a block that is zero but for some bytes, given as {offset, byte}.
std::vector<float> expandBytes(const QuantFormat &format,
                               std::initializer_list<std::pair<unsigned, uint8_t>> bytes) {
  std::vector<uint8_t> block(format.blockSize);
  for (auto [offset, byte] : bytes)
    block.at(offset) = byte;
  std::vector<float> weights(format.blockLen);
  expand(format, block, weights);
  return weights;
}

TEST(Formats, PlainFloatsAreThemselves) {
  EXPECT_EQ(expandBytes(kF32, {{2, 0x20}, {3, 0xC1}})[0], -10.0f); // 0xC1200000
  EXPECT_EQ(expandBytes(kF16, {{0, 0x40}, {1, 0x56}})[0], 100.0f);
  EXPECT_EQ(expandBytes(kF16, {{0, 0x01}, {1, 0x80}})[0], -0x1p-24f);
  EXPECT_EQ(expandBytes(kBF16, {{0, 0x20}, {1, 0xC1}})[0], -10.0f);
  EXPECT_EQ(expandBytes(kBF16, {{0, 0x01}})[0], 0x1p-133f); // a denormal
}

// d = 0.5. Code byte 0 is 0x9F: weight 0 is (15 - 8) / 2, weight 16 is (9 - 8) / 2.
TEST(Q4_0, LowNibblesComeFirst) {
  const auto w = expandBytes(kQ4_0, {{1, 0x38}, {2, 0x9F}});
  EXPECT_EQ(w[0], 3.5f);
  EXPECT_EQ(w[16], 0.5f);
  EXPECT_EQ(w[1], -4.0f); // code 0
}

// d = -2. Code byte 15 is 0x70: weight 15 is (0 - 8) * -2, weight 31 is (7 - 8) * -2.
TEST(Q4_0, ScaleMayBeNegative) {
  const auto w = expandBytes(kQ4_0, {{1, 0xC0}, {17, 0x70}});
  EXPECT_EQ(w[15], 16.0f);
  EXPECT_EQ(w[31], 2.0f);
}

// d = 0.25, m = -1. Code byte 0 is 0x2C: 12 / 4 - 1 and 2 / 4 - 1.
TEST(Q4_1, OffsetIsAdded) {
  const auto w = expandBytes(kQ4_1, {{1, 0x34}, {3, 0xBC}, {4, 0x2C}});
  EXPECT_EQ(w[0], 2.0f);
  EXPECT_EQ(w[16], -0.5f);
  EXPECT_EQ(w[1], -1.0f);
}

// d = 2, m = 0.5. Code byte 15 is 0xF1: 1 * 2 + 0.5 and 15 * 2 + 0.5.
TEST(Q4_1, LastByte) {
  const auto w = expandBytes(kQ4_1, {{1, 0x40}, {3, 0x38}, {19, 0xF1}});
  EXPECT_EQ(w[15], 2.5f);
  EXPECT_EQ(w[31], 30.5f);
}

// d = 1. High bits of weights 0 (bit 0 of byte 2) and 31 (bit 7 of byte 5). Code byte 0 is 0x3F:
// 15 + 16 - 16 and 3 - 16; code byte 15 is 0x50: 0 - 16 and 5 + 16 - 16.
TEST(Q5_0, HighBitsOfTheOuterWeights) {
  const auto w = expandBytes(kQ5_0, {{1, 0x3C}, {2, 0x01}, {5, 0x80}, {6, 0x3F}, {21, 0x50}});
  EXPECT_EQ(w[0], 15.0f);
  EXPECT_EQ(w[16], -13.0f);
  EXPECT_EQ(w[15], -16.0f);
  EXPECT_EQ(w[31], 5.0f);
}

// d = 0.5. High bits of weights 15 (bit 7 of byte 3) and 16 (bit 0 of byte 4).
TEST(Q5_0, HighBitsOfTheInnerWeights) {
  const auto w = expandBytes(kQ5_0, {{1, 0x38}, {3, 0x80}, {4, 0x01}, {6, 0x21}, {21, 0xA9}});
  EXPECT_EQ(w[0], -7.5f);  // (1 - 16) / 2
  EXPECT_EQ(w[16], 1.0f);  // (2 + 16 - 16) / 2
  EXPECT_EQ(w[15], 4.5f);  // (9 + 16 - 16) / 2
  EXPECT_EQ(w[31], -3.0f); // (10 - 16) / 2
}

// d = 0.5, m = 1. High bit of weight 1; code byte 1 is 0x4B: (11 + 16) / 2 + 1 and 4 / 2 + 1.
TEST(Q5_1, HighBitAndOffset) {
  const auto w = expandBytes(kQ5_1, {{1, 0x38}, {3, 0x3C}, {4, 0x02}, {9, 0x4B}});
  EXPECT_EQ(w[1], 14.5f);
  EXPECT_EQ(w[17], 3.0f);
  EXPECT_EQ(w[0], 1.0f);
}

// d = -2, m = 100. High bit of weight 30: bit 6 of byte 7. (15 + 16) * -2 + 100.
TEST(Q5_1, HighBitOfTheSecondHalf) {
  const auto w = expandBytes(kQ5_1, {{1, 0xC0}, {2, 0x40}, {3, 0x56}, {7, 0x40}, {22, 0xF0}});
  EXPECT_EQ(w[30], 38.0f);
  EXPECT_EQ(w[14], 100.0f);
}

// d = 0.5; codes -128 and 127.
TEST(Q8_0, CodesAreSigned) {
  const auto w = expandBytes(kQ8_0, {{1, 0x38}, {2, 0x80}, {33, 0x7F}});
  EXPECT_EQ(w[0], -64.0f);
  EXPECT_EQ(w[31], 63.5f);
  EXPECT_EQ(w[1], 0.0f);
}

// d = 2^-24, the smallest f16 denormal; codes -1 and 3.
TEST(Q8_0, ScaleMayBeDenormal) {
  const auto w = expandBytes(kQ8_0, {{0, 0x01}, {3, 0xFF}, {4, 0x03}});
  EXPECT_EQ(w[1], -0x1p-24f);
  EXPECT_EQ(w[2], 0x1.8p-23f);
}

// d = 1, dmin = 0.5. Code byte 0 is 0xE4 = 3|2|1|0: codes 0, 1, 2, 3 of weights 0, 32, 64, 96.
TEST(Q2_K, FourCodesShareAByte) {
  const auto w = expandBytes(kQ2_K, {{0, 0x23}, // group 0: s 3, m 2
                                     {2, 0x41}, // group 2: s 1, m 4
                                     {4, 0x0F}, // group 4: s 15, m 0
                                     {6, 0xF2}, // group 6: s 2, m 15
                                     {16, 0xE4},
                                     {81, 0x3C},
                                     {83, 0x38}});
  EXPECT_EQ(w[0], -1.0f);  // 3 * 0 - 0.5 * 2
  EXPECT_EQ(w[32], -1.0f); // 1 * 1 - 0.5 * 4
  EXPECT_EQ(w[64], 30.0f); // 15 * 2
  EXPECT_EQ(w[96], -1.5f); // 2 * 3 - 0.5 * 15
}

// d = 0.25, dmin = -1. The last code byte is 0xC6 = 3|0|1|2: weights 159, 191, 223, 255.
TEST(Q2_K, SecondHalf) {
  const auto w =
      expandBytes(kQ2_K, {{9, 0x18}, {13, 0x3F}, {15, 0x21}, {79, 0xC6}, {81, 0x34}, {83, 0xBC}});
  EXPECT_EQ(w[159], 5.0f);  // 0.25 * 8 * 2 + 1
  EXPECT_EQ(w[191], 0.0f);  // group 11 has s = m = 0
  EXPECT_EQ(w[223], 3.0f);  // code 0, m 3
  EXPECT_EQ(w[255], 2.75f); // 0.25 * 1 * 3 + 2
}

// d = 1. Scale bytes: s0 = 3 + 2 * 16 = 35, s4 = 14 + 16 = 30, s8 = 5, s12 = 1 + 2 * 16 = 33.
// Byte 32 is 0x27 = 0|2|1|3, high byte 0 is 0x45: high bits of weights 0, 64 and 192.
TEST(Q3_K, HighBitsAndSplitScales) {
  const auto w = expandBytes(
      kQ3_K,
      {{0, 0x45}, {32, 0x27}, {64, 0x12}, {96, 0x53}, {100, 0x1E}, {104, 0x86}, {109, 0x3C}});
  EXPECT_EQ(w[0], 9.0f);    // (35 - 32) * (3 + 4 - 4)
  EXPECT_EQ(w[32], 96.0f);  // (0 - 32) * (1 - 4)
  EXPECT_EQ(w[64], -4.0f);  // (30 - 32) * (2 + 4 - 4)
  EXPECT_EQ(w[96], 128.0f); // (0 - 32) * (0 - 4)
  EXPECT_EQ(w[128], 54.0f); // (5 - 32) * (2 - 4)
  EXPECT_EQ(w[192], 1.0f);  // (33 - 32) * (1 + 4 - 4)
}

// d = -0.5. s15 = 13 + 3 * 16 = 61, the high nibble of byte 103 and bits 6-7 of byte 107.
TEST(Q3_K, LastGroup) {
  const auto w = expandBytes(
      kQ3_K, {{31, 0x80}, {63, 0x40}, {95, 0x80}, {103, 0xD0}, {107, 0xC0}, {109, 0xB8}});
  EXPECT_EQ(w[255], -29.0f); // -0.5 * (61 - 32) * (2 + 4 - 4)
  EXPECT_EQ(w[127], -48.0f); // -0.5 * (0 - 32) * (1 - 4)
}

// d = 1, dmin = 0.5. Byte 4 is 0xBF: s0 = 63, s4 has 2 * 16. Byte 8 is 0x7E: m0 = 62, m4 has 16.
// Byte 12 is 0x97: s4 = 7 + 32 = 39, m4 = 9 + 16 = 25. Byte 13 is 0x60: s5 = 0, m5 = 6.
TEST(Q4_K, ScalesOfTheUpperGroupsAreSplit) {
  const auto w = expandBytes(kQ4_K, {{1, 0x3C},
                                     {3, 0x38},
                                     {4, 0xBF},
                                     {5, 0x02},
                                     {8, 0x7E},
                                     {9, 0x03},
                                     {12, 0x97},
                                     {13, 0x60},
                                     {16, 0x5A},
                                     {80, 0x21}});
  EXPECT_EQ(w[0], 599.0f);  // 63 * 10 - 31
  EXPECT_EQ(w[1], -31.0f);  // code 0
  EXPECT_EQ(w[32], 8.5f);   // 2 * 5 - 1.5
  EXPECT_EQ(w[128], 26.5f); // 39 * 1 - 12.5
  EXPECT_EQ(w[160], -3.0f); // 0 * 2 - 3
}

// d = 0.25, dmin = -1. s3 = 5, m3 = 1; s7 = 1 + 3 * 16 = 49, m7 = 15 + 3 * 16 = 63.
TEST(Q4_K, GroupsThreeAndSeven) {
  const auto w = expandBytes(
      kQ4_K, {{1, 0x34}, {3, 0xBC}, {7, 0xC5}, {11, 0xC1}, {15, 0xF1}, {79, 0xE0}, {143, 0x8F}});
  EXPECT_EQ(w[127], 18.5f);  // 0.25 * 5 * 14 + 1
  EXPECT_EQ(w[255], 161.0f); // 0.25 * 49 * 8 + 63
  EXPECT_EQ(w[223], 0.0f);   // group 6 has s = m = 0
}

// d = dmin = 1. s0 = 2, m0 = 5, s1 = 1. High byte 0 is 0x03: weights 0 and 32.
TEST(Q5_K, HighBitsOfTheFirstGroups) {
  const auto w = expandBytes(
      kQ5_K, {{1, 0x3C}, {3, 0x3C}, {4, 0x02}, {5, 0x01}, {8, 0x05}, {16, 0x03}, {48, 0x3C}});
  EXPECT_EQ(w[0], 51.0f);  // 2 * (12 + 16) - 5
  EXPECT_EQ(w[32], 19.0f); // 3 + 16
  EXPECT_EQ(w[1], -5.0f);
}

// d = 0.5, dmin = 2. s7 = 3 + 16 = 19, m7 = 2 + 2 * 16 = 34. High byte 31, bit 7: weight 255.
TEST(Q5_K, LastGroup) {
  const auto w = expandBytes(
      kQ5_K, {{1, 0x38}, {3, 0x40}, {7, 0x40}, {11, 0x80}, {15, 0x23}, {47, 0x80}, {175, 0x10}});
  EXPECT_EQ(w[255], 93.5f);  // 0.5 * 19 * (1 + 16) - 68
  EXPECT_EQ(w[254], -68.0f); // code 0
}

// d = 0.5. High byte 0 is 0xE4 = 3|2|1|0 for weights 96, 64, 32, 0. Signed scales of groups
// 0, 2, 4, 6: 3, -128, -2, 1.
TEST(Q6_K, ScalesAreSigned) {
  const auto w = expandBytes(kQ6_K, {{0, 0xB5},
                                     {32, 0x70},
                                     {128, 0xE4},
                                     {192, 0x03},
                                     {194, 0x80},
                                     {196, 0xFE},
                                     {198, 0x01},
                                     {209, 0x38}});
  EXPECT_EQ(w[0], -40.5f);   // 0.5 * 3 * (5 - 32)
  EXPECT_EQ(w[32], 1024.0f); // 0.5 * -128 * (0 + 16 - 32)
  EXPECT_EQ(w[64], -11.0f);  // 0.5 * -2 * (11 + 32 - 32)
  EXPECT_EQ(w[96], 11.5f);   // 0.5 * 1 * (7 + 48 - 32)
}

// d = -2. Weight 255: high nibble of byte 127, bits 6-7 of byte 191, scale byte 207.
TEST(Q6_K, SecondHalf) {
  const auto w = expandBytes(
      kQ6_K,
      {{64, 0x01}, {127, 0xF0}, {160, 0x02}, {191, 0xC0}, {200, 0xFF}, {207, 0x7F}, {209, 0xC0}});
  EXPECT_EQ(w[255], -7874.0f); // -2 * 127 * (15 + 48 - 32)
  EXPECT_EQ(w[128], 2.0f);     // -2 * -1 * (1 + 32 - 32)
}

// d = 1. The table runs from -127 to 113 and has no zero: codes 7 and 8 are -10 and 1.
TEST(IQ4_NL, CodesNameTableEntries) {
  const auto w = expandBytes(kIQ4_NL, {{1, 0x3C}, {2, 0xF0}, {3, 0x87}});
  EXPECT_EQ(w[0], -127.0f);
  EXPECT_EQ(w[16], 113.0f);
  EXPECT_EQ(w[1], -10.0f);
  EXPECT_EQ(w[17], 1.0f);
}

// d = 0.25. Codes 14 and 9 are 89 and 13.
TEST(IQ4_NL, LastByte) {
  const auto w = expandBytes(kIQ4_NL, {{1, 0x34}, {17, 0x9E}});
  EXPECT_EQ(w[15], 22.25f);
  EXPECT_EQ(w[31], 3.25f);
}

// d = 1. s0 = 5 + 2 * 16 = 37, s1 = 10 + 3 * 16 = 58: high bits 0x0E, scale byte 0xA5.
TEST(IQ4_XS, EachSixteenBytesAreAGroup) {
  const auto w = expandBytes(kIQ4_XS, {{1, 0x3C}, {2, 0x0E}, {4, 0xA5}, {8, 0x1F}, {24, 0x08}});
  EXPECT_EQ(w[0], 565.0f);    // (37 - 32) * 113
  EXPECT_EQ(w[16], -520.0f);  // (37 - 32) * -104
  EXPECT_EQ(w[32], 26.0f);    // (58 - 32) * 1
  EXPECT_EQ(w[48], -3302.0f); // (58 - 32) * -127
}

// d = -0.5. s7 = 9 + 16 = 25, with bits 14-15 of the u16 at byte 2; s6 = 0.
TEST(IQ4_XS, LastGroup) {
  const auto w = expandBytes(kIQ4_XS, {{1, 0xB8}, {3, 0x40}, {7, 0x90}, {135, 0xC3}});
  EXPECT_EQ(w[239], -227.5f);  // -0.5 * (25 - 32) * -65
  EXPECT_EQ(w[255], 185.5f);   // -0.5 * (25 - 32) * 53
  EXPECT_EQ(w[192], -2032.0f); // -0.5 * (0 - 32) * -127
}

// e = 128 is a scale of 2: codes 7, 15, 1, 9 are 6, -6, 0.5, -0.5.
TEST(MXFP4, CodesAreSmallFloats) {
  const auto w = expandBytes(kMXFP4, {{0, 128}, {1, 0xF7}, {2, 0x91}});
  EXPECT_EQ(w[0], 12.0f);
  EXPECT_EQ(w[16], -12.0f);
  EXPECT_EQ(w[1], 1.0f);
  EXPECT_EQ(w[17], -1.0f);
  EXPECT_EQ(w[2], 0.0f);
}

// e = 125 is a scale of 1/4: codes 5 and 10 are 3 and -1.
TEST(MXFP4, LastByte) {
  const auto w = expandBytes(kMXFP4, {{0, 125}, {16, 0xA5}});
  EXPECT_EQ(w[15], 0.75f);
  EXPECT_EQ(w[31], -0.25f);
}

// Two blocks in a row of 96 bytes: 64 codes, then the records {d, d * sums}. d = 0.5 and -10.
TEST(Q8_A, CodesOfTheRowComeFirst) {
  std::vector<uint8_t> row(96);
  std::fill_n(row.begin(), 64, 0x80); // 0
  row[0] = 0x00;                      // -128
  row[32] = 0x83;                     // 3, first code of the second block
  row[67] = 0x3F;                     // 0x3F000000
  row[82] = 0x20, row[83] = 0xC1;
  std::vector<float> w(64);
  expandRow(kQ8_A, row, w);
  EXPECT_EQ(w[0], -64.0f);
  EXPECT_EQ(w[32], -30.0f);
  EXPECT_EQ(w[33], 0.0f);
}

// Numbers and sizes as the GGUF specification and GGML's block structures have them.
TEST(Formats, SizesAndNumbers) {
  struct Row {
    const char *name;
    uint32_t type;
    unsigned blockLen, blockSize;
  };
  const Row rows[] = {
      {"f32", 0, 1, 4},        {"f16", 1, 1, 2},         {"q4_0", 2, 32, 18},
      {"q4_1", 3, 32, 20},     {"q5_0", 6, 32, 22},      {"q5_1", 7, 32, 24},
      {"q8_0", 8, 32, 34},     {"q2_k", 10, 256, 84},    {"q3_k", 11, 256, 110},
      {"q4_k", 12, 256, 144},  {"q5_k", 13, 256, 176},   {"q6_k", 14, 256, 210},
      {"iq4_nl", 20, 32, 18},  {"iq4_xs", 23, 256, 136}, {"bf16", 30, 1, 2},
      {"mxfp4", 39, 32, 17},   {"q1_0", 41, 128, 18},    {"tq2_0", 35, 256, 66},
      {"iq1_s", 19, 256, 50},  {"iq1_m", 29, 256, 56},   {"iq2_xxs", 16, 256, 66},
      {"iq2_xs", 17, 256, 74}, {"iq2_s", 22, 256, 82},   {"iq3_xxs", 18, 256, 98},
      {"iq3_s", 21, 256, 110},
  };
  EXPECT_EQ(std::size(kStoredFormats), std::size(rows));
  for (const Row &row : rows) {
    const QuantFormat *format = findFormat(row.name);
    ASSERT_NE(format, nullptr) << row.name;
    EXPECT_EQ(format->ggufType, row.type) << row.name;
    EXPECT_EQ(findFormatByGgufType(row.type), format);
    EXPECT_EQ(format->blockLen, row.blockLen) << row.name;
    EXPECT_EQ(format->fileBlockSize(), row.blockSize) << row.name;
  }
  EXPECT_EQ(findFormat("q8_a")->rowBytes(64), 96u);
  EXPECT_EQ(findFormat("q4_2"), nullptr);
  EXPECT_EQ(findFormatByGgufType(4), nullptr);
  EXPECT_EQ(findFormatByGgufType(kNoGgufType), nullptr);
}

// Of iq3_s: group 2 has scale byte 107's low nibble, 3, so a factor of 7; d = 0.5. Entry 1 of the
// grid is 1 0 0 0 in octal digits, so magnitudes 3, 1, 1, 1; 0x101, entry 257, is 2 3 4 2. Bit 8 of
// index 17 is bit 1 of high byte 2; sign byte 8 negates weights 64 and 66, 71.
TEST(IQ3_S, IndicesNameMagnitudes) {
  std::vector<uint8_t> file(110), block(kIQ3_S.blockSize);
  file[1] = 0x38, file[2 + 16] = 1, file[2 + 17] = 1, file[66 + 2] = 2;
  file[74 + 8] = 0x85, file[106 + 1] = 0x03;
  resolveGrid(kIQ3_S, file, block);
  std::vector<float> w(256);
  expand(kIQ3_S, block, w);
  EXPECT_THAT(std::vector(w.begin() + 64, w.begin() + 72),
              testing::ElementsAre(-10.5f, 3.5f, -3.5f, 3.5f, 17.5f, 24.5f, 31.5f, -17.5f));
  EXPECT_EQ(w[63], 0.5f); // entry 0, factor 1
  EXPECT_EQ(w[72], 3.5f);
}

// Of iq2_xxs: 7 signs of which an odd number are negative make the eighth negative. d/8 = 1; the
// scale of group 7 is 15, a factor of 31.
TEST(IQ2_XXS, AnEvenNumberIsNegative) {
  std::vector<uint8_t> file(66), block(kIQ2_XXS.blockSize);
  file[1] = 0x48, file[62] = 0x02, file[65] = 0xF0;
  resolveGrid(kIQ2_XXS, file, block);
  std::vector<float> w(256);
  expand(kIQ2_XXS, block, w);
  EXPECT_THAT(std::vector(w.begin() + 224, w.begin() + 233),
              testing::ElementsAre(248, -248, 248, 248, 248, 248, 248, -248, 248));
  EXPECT_EQ(w[223], 8.0f);
}

TEST(Formats, DescriptorsThatDoNotTileTheirBlockAreRefused) {
  QuantFormat gap = kQ4_0;
  gap.blockSize = 19;
  EXPECT_FALSE(isWellFormed(gap));
  QuantFormat overlap = kQ4_0;
  overlap.d.offset = 1;
  EXPECT_FALSE(isWellFormed(overlap));
  QuantFormat missingBit = kQ5_0;
  missingBit.codes = kQ5_0Codes;
  missingBit.codeBits = 6;
  EXPECT_FALSE(isWellFormed(missingBit));
  QuantFormat shortTable = kIQ4_NL;
  shortTable.table = shortTable.table.first(8);
  EXPECT_FALSE(isWellFormed(shortTable));
  GridBlock overlappingSigns = kIQ2_XSFile;
  overlappingSigns.signBits = 8;
  QuantFormat file = kIQ2_XS;
  file.file = &overlappingSigns;
  EXPECT_FALSE(isWellFormed(file));
}

} // namespace
} // namespace rosso
