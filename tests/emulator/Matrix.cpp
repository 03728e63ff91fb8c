// WMMA against a triple loop, from fragments laid out as the ISA documents say.
#include "tests/emulator/AluWave.h"

#include <cmath>
#include <functional>
#include <random>

namespace rosso::emulator {
namespace {

struct MatrixCase {
  const char *chip, *text;
  unsigned bits, k;
};
std::ostream &operator<<(std::ostream &out, const MatrixCase &each) {
  return out << each.chip << ": " << each.text;
}

class Wmma : public testing::TestWithParam<MatrixCase> {
protected:
  /// Puts element k of row (column) i into the fragment that begins at v[first].
  void put(AluWave &wave, unsigned first, unsigned i, unsigned k, uint32_t value) const {
    const bool gfx12 = GetParam().chip == std::string("gfx1201");
    const unsigned perLane = gfx12 ? GetParam().k / 2 : GetParam().k;
    const unsigned bit = k % perLane * GetParam().bits;
    for (unsigned half = 0; half < 2; ++half)
      if (!gfx12 || k / perLane == half)
        wave.registers->v[first + bit / 32][i + 16 * half] |= value << (bit % 32);
  }
  /// Where element (m, n) of C and D lies: register and lane.
  std::pair<unsigned, unsigned> place(unsigned m, unsigned n) const {
    return GetParam().chip == std::string("gfx1201") ? std::pair(m % 8, n + m / 8 * 16)
                                                     : std::pair(m / 2, n + m % 2 * 16);
  }
};

uint32_t halfBits(float x) { return std::bit_cast<uint16_t>(static_cast<_Float16>(x)); }

TEST_P(Wmma, IsTheProductOfMatrices) {
  const MatrixCase &test = GetParam();
  const std::string text = test.text;
  const bool integer = text.find("_i32_") != text.npos, bf16 = text.find("_bf16") != text.npos;
  const bool isSigned = text.find("neg_lo") != text.npos;
  std::mt19937 random(3);
  AluWave wave(test.chip);
  wave.s(kExecLo) = 0x1234; // of no importance
  std::vector<std::vector<double>> a(16, std::vector<double>(test.k)), b = a;
  for (auto [matrix, first] : {std::pair(&a, 8u), std::pair(&b, 24u)})
    for (unsigned i = 0; i < 16; ++i)
      for (unsigned k = 0; k < test.k; ++k) {
        const int range = 1 << test.bits;
        const int value = integer ? int(random()) & (range - 1) : int(random() % 31) - 15;
        (*matrix)[i][k] = integer && isSigned && value >= range / 2 ? value - range : value;
        const uint32_t bits = integer ? uint32_t(value)
                              : bf16  ? std::bit_cast<uint32_t>(float(value)) >> 16
                                      : halfBits(float(value));
        put(wave, first, i, k, bits);
      }
  double c[16][16];
  for (unsigned m = 0; m < 16; ++m)
    for (unsigned n = 0; n < 16; ++n) {
      c[m][n] = int(random() % 2001) - 1000;
      auto [r, lane] = place(m, n);
      wave.registers->v[r][lane] =
          integer ? uint32_t(int(c[m][n])) : std::bit_cast<uint32_t>(float(c[m][n]));
    }
  wave.run(text);
  for (unsigned m = 0; m < 16; ++m)
    for (unsigned n = 0; n < 16; ++n) {
      double expected = c[m][n]; // all sums are exact integers
      for (unsigned k = 0; k < test.k; ++k)
        expected += a[m][k] * b[n][k];
      auto [r, lane] = place(m, n);
      const double got = integer ? int32_t(wave.at(r, lane)) : wave.real(r, lane);
      ASSERT_EQ(got, expected) << m << ", " << n;
    }
}

INSTANTIATE_TEST_SUITE_P(
    Matrices, Wmma,
    testing::Values(
        MatrixCase{"gfx1100", "v_wmma_f32_16x16x16_f16 v[0:7], v[8:15], v[24:31], v[0:7]", 16, 16},
        MatrixCase{"gfx1100", "v_wmma_f32_16x16x16_bf16 v[0:7], v[8:15], v[24:31], v[0:7]", 16, 16},
        MatrixCase{"gfx1100", "v_wmma_i32_16x16x16_iu8 v[0:7], v[8:11], v[24:27], v[0:7]", 8, 16},
        MatrixCase{"gfx1100",
                   "v_wmma_i32_16x16x16_iu8 v[0:7], v[8:11], v[24:27], v[0:7] neg_lo:[1,1,0]", 8,
                   16},
        MatrixCase{"gfx1100",
                   "v_wmma_i32_16x16x16_iu4 v[0:7], v[8:9], v[24:25], v[0:7] neg_lo:[1,1,0]", 4,
                   16},
        MatrixCase{"gfx1201", "v_wmma_f32_16x16x16_f16 v[0:7], v[8:11], v[24:27], v[0:7]", 16, 16},
        MatrixCase{"gfx1201", "v_wmma_f32_16x16x16_bf16 v[0:7], v[8:11], v[24:27], v[0:7]", 16, 16},
        MatrixCase{"gfx1201",
                   "v_wmma_i32_16x16x16_iu8 v[0:7], v[8:9], v[24:25], v[0:7] neg_lo:[1,1,0]", 8,
                   16},
        MatrixCase{"gfx1201", "v_wmma_i32_16x16x32_iu4 v[0:7], v[8:9], v[24:25], v[0:7]", 4, 32}));

TEST(WmmaModifiers, HalvesConstantsAndClamp) {
  AluWave wave;
  for (unsigned r = 8; r < 16; ++r)
    wave.set(r, 0x3c003c00u); // ones
  wave.run("v_wmma_f32_16x16x16_f16 v[0:7], v[8:15], v[8:15], 1.0");
  EXPECT_EQ(wave.real(3, 17), 17.0f);
  wave.run(
      "v_wmma_f32_16x16x16_f16 v[0:7], v[8:15], v[8:15], v[0:7] neg_lo:[1,0,0] neg_hi:[0,0,0]");
  EXPECT_EQ(wave.real(3, 17), 17.0f); // half of the products negative: they cancel
  for (unsigned r = 0; r < 8; ++r)
    wave.set(r, 0x40000000u); // high halves 2, low halves 0
  wave.run("v_wmma_f16_16x16x16_f16 v[0:7], v[8:15], v[8:15], v[0:7] op_sel:[0,0,1]");
  EXPECT_EQ(wave.at(5, 9), 0x4c800000u); // 18 in the high half, the low half kept
  for (unsigned r = 0; r < 8; ++r)
    wave.set(r, 0x7ffffff0u);
  for (unsigned r = 8; r < 12; ++r)
    wave.set(r, 0xffffffffu);
  wave.run("v_wmma_i32_16x16x16_iu8 v[0:7], v[8:11], v[8:11], v[0:7] clamp");
  EXPECT_EQ(wave.at(0, 0), 0x7fffffffu);
}

} // namespace
} // namespace rosso::emulator
