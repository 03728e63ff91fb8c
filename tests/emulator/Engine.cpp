// Kernels compiled by clang, run as a whole: every generation, strict and not.
#include "runtime/emulator/Engine.h"

#include "tests/emulator/TestGpu.h"

#include <cmath>
#include <gmock/gmock.h>
#include <numeric>
#include <random>

namespace rosso::emulator {
namespace {

struct Case {
  const char *chip;
  Mode mode;
};
std::ostream &operator<<(std::ostream &out, const Case &each) {
  return out << each.chip
             << (each.mode == Mode::Strict ? " strict"
                 : each.mode == Mode::Fast ? " fast"
                                           : "");
}

struct Compiled : testing::TestWithParam<Case> {
  Compiled() : gpu(GetParam().mode, GetParam().chip, 2) {}

  /// Runs `groups` work groups of 256.
  Counters run(std::string_view kernel, const std::vector<uint64_t> &arguments, uint32_t groups) {
    Dispatch dispatch = gpu.kernel(kernel, arguments);
    dispatch.groupSize = {256, 1, 1};
    dispatch.groups = {groups, 1, 1};
    auto result = gpu.run(dispatch);
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
    return result.ok() ? *result : Counters();
  }
  template <typename T> std::vector<T> random(size_t count, T low, T high) {
    std::vector<T> values(count);
    for (T &value : values)
      if constexpr (std::is_floating_point_v<T>)
        value = std::uniform_real_distribution<T>(low, high)(generator);
      else
        value = static_cast<T>(std::uniform_int_distribution<int64_t>(low, high)(generator));
    return values;
  }

  std::mt19937 generator{1};
  TestGpu gpu;
};

INSTANTIATE_TEST_SUITE_P(All, Compiled,
                         testing::Values(Case{"gfx1030", Mode::Strict}, Case{"gfx1030", Mode::Fast},
                                         Case{"gfx1100", Mode::Interpreted},
                                         Case{"gfx1100", Mode::Fast}, Case{"gfx1201", Mode::Fast},
                                         Case{"gfx1100", Mode::Strict},
                                         Case{"gfx1201", Mode::Strict}));

TEST_P(Compiled, VectorsAreAdded) {
  const auto a = random<float>(1000, -1, 1), b = random<float>(1000, -1, 1);
  const uint64_t c = gpu.allocate("c", 1024 * 4);
  const Counters counters = run("add", {gpu.buffer("a", a), gpu.buffer("b", b), c, 1000}, 4);
  const auto result = gpu.values<float>(c, 1000);
  for (size_t i = 0; i < 1000; ++i)
    ASSERT_EQ(result[i], a[i] + b[i]) << i;
  EXPECT_EQ(counters.workgroups, 4u);
  EXPECT_EQ(counters.waves, 32u);
  EXPECT_EQ(counters.loadBytes, 8000u);
  EXPECT_EQ(counters.storeBytes, 4000u);
  EXPECT_EQ(counters.sectorsRead, 2 * 63u); // 62.5 sectors of 16 floats
  EXPECT_EQ(counters.lines, 3 * 32u);       // one for each of 32 waves
}

TEST_P(Compiled, WorkGroupsSumThroughLds) {
  const auto in = random<int32_t>(1024, -1000, 1000);
  const uint64_t out = gpu.allocate("out", 16);
  run("sum", {gpu.buffer("in", in), out}, 4);
  const auto sums = gpu.values<int32_t>(out, 4);
  for (size_t g = 0; g < 4; ++g)
    EXPECT_EQ(sums[g], std::accumulate(in.begin() + 256 * g, in.begin() + 256 * (g + 1), 0));
}

TEST_P(Compiled, AtomicsCount) {
  const auto in = random<uint8_t>(5000, 0, 255);
  const uint64_t out = gpu.buffer("out", std::vector<uint32_t>(256));
  run("histogram", {gpu.buffer("in", in), out, 5000}, 2);
  std::vector<uint32_t> expected(256);
  for (uint8_t value : in)
    ++expected[value];
  EXPECT_EQ(gpu.values<uint32_t>(out, 256), expected);
}

TEST_P(Compiled, LanesLoopOnTheirOwn) {
  const auto in = random<uint32_t>(512, 1, 5000);
  const uint64_t out = gpu.allocate("out", 512 * 4);
  run("collatz", {gpu.buffer("in", in), out}, 2);
  const auto steps = gpu.values<uint32_t>(out, 512);
  for (size_t i = 0; i < in.size(); ++i) {
    uint32_t expected = 0;
    for (uint32_t x = in[i]; x != 1; x = x % 2 ? 3 * x + 1 : x / 2)
      ++expected;
    ASSERT_EQ(steps[i], expected) << in[i];
  }
}

TEST_P(Compiled, IntegersOfAllWidths) {
  const auto a = random<int64_t>(256, -1'000'000'000'000, 1'000'000'000'000);
  auto b = random<int64_t>(256, -1'000'000, 1'000'000);
  for (int64_t &value : b)
    value += value == 0;
  const uint64_t out = gpu.allocate("out", 256 * 64), shorts = gpu.allocate("shorts", 512);
  run("integers", {gpu.buffer("a", a), gpu.buffer("b", b), out, shorts}, 1);
  const auto result = gpu.values<int64_t>(out, 2048);
  const auto narrow = gpu.values<int16_t>(shorts, 256);
  for (size_t i = 0; i < 256; ++i) {
    const int64_t x = a[i], y = b[i];
    const int64_t expected[] = {x * y,
                                x / y,
                                x % y,
                                static_cast<int64_t>(static_cast<uint64_t>(x) >> (y & 63)),
                                static_cast<int64_t>(static_cast<uint64_t>(x) << (y & 63)),
                                static_cast<int32_t>(x) / static_cast<int32_t>(y | 1),
                                static_cast<uint32_t>(x) % static_cast<uint32_t>(y | 1),
                                x < y ? static_cast<int8_t>(x) : static_cast<uint8_t>(y)};
    for (size_t k = 0; k < 8; ++k)
      ASSERT_EQ(result[8 * i + k], expected[k]) << i << " " << k << ": " << x << ", " << y;
    ASSERT_EQ(narrow[i], static_cast<int16_t>(x + y));
  }
}

TEST_P(Compiled, FloatsOfAllWidths) {
  const auto a = random<float>(256, -100, 100);
  const auto b = random<double>(256, -100, 100);
  std::vector<_Float16> c;
  for (float value : random<float>(256, -4, 4))
    c.push_back(static_cast<_Float16>(value));
  const uint64_t f = gpu.allocate("f", 4096), d = gpu.allocate("d", 4096),
                 h = gpu.allocate("h", 1024);
  run("floats", {gpu.buffer("a", a), gpu.buffer("b", b), gpu.buffer("c", c), f, d, h}, 1);
  const auto floats = gpu.values<float>(f, 1024);
  const auto doubles = gpu.values<double>(d, 512);
  const auto halves = gpu.values<_Float16>(h, 512);
  for (size_t i = 0; i < 256; ++i) {
    EXPECT_EQ(floats[4 * i], a[i] * a[i] + 1.0f);
    EXPECT_EQ(floats[4 * i + 1], std::fma(a[i], a[i], -1.0f));
    EXPECT_NEAR(floats[4 * i + 2], a[i] / 3.0f, std::fabs(a[i]) * 1e-7); // OpenCL: 2.5 ulp
    EXPECT_NEAR(floats[4 * i + 3], std::sqrt(std::fabs(a[i])), 1e-5);
    EXPECT_EQ(doubles[2 * i], b[i] * b[i] - 0.1);
    EXPECT_EQ(doubles[2 * i + 1], b[i] / 3.0);
    const auto scaled = static_cast<_Float16>(c[i] * static_cast<_Float16>(0.25f));
    EXPECT_EQ(static_cast<float>(halves[2 * i]),
              static_cast<float>(static_cast<_Float16>(c[i] + scaled)));
    EXPECT_EQ(static_cast<float>(halves[2 * i + 1]),
              static_cast<float>(static_cast<_Float16>(static_cast<float>(b[i]))));
  }
}

TEST_P(Compiled, PrivateMemoryIsEachLanesOwn) {
  if (std::string_view(GetParam().chip) == "gfx1030")
    GTEST_SKIP() << "gfx10 reaches private memory through a buffer descriptor, not modelled";
  const auto in = random<uint32_t>(256, 0, 1000);
  const uint64_t out = gpu.allocate("out", 1024);
  run("scratch", {gpu.buffer("in", in), out}, 1);
  const auto result = gpu.values<uint32_t>(out, 256);
  for (size_t i = 0; i < 256; ++i) {
    const uint32_t x = in[i] % 16;
    EXPECT_EQ(result[i], x * x + (15 - x) * (15 - x) + 2 * in[i]);
  }
}

TEST_P(Compiled, FunctionsAreCalled) {
  if (std::string_view(GetParam().chip) == "gfx1030")
    GTEST_SKIP() << "gfx10 sets up its stack for calls through flat_scratch, not modelled";
  const auto in = random<uint32_t>(256, 0, 100000);
  const uint64_t out = gpu.allocate("out", 1024);
  run("calls", {gpu.buffer("in", in), out}, 1);
  const auto result = gpu.values<uint32_t>(out, 256);
  auto choose = [](uint32_t x) {
    const uint32_t choices[] = {x + 1, x * 7, x ^ 0x55, x - 9, x << 3, ~x};
    return choices[x % 6];
  };
  for (size_t i = 0; i < 256; ++i)
    EXPECT_EQ(result[i], choose(in[i]) + choose(in[i] + 1));
}

TEST_P(Compiled, WavesSumDotsOfBytes) {
  const auto a = random<int8_t>(4096, -128, 127), b = random<int8_t>(4096, -128, 127);
  const uint64_t out = gpu.allocate("out", 1024);
  const Counters counters = run("dots", {gpu.buffer("a", a), gpu.buffer("b", b), out}, 1);
  const auto result = gpu.values<int32_t>(out, 256);
  for (size_t i = 0; i < 256; ++i) {
    int32_t expected = 0;
    for (size_t k = i / 32 * 512; k < i / 32 * 512 + 512; ++k)
      expected += a[k] * b[k];
    ASSERT_EQ(result[i], expected);
  }
  EXPECT_EQ(counters.wideLoadBytes, 8192u);
}

// gfx10 computes on bytes and halves of registers.
TEST(Sdwa, PartsOfRegistersAreOperands) {
  TestGpu gpu(Mode::Strict, "gfx1030");
  const uint64_t out = gpu.allocate("out", 128);
  auto run = [&](std::string_view text) {
    auto result = gpu.run("v_lshlrev_b32 v9, 2, v0\nv_mov_b32 v1, 0x80402010\n"
                          "v_mov_b32 v2, 0x3c004000\nv_mov_b32 v3, 0x11223344\n" + // halves 1, 2
                              std::string(text) +
                              "\nglobal_store_dword v9, v3, s[0:1]",
                          {low(out), high(out)});
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
    return gpu.values<uint32_t>(out, 1)[0];
  };
  EXPECT_EQ(run("v_cvt_f32_u32_sdwa v3, v1 dst_sel:DWORD dst_unused:UNUSED_PAD src0_sel:BYTE_1"),
            0x42000000u); // 32.0
  EXPECT_EQ(run("v_mov_b32_sdwa v3, sext(v1) dst_sel:DWORD dst_unused:UNUSED_PAD src0_sel:BYTE_3"),
            0xFFFFFF80u);
  EXPECT_EQ(run("v_mov_b32_sdwa v3, v1 dst_sel:BYTE_2 dst_unused:UNUSED_PRESERVE src0_sel:BYTE_0"),
            0x11103344u);
  EXPECT_EQ(run("v_mov_b32_sdwa v3, v1 dst_sel:WORD_1 dst_unused:UNUSED_PAD src0_sel:WORD_0"),
            0x20100000u);
  EXPECT_EQ(run("v_mov_b32_sdwa v3, v1 dst_sel:BYTE_1 dst_unused:UNUSED_SEXT src0_sel:BYTE_3"),
            0xFFFF8000u);
  // 2 - 1 of the two halves, into the high half.
  EXPECT_EQ(run("v_add_f16_sdwa v3, v2, -v2 dst_sel:WORD_1 dst_unused:UNUSED_PRESERVE "
                "src0_sel:WORD_0 src1_sel:WORD_1"),
            0x3C003344u);
  EXPECT_EQ(run("v_cmp_eq_u32_sdwa vcc_lo, v1, v0 src0_sel:BYTE_0 src1_sel:DWORD\n"
                "v_cndmask_b32 v3, 1, 2, vcc_lo"),
            1u); // lane 0 is not lane 16
  EXPECT_EQ(gpu.values<uint32_t>(out + 64, 1)[0], 2u);
}

} // namespace
} // namespace rosso::emulator
