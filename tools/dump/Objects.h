// Code objects for others to run: one file for each kernel, and launches.json, which says how.
#pragma once

#include "tools/dump/Cost.h"
#include "tools/dump/Subject.h"

#include <string>

namespace rosso::dump {

/// "matvec_q4_k_4864x896.co"
std::string objectFile(const Kernel &kernel);

/// What launches.json holds: see docs/cli.md. Errors: a code object that cannot be read.
Result<std::string> launchesJson(const Subject &subject, const std::vector<KernelReport> &kernels,
                                 const std::vector<std::vector<LaunchCost>> &costs);

} // namespace rosso::dump
