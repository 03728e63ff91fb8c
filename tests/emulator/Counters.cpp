// What the engine counts, against numbers worked out by hand.
#include "tests/emulator/TestGpu.h"

#include <gmock/gmock.h>

namespace rosso::emulator {
namespace {

using testing::ElementsAre;
using testing::Pair;

struct Counting : testing::Test {
  Counters run(std::string_view text, uint32_t threads = 32, uint32_t groups = 1) {
    auto result = gpu.run(text, {low(data), high(data)}, threads, groups, 8192);
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
    return result.ok() ? *result : Counters();
  }
  static uint64_t of(const Counters &counters, InstructionClass instructionClass) {
    return counters.instructions[static_cast<size_t>(instructionClass)];
  }

  TestGpu gpu{Mode::Interpreted, "gfx1100", 1, /*traceBuffers=*/true};
  uint64_t data = gpu.buffer("data", std::vector<uint32_t>(4096));
};

TEST_F(Counting, InstructionsByClassAndTheirSlots) {
  const Counters counters = run(R"(
    v_add_f32 v1, v0, v0
    v_exp_f32 v1, v0
    v_mul_lo_u32 v1, v0, v0
    v_dot4_i32_iu8 v1, v0, v0, v0
    v_add_f64 v[2:3], v[2:3], v[2:3]
    v_lshlrev_b64 v[2:3], 1, v[2:3]
    v_wmma_f32_16x16x16_f16 v[8:15], v[16:23], v[24:31], v[8:15]
    v_dual_mov_b32 v1, v0 :: v_dual_mov_b32 v2, v3
    v_mov_b32 v1, 0
    v_mov_b32 v4, s0
    v_mov_b32 v5, s1
    global_load_b32 v2, v1, s[0:1]
    global_load_b32 v2, v[4:5], off
    global_store_b32 v1, v0, s[0:1]
    global_store_b128 v1, v[8:11], s[0:1]
    global_atomic_add_u32 v1, v0, s[0:1]
    ds_store_b32 v1, v0
    s_load_b32 s4, s[0:1], null
    s_waitcnt vmcnt(0) lgkmcnt(0)
    s_add_u32 s5, s4, s4
    s_nop 0
    s_barrier)");
  using Class = InstructionClass;
  EXPECT_EQ(of(counters, Class::Valu), 5u); // add, shift, three moves
  EXPECT_EQ(of(counters, Class::ValuTrans), 1u);
  EXPECT_EQ(of(counters, Class::ValuQuarterRate), 1u);
  EXPECT_EQ(of(counters, Class::ValuDot), 1u);
  EXPECT_EQ(of(counters, Class::ValuDouble), 1u);
  EXPECT_EQ(of(counters, Class::Wmma), 1u);
  EXPECT_EQ(of(counters, Class::Vopd), 1u);
  EXPECT_EQ(of(counters, Class::GlobalLoad), 2u);
  EXPECT_EQ(of(counters, Class::GlobalStore), 2u);
  EXPECT_EQ(of(counters, Class::GlobalAtomic), 1u);
  EXPECT_EQ(of(counters, Class::Lds), 1u);
  EXPECT_EQ(of(counters, Class::Smem), 1u);
  EXPECT_EQ(of(counters, Class::Wait), 1u);
  EXPECT_EQ(of(counters, Class::Salu), 1u);
  EXPECT_EQ(of(counters, Class::Nop), 1u);
  EXPECT_EQ(of(counters, Class::Barrier), 1u);
  EXPECT_EQ(of(counters, Class::Branch), 1u); // s_endpgm
  // 1 each but: exp 4, mul_lo 4, f64 16, 64-bit shift 2, WMMA 32, load with a 64-bit address 2,
  // stores 2 and 6, atomic 2.
  EXPECT_EQ(counters.slots, (4u + 2) + 4 + 4 + 1 + 16 + 32 + 1 + (1 + 2) + (2 + 6) + 2 + 1);
  EXPECT_EQ(counters.longestWaveSlots, counters.slots);
  EXPECT_EQ(counters.laneSlots, 32u * 17);
  EXPECT_EQ(counters.activeLanes, counters.laneSlots);
  EXPECT_EQ(counters.scalarBytes, 4u);
}

TEST_F(Counting, LoopsCountWhatTheyRun) {
  const Counters counters = run(R"(
    s_mov_b32 s4, 10
    loop:
    v_mov_b32 v1, 0
    s_sub_u32 s4, s4, 1
    s_cmp_lg_u32 s4, 0
    s_cbranch_scc1 loop)",
                                64, 3);
  EXPECT_EQ(counters.workgroups, 3u);
  EXPECT_EQ(counters.waves, 6u);
  EXPECT_EQ(of(counters, InstructionClass::Valu), 6u * 10);
  EXPECT_EQ(of(counters, InstructionClass::Salu), 6u * 21);
  EXPECT_EQ(counters.slots, 60u);
  EXPECT_EQ(counters.longestWaveSlots, 10u);
}

TEST_F(Counting, ActiveLanesFollowExec) {
  const Counters counters = run(R"(
    v_mov_b32 v1, 0
    s_mov_b32 exec_lo, 0xff
    v_mov_b32 v1, 0
    v_mov_b32 v1, 0
    s_mov_b32 exec_lo, 0
    v_mov_b32 v1, 0)",
                                20);
  EXPECT_EQ(counters.laneSlots, 4u * 32);
  EXPECT_EQ(counters.activeLanes, 20u + 8 + 8);
}

TEST_F(Counting, SectorsAndLinesOfLoads) {
  // 32 lanes x 4 bytes in a row: two sectors, one line.
  Counters counters = run("v_lshlrev_b32 v1, 2, v0\nglobal_load_b32 v2, v1, s[0:1]");
  EXPECT_EQ(counters.loadBytes, 128u);
  EXPECT_EQ(counters.sectorsRead, 2u);
  EXPECT_EQ(counters.lines, 1u);
  // The same 64 bytes further on: two lines.
  counters = run("v_lshlrev_b32 v1, 2, v0\nglobal_load_b32 v2, v1, s[0:1] offset:64");
  EXPECT_EQ(counters.sectorsRead, 2u);
  EXPECT_EQ(counters.lines, 2u);
  // 16 bytes a lane: 512 bytes.
  counters = run("v_lshlrev_b32 v1, 4, v0\nglobal_load_b128 v[2:5], v1, s[0:1]");
  EXPECT_EQ(counters.loadBytes, 512u);
  EXPECT_EQ(counters.wideLoadBytes, 512u);
  EXPECT_EQ(counters.sectorsRead, 8u);
  EXPECT_EQ(counters.lines, 4u);
  // Everyone reads the same, and lanes in reverse order.
  counters = run("v_mov_b32 v1, 0\nglobal_load_b32 v2, v1, s[0:1]");
  EXPECT_EQ(counters.sectorsRead, 1u);
  counters = run("v_sub_nc_u32 v1, 31, v0\nv_lshlrev_b32 v1, 8, v1\nglobal_load_b32 v2, v1, "
                 "s[0:1]");
  EXPECT_EQ(counters.sectorsRead, 32u);
  EXPECT_EQ(counters.lines, 32u);
  // Lanes 16 to 31 repeat lanes 0 to 15.
  counters = run("v_and_b32 v1, 15, v0\nv_lshlrev_b32 v1, 6, v1\nglobal_load_b32 v2, v1, s[0:1]");
  EXPECT_EQ(counters.sectorsRead, 16u);
  EXPECT_EQ(counters.lines, 8u);
}

TEST_F(Counting, SectorsAndBytesOfStores) {
  const Counters counters = run("v_lshlrev_b32 v1, 3, v0\nglobal_store_b32 v1, v0, s[0:1]");
  EXPECT_EQ(counters.storeBytes, 128u);
  EXPECT_EQ(counters.sectorsWritten, 4u);
  EXPECT_EQ(counters.loadBytes, 0u);
}

TEST_F(Counting, BankConflicts) {
  auto load = [&](std::string_view address, std::string_view what) {
    return run(std::string(address) + "\n" + std::string(what));
  };
  // Without conflicts: 1 clock for 4 bytes a lane, 2 for 8, 4 for 16.
  Counters counters = load("v_lshlrev_b32 v1, 2, v0", "ds_load_b32 v2, v1");
  EXPECT_EQ(counters.ldsClocks, 1u);
  EXPECT_EQ(counters.ldsBytes, 128u);
  counters = load("v_lshlrev_b32 v1, 3, v0", "ds_load_b64 v[2:3], v1");
  EXPECT_EQ(counters.ldsClocks, 2u);
  counters = load("v_lshlrev_b32 v1, 4, v0", "ds_load_b128 v[2:5], v1");
  EXPECT_EQ(counters.ldsClocks, 4u);
  EXPECT_EQ(counters.ldsConflictClocks, 0u);
  // Every other dword: two lanes in each of 16 banks.
  counters = load("v_lshlrev_b32 v1, 3, v0", "ds_load_b32 v2, v1");
  EXPECT_EQ(counters.ldsClocks, 2u);
  EXPECT_EQ(counters.ldsConflictClocks, 1u);
  // A pitch of 128 bytes: all in one bank.
  counters = load("v_lshlrev_b32 v1, 7, v0", "ds_load_b32 v2, v1");
  EXPECT_EQ(counters.ldsClocks, 32u);
  EXPECT_EQ(counters.ldsConflictClocks, 31u);
  // One dword for all is read once.
  counters = load("v_mov_b32 v1, 0", "ds_load_b32 v2, v1");
  EXPECT_EQ(counters.ldsClocks, 1u);
  // Rows of 80 bytes, 16 bytes a lane, as tiles of matrices have: 8 lanes start in banks 0, 20, 8,
  // 28, 16, 4, 24, 12.
  counters = load("v_mul_u32_u24 v1, 0x50, v0", "ds_load_b128 v[2:5], v1");
  EXPECT_EQ(counters.ldsConflictClocks, 0u);
}

TEST_F(Counting, RoundsOfLoads) {
  const Counters counters = run(R"(
    v_lshlrev_b32 v1, 2, v0
    global_load_b32 v2, v1, s[0:1]
    global_load_b32 v3, v1, s[0:1]
    s_waitcnt vmcnt(1)
    s_waitcnt vmcnt(1)
    global_load_b32 v4, v1, s[0:1]
    s_waitcnt vmcnt(0)
    s_waitcnt vmcnt(0))");
  EXPECT_EQ(counters.loadRounds, 2u);
  EXPECT_EQ(counters.prefetchedRounds, 1u);
}

TEST_F(Counting, DistinctBytesOfEachBuffer) {
  gpu.memory.label({.address = data, .bytes = 8192, .name = "weights"});
  gpu.memory.label({.address = data + 4096, .bytes = 1024, .name = "norm"});
  // Twice the same 128 bytes of weights, 64 of norm, and a store behind both.
  const Counters counters = run(R"(
    v_lshlrev_b32 v1, 2, v0
    global_load_b32 v2, v1, s[0:1]
    global_load_b32 v2, v1, s[0:1]
    v_mov_b32 v3, 0x1000
    global_load_b32 v2, v3, s[0:1]
    v_add_nc_u32 v3, 0x2000, v1
    global_store_b32 v3, v1, s[0:1])");
  EXPECT_THAT(counters.perBuffer, ElementsAre(Pair("data", Pair(0, 128)), Pair("norm", Pair(64, 0)),
                                              Pair("weights", Pair(128, 0))));
}

TEST_F(Counting, HostMemoryIsCountedApart) {
  const uint64_t host = gpu.allocate("inputs", 4096, Region::Host);
  auto result = gpu.run("v_lshlrev_b32 v1, 2, v0\nglobal_load_b32 v2, v1, s[0:1]\n"
                        "global_store_b64 v1, v[2:3], s[0:1]\ns_load_b64 s[4:5], s[0:1], null",
                        {low(host), high(host)});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->hostLoadBytes, 128u + 8);
  EXPECT_EQ(result->hostStoreBytes, 256u);
}

} // namespace
} // namespace rosso::emulator
