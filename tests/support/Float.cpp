#include "support/Float.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace rosso {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

TEST(Float, HalvesOfEveryKind) {
  EXPECT_EQ(halfToFloat(0x3C00), 1.0f);
  EXPECT_EQ(halfToFloat(0xC000), -2.0f);
  EXPECT_EQ(halfToFloat(0x3555), 0x1.554p-2f);  // the half nearest to 1/3
  EXPECT_EQ(halfToFloat(0x7BFF), 65504.0f);     // the largest
  EXPECT_EQ(halfToFloat(0x0400), 0x1p-14f);     // the smallest normal
  EXPECT_EQ(halfToFloat(0x03FF), 0x1.FF8p-15f); // the largest denormal: 1023 * 2^-24
  EXPECT_EQ(halfToFloat(0x0001), 0x1p-24f);
  EXPECT_EQ(halfToFloat(0x7C00), kInf);
  EXPECT_EQ(halfToFloat(0xFC00), -kInf);
  EXPECT_TRUE(std::isnan(halfToFloat(0x7E00)));
  EXPECT_TRUE(std::isnan(halfToFloat(0x7C01)));
  EXPECT_TRUE(std::signbit(halfToFloat(0x8000)));
}

TEST(Float, RoundingToHalfIsToNearestEven) {
  EXPECT_EQ(floatToHalf(1.0f + 0x1p-11f), 0x3C00);     // a tie, down to even
  EXPECT_EQ(floatToHalf(1.0f + 0x3p-11f), 0x3C02);     // a tie, up to even
  EXPECT_EQ(floatToHalf(1.0f + 0x1.002p-11f), 0x3C01); // just above a tie
  EXPECT_EQ(floatToHalf(65519.0f), 0x7BFF);
  EXPECT_EQ(floatToHalf(65520.0f), 0x7C00); // a tie with the power of two beyond the range
  EXPECT_EQ(floatToHalf(-1e30f), 0xFC00);
  EXPECT_EQ(floatToHalf(0x1p-25f), 0x0000);     // a tie with zero
  EXPECT_EQ(floatToHalf(0x1.8p-24f), 0x0002);   // a tie between denormals 1 and 2
  EXPECT_EQ(floatToHalf(0x1.FFCp-15f), 0x0400); // from denormal up to normal
  EXPECT_EQ(floatToHalf(-0.0f), 0x8000);
  EXPECT_TRUE(std::isnan(halfToFloat(floatToHalf(std::nanf("")))));
}

TEST(Float, EveryHalfSurvivesTheRoundTrip) {
  for (uint32_t half = 0; half < 0x10000; ++half)
    if (!std::isnan(halfToFloat(static_cast<uint16_t>(half)))) {
      EXPECT_EQ(floatToHalf(halfToFloat(static_cast<uint16_t>(half))), half);
    }
}

TEST(Float, Bfloats) {
  EXPECT_EQ(bfloatToFloat(0x3F80), 1.0f);
  EXPECT_EQ(bfloatToFloat(0xC120), -10.0f);
  EXPECT_EQ(floatToBfloat(1.0f + 0x1p-8f), 0x3F80); // a tie, down to even
  EXPECT_EQ(floatToBfloat(1.0f + 0x3p-8f), 0x3F82); // a tie, up to even
  EXPECT_EQ(floatToBfloat(std::numeric_limits<float>::max()), 0x7F80);
  EXPECT_EQ(floatToBfloat(-kInf), 0xFF80);
  EXPECT_TRUE(std::isnan(bfloatToFloat(floatToBfloat(std::bit_cast<float>(0x7F800001u)))));
}

TEST(Float, ScalesOfMxfp4) {
  EXPECT_EQ(e8m0HalfToFloat(128), 1.0f);
  EXPECT_EQ(e8m0HalfToFloat(127), 0.5f);
  EXPECT_EQ(e8m0HalfToFloat(255), 0x1p127f);
  EXPECT_EQ(e8m0HalfToFloat(2), 0x1p-126f);
  EXPECT_EQ(e8m0HalfToFloat(1), 0x1p-127f);
  EXPECT_EQ(e8m0HalfToFloat(0), 0x1p-128f);
}

} // namespace
} // namespace rosso
