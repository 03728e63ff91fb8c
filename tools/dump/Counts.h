// What launches really do, by running an entry once on the emulated GPU: the estimates'
// cross-check. No weights are needed: memory is zero, and no kernel's work depends on what weights
// say.
#pragma once

#include "runtime/emulator/Emulator.h"
#include "tools/dump/Cost.h"
#include "tools/dump/Subject.h"

#include <string>
#include <vector>

namespace rosso::dump {

struct MeasuredEntry {
  uint32_t entry = 0;
  std::vector<size_t> launches; // of each dispatch; launches without work groups have none
  std::vector<emulator::DispatchCount> dispatches;
};

/// Runs the entry `name` (the last one, if empty) with the listing's variables. Errors: no such
/// entry; what the emulator says.
Result<MeasuredEntry> measure(const Subject &subject, const std::string &name);

/// Counted beside estimated.
std::string countsText(const Subject &subject, const MeasuredEntry &measured,
                       const std::vector<std::vector<LaunchCost>> &costs,
                       const std::string &kernel);

} // namespace rosso::dump
