// The tile layout, read back here by the words of Tile.h and not by the code under test.
#include "ir/quant/Tile.h"
#include "RandomBlocks.h"
#include "ir/quant/Expand.h"
#include "ir/quant/Formats.h"

#include <gtest/gtest.h>

#include <cstring>

namespace rosso {
namespace {

uint32_t dwordAt(const uint8_t *bytes, size_t count) {
  uint32_t value = 0;
  std::memcpy(&value, bytes, count);
  return value;
}

unsigned codeAt(const TileLayout &layout, const uint8_t *tile, unsigned row, unsigned e) {
  unsigned code = 0;
  for (const TilePlane &plane : layout.codes) {
    const unsigned j = e / 4, quads = 8 / plane.width, q = j / quads, i = j % quads;
    const uint32_t dword = dwordAt(tile + plane.offset + (q * 16 + row) * 4, 4);
    const uint32_t quad = (dword >> (plane.width * i)) & (0x01010101u * ((1u << plane.width) - 1));
    code |= (quad >> (8 * (e % 4)) & 0xFF) << plane.shift;
  }
  return code;
}

unsigned scaleAt(const TileLayout &layout, const uint8_t *tile, unsigned row, unsigned e) {
  unsigned scale = 0;
  for (const TilePlane &plane : layout.scales) {
    const unsigned laneBits = 8 * plane.laneBytes, bit = e * plane.width;
    const uint32_t lane = dwordAt(
        tile + plane.offset + (bit / laneBits * 16 + row) * plane.laneBytes, plane.laneBytes);
    scale |= (lane >> (bit % laneBits) & ((1u << plane.width) - 1)) << plane.shift;
  }
  return scale;
}

/// The weights of lane `row` of a tile, by the formula of QuantFormat.h.
std::vector<float> expandLane(const QuantFormat &format, const uint8_t *tile, unsigned row) {
  const TileLayout layout = tileLayout(format, kTile16);
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
      s = (format.scaleSigned ? static_cast<int8_t>(raw) : static_cast<int>(raw)) -
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

class TileFormat : public testing::TestWithParam<const QuantFormat *> {};

TEST_P(TileFormat, PlanesTileTheTile) {
  const QuantFormat &format = *GetParam();
  const TileLayout layout = tileLayout(format, kTile16);
  EXPECT_EQ(layout.bytes, 16 * format.blockSize);
  unsigned codeBits = 0, scaleBits = 0;
  for (const TilePlane &plane : layout.codes) {
    codeBits += plane.width;
    EXPECT_EQ(plane.laneBytes, 4u);
    EXPECT_EQ(plane.vectors * 32, format.blockLen * plane.width);
  }
  for (const TilePlane &plane : layout.scales)
    scaleBits += plane.width;
  EXPECT_EQ(codeBits, format.codeBits);
  EXPECT_EQ(scaleBits, format.scaleBits);
}

// 16 rows fill a tile, 1 row leaves fifteen lanes empty, 37 rows are two tiles and five lanes.
TEST_P(TileFormat, UngroupIsTheInverseOfRegroup) {
  const QuantFormat &format = *GetParam();
  std::mt19937 random(11);
  for (int64_t rows : {1, 16, 37}) {
    const int64_t cols = 3 * format.blockLen;
    std::vector<uint8_t> source(rows * format.rowBytes(cols));
    for (uint8_t &byte : source)
      byte = static_cast<uint8_t>(random());
    std::vector<uint8_t> tiles(tileBytes(format, rows, cols, kTile16), 0xEE), back(source.size(), 0xEE);
    EXPECT_EQ(tiles.size(), (rows + 15) / 16 * 16 * 3 * format.blockSize);
    regroup(format, rows, cols, kTile16, source, tiles);
    ungroup(format, rows, cols, kTile16, tiles, back);
    EXPECT_EQ(back, source) << rows << " rows";
  }
}

TEST_P(TileFormat, LanesHoldTheWeightsOfTheirRows) {
  const QuantFormat &format = *GetParam();
  constexpr int64_t kRows = 21, kBlocks = 2;
  const int64_t cols = kBlocks * format.blockLen;
  std::mt19937 random(13);
  const std::vector<uint8_t> source = randomBlocks(format, kRows * kBlocks, random);
  std::vector<uint8_t> tiles(tileBytes(format, kRows, cols, kTile16), 0xEE);
  regroup(format, kRows, cols, kTile16, source, tiles);
  for (int64_t row = 0; row < 32; ++row)
    for (int64_t b = 0; b < kBlocks; ++b) {
      std::vector<float> expected(format.blockLen);
      const uint8_t *tile = tiles.data() + (row / 16 * kBlocks + b) * tileLayout(format, kTile16).bytes;
      if (row < kRows) // else the padding, weights of 0
        expand(format,
               std::span(source).subspan((row * kBlocks + b) * format.blockSize, format.blockSize),
               expected);
      EXPECT_EQ(expandLane(format, tile, row % 16), expected) << "row " << row;
    }
}

INSTANTIATE_TEST_SUITE_P(AllFormats, TileFormat, testing::ValuesIn(kStoredFormats),
                         [](const auto &test) { return std::string(test.param->name); });

} // namespace
} // namespace rosso
