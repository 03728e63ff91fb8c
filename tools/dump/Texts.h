// The tables and listings that rosso-dump prints.
#pragma once

#include "tools/dump/Cost.h"
#include "tools/dump/Subject.h"

#include <string>

namespace rosso::dump {

/// Memory, and bytes and operations of each launch. `kernel`: only this one's, unless empty.
std::string planText(const Subject &subject, const std::string &kernel);

/// A kernel's machine code: offset, bytes, text, and what is known of each instruction. `machine`
/// may be null.
std::string isaText(const KernelListing &kernel, const Machine *machine);

/// Registers, occupancy, mix and hot loop of each kernel; bytes, time and bound of each launch.
std::string resourcesText(const Subject &subject, const std::vector<KernelReport> &kernels,
                          const std::vector<std::vector<LaunchCost>> &costs,
                          const std::string &kernel);

/// The lines of a stage that a kernel is made of, with their numbers.
std::string sliceText(const TracedText &ir, const std::vector<int64_t> &nodes);

/// Lines of the graph's text that make these nodes.
std::string graphSlice(const std::string &graph, const std::vector<int64_t> &nodes);

} // namespace rosso::dump
