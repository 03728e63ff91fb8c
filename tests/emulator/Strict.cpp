// Strict mode: each kernel here is wrong in one way, and the error says which, and where.
#include "tests/emulator/TestGpu.h"

#include <gmock/gmock.h>

namespace rosso::emulator {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

struct Strict : testing::Test {
  /// The error of one kernel, run with a buffer of 64 numbers at s[0:1] and nothing at s[2:3].
  std::string error(std::string_view text, uint32_t threads = 32, uint32_t lds = 0) {
    return gpu.error(text, {low(data), high(data), low(empty), high(empty)}, threads, 1, lds);
  }

  TestGpu gpu;
  uint64_t data = gpu.buffer("weight a", std::vector<uint32_t>(64, 7)); // kFirst
  uint64_t empty = gpu.allocate("arena", 256);                          // the same + 0x2000
  // Code of the first kernel lies at 0x7f0000004000.
};

TEST_F(Strict, ACorrectKernelIsNoError) {
  EXPECT_EQ(error(R"(
    v_lshlrev_b32 v1, 2, v0
    global_load_b32 v2, v1, s[0:1]
    s_waitcnt vmcnt(0)
    v_add_nc_u32 v2, v2, v0
    global_store_b32 v1, v2, s[2:3])"),
            "");
  EXPECT_EQ(gpu.values<uint32_t>(empty, 2), (std::vector<uint32_t>{7, 8}));
}

TEST_F(Strict, UnmappedAddresses) {
  EXPECT_EQ(error(R"(
    v_lshlrev_b32 v1, 4, v0
    global_load_b32 v2, v1, s[0:1])"),
            "kernel test: global_load_b32 v2, v1, s[0:1] at 0x7f0000004004: work group (0, 0, 0), "
            "wave 0, lane 16: load of 4 bytes from 0x7f0000000100: not mapped: no allocation "
            "(nearest below: 0x0 bytes past the end of weight a)");
  EXPECT_THAT(error("s_load_b32 s4, s[0:1], 0x100"),
              EndsWith("wave 0: scalar load of 4 bytes from 0x7f0000000100: not mapped: no "
                       "allocation (nearest below: 0x0 bytes past the end of weight a)"));
  EXPECT_THAT(error(R"(
    v_mov_b32 v1, 0x100
    global_store_b128 v1, v[4:7], s[0:1])"),
              HasSubstr("reads v4, which nothing has written in this lane"));
}

TEST_F(Strict, MisalignedAddresses) {
  EXPECT_THAT(error(R"(
    v_mov_b32 v1, 2
    global_load_b32 v2, v1, s[0:1])"),
              EndsWith("lane 0: accesses 4 bytes at 0x7f0000000002 (weight a + 0x2), which is not "
                       "aligned to 4"));
  EXPECT_THAT(error(R"(
    v_mov_b32 v1, 1
    ds_store_b16 v1, v0)",
                    32, 512),
              EndsWith("accesses 2 bytes at LDS offset 0x1, which is not aligned to 2"));
}

TEST_F(Strict, MemoryThatNothingWrote) {
  EXPECT_THAT(error(R"(
    v_lshlrev_b32 v1, 2, v0
    global_load_b32 v2, v1, s[2:3])"),
              EndsWith("lane 0: reads 0x7f0000002000 (arena + 0x0), which nothing has written"));
  EXPECT_THAT(error("s_load_b64 s[4:5], s[2:3], 0x8"),
              EndsWith("wave 0: reads 0x7f0000002008 (arena + 0x8), which nothing has written"));
  // Two of four bytes are.
  EXPECT_THAT(error(R"(
    v_mov_b32 v1, 0
    global_store_b16 v1, v1, s[2:3]
    global_load_b32 v2, v1, s[2:3])"),
              EndsWith("lane 0: reads 0x7f0000002000 (arena + 0x0), which nothing has written"));
}

TEST_F(Strict, LdsThatNothingWroteOrThatIsNotThere) {
  EXPECT_THAT(error(R"(
    v_mov_b32 v1, 16
    ds_load_b32 v2, v1)",
                    32, 512),
              EndsWith("lane 0: reads LDS offset 0x10, which nothing has written"));
  EXPECT_THAT(error(R"(
    v_mov_b32 v1, 0x1fe
    ds_store_b32 v1, v0)",
                    32, 512),
              EndsWith("lane 0: LDS offset 0x1fe with 4 bytes lies beyond the work group's 512 "
                       "bytes"));
}

TEST_F(Strict, RegistersThatNothingWrote) {
  EXPECT_EQ(error("v_add_f32 v1, v0, v9"),
            "kernel test: v_add_f32_e32 v1, v0, v9 at 0x7f0000004000: work group (0, 0, 0), wave "
            "0, lane 0: reads v9, which nothing has written in this lane");
  EXPECT_THAT(error("s_add_u32 s8, s0, s9"),
              EndsWith("wave 0: reads s9, which nothing has written"));
  EXPECT_THAT(error("s_cbranch_vccz 0"), EndsWith("reads vcc_lo, which nothing has written"));
  EXPECT_THAT(error("s_cselect_b32 s8, s0, s1"), EndsWith("reads scc, which nothing has written"));
  // Lanes 0 to 3 write v1, all read it.
  EXPECT_THAT(error(R"(
    s_mov_b32 exec_lo, 0xf
    v_mov_b32 v1, 0
    s_mov_b32 exec_lo, -1
    v_not_b32 v2, v1)"),
              EndsWith("lane 4: reads v1, which nothing has written in this lane"));
  // DPP reads the lane to the left.
  EXPECT_THAT(error(R"(
    s_mov_b32 exec_lo, 0xe
    v_mov_b32 v1, 0
    s_mov_b32 exec_lo, -1
    v_mov_b32_dpp v2, v1 row_shr:1 row_mask:0xf bank_mask:0x1)"),
              EndsWith("lane 0: reads v1, which nothing has written in this lane"));
}

// Compilers copy what they never use, and take the low half of 64 bits of which they only know
// that.
TEST_F(Strict, UndefinedValuesMayBeCopiedButNotUsed) {
  EXPECT_EQ(error(R"(
    v_mov_b32 v1, v9
    v_dual_mov_b32 v2, v1 :: v_dual_mov_b32 v3, v0
    s_mov_b64 s[8:9], s[10:11]
    v_mad_u64_u32 v[4:5], null, v0, v0, v[0:1]
    v_add_nc_u32 v6, v4, v3)"),
            "");
  EXPECT_THAT(error("v_mov_b32 v1, v9\nv_not_b32 v2, v1"), HasSubstr("lane 0: reads v1, which"));
  EXPECT_THAT(error("s_mov_b64 s[8:9], s[10:11]\ns_not_b32 s8, s9"),
              EndsWith("reads s9, which nothing has written"));
  EXPECT_THAT(error("v_mad_u64_u32 v[4:5], null, v0, v0, v[0:1]\nv_not_b32 v2, v5"),
              HasSubstr("lane 0: reads v5, which"));
}

TEST_F(Strict, LoadsThatWereNotWaitedFor) {
  EXPECT_EQ(error(R"(
    v_lshlrev_b32 v1, 2, v0
    global_load_b32 v2, v1, s[0:1]
    global_load_b32 v3, v1, s[0:1]
    s_waitcnt vmcnt(1)
    v_add_f32 v2, v2, v3)"),
            "kernel test: v_add_f32_e32 v2, v2, v3 at 0x7f0000004018: work group (0, 0, 0), wave "
            "0: reads v3 while 'global_load_b32 v3, v1, s[0:1]' at 0x7f000000400c is still loading "
            "it; wait for vmcnt(0) before");
  EXPECT_THAT(error(R"(
    v_lshlrev_b32 v1, 2, v0
    global_load_b32 v2, v1, s[0:1]
    global_load_b32 v3, v1, s[0:1]
    v_add_f32 v2, v2, v0)"),
              EndsWith("reads v2 while 'global_load_b32 v2, v1, s[0:1]' at 0x7f0000006004 is still "
                       "loading it; wait for vmcnt(1) before"));
  EXPECT_THAT(error(R"(
    s_load_b32 s4, s[0:1], 0x0
    s_add_u32 s5, s4, 1)"),
              HasSubstr("reads s4 while 's_load_b32 s4, s[0:1], null' at"));
  EXPECT_THAT(error(R"(
    v_lshlrev_b32 v1, 2, v0
    global_load_b32 v2, v1, s[0:1]
    v_mov_b32 v2, 0)"),
              HasSubstr("writes v2 while 'global_load_b32 v2, v1, s[0:1]'"));
  EXPECT_THAT(error(R"(
    v_lshlrev_b32 v1, 2, v0
    ds_store_b32 v1, v0
    ds_load_b32 v2, v1
    v_mov_b32 v3, v2)",
                    32, 512),
              EndsWith("is still loading it; wait for lgkmcnt(0) before"));
}

TEST_F(Strict, ScalarLoadsEndInAnyOrder) {
  // Waiting for one of two says nothing: they may end in either order.
  EXPECT_THAT(error(R"(
    s_load_b32 s4, s[0:1], 0x0
    s_load_b32 s5, s[0:1], 0x4
    s_waitcnt lgkmcnt(1)
    s_add_u32 s6, s4, 1)"),
              EndsWith("is still loading it; wait for lgkmcnt(0) before"));
}

TEST_F(Strict, VectorLoadsEndInOrder) {
  EXPECT_EQ(error(R"(
    v_lshlrev_b32 v1, 2, v0
    global_load_b32 v2, v1, s[0:1]
    global_load_b32 v3, v1, s[0:1]
    s_waitcnt vmcnt(1)
    v_mov_b32 v4, v2
    s_waitcnt vmcnt(0)
    v_mov_b32 v4, v3)"),
            "");
}

TEST_F(Strict, BarriersThatSomeWavesDoNotReach) {
  // Wave 1 (threads 32 to 63) leaves before the barrier.
  EXPECT_EQ(error(R"(
    v_cmp_gt_u32 vcc_lo, 32, v0
    s_cbranch_vccz done
    s_barrier
    done:)",
                  64),
            "kernel test: s_barrier at 0x7f0000004008: work group (0, 0, 0), wave 0: divergent "
            "barrier: wave 1 has ended after 0 barriers, this is number 1");
  EXPECT_EQ(error(R"(
    v_cmp_gt_u32 vcc_lo, 32, v0
    s_cbranch_vccz other
    s_barrier
    s_branch done
    other:
    s_barrier
    done:)",
                  64),
            "kernel test: s_barrier at 0x7f0000006008: work group (0, 0, 0), wave 0: divergent "
            "barrier: wave 1 waits at another one, at 0x7f0000006010");
}

TEST_F(Strict, LdsStoresThatWereNotWaitedForAtABarrier) {
  EXPECT_THAT(
      error(R"(
    v_lshlrev_b32 v1, 2, v0
    ds_store_b32 v1, v0
    s_barrier)",
            64, 512),
      EndsWith("wave 0: 'ds_store_b32 v1, v0' at 0x7f0000004004 has not been waited for: "
               "other waves may not see it behind the barrier; wait for lgkmcnt(0) before"));
}

TEST_F(Strict, WavesThatRaceForLds) {
  // Each wave reads what the other writes, without a barrier between.
  EXPECT_THAT(error(R"(
    v_lshlrev_b32 v1, 2, v0
    ds_store_b32 v1, v0
    s_waitcnt lgkmcnt(0)
    v_xor_b32 v1, 0x80, v1
    v_mov_b32 v2, 0
    s_mov_b32 s4, 0
    v_cmp_gt_u32 vcc_lo, 32, v0
    s_cbranch_vccnz done
    ds_load_b32 v2, v1
    done:)",
                    64, 512),
              EndsWith("wave 1, lane 0: reads LDS offset 0x0, which wave 0 has written since the "
                       "last barrier"));
  EXPECT_THAT(error(R"(
    v_mov_b32 v1, 0
    ds_store_b32 v1, v0)",
                    64, 512),
              EndsWith("wave 1, lane 0: writes LDS offset 0x0, which wave 0 has written since the "
                       "last barrier"));
  // Wave 1 overwrites what wave 0 has read.
  EXPECT_THAT(error(R"(
    v_and_b32 v1, 31, v0
    v_lshlrev_b32 v1, 2, v1
    v_cmp_gt_u32 vcc_lo, 32, v0
    s_cbranch_vccz second
    ds_store_b32 v1, v0
    s_waitcnt lgkmcnt(0)
    s_barrier
    ds_load_b32 v2, v1
    s_endpgm
    second:
    s_barrier
    ds_store_b32 v1, v0)",
                    64, 512),
              HasSubstr("divergent barrier"));
  EXPECT_THAT(error(R"(
    v_and_b32 v1, 31, v0
    v_lshlrev_b32 v1, 2, v1
    v_cmp_gt_u32 vcc_lo, 32, v0
    s_cbranch_vccz wait
    ds_store_b32 v1, v0
    s_waitcnt lgkmcnt(0)
    wait:
    s_barrier
    s_cbranch_vccz second
    ds_load_b32 v2, v1
    s_endpgm
    second:
    ds_store_b32 v1, v0)",
                    64, 512),
              EndsWith("wave 1, lane 0: writes LDS offset 0x0, which wave 0 has read since the "
                       "last barrier"));
}

TEST_F(Strict, AtomicsDoNotRaceWithEachOther) {
  EXPECT_EQ(error(R"(
    v_mov_b32 v1, 0
    v_mov_b32 v2, 1
    v_cmp_gt_u32 vcc_lo, 1, v0
    s_and_saveexec_b32 s4, vcc_lo
    ds_store_b32 v1, v1
    s_waitcnt lgkmcnt(0)
    s_mov_b32 exec_lo, s4
    s_barrier
    ds_add_u32 v1, v2
    s_waitcnt lgkmcnt(0)
    s_barrier
    ds_load_b32 v3, v1
    s_waitcnt lgkmcnt(0)
    v_lshlrev_b32 v1, 2, v0
    global_store_b32 v1, v3, s[2:3])",
                  64, 512),
            "");
  EXPECT_EQ(gpu.values<uint32_t>(empty, 64), std::vector<uint32_t>(64, 64));
}

TEST_F(Strict, WhatOtherDispatchesWrote) {
  gpu.memory.wrote(empty, 256, writerId(WriterKind::Dispatch, 5));
  const std::string_view load = "v_lshlrev_b32 v1, 2, v0\nglobal_load_b32 v2, v1, s[2:3]";
  const std::string_view scalarLoad = "s_load_b32 s4, s[2:3], 0x0";
  gpu.visibility.dispatches = {.finished = 4, .vectorSees = 4, .scalarSees = 4};
  EXPECT_THAT(error(load), EndsWith("lane 0: reads 0x7f0000002000 (arena + 0x0), which dispatch 5 "
                                    "wrote: nothing waited for it to end before this dispatch"));
  gpu.visibility.dispatches = {.finished = 5, .vectorSees = 4, .scalarSees = 4};
  EXPECT_THAT(error(load), EndsWith("which dispatch 5 wrote: the vector caches have not been "
                                    "invalidated since it ended"));
  gpu.visibility.dispatches = {.finished = 5, .vectorSees = 5, .scalarSees = 4};
  EXPECT_EQ(error(load), "");
  EXPECT_THAT(error(scalarLoad), EndsWith("which dispatch 5 wrote: the scalar caches have not been "
                                          "invalidated since it ended"));
  gpu.visibility.dispatches.scalarSees = 5;
  EXPECT_EQ(error(scalarLoad), "");
}

TEST_F(Strict, OverwritingWhatOtherDispatchesStillUse) {
  const std::string_view store = "v_lshlrev_b32 v1, 2, v0\nglobal_store_b32 v1, v0, s[2:3]";
  gpu.visibility.dispatches = {.finished = 4, .vectorSees = 4, .scalarSees = 4};
  gpu.memory.wrote(empty, 256, writerId(WriterKind::Dispatch, 5));
  EXPECT_THAT(error(store),
              EndsWith("lane 0: writes 0x7f0000002000 (arena + 0x0), which dispatch 5 "
                       "writes: nothing waited for it to end before this dispatch"));
  gpu.memory.wrote(empty, 256, writerId(WriterKind::Dispatch, 3));
  gpu.memory.find(empty, 1)->readers[0] = 6;
  EXPECT_THAT(error(store), EndsWith("which dispatch 6 reads: nothing waited for it to end before "
                                     "this dispatch"));
}

TEST_F(Strict, ScalarLoadsDoNotSeeStoresOfTheirOwnDispatch) {
  EXPECT_THAT(error(R"(
    v_lshlrev_b32 v1, 2, v0
    global_store_b32 v1, v0, s[2:3]
    s_waitcnt_vscnt null, 0x0
    s_load_b32 s4, s[2:3], 0x0)"),
              EndsWith("wave 0: reads 0x7f0000002000 (arena + 0x0), which this dispatch wrote: "
                       "scalar loads do not see it"));
}

TEST_F(Strict, IllegalInstructions) {
  EXPECT_EQ(error(".long 0xffffffff"),
            "kernel test: no instruction at 0x7f0000004000: work group (0, 0, 0), wave 0: illegal "
            "instruction: 0xffffffff is no instruction of gfx1100");
  EXPECT_THAT(error("s_getpc_b64 s[4:5]\ns_add_u32 s4, s4, 0x10000\ns_setpc_b64 s[4:5]"),
              HasSubstr("which is not mapped"));
  EXPECT_THAT(error("s_setpc_b64 s[0:1]"),
              EndsWith("runs into weight a + 0x0, which is not executable"));
  EXPECT_THAT(error("s_trap 2"), EndsWith("the kernel trapped (trap 2)"));
}

TEST_F(Strict, KernelsThatNeverEnd) {
  EXPECT_THAT(error("loop:\ns_branch loop"), HasSubstr("hangs: 10000000 instructions so far"));
  gpu.stop = true;
  EXPECT_THAT(error("loop:\ns_branch loop"), HasSubstr("stopped after 65536 instructions"));
}

TEST_F(Strict, TheLowestFailingWorkGroupIsNamed) {
  TestGpu two(Mode::Strict, "gfx1100", 2);
  const uint64_t a = two.buffer("a", std::vector<uint32_t>(32 * 20));
  for (int i = 0; i < 20; ++i) { // work group id in s2
    const std::string message =
        two.error("v_lshlrev_b32 v1, 2, v0\ns_lshl_b32 s3, s2, 7\nv_add_nc_u32 v1, s3, v1\n"
                  "global_load_b32 v2, v1, s[0:1]",
                  {low(a), high(a)}, 32, 64);
    EXPECT_THAT(message, HasSubstr("work group (20, 0, 0), wave 0, lane 0"));
  }
}

struct Strict12 : testing::Test {
  std::string error(std::string_view text, uint32_t threads = 32, uint32_t lds = 0) {
    return gpu.error(text, {low(data), high(data)}, threads, 1, lds);
  }
  TestGpu gpu{Mode::Strict, "gfx1201"};
  uint64_t data = gpu.buffer("weight a", std::vector<uint32_t>(64, 7)); // 0x7f0000000000
};

TEST_F(Strict12, EveryKindOfLoadHasItsCounter) {
  EXPECT_THAT(error(R"(
    v_lshlrev_b32 v1, 2, v0
    global_load_b32 v2, v1, s[0:1]
    s_wait_dscnt 0x0
    v_mov_b32 v3, v2)"),
              EndsWith("wait for loadcnt(0) before"));
  EXPECT_THAT(error(R"(
    s_load_b32 s4, s[0:1], 0x0
    s_wait_loadcnt 0x0
    s_mov_b32 s5, s4)"),
              EndsWith("wait for kmcnt(0) before"));
  EXPECT_EQ(error(R"(
    v_lshlrev_b32 v1, 2, v0
    ds_store_b32 v1, v0
    s_load_b32 s4, s[0:1], 0x0
    global_load_b32 v2, v1, s[0:1]
    ds_load_b32 v3, v1
    s_wait_loadcnt_dscnt 0x0
    s_wait_kmcnt 0x0
    v_add3_u32 v3, v3, v2, s4)",
                  32, 512),
            "");
}

TEST_F(Strict12, BarriersHaveTwoHalves) {
  EXPECT_EQ(error("s_barrier_signal -1\ns_barrier_wait 0xffff", 64), "");
  EXPECT_THAT(error("s_barrier_wait 0xffff", 64),
              EndsWith("waits for a barrier that it has not signalled: the work group hangs"));
}

} // namespace
} // namespace rosso::emulator
