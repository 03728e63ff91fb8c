#include "ir/quant/Pack.h"
#include "ir/quant/Block.h"
#include "ir/quant/Expand.h"
#include "ir/quant/Formats.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace rosso {
namespace {

/// Bell-shaped weights of a deviation near 0.02, the same on every machine: sums of four uniform
/// numbers of a 32-bit xorshift generator (Marsaglia's 13, 17, 5) from seed 2463534242.
std::vector<float> bellWeights(size_t count) {
  uint32_t state = 2463534242;
  std::vector<float> weights(count);
  for (float &weight : weights) {
    double sum = 0;
    for (int i = 0; i < 4; ++i) {
      state ^= state << 13, state ^= state >> 17, state ^= state << 5;
      sum += state;
    }
    weight = static_cast<float>((sum / 4294967296.0 - 2) * 0.035);
  }
  return weights;
}

std::vector<float> packAndExpand(const QuantFormat &format, const std::vector<float> &weights) {
  std::vector<uint8_t> row(format.rowBytes(static_cast<int64_t>(weights.size())), 0xEE);
  packRow(format, weights, row);
  std::vector<float> found(weights.size());
  expandRow(format, row, found);
  return found;
}

/// Root of the mean square error, relative to that of the weights.
double relativeError(const std::vector<float> &weights, const std::vector<float> &found) {
  double error = 0, square = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    error += std::pow(double(found[i]) - weights[i], 2);
    square += std::pow(double(weights[i]), 2);
  }
  return std::sqrt(error / square);
}

std::vector<const QuantFormat *> allFormats() {
  std::vector<const QuantFormat *> formats;
  for (const QuantFormat *format : kStoredFormats)
    if (!format->file) // to find the best entries of a grid is another art
      formats.push_back(format);
  formats.push_back(&kQ8_A);
  formats.push_back(&kQ8_S);
  return formats;
}

class PackFormat : public testing::TestWithParam<const QuantFormat *> {};

// Relative errors of llama.cpp's `ggml_quantize_chunk` without an importance matrix on the same
// weights (ggml 0.5.0 as packaged in node-llama-cpp), read back by the gguf package.
const std::map<std::string_view, double> kPeerError = {
    {"q4_0", 0.081491}, {"q4_1", 0.075339}, {"q5_0", 0.040725},   {"q5_1", 0.036322},
    {"q8_0", 0.005113}, {"q2_k", 0.288987}, {"q3_k", 0.146633},   {"q4_k", 0.069051},
    {"q5_k", 0.034614}, {"q6_k", 0.017206}, {"iq4_nl", 0.074283}, {"iq4_xs", 0.074716},
    {"mxfp4", 0.111434}};

TEST_P(PackFormat, ErrorIsAtMostThePeers) {
  const auto peer = kPeerError.find(GetParam()->name);
  if (peer == kPeerError.end())
    return; // plain floats and q8_a
  const std::vector<float> weights = bellWeights(64 * 256);
  const double error = relativeError(weights, packAndExpand(*GetParam(), weights));
  EXPECT_LE(error, peer->second);
  EXPECT_GT(error, peer->second / 2) << "too good to be true";
}

// No weight is further off than one step of the coarsest group: (largest - smallest) / (codes - 1),
// where a group without a min spans twice its largest magnitude.
TEST_P(PackFormat, NoWeightIsOffByMoreThanAStep) {
  const QuantFormat &format = *GetParam();
  if (format.isFloat() || !format.table.empty())
    return; // uneven steps
  const std::vector<float> weights = bellWeights(64 * 256);
  const std::vector<float> found = packAndExpand(format, weights);
  for (size_t first = 0; first < weights.size(); first += format.groupLen) {
    const auto [low, high] =
        std::minmax_element(&weights[first], &weights[first] + format.groupLen);
    const bool affine = format.dmin.type != ScaleType::None;
    const float range =
        affine ? std::max(*high, 0.0f) - std::min(*low, 0.0f) : 2 * std::max(*high, -*low);
    const float step = range / static_cast<float>((1 << format.codeBits) - 1);
    for (size_t i = first; i < first + format.groupLen; ++i)
      ASSERT_NEAR(found[i], weights[i], step) << "weight " << i;
  }
}

TEST_P(PackFormat, ZerosStayZero) {
  for (float weight : packAndExpand(*GetParam(), std::vector<float>(512)))
    EXPECT_EQ(weight, 0.0f);
}

// d overflows f16 long before f32, and underflows to zero; neither may give a NaN or an infinity.
TEST_P(PackFormat, ExtremeWeightsStayFinite) {
  const bool half = GetParam()->isFloat() && GetParam()->d.type == ScaleType::F16;
  for (float scale : {1e30f, 1e6f, 1e-6f, 1e-30f, 1e-42f}) {
    std::vector<float> weights = bellWeights(512);
    for (float &weight : weights)
      weight *= scale;
    weights[17] = weights[18] = 0;
    if (half && scale > 1)
      continue; // plain f16 has infinities for these
    for (float weight : packAndExpand(*GetParam(), weights))
      ASSERT_TRUE(std::isfinite(weight)) << "scale " << scale;
  }
}

// Within 0.06: the table of iq4_nl and iq4_xs ends in -127 and 113, of which a scale can make 1.06
// and 0.94 at best.
TEST_P(PackFormat, EqualMagnitudesComeBackNearly) {
  std::vector<float> weights(512);
  for (size_t i = 0; i < weights.size(); ++i)
    weights[i] = i * 7 % 5 < 2 ? -1.0f : 1.0f;
  const std::vector<float> found = packAndExpand(*GetParam(), weights);
  for (size_t i = 0; i < weights.size(); ++i)
    ASSERT_NEAR(found[i], weights[i], 0.06) << "weight " << i;
}

// Codes over the whole range and a d that is a power of two: the packer finds them again. (q8_0's
// codes are 40, 69, 98, 127, ... and never -128, which the packer does not use.)
TEST(Pack, RepresentableWeightsAreKept) {
  for (const QuantFormat *format : {&kQ4_0, &kQ4_1, &kQ5_0, &kQ5_1, &kQ8_0, &kIQ4_NL, &kMXFP4}) {
    Block block;
    block.d = 0.25f;
    for (unsigned i = 0; i < format->blockLen; ++i)
      block.codes[i] = static_cast<uint8_t>((i * 29 + 11) % (1u << format->codeBits));
    std::vector<uint8_t> bytes(format->blockSize);
    encodeBlock(*format, block, bytes);
    std::vector<float> weights(format->blockLen);
    expand(*format, bytes, weights);
    EXPECT_EQ(packAndExpand(*format, weights), weights) << format->name;
  }
}

// d is the largest magnitude / 127; the record has d times the sums of codes 0..15, 16..31, all.
TEST(Pack, ActivationsCarryTheirSums) {
  std::vector<float> x(64);
  x[0] = 127, x[1] = 10, x[20] = -20; // d = 1
  x[33] = -254, x[63] = 4;            // d = 2
  std::vector<uint8_t> row(96);
  packRow(kQ8_A, x, row);
  EXPECT_EQ(row[0], 128 + 127);
  EXPECT_EQ(row[20], 128 - 20);
  EXPECT_EQ(row[33], 128 - 127);
  float records[8];
  std::memcpy(records, row.data() + 64, sizeof records);
  const float expected[] = {1, 137, -20, 117, 2, -254, 4, -250};
  for (int i = 0; i < 8; ++i)
    EXPECT_EQ(records[i], expected[i]) << i;
}

INSTANTIATE_TEST_SUITE_P(AllFormats, PackFormat, testing::ValuesIn(allFormats()),
                         [](const auto &test) { return std::string(test.param->name); });

} // namespace
} // namespace rosso
