#include "runtime/emulator/TimeModel.h"

#include <algorithm>
#include <cmath>

namespace rosso::emulator {
namespace {

// All in clocks of the shader engines unless they say seconds.
constexpr double kGapDependent = 0.65e-6, kGapIndependent = 0.15e-6; // seconds
constexpr double kRampWarm = 50, kRampCold = 550;
constexpr double kRampArguments = 250; // scalar load of the arguments, from L2
constexpr double kRampFirstLoad = 750; // the first vector load, from VRAM
constexpr double kDrain = 325 + 150;   // last store to wave end; reduction and epilogue
constexpr double kWaveOverhead = 300 + 475;
constexpr double kLoadLatency = 0.5e-6; // seconds, under load
constexpr double kLoadAlone = 750, kBarrierAlone = 20;
constexpr double kLdsBytesPerClock = 128;
// Share of the memory's bandwidth that streaming reaches; less for launches that end before the
// memory has come up to speed.
constexpr double kStreaming = 0.85, kShortStreaming = 0.75;
constexpr double kShortBytes = 8e6;

double count(const Counters &counters, InstructionClass what) {
  return static_cast<double>(counters.instructions[static_cast<size_t>(what)]);
}

/// Distinct bytes where buffers were traced; else what all instructions asked for, at most.
uint64_t vramBytes(const Counters &counters) {
  uint64_t bytes = 0;
  for (const auto &[buffer, readAndWritten] : counters.perBuffer)
    bytes += readAndWritten.first + readAndWritten.second;
  if (counters.perBuffer.empty())
    bytes = (counters.sectorsRead + counters.sectorsWritten) * 64;
  uint64_t host = counters.hostLoadBytes + counters.hostStoreBytes;
  return bytes - std::min(bytes, host);
}

} // namespace

std::string_view boundName(Bound bound) {
  constexpr std::string_view kNames[kBounds] = {"vram", "wave",  "valu", "l0",
                                                "lds",  "chain", "link", "launch"};
  return kNames[static_cast<size_t>(bound)];
}

double residentWaves(const amd::Chip &chip, const LaunchFacts &facts) {
  // A work group lives in one WGP, or in one of its two CUs.
  const uint32_t cus = facts.wholeProcessor ? 2 : 1;
  const uint32_t waves = cus * amd::kSimdsPerCu * amd::wavesPerSimd(chip, facts.vgprs);
  uint32_t groups = waves / std::max(facts.wavesPerGroup, 1u);
  if (facts.ldsBytes)
    groups = std::min(groups, cus * (amd::kLdsBytesPerWgp / 2) / facts.ldsBytes);
  return static_cast<double>(std::max(groups, 1u) * facts.wavesPerGroup) / cus;
}

Prediction predict(const amd::Chip &chip, const Link &link, const LaunchFacts &facts,
                   const Counters &counters) {
  const double clock = chip.clockGHz * 1e9, cus = chip.computeUnits;
  const double waves = static_cast<double>(std::max<uint64_t>(counters.waves, 1));
  Prediction result;
  auto term = [&](Bound bound) -> double & { return result.terms[static_cast<size_t>(bound)]; };

  result.vramBytes = vramBytes(counters);
  result.residentWaves = residentWaves(chip, facts);
  const double bytes = static_cast<double>(result.vramBytes);
  term(Bound::Vram) =
      bytes / ((bytes <= kShortBytes ? kShortStreaming : kStreaming) * chip.vramGBps * 1e9);

  // A round that leaves younger loads in flight waits half as long: two are under way at a time.
  const double rounds = static_cast<double>(counters.loadRounds) / waves;
  const double halved = static_cast<double>(counters.prefetchedRounds) / waves;
  const double trips = rounds - halved / 2;
  const double lifetime = kWaveOverhead / clock + trips * kLoadLatency;
  term(Bound::Wave) = waves * lifetime / (result.residentWaves * cus);
  if (rounds > 0)
    result.inFlightBytes =
        result.residentWaves * static_cast<double>(counters.loadBytes) / waves / trips;

  term(Bound::Valu) = static_cast<double>(counters.slots) / (amd::kSimdsPerCu * cus * clock);
  term(Bound::L0) = static_cast<double>(counters.lines) / (cus * clock);
  const double ldsClocks = counters.ldsClocks
                               ? static_cast<double>(counters.ldsClocks)
                               : static_cast<double>(counters.ldsBytes) / kLdsBytesPerClock;
  term(Bound::Lds) = ldsClocks / (cus * clock);
  term(Bound::Chain) =
      (trips * kLoadAlone + count(counters, InstructionClass::Barrier) / waves * kBarrierAlone +
       static_cast<double>(counters.longestWaveSlots)) /
      clock;
  term(Bound::Link) =
      static_cast<double>(std::max(counters.hostLoadBytes, counters.hostStoreBytes)) /
      (link.gigabytesPerSecond * 1e9);

  double ramp = facts.codeIsWarm ? kRampWarm : kRampCold;
  if (count(counters, InstructionClass::Smem) > 0)
    ramp += kRampArguments;
  if (count(counters, InstructionClass::GlobalLoad) > 0)
    ramp += kRampFirstLoad;
  term(Bound::Launch) =
      (facts.dependent ? kGapDependent : kGapIndependent) + (ramp + kDrain) / clock;

  double sum = 0;
  for (size_t i = 0; i < static_cast<size_t>(Bound::Launch); ++i)
    sum += std::pow(result.terms[i], 4);
  result.seconds = term(Bound::Launch) + std::pow(sum, 0.25);
  result.bound = static_cast<Bound>(std::max_element(result.terms.begin(), result.terms.end()) -
                                    result.terms.begin());
  return result;
}

} // namespace rosso::emulator
