// What this machine has, without running anything on it.
#pragma once

#include "runtime/amd/kfd/Kernel.h"
#include "tools/doctor/Report.h"

#include <string>
#include <vector>

namespace rosso::doctor {

/// A device and whether it could run something.
struct Candidate {
  std::string device;  // "host", "emu", "amd:0"
  std::string problem; // empty: none
};

struct Survey {
  std::vector<Section> sections;
  std::vector<Candidate> candidates;
};

/// GPUs, their driver, and permissions. Adds a candidate for each GPU the driver shows.
void surveyGpus(amd::kfd::KernelInterface &kernel, Survey &survey);
/// The processor, the compiler, the emulator and the cache.
void surveyHost(Survey &survey);

} // namespace rosso::doctor
