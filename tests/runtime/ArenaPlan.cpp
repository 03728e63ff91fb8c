#include "runtime/ArenaPlan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace rosso {
namespace {

using testing::HasSubstr;

Program twoEntries() {
  Program program;
  program.target = "host";
  program.kernels = {{"k", "k", "", 0}};
  program.vars = {{"T", {1, 512}}};
  program.weights = {{"a", "f32", "rows", {25}, 100}, {"b", "f32", "rows", {16}, 64}};
  program.states = {{"s", "f32", {1}, 4}};
  program.scratchBytes = 5000;
  Launch launch{.kernel = 0,
                .buffers = {{Space::Weight, 1, 4}, {Space::Input, 0, 0}, {Space::Scratch, 0, 128}},
                .outputCount = 1,
                .grid = {{Dim::variable("T"), 16}},
                .nodes = {}};
  program.entries = {{"first", {{"x", "f32", {3}, 12}}, {}, {launch}},
                     {"second", {{"y", "f32", {40}, 160}}, {{"z", "f32", {1}, 4}}, {}}};
  return program;
}

// Worked out by hand: slots to 64 bytes, regions to 4096.
TEST(ArenaPlan, LaysSlotsOutOneAfterTheOther) {
  auto plan = planArena(twoEntries());
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  EXPECT_EQ(plan->weightSlots[0].offset, 0u);
  EXPECT_EQ(plan->weightSlots[1].offset, 128u);
  EXPECT_EQ(plan->weights.bytes, 192u);
  EXPECT_EQ(plan->stateSlots[0].offset, 4096u);
  EXPECT_EQ(plan->inputSlots[0][0].offset, 8192u);
  EXPECT_EQ(plan->inputSlots[1][0].offset, 8256u);
  EXPECT_EQ(plan->inputSlots[1][0].bytes, 160u);
  EXPECT_EQ(plan->outputSlots[1][0].offset, 12288u);
  EXPECT_EQ(plan->scratch.offset, 16384u);
  EXPECT_EQ(plan->bytes, 16384u + 8192u);
  EXPECT_THAT(plan->describe(), HasSubstr("scratch 4.9 KiB"));
}

TEST(ArenaPlan, ResolvesReferencesToTheEndOfTheirSlot) {
  auto plan = planArena(twoEntries());
  EXPECT_EQ(plan->resolve(0, {Space::Weight, 1, 4}).offset, 132u);
  EXPECT_EQ(plan->resolve(0, {Space::Weight, 1, 4}).bytes, 60u);
  EXPECT_EQ(plan->resolve(1, {Space::Input, 0, 8}).offset, 8264u);
  EXPECT_EQ(plan->resolve(0, {Space::Scratch, 0, 1000}).offset, 17384u);
}

TEST(ArenaPlan, RefusesProgramsThatAreNotWhole) {
  const struct {
    const char *name;
    std::function<void(Program &)> damage;
    const char *message;
  } cases[] = {
      {"kernel", [](Program &p) { p.entries[0].launches[0].kernel = 1; },
       "first launch 0: no kernel 1"},
      {"weight", [](Program &p) { p.entries[0].launches[0].buffers[0].index = 2; },
       "outside its space"},
      {"offset", [](Program &p) { p.entries[0].launches[0].buffers[0].offset = 65; },
       "outside its space"},
      {"input", [](Program &p) { p.entries[0].launches[0].buffers[1].index = 1; },
       "outside its space"},
      {"scratch", [](Program &p) { p.entries[0].launches[0].buffers[2].offset = 5001; },
       "outside its space"},
      {"outputs", [](Program &p) { p.entries[0].launches[0].outputCount = 4; }, "more outputs"},
      {"tile", [](Program &p) { p.entries[0].launches[0].grid[0].tile = 0; }, "grid extent T by 0"},
      {"variable", [](Program &p) { p.vars.clear(); }, "grid extent T"},
      {"items", [](Program &p) { p.entries[0].launches[0].grid = {{1 << 20, 1}, {1 << 20, 1}}; },
       "2^32"},
      {"host threads", [](Program &p) { p.kernels[0].threads = 64; },
       "64 threads a group for host"},
      {"gpu threads",
       [](Program &p) {
         p.target = "amdgpu:gfx1100";
         p.kernels[0].threads = 1025;
       },
       "1025 threads a group"},
      {"lds",
       [](Program &p) {
         p.target = "amdgpu:gfx1100";
         p.kernels[0].threads = 64;
         p.kernels[0].ldsBytes = 65537;
       },
       "65537 bytes of LDS"},
      {"overflow",
       [](Program &p) {
         p.entries[0].launches[0].grid = {{Dim::variable("T") * (INT64_MAX / 256), 1}};
       },
       "grid extent"},
      {"bounds", [](Program &p) { p.vars["T"] = {5, 4}; }, "variable T in 5..4"},
      {"bytes", [](Program &p) { p.weights[0].bytes = UINT64_MAX; }, "buffer 'a'"},
      {"sum", [](Program &p) { p.weights[0].bytes = p.weights[1].bytes = uint64_t{1} << 46; },
       "buffer 'b'"},
      {"scratch bytes", [](Program &p) { p.scratchBytes = UINT64_MAX; }, "buffer 'scratch'"},
  };
  for (const auto &[name, damage, message] : cases) {
    Program program = twoEntries();
    damage(program);
    auto plan = planArena(program);
    ASSERT_FALSE(plan.ok()) << name;
    EXPECT_THAT(plan.error().message, HasSubstr(message)) << name;
  }
}

} // namespace
} // namespace rosso
