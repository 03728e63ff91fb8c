// 8-bit floats by the reference evaluator. Codes and values were worked out by hand from the tables
// of the OCP specification and, for the formats without infinities and negative zero, of LLVM.

#include "Golden.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

namespace rosso {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::vector<int64_t> codesOf(const std::vector<double> &numbers, DType type) {
  return valueOf(Tensor::fromData(numbers).cast(type).bitcast(DType::U8)).integers;
}

std::vector<double> valuesOf(const std::vector<uint8_t> &codes, DType type) {
  return elements(Tensor::fromData(codes).bitcast(type).cast(DType::F32));
}

using Codes = std::vector<int64_t>;
using Numbers = std::vector<double>;

TEST(Float8, NumbersBeyondTheGreatestBecomeIt) {
  EXPECT_EQ(codesOf({1, -1, 448, 1000, -1e30, 0, -0.0}, DType::F8E4M3),
            (Codes{0x38, 0xB8, 0x7E, 0x7E, 0xFE, 0x00, 0x80}));
  EXPECT_EQ(codesOf({1, -1, 57344, 60000, -1e300}, DType::F8E5M2),
            (Codes{0x3C, 0xBC, 0x7B, 0x7B, 0xFB}));
  EXPECT_EQ(codesOf({1, 240, 241, 0, -0.0}, DType::F8E4M3Fnuz),
            (Codes{0x40, 0x7F, 0x7F, 0x00, 0x00}));
  EXPECT_EQ(codesOf({1, 57344, 1e9, -1e-9}, DType::F8E5M2Fnuz), (Codes{0x40, 0x7F, 0x7F, 0x00}));
}

// Steps of 2^-9 (e4m3) below 2^-6, of 1/8 between 1 and 2; the middle of two codes is the even one.
TEST(Float8, MiddlesGoToTheEvenCode) {
  EXPECT_EQ(codesOf({0x1p-9, 0x1p-10, 0x1.8p-9, 0x1p-6, 1 + 0x1p-4, 1 + 0x3p-4}, DType::F8E4M3),
            (Codes{0x01, 0x00, 0x02, 0x08, 0x38, 0x3A}));
  // Just above a middle, by less than an f32 can tell.
  EXPECT_EQ(codesOf({1 + 0x1p-4 + 0x1p-40}, DType::F8E4M3), (Codes{0x39}));
}

TEST(Float8, InfinitiesAndNansGoWhereTheFormatHasRoom) {
  EXPECT_EQ(codesOf({kInf, -kInf, kNan}, DType::F8E4M3), (Codes{0x7F, 0xFF, 0x7F}));
  EXPECT_EQ(codesOf({kInf, -kInf, kNan}, DType::F8E5M2), (Codes{0x7C, 0xFC, 0x7F}));
  EXPECT_EQ(codesOf({kInf, -kInf, kNan}, DType::F8E5M2Fnuz), (Codes{0x80, 0x80, 0x80}));
}

TEST(Float8, BytesAreNumbers) {
  EXPECT_EQ(valuesOf({0x01, 0x07, 0x08, 0x7E, 0xB8}, DType::F8E4M3),
            (Numbers{0x1p-9, 0x7p-9, 0x1p-6, 448, -1}));
  EXPECT_EQ(valuesOf({0x01, 0x04, 0x7B, 0xFC}, DType::F8E5M2),
            (Numbers{0x1p-16, 0x1p-14, 57344, -kInf}));
  EXPECT_EQ(valuesOf({0x01, 0x7F}, DType::F8E4M3Fnuz), (Numbers{0x1p-10, 240}));
  EXPECT_EQ(valuesOf({0x04, 0x7F}, DType::F8E5M2Fnuz), (Numbers{0x1p-15, 57344}));
  EXPECT_TRUE(std::isnan(valuesOf({0x7F}, DType::F8E4M3)[0]));
  EXPECT_TRUE(std::isnan(valuesOf({0x7D}, DType::F8E5M2)[0]));
  EXPECT_TRUE(std::isnan(valuesOf({0x80}, DType::F8E4M3Fnuz)[0]));
}

TEST(Float8, ArithmeticRoundsItsResult) {
  Tensor a = Tensor::fromData<float>({300, 1, 17}).cast(DType::F8E4M3); // 288, 1, 16
  EXPECT_EQ((a + a).dtype(), DType::F8E4M3);
  EXPECT_EQ(elements((a + a).cast(DType::F32)), (Numbers{448, 2, 32}));
  EXPECT_EQ(elements((a * 1.0625).cast(DType::F32)), (Numbers{288, 1, 16})); // 1.0625 is 1
  EXPECT_EQ(elements(a < a.flip(0)), (Numbers{0, 0, 1}));
}

// A graph has bytes; which numbers they are is known to the handle.
TEST(Float8, MovingMovesBytes) {
  Tensor a = Tensor::zeros({4}, DType::F32).cast(DType::F8E5M2);
  Tensor moved = a.reshape({2, 2}).permute({1, 0}).pad({{0, 1}, {0, 0}});
  EXPECT_EQ(moved.dtype(), DType::F8E5M2);
  EXPECT_EQ(moved.node()->dtype, DType::U8);
  EXPECT_EQ(moved.node()->op, Op::Pad);
}

TEST(Float8, TypesMeetAsInTinygrad) {
  EXPECT_EQ(leastUpperDType(DType::F8E4M3, DType::F8E5M2), DType::F16);
  EXPECT_EQ(leastUpperDType(DType::F8E4M3, DType::U64), DType::F8E4M3);
  EXPECT_EQ(leastUpperDType(DType::F8E5M2Fnuz, DType::BF16), DType::BF16);
  EXPECT_EQ(leastUpperDType(DType::I64, DType::U64), DType::F32);
}

} // namespace

} // namespace rosso
