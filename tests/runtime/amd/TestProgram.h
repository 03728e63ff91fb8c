// Programs of the kernels in kernels.cl.
#pragma once

#include "runtime/program/Program.h"

#include <string>
#include <vector>

namespace rosso::amd {

/// The linked code object for a chip, as clang made it.
std::vector<uint8_t> testKernels(const std::string &chip = "gfx1100");

/// sum = x + w, then total += sum[T - 1] and y = total. Variables P and T, weight w of 1000
/// numbers.
Program addAndAccumulate(const std::string &chip = "gfx1100");
/// A single launch of a kernel x -> y, over 64 * groups numbers.
Program oneLaunch(const std::string &kernel, int64_t groups, const std::string &chip = "gfx1100");

} // namespace rosso::amd
