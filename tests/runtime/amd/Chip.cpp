#include "runtime/amd/Chip.h"

#include <gtest/gtest.h>

namespace rosso::amd {
namespace {

// What LLVM's own report said for wave32: docs of the driver, section 3.7.
TEST(Chip, WavesByRegisters) {
  const Chip &navi31 = *findChip("gfx1100"), &navi33 = *findChip("gfx1102");
  const struct {
    uint32_t vgprs, navi31, navi33;
  } rows[] = {{1, 16, 16},  {64, 16, 16}, {96, 16, 10}, {97, 12, 9}, {120, 12, 8},
              {121, 10, 8}, {144, 10, 7}, {168, 9, 5},  {192, 8, 5}, {256, 5, 4}};
  for (const auto &row : rows) {
    EXPECT_EQ(wavesPerSimd(navi31, row.vgprs), row.navi31) << row.vgprs;
    EXPECT_EQ(wavesPerSimd(navi33, row.vgprs), row.navi33) << row.vgprs;
  }
}

TEST(Chip, FoundByNameAndByDriverVersion) {
  EXPECT_EQ(findChip("gfx1201"), findChip(120001));
  EXPECT_EQ(findChip(110000)->name, "gfx1100");
  EXPECT_EQ(findChip("gfx1100")->vramBytes, uint64_t{24} << 30);
  EXPECT_EQ(findChip("gfx906"), nullptr);
  EXPECT_EQ(findChip(90402), nullptr);
}

} // namespace
} // namespace rosso::amd
