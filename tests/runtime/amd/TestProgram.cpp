#include "tests/runtime/amd/TestProgram.h"

#include <fstream>
#include <iterator>

namespace rosso::amd {

std::vector<uint8_t> testKernels(const std::string &chip) {
  std::ifstream file(ROSSO_TEST_KERNELS "/kernels-" + chip + ".co", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Program addAndAccumulate(const std::string &chip) {
  const Dim count = Dim::variable("T");
  Program program;
  program.target = "amdgpu:" + chip;
  program.code = testKernels(chip);
  program.kernels = {{"add of two", "add", "", 0, 64, 0},
                     {"accumulated", "accumulate", "", 0, 64, 0}};
  program.vars = {{"P", {0, 10}}, {"T", {0, 1000}}};
  program.weights = {{"w", "f32", "rows", {1000}, 4000}};
  program.states = {{"total", "f32", {1}, 4}};
  program.scratchBytes = 8192;
  Launch add{.kernel = 0,
             .buffers = {{Space::Input, 0, 0}, {Space::Weight, 0, 0}, {Space::Scratch, 0, 64}},
             .outputCount = 1,
             .grid = {{count, 64}},
             .nodes = {}};
  Launch accumulate{
      .kernel = 1,
      .buffers = {{Space::Scratch, 0, 64}, {Space::State, 0, 0}, {Space::Output, 0, 0}},
      .outputCount = 2,
      .grid = {},
      .nodes = {}};
  program.entries = {
      {"step", {{"x", "f32", {count}, 4000}}, {{"y", "f32", {1}, 4}}, {add, accumulate}}};
  return program;
}

Program oneLaunch(const std::string &kernel, int64_t groups, const std::string &chip) {
  const uint64_t bytes = static_cast<uint64_t>(groups) * 64 * 4;
  Program program;
  program.target = "amdgpu:" + chip;
  program.code = testKernels(chip);
  const bool hasInput = kernel == "reverse" || kernel == "permute";
  program.kernels = {{kernel + " kernel", kernel, "", 0, 64, kernel == "reverse" ? 256u : 0u}};
  program.vars = {{"P", {0, 10}}, {"T", {0, 1000}}};
  Launch launch{.kernel = 0, .buffers = {}, .outputCount = 1, .grid = {{groups, 1}}, .nodes = {}};
  if (hasInput)
    launch.buffers.push_back({Space::Input, 0, 0});
  launch.buffers.push_back({Space::Output, 0, 0});
  program.entries = {{"step",
                      {{"x", "f32", {64 * groups}, bytes}},
                      {{"y", "f32", {64 * groups}, bytes}},
                      {launch}}};
  return program;
}

} // namespace rosso::amd
