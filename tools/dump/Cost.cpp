#include "tools/dump/Cost.h"

#include "runtime/amd/CodeObject.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace rosso::dump {

using namespace emulator;

namespace {

constexpr uint32_t kWgpMode = 1u << 29; // of rsrc1
constexpr uint32_t kWaveLanes = 32, kSectorBytes = 64;

LaunchFacts factsOf(const KernelListing &kernel, uint32_t threads, bool wholeProcessor) {
  LaunchFacts facts;
  facts.vgprs = kernel.vgprs;
  facts.ldsBytes = kernel.ldsBytes;
  facts.wavesPerGroup = std::max(1u, threads / kWaveLanes);
  facts.wholeProcessor = wholeProcessor;
  return facts;
}

/// As the emulator would have counted.
Counters countersOf(const MachineCounts &wave, uint64_t waves, uint64_t groups,
                    uint64_t leastBytes) {
  const auto all = static_cast<double>(waves);
  auto total = [&](double ofWave) { return static_cast<uint64_t>(std::llround(ofWave * all)); };
  Counters counters;
  for (size_t i = 0; i < kClasses; ++i)
    counters.instructions[i] = total(wave.byClass[i]);
  counters.slots = total(wave.slots);
  counters.waves = waves;
  counters.workgroups = groups;
  counters.loadBytes = total(wave.loadBytes);
  counters.wideLoadBytes = total(wave.wideLoadBytes);
  counters.storeBytes = total(wave.storeBytes);
  counters.scalarBytes = total(wave.scalarBytes);
  counters.ldsBytes = total(wave.ldsBytes);
  counters.lines = total(wave.lines);
  counters.loadRounds = total(wave.loadRounds);
  counters.prefetchedRounds = total(wave.prefetchedRounds);
  counters.longestWaveSlots = static_cast<uint64_t>(wave.slots);
  // What lanes ask for twice comes from caches.
  counters.sectorsRead = leastBytes / kSectorBytes;
  return counters;
}

/// Elements of the matrices that a contraction multiplies with.
uint64_t weightsOf(const Subject &subject, const Launch &launch, const LaunchListing &listing) {
  const std::string &stats = subject.kernel(launch).stats;
  if (!stats.starts_with("matvec") && !stats.starts_with("matmul"))
    return 0;
  uint64_t weights = 0;
  for (size_t i = 0; i < launch.buffers.size(); ++i) {
    const OperandListing &operand = listing.buffers[i];
    if (launch.buffers[i].space != Space::Weight || operand.shape.size() != 2 ||
        operand.least < operand.bytes / 2) // a table of which rows are looked up
      continue;
    uint64_t elements = 1;
    for (const Dim &extent : operand.shape)
      elements *= static_cast<uint64_t>(extent.constant());
    weights += elements;
  }
  return weights;
}

} // namespace

Occupancy occupancyOf(const amd::Chip &chip, const KernelListing &kernel, uint32_t threads,
                      bool wholeProcessor) {
  const LaunchFacts facts = factsOf(kernel, threads, wholeProcessor);
  const uint32_t cus = wholeProcessor ? 2 : 1, simds = cus * amd::kSimdsPerCu;
  Occupancy occupancy;
  occupancy.byRegisters = amd::wavesPerSimd(chip, kernel.vgprs);
  auto wavesPerSimd = [&](uint32_t groups) {
    return std::min(amd::kWavesPerSimd, groups * facts.wavesPerGroup / simds);
  };
  occupancy.byLds = kernel.ldsBytes
                        ? wavesPerSimd(cus * (amd::kLdsBytesPerWgp / 2) / kernel.ldsBytes)
                        : amd::kWavesPerSimd;
  occupancy.byGroups = wavesPerSimd(simds * amd::kWavesPerSimd / facts.wavesPerGroup);
  occupancy.waves = residentWaves(chip, facts) / amd::kSimdsPerCu;
  if (occupancy.waves >= amd::kWavesPerSimd)
    occupancy.limit = "none";
  else if (occupancy.byRegisters <= std::min(occupancy.byLds, occupancy.byGroups))
    occupancy.limit = "registers";
  else
    occupancy.limit = occupancy.byLds <= occupancy.byGroups ? "LDS" : "work group";
  return occupancy;
}

Result<std::vector<KernelReport>> reportKernels(const Subject &subject) {
  std::vector<KernelReport> reports;
  ROSSO_TRY(const amd::CodeObject code,
            amd::CodeObject::parse(subject.program.code, *subject.chip));
  for (size_t i = 0; i < subject.program.kernels.size(); ++i) {
    const Kernel &kernel = subject.program.kernels[i];
    const KernelListing &listing = subject.listing.kernels[i];
    KernelReport &report = reports.emplace_back();
    ROSSO_TRY(report.machine, examine(listing, *subject.chip));
    if (const amd::KernelCode *descriptor = code.find(kernel.symbol))
      report.wholeProcessor = descriptor->rsrc1 & kWgpMode;
    report.occupancy = occupancyOf(*subject.chip, listing, kernel.threads, report.wholeProcessor);
  }
  return reports;
}

std::vector<std::vector<LaunchCost>> costsOf(const Subject &subject,
                                             const std::vector<KernelReport> &kernels) {
  std::vector<std::vector<LaunchCost>> costs;
  const Link &link = *findLink("pcie4x16"); // inputs and outputs are counted as if in VRAM
  for (size_t e = 0; e < subject.program.entries.size(); ++e) {
    const Entry &entry = subject.program.entries[e];
    std::set<uint32_t> warm;
    auto &launches = costs.emplace_back();
    for (size_t i = 0; i < entry.launches.size(); ++i) {
      const Launch &launch = entry.launches[i];
      const Kernel &kernel = subject.kernel(launch);
      const KernelReport &report = kernels[launch.kernel];
      const LaunchListing &listing = subject.listing.launches[e][i];
      LaunchCost cost;
      cost.groups = itemCount(launch, subject.listing.at);
      cost.waves = cost.groups * std::max(1u, kernel.threads / kWaveLanes);
      for (const OperandListing &operand : listing.buffers)
        cost.leastBytes += operand.least;
      const MachineCounts &wave = report.machine.executed;
      cost.requestedBytes = (wave.loadBytes + wave.storeBytes) * static_cast<double>(cost.waves);
      cost.weights = weightsOf(subject, launch, listing);
      if (cost.weights)
        cost.slotsPerWeight = wave.slots * static_cast<double>(cost.waves) * kWaveLanes /
                              static_cast<double>(cost.weights);
      cost.counters = countersOf(wave, cost.waves, cost.groups, cost.leastBytes);
      LaunchFacts facts =
          factsOf(subject.listing.kernels[launch.kernel], kernel.threads, report.wholeProcessor);
      facts.dependent = launch.barrierBefore;
      facts.codeIsWarm = !warm.insert(launch.kernel).second;
      if (cost.groups)
        cost.predicted = predict(*subject.chip, link, facts, cost.counters);
      launches.push_back(std::move(cost));
    }
  }
  return costs;
}

double secondsOf(const std::vector<LaunchCost> &launches) {
  double seconds = 0;
  for (const LaunchCost &launch : launches)
    seconds += launch.predicted.seconds;
  return seconds;
}

} // namespace rosso::dump
