// Expansion against the gguf package of PyPI: golden/*.bin, written by make_golden.py.
#include "ir/quant/Expand.h"
#include "RandomBlocks.h"
#include "ir/quant/Formats.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

namespace rosso {
namespace {

std::vector<uint8_t> readGolden(std::string_view name) {
  std::ifstream file(ROSSO_SOURCE_DIR "/tests/quant/golden/" + std::string(name) + ".bin",
                     std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class ExpandFormat : public testing::TestWithParam<const QuantFormat *> {};

// The same operations in the same order give the same f32, to the last bit.
TEST_P(ExpandFormat, AgreesWithTheGgufPackage) {
  const QuantFormat &format = *GetParam();
  if (&format == &kF32)
    return; // needs no expansion
  constexpr size_t kBlocks = 4;
  const std::vector<uint8_t> golden = readGolden(format.name);
  const size_t weights = kBlocks * format.blockLen, fileBytes = kBlocks * format.fileBlockSize();
  ASSERT_EQ(golden.size(), fileBytes + weights * sizeof(float));
  std::vector<uint8_t> blocks(golden.begin(), golden.begin() + static_cast<long>(fileBytes));
  if (format.file) {
    blocks.assign(kBlocks * format.blockSize, 0xEE);
    resolveGrid(format, std::span(golden).first(fileBytes), blocks);
  }

  std::vector<float> expected(weights), found(weights);
  std::memcpy(expected.data(), golden.data() + fileBytes, weights * sizeof(float));
  expandRow(format, blocks, found);
  EXPECT_EQ(found, expected);
}

TEST_P(ExpandFormat, EncodingADecodedBlockGivesItsBytes) {
  const QuantFormat &format = *GetParam();
  std::mt19937 random(7);
  for (int i = 0; i < 20; ++i) {
    const std::vector<uint8_t> block = randomBlocks(format, 1, random);
    std::vector<uint8_t> again(format.blockSize, 0xEE);
    encodeBlock(format, decodeBlock(format, block), again);
    EXPECT_EQ(again, block);
  }
}

INSTANTIATE_TEST_SUITE_P(AllFormats, ExpandFormat, testing::ValuesIn(kStoredFormats),
                         [](const auto &test) { return std::string(test.param->name); });

} // namespace
} // namespace rosso
