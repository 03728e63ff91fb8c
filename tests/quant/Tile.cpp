// The tile layout, read back here by the words of Tile.h and not by the code under test.
#include "ir/quant/Tile.h"
#include "RandomBlocks.h"
#include "ir/quant/Expand.h"
#include "ir/quant/Formats.h"

#include <gtest/gtest.h>

#include <cstring>
#include <tuple>

namespace rosso {
namespace {

uint32_t dwordAt(const uint8_t *bytes, size_t count) {
  uint32_t value = 0;
  std::memcpy(&value, bytes, count);
  return value;
}

/// Dwords (or less) of a row lie `pack` together, then those of the next row.
const uint8_t *laneAt(const TileLayout &layout, const TilePlane &plane, const uint8_t *tile,
                      unsigned row, unsigned vector) {
  const unsigned run = vector / plane.pack, within = vector % plane.pack;
  return tile + plane.offset + run * layout.rows * plane.pack * plane.laneBytes +
         row * plane.pack * plane.laneBytes + within * plane.laneBytes;
}

unsigned codeAt(const TileLayout &layout, const uint8_t *tile, unsigned row, unsigned e) {
  unsigned code = 0;
  for (const TilePlane &plane : layout.codes) {
    const unsigned j = e / 4, quads = 8 / plane.width, q = j / quads, i = j % quads;
    const uint32_t dword = dwordAt(laneAt(layout, plane, tile, row, q), 4);
    const uint32_t quad = (dword >> (plane.width * i)) & (0x01010101u * ((1u << plane.width) - 1));
    code |= (quad >> (8 * (e % 4)) & 0xFF) << plane.shift;
  }
  return code;
}

unsigned scaleAt(const TileLayout &layout, const uint8_t *tile, unsigned row, unsigned e) {
  unsigned scale = 0;
  for (const TilePlane &plane : layout.scales) {
    const unsigned laneBits = 8 * plane.laneBytes, bit = e * plane.width;
    const uint32_t lane =
        dwordAt(laneAt(layout, plane, tile, row, bit / laneBits), plane.laneBytes);
    scale |= (lane >> (bit % laneBits) & ((1u << plane.width) - 1)) << plane.shift;
  }
  return scale;
}

/// The weights of lane `row` of a tile, by the formula of QuantFormat.h.
std::vector<float> expandLane(const QuantFormat &format, const TileShape &shape,
                              const uint8_t *tile, unsigned row) {
  const TileLayout layout = tileLayout(format, shape);
  auto scaleOf = [&](ScaleType type, unsigned offset) {
    const unsigned bytes = byteSize(type);
    return loadScale({.type = type}, {tile + offset + row * bytes, bytes});
  };
  const float d = scaleOf(format.d.type, layout.dOffset);
  const float dmin = scaleOf(format.dmin.type, layout.dminOffset);
  if (format.isFloat())
    return {d};
  std::vector<float> weights;
  for (unsigned i = 0; i < format.blockLen; ++i) {
    const unsigned g = i / format.groupLen;
    int s = 1, m = 1;
    if (!format.scales.empty()) {
      const unsigned raw = scaleAt(layout, tile, row, g);
      s = format.scaleStep *
              (format.scaleSigned ? static_cast<int8_t>(raw) : static_cast<int>(raw)) -
          format.scaleZero;
      if (format.groupMins)
        m = static_cast<int>(scaleAt(layout, tile, row, format.groups() + g));
    }
    const unsigned code = codeAt(layout, tile, row, i);
    const int v = !format.table.empty() ? format.table[code]
                  : format.signedCodes  ? static_cast<int8_t>(code)
                                        : static_cast<int>(code);
    const float product = d * static_cast<float>(s) * static_cast<float>(v - format.zero);
    weights.push_back(product - static_cast<float>(format.minSign * m) * dmin);
  }
  return weights;
}

class TileFormat : public testing::TestWithParam<std::tuple<const QuantFormat *, TileShape>> {
protected:
  const QuantFormat &format = *std::get<0>(GetParam());
  const TileShape shape = std::get<1>(GetParam());
};

TEST_P(TileFormat, PlanesTileTheTile) {
  const TileLayout layout = tileLayout(format, shape);
  EXPECT_EQ(layout.bytes, shape.rows * format.blockSize);
  unsigned codeBits = 0, scaleBits = 0;
  for (const TilePlane &plane : layout.codes) {
    codeBits += plane.width;
    EXPECT_EQ(plane.laneBytes, 4u);
    EXPECT_EQ(plane.vectors * 32, format.blockLen * plane.width);
    EXPECT_LE(plane.pack * plane.laneBytes, shape.laneBytes);
    EXPECT_EQ(plane.vectors % plane.pack, 0u);
  }
  for (const TilePlane &plane : layout.scales)
    scaleBits += plane.width;
  EXPECT_EQ(codeBits, format.codeBits);
  EXPECT_EQ(scaleBits, format.scaleBits);
}

// 16 rows fill a tile, 1 row leaves fifteen lanes empty, 37 rows are two tiles and five lanes.
TEST_P(TileFormat, UngroupIsTheInverseOfRegroup) {
  std::mt19937 random(11);
  for (int64_t rows : {1, 16, 37}) {
    const int64_t cols = 3 * format.blockLen;
    std::vector<uint8_t> source(rows * format.rowBytes(cols));
    for (uint8_t &byte : source)
      byte = static_cast<uint8_t>(random());
    std::vector<uint8_t> tiles(tileBytes(format, rows, cols, shape), 0xEE),
        back(source.size(), 0xEE);
    EXPECT_EQ(tiles.size(),
              (rows + shape.rows - 1) / shape.rows * shape.rows * 3 * format.blockSize);
    regroup(format, rows, cols, shape, source, tiles);
    ungroup(format, rows, cols, shape, tiles, back);
    EXPECT_EQ(back, source) << rows << " rows";
  }
}

TEST_P(TileFormat, LanesHoldTheWeightsOfTheirRows) {
  constexpr int64_t kRows = 21, kBlocks = 2;
  const int64_t cols = kBlocks * format.blockLen;
  std::mt19937 random(13);
  const std::vector<uint8_t> source = randomBlocks(format, kRows * kBlocks, random);
  std::vector<uint8_t> tiles(tileBytes(format, kRows, cols, shape), 0xEE);
  regroup(format, kRows, cols, shape, source, tiles);
  if (floatColumns(format, cols, shape) > 1 && format.isFloat())
    GTEST_SKIP() << "several columns to a tile";
  for (int64_t row = 0; row < 32; ++row)
    for (int64_t b = 0; b < kBlocks; ++b) {
      std::vector<float> expected(format.blockLen);
      const uint8_t *tile =
          tiles.data() + (row / shape.rows * kBlocks + b) * tileLayout(format, shape).bytes;
      if (row < kRows) // else the padding, weights of 0
        expand(format,
               std::span(source).subspan((row * kBlocks + b) * format.blockSize, format.blockSize),
               expected);
      EXPECT_EQ(expandLane(format, shape, tile, row % shape.rows), expected) << "row " << row;
    }
}

std::string nameOf(const testing::TestParamInfo<TileFormat::ParamType> &test) {
  return std::string(std::get<0>(test.param)->name) + "_" +
         std::to_string(std::get<1>(test.param).rows);
}

INSTANTIATE_TEST_SUITE_P(AllFormats, TileFormat,
                         testing::Combine(testing::ValuesIn(kStoredFormats),
                                          testing::Values(kTile16, kTile32)),
                         nameOf);

// Sixteen bytes of a row together: eight halves, then those of the next row.
TEST(TileFloats, LieInRunsOfSixteenBytes) {
  const std::vector<uint16_t> matrix = [] {
    std::vector<uint16_t> numbers(2 * 16);
    for (size_t i = 0; i < numbers.size(); ++i)
      numbers[i] = static_cast<uint16_t>(i);
    return numbers;
  }();
  std::vector<uint16_t> tiles(32 * 16, 0xEEEE);
  regroup(kF16, 2, 16, kTile32, {reinterpret_cast<const uint8_t *>(matrix.data()), 64},
          {reinterpret_cast<uint8_t *>(tiles.data()), tiles.size() * 2});
  EXPECT_EQ(tiles[0], 0);            // row 0, column 0
  EXPECT_EQ(tiles[7], 7);            // row 0, column 7
  EXPECT_EQ(tiles[8], 16);           // row 1, column 0
  EXPECT_EQ(tiles[16], 0);           // rows that do not exist
  EXPECT_EQ(tiles[32 * 8], 8);       // row 0, column 8
  EXPECT_EQ(tiles[32 * 8 + 15], 31); // row 1, column 15
}

} // namespace
} // namespace rosso
