// The time model against sums done by hand, and the tables it reads.
#include "runtime/emulator/Emulator.h"
#include "runtime/emulator/Forecast.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rosso::emulator {
namespace {

using testing::HasSubstr;

const amd::Chip &xtx() { return *amd::findChip("gfx1100"); }
const Link &pcie() { return *findLink("pcie4x16"); }

double term(const Prediction &prediction, Bound bound) {
  return prediction.terms[static_cast<size_t>(bound)];
}
uint64_t &count(Counters &counters, InstructionClass what) {
  return counters.instructions[static_cast<size_t>(what)];
}

// From "VGPRs <= 96 120 144 168 192 216 240 256: waves 16 12 10 9 8 7 6 5" of the RX 7900 boards.
TEST(Chips, WavesOfASimdByRegisters) {
  const std::pair<uint32_t, uint32_t> kRows[] = {{96, 16}, {97, 12}, {120, 12}, {144, 10}, {168, 9},
                                                 {192, 8}, {216, 7}, {240, 6},  {256, 5}};
  for (auto [vgprs, waves] : kRows)
    EXPECT_EQ(amd::wavesPerSimd(xtx(), vgprs), waves) << vgprs;
  // 1024 registers in units of 16: 96 -> 10, 192 -> 5, 256 -> 4 (LLVM's occupancy for gfx1102).
  const amd::Chip &small = *amd::findChip("gfx1102");
  EXPECT_EQ(amd::wavesPerSimd(small, 96), 10u);
  EXPECT_EQ(amd::wavesPerSimd(small, 192), 5u);
  EXPECT_EQ(amd::wavesPerSimd(small, 256), 4u);
}

TEST(Chips, AreFoundByChipByBoardAndByKfdsNumber) {
  EXPECT_EQ(amd::findChip("gfx1100")->board, "RX 7900 XTX");
  EXPECT_EQ(amd::findChip("rx7900xt")->computeUnits, 84u);
  EXPECT_EQ(amd::findChip(110001)->name, "gfx1101");
  EXPECT_EQ(amd::findChip("gfx900"), nullptr);
  EXPECT_EQ(amd::findChip(90000), nullptr);
}

// 40 KB of LDS: three groups of 8 waves in a WGP of two CUs; without, 96 VGPRs fill all 64 waves.
TEST(TimeModel, ResidentWaves) {
  EXPECT_EQ(residentWaves(xtx(), {.vgprs = 96, .wavesPerGroup = 8}), 32);
  EXPECT_EQ(residentWaves(xtx(), {.vgprs = 192, .ldsBytes = 40960, .wavesPerGroup = 8}), 12);
  EXPECT_EQ(residentWaves(xtx(), {.vgprs = 120, .wavesPerGroup = 16}), 24);
}

// The gate and up matrices of Qwen2.5-7B: 76.4 MB, 592 groups of 16 waves, one pass each.
TEST(TimeModel, AMatvecAsBigAsALayersIsBoundByVram) {
  Counters counters;
  counters.waves = 9472;
  counters.workgroups = 592;
  counters.perBuffer = {{"weight", {76'400'000, 0}}};
  counters.loadBytes = 76'400'000;
  count(counters, InstructionClass::GlobalLoad) = 100'000;
  count(counters, InstructionClass::Smem) = 9472;
  counters.slots = 9'000'000;
  counters.lines = 1'000'000;
  counters.loadRounds = 9472 * 14;
  counters.prefetchedRounds = 9472 * 14;
  counters.longestWaveSlots = 1000;
  const Prediction p =
      predict(xtx(), pcie(), {.vgprs = 96, .wavesPerGroup = 16, .dependent = true}, counters);
  EXPECT_NEAR(term(p, Bound::Vram), 76.4e6 / (0.85 * 960e9), 1e-12); // 93.6 us
  // 775 clocks and 7 trips of 0.5 us, 9472 waves in 32 x 96 places: 3.823 us x 3.083.
  EXPECT_NEAR(term(p, Bound::Wave), 11.787e-6, 0.001e-6);
  EXPECT_NEAR(term(p, Bound::Valu), 9e6 / (2 * 96 * 2.4e9), 1e-12); // 19.5 us
  EXPECT_NEAR(term(p, Bound::L0), 1e6 / (96 * 2.4e9), 1e-12);       // 4.3 us
  EXPECT_NEAR(term(p, Bound::Chain), (7 * 750 + 1000) / 2.4e9, 1e-12);
  // 0.65 us and 50 + 250 + 750 + 475 clocks.
  EXPECT_NEAR(term(p, Bound::Launch), 0.65e-6 + 1525 / 2.4e9, 1e-12);
  EXPECT_EQ(p.bound, Bound::Vram);
  // (93.63^4 + 11.79^4 + 19.53^4 + 4.34^4 + 2.60^4)^(1/4) = 93.68; 1.285 on top.
  EXPECT_NEAR(p.seconds, 94.97e-6, 0.02e-6);
  EXPECT_EQ(p.residentWaves, 32);
  // 32 waves, 8066 bytes each in 7 trips.
  EXPECT_NEAR(p.inFlightBytes, 32 * 8065.9 / 7, 1);
}

TEST(TimeModel, ShortLaunchesReachLessOfTheBandwidth) {
  Counters counters;
  counters.waves = 1;
  counters.perBuffer = {{"weight", {7'200'000, 0}}};
  EXPECT_NEAR(term(predict(xtx(), pcie(), {}, counters), Bound::Vram), 7.2e6 / (0.75 * 960e9),
              1e-12);
}

TEST(TimeModel, AnEmptyLaunchCostsItsLaunch) {
  const Prediction p = predict(xtx(), pcie(), {.vgprs = 8, .dependent = false}, {});
  EXPECT_EQ(p.bound, Bound::Launch);
  EXPECT_NEAR(p.seconds, 0.15e-6 + (50 + 475) / 2.4e9, 1e-9);
}

// A kernel that reads the host's memory reads it through the link: 3.3 MB at 3.3 GB/s.
TEST(TimeModel, TheHostsMemoryIsBehindTheLink) {
  Counters counters;
  counters.waves = 1;
  counters.hostLoadBytes = 3'300'000;
  counters.sectorsRead = 3'300'000 / 64;
  const Prediction p = predict(xtx(), *findLink("tb4"), {.vgprs = 8}, counters);
  EXPECT_NEAR(term(p, Bound::Link), 1e-3, 1e-9);
  EXPECT_EQ(p.bound, Bound::Link);
  EXPECT_LT(p.vramBytes, 64u);
}

TEST(Forecast, AddsUpByKernelAndByBound) {
  auto dispatch = [](const char *kernel, double seconds, Bound bound) {
    DispatchCount count;
    count.kernel = kernel;
    count.predicted.seconds = seconds;
    count.predicted.bound = bound;
    count.predicted.vramBytes = 100;
    return count;
  };
  const Forecast sum = addUp(
      std::vector{dispatch("norm", 2e-6, Bound::Launch), dispatch("matvec", 40e-6, Bound::Vram),
                  dispatch("matvec", 38e-6, Bound::Wave), dispatch("matvec", 20e-6, Bound::Vram)});
  EXPECT_EQ(sum.dispatches, 4u);
  EXPECT_NEAR(sum.seconds, 100e-6, 1e-12);
  EXPECT_EQ(sum.mostly(), Bound::Vram);
  EXPECT_EQ(sum.shares(), "vram 60 %, wave 38 %, launch 2 %");
  EXPECT_EQ(sum.vramBytes, 400u);
  ASSERT_EQ(sum.kernels.size(), 2u);
  EXPECT_EQ(sum.kernels[0].name, "matvec");
  EXPECT_EQ(sum.kernels[0].dispatches, 3u);
  EXPECT_EQ(sum.kernels[0].bound, Bound::Vram);
  EXPECT_NEAR(sum.kernels[0].seconds, 98e-6, 1e-12);
}

TEST(Link, ACopyTakesItsLatencyAndItsBytes) {
  EXPECT_NEAR(findLink("tb3")->seconds(2'750'000), 1e-3 + 2.5e-6, 1e-12);
  EXPECT_EQ(findLink("pcie3"), nullptr);
}

TEST(EmulatorOptions, AreReadFromADeviceString) {
  auto plain = parseEmulatorDevice("emu");
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(plain->chip, "gfx1100");
  EXPECT_EQ(plain->mode, Mode::Fast);
  EXPECT_EQ(plain->vramBytes, 0u);
  auto all = parseEmulatorDevice("emu:gfx1201,strict,vram=2G,link=tb4,threads=3,trace");
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(all->chip, "gfx1201");
  EXPECT_EQ(all->mode, Mode::Strict);
  EXPECT_EQ(all->vramBytes, uint64_t{2} << 30);
  EXPECT_EQ(all->link, "tb4");
  EXPECT_EQ(all->threads, 3u);
  EXPECT_TRUE(all->traceBuffers);
  EXPECT_EQ(parseEmulatorDevice("emu:rx7900xt")->chip, "rx7900xt");
  EXPECT_EQ(parseEmulatorDevice("emu:interpreted")->mode, Mode::Interpreted);
}

TEST(EmulatorOptions, ErrorsSayWhatCouldBeWritten) {
  auto message = [](const char *device) { return parseEmulatorDevice(device).error().message; };
  EXPECT_THAT(message("gpu"), HasSubstr("device 'gpu': wanted emu or emu:CHIP,OPTION,..."));
  EXPECT_THAT(message("emulator"), HasSubstr("wanted emu or"));
  EXPECT_THAT(message("emu:gfx900"), HasSubstr("'gfx900' is neither a chip (gfx1030, gfx1100,"));
  EXPECT_THAT(message("emu:gfx1100,gfx1201"), HasSubstr("'gfx1201': wanted fast, interpreted,"));
  EXPECT_THAT(message("emu:link=pcie9"),
              HasSubstr("'link=pcie9': wanted one of pcie4x16, tb3, tb4"));
  EXPECT_THAT(message("emu:vram=3"), HasSubstr("'vram=3': wanted bytes of VRAM"));
  EXPECT_THAT(message("emu:vram=99999999999999999999G"), HasSubstr("wanted bytes of VRAM"));
  EXPECT_THAT(message("emu:threads=0"), HasSubstr("'threads=0': wanted 1 to 1024 threads"));
}

} // namespace
} // namespace rosso::emulator
