// The page: one self-contained HTML file with everything rosso-dump knows. Its looks and its
// behaviour are in tools/dump/page/; this makes the data.
#pragma once

#include "tools/dump/Commands.h"
#include "tools/dump/Cost.h"
#include "tools/dump/Subject.h"

#include <string>

namespace rosso::dump {

/// `kernels`, `costs` and `streams` are empty for a host.
std::string pageOf(const Subject &subject, const std::vector<KernelReport> &kernels,
                   const std::vector<std::vector<LaunchCost>> &costs,
                   const std::vector<CommandStream> &streams);

} // namespace rosso::dump
