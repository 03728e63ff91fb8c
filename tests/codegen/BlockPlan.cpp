// How products of matrices are cut up: what every plan has to keep, and some choices.
#include "codegen/templates/BlockPlan.h"

#include <gtest/gtest.h>

namespace rosso::testing {
namespace {

constexpr VectorUnit kAvx512{.bytes = 64, .registers = 32};
constexpr VectorUnit kAvx2{.bytes = 32, .registers = 16};
constexpr VectorUnit kSse2{.bytes = 16, .registers = 16};

TEST(BlockPlan, TilesFitTheRegistersAndBlocksAreWholeTiles) {
  for (const VectorUnit &unit : {kAvx512, kAvx2, kSse2})
    for (int64_t bytes : {1, 2, 4, 8})
      for (int64_t rows : {1, 3, 8, 64, 1000})
        for (int64_t width : {1, 7, 49, 784, 12544})
          for (int64_t length : {1, 64, 576, 4608}) {
            BlockPlan plan = planBlocks(
                unit, {.rows = rows, .width = width, .length = length, .elementBytes = bytes});
            SCOPED_TRACE(std::to_string(rows) + "x" + std::to_string(width) + "x" +
                         std::to_string(length) + " of " + std::to_string(bytes) + " bytes");
            EXPECT_EQ(plan.lanes * bytes, unit.bytes);
            EXPECT_LE(plan.rowTile * plan.vectorTile + plan.vectorTile + 1, unit.registers);
            EXPECT_EQ(plan.rows % plan.rowTile, 0);
            EXPECT_EQ(plan.width % plan.columnTile(), 0);
            EXPECT_LT(plan.rows - rows, plan.rowTile) << "rows nobody wants";
            EXPECT_LT(plan.width - width, plan.columnTile()) << "columns nobody wants";
            EXPECT_GE(plan.length, 1);
            EXPECT_LE(plan.length * plan.columnTile() * bytes, 64 << 10) << "a panel of the right";
          }
}

// Images of 28 x 28: rows of the image, of which 8 are 7 panels of 32 columns.
TEST(BlockPlan, BlocksAreWholeRunsOfTheRightOperand) {
  BlockPlan plan = planBlocks(kAvx512, {.rows = 128,
                                        .width = 784,
                                        .length = 1152,
                                        .threads = 2,
                                        .rightPeriod = 28,
                                        .rightBrokenCost = 2});
  EXPECT_TRUE(plan.width % 28 == 0 || plan.width >= 784) << plan.width;
}

TEST(BlockPlan, ThreadsHaveEqualShares) {
  for (int64_t threads : {2, 4, 8}) {
    BlockPlan plan =
        planBlocks(kAvx512, {.rows = 1024, .width = 1024, .length = 1024, .threads = threads});
    auto blocks = [](int64_t extent, int64_t block) { return (extent + block - 1) / block; };
    EXPECT_EQ(blocks(1024, plan.rows) * blocks(1024, plan.width) % threads, 0) << threads;
  }
}

} // namespace
} // namespace rosso::testing
