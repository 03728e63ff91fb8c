// A listing tells the truth about the program: what is compiled for it is what would run.
#include "frontend/Compile.h"
#include "frontend/GraphParse.h"
#include "runtime/amd/CodeObject.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rosso {

namespace {

constexpr const char *kGraph = R"(var P [0, 255]
entry step
%0 = input {name = "x"} : f32[1, 512]
%1 = weight {name = "w"} : q4_k:f32[256, 512]
%2 = dequant %1 : f32[256, 512]
%3 = linear %0, %2 : f32[1, 256]
%4 = state {name = "k"} : f16[256, 256]
%5 = cast %3 : f16[1, 256]
%6 = update %4, %5 {begin = [P, 0]} : f16[256, 256]
%7 = reduce_max %3 {axes = <1>} : f32[1, 1]
output y = %3
output state:k = %6
output most = %7
)";

/// A kernel's machine code in a program.
std::vector<uint8_t> codeOf(const Program &program, const std::string &symbol) {
  auto object = amd::CodeObject::parse(program.code, *amd::findChip("gfx1100"));
  if (!object)
    return {};
  const amd::KernelCode *kernel = object->find(symbol);
  const std::vector<uint8_t> image = object->image(0);
  if (!kernel || kernel->entry + kernel->bytes > image.size())
    return {};
  const auto begin = image.begin() + static_cast<long>(kernel->entry);
  return {begin, begin + static_cast<long>(kernel->bytes)};
}

struct Compiled {
  Program program;
  Listing listing;
};

Compiled compiled(const std::string &target, bool listed) {
  Compiled result;
  auto graph = parseGraph(kGraph);
  EXPECT_TRUE(graph.ok());
  CompileOptions options{.target = target, .noCache = true};
  if (listed)
    options.listing = &result.listing;
  auto program = compile(*graph, options);
  EXPECT_TRUE(program.ok()) << program.error().message;
  if (program)
    result.program = *std::move(program);
  return result;
}

TEST(Listing, DebugLinesChangeNoCode) {
  const Compiled plain = compiled("amdgpu:gfx1100", false),
                 listed = compiled("amdgpu:gfx1100", true);
  ASSERT_EQ(plain.program.kernels, listed.program.kernels);
  ASSERT_EQ(listed.listing.kernels.size(), listed.program.kernels.size());
  for (const Kernel &kernel : plain.program.kernels) {
    EXPECT_FALSE(codeOf(plain.program, kernel.symbol).empty()) << kernel.name;
    EXPECT_EQ(codeOf(plain.program, kernel.symbol), codeOf(listed.program, kernel.symbol))
        << kernel.name;
  }
  EXPECT_EQ(plain.program.entries, listed.program.entries);
}

TEST(Listing, InstructionsAreTheBytesOfTheCode) {
  const Compiled listed = compiled("amdgpu:gfx1100", true);
  for (size_t i = 0; i < listed.program.kernels.size(); ++i) {
    std::vector<uint8_t> bytes;
    for (const InstructionListing &instruction : listed.listing.kernels[i].instructions) {
      EXPECT_EQ(instruction.offset, bytes.size());
      bytes.insert(bytes.end(), instruction.bytes.begin(), instruction.bytes.end());
    }
    EXPECT_EQ(bytes, codeOf(listed.program, listed.program.kernels[i].symbol));
  }
}

TEST(Listing, LinesLeadToNodes) {
  for (const char *target : {"host", "amdgpu:gfx1100"}) {
    const Compiled listed = compiled(target, true);
    bool isLinear = false;
    for (const KernelListing &kernel : listed.listing.kernels) {
      EXPECT_EQ(kernel.runs.size(), kernel.code.nodes.size());
      for (const InstructionListing &instruction : kernel.instructions) {
        ASSERT_LE(instruction.line, kernel.code.nodes.size());
        if (instruction.line)
          for (const int64_t node : kernel.code.nodes[instruction.line - 1])
            isLinear |= node == 3;
      }
    }
    EXPECT_TRUE(isLinear) << target;
    EXPECT_EQ(listed.listing.stages.front().stage, "ir");
    EXPECT_EQ(listed.listing.at.at("P"), 255);
  }
}

TEST(Listing, TellsWhatMustMove) {
  const Compiled listed = compiled("amdgpu:gfx1100", true);
  uint64_t weights = 0, states = 0;
  for (size_t i = 0; i < listed.program.entries[0].launches.size(); ++i) {
    const Launch &launch = listed.program.entries[0].launches[i];
    const LaunchListing &listing = listed.listing.launches[0][i];
    ASSERT_EQ(launch.buffers.size(), listing.buffers.size());
    for (size_t b = 0; b < launch.buffers.size(); ++b) {
      if (launch.buffers[b].space == Space::Weight)
        weights += listing.buffers[b].least;
      if (launch.buffers[b].space == Space::State)
        states += listing.buffers[b].least;
    }
  }
  EXPECT_EQ(weights, 256u * 512 / 256 * 144); // blocks of 144 bytes for 256 weights
  EXPECT_EQ(states, 256u * 2);                // one row of f16
}

} // namespace

} // namespace rosso
