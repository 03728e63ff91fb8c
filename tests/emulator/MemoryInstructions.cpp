// Memory instructions one by one: what they move, worked out by hand.
#include "tests/emulator/TestGpu.h"

#include <bit>
#include <gmock/gmock.h>

namespace rosso::emulator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct MemoryInstructions : testing::Test {
  /// Runs `text` with the buffer `in` at s[0:1] and 4 KiB of output at s[2:3]; v1 = 4 * lane.
  std::vector<uint32_t> run(std::string_view text, uint32_t lds = 4096, size_t values = 32) {
    auto result = gpu.run("v_lshlrev_b32 v1, 2, v0\n" + std::string(text) +
                              "\ns_waitcnt vmcnt(0) lgkmcnt(0)\n"
                              "global_store_b32 v1, v2, s[2:3]",
                          {low(in), high(in), low(out), high(out)}, 32, 1, lds);
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
    return gpu.values<uint32_t>(out, values);
  }
  /// The same for one value in all lanes.
  uint32_t first(std::string_view text) { return run(text)[0]; }

  TestGpu gpu{Mode::Strict};
  static std::vector<uint32_t> numbers() {
    std::vector<uint32_t> values(1024);
    for (uint32_t i = 0; i < 1024; ++i)
      values[i] = 0x80000000 + 0x01020304 * (i % 32) + i / 32;
    return values;
  }
  uint64_t in = gpu.buffer("in", numbers());
  uint64_t out = gpu.allocate("out", 4096);
};

// Word 1 of `in` is 0x81020304, word 2 is 0x82040608.
TEST_F(MemoryInstructions, PartsOfWordsAreExtended) {
  const std::string at = "v_mov_b32 v3, 4\n";
  EXPECT_EQ(first(at + "global_load_u8 v2, v3, s[0:1]"), 0x04u);
  EXPECT_EQ(first(at + "global_load_u8 v2, v3, s[0:1] offset:3"), 0x81u);
  EXPECT_EQ(first(at + "global_load_i8 v2, v3, s[0:1] offset:3"), 0xFFFFFF81u);
  EXPECT_EQ(first(at + "global_load_u16 v2, v3, s[0:1] offset:2"), 0x8102u);
  EXPECT_EQ(first(at + "global_load_i16 v2, v3, s[0:1] offset:2"), 0xFFFF8102u);
  EXPECT_EQ(first(at + "global_load_b32 v2, v3, s[0:1] offset:-4"), 0x80000000u);
}

TEST_F(MemoryInstructions, HalvesKeepTheOtherHalf) {
  const std::string at = "v_mov_b32 v3, 4\nv_mov_b32 v2, 0x11223344\n";
  EXPECT_EQ(first(at + "global_load_d16_b16 v2, v3, s[0:1] offset:2"), 0x11228102u);
  EXPECT_EQ(first(at + "global_load_d16_hi_b16 v2, v3, s[0:1]"), 0x03043344u);
  EXPECT_EQ(first(at + "global_load_d16_i8 v2, v3, s[0:1] offset:3"), 0x1122FF81u);
  EXPECT_EQ(first(at + "global_load_d16_hi_u8 v2, v3, s[0:1] offset:3"), 0x00813344u);
  EXPECT_EQ(first(at + "ds_store_b32 v3, v2\nds_load_u16_d16_hi v2, v3"), 0x33443344u);
  EXPECT_EQ(first(at + "ds_store_b32 v3, v2\nds_store_b16_d16_hi v3, v2\nds_load_b32 v2, v3"),
            0x11221122u);
  EXPECT_EQ(first(at + "ds_store_b32 v3, v2\nds_store_b8_d16_hi v3, v2\nds_load_b32 v2, v3"),
            0x11223322u);
}

TEST_F(MemoryInstructions, WideLoadsFillRegistersInOrder) {
  const auto result = run(R"(
    v_lshlrev_b32 v3, 4, v0
    global_load_b128 v[4:7], v3, s[0:1]
    global_load_b96 v[8:10], v3, s[0:1]
    s_waitcnt vmcnt(0)
    v_sub_nc_u32 v2, v7, v4
    v_sub_nc_u32 v3, v10, v9
    v_lshl_or_b32 v2, v3, 31, v2)");
  // Words 4i + 3 and 4i differ by three steps, words 4i + 2 and 4i + 1 by one, which is even.
  EXPECT_EQ(result[0], 3 * 0x01020304u);
  EXPECT_EQ(result[7], 3 * 0x01020304u);
  EXPECT_EQ(result[31], 3 * 0x01020304u);
}

TEST_F(MemoryInstructions, InactiveLanesKeepTheirRegisters) {
  const auto result = run(R"(
    v_mov_b32 v2, 5
    s_mov_b32 exec_lo, 0xfffffffd
    global_load_b32 v2, v1, s[0:1]
    s_waitcnt vmcnt(0)
    s_mov_b32 exec_lo, -1)");
  EXPECT_EQ(result[0], 0x80000000u);
  EXPECT_EQ(result[1], 5u);
  EXPECT_EQ(result[2], 0x82040608u);
}

TEST_F(MemoryInstructions, AddressesOf64Bits) {
  EXPECT_EQ(run(R"(
    v_add_co_u32 v4, vcc_lo, s0, v1
    v_mov_b32 v6, s1
    v_add_co_ci_u32 v5, vcc_lo, 0, v6, vcc_lo
    global_load_b32 v2, v[4:5], off offset:128)")[1],
            0x81020305u);
}

// A raw buffer of 64 bytes: words 16 and on read 0, and are not stored.
TEST_F(MemoryInstructions, BuffersEndWhereTheirDescriptorSays) {
  const auto result = run(R"(
    s_mov_b32 s4, s0
    s_and_b32 s5, s1, 0xffff
    s_mov_b32 s6, 64
    s_mov_b32 s7, 0x31004000
    buffer_load_b32 v2, v1, s[4:7], 0 offen)");
  EXPECT_EQ(result[15], 0x80000000 + 0x01020304 * 15u);
  EXPECT_EQ(result[16], 0u);
  run(R"(
    s_mov_b32 s4, s2
    s_and_b32 s5, s3, 0xffff
    s_mov_b32 s6, 64
    s_mov_b32 s7, 0x31004000
    v_mov_b32 v2, 1
    global_store_b32 v1, v2, s[2:3] offset:256
    s_movk_i32 s8, 0x20
    buffer_store_b32 v0, v1, s[4:7], s8 offen
    v_mov_b32 v1, 0x100
    v_mov_b32 v2, 1)",
      4096, 64);
  EXPECT_THAT(gpu.values<uint32_t>(out + 32, 8), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_EQ(gpu.values<uint32_t>(out + 64, 1)[0], 0u); // of the run before
}

TEST_F(MemoryInstructions, BuffersWithStrideTakeAnIndex) {
  // Records of 8 bytes; the index is the lane.
  const auto result = run(R"(
    s_mov_b32 s4, s0
    s_and_b32 s5, s1, 0xffff
    s_or_b32 s5, s5, 0x80000
    s_mov_b32 s6, 4
    s_mov_b32 s7, 0x01004000
    buffer_load_b32 v2, v0, s[4:7], 0 idxen offset:4)");
  EXPECT_EQ(result[0], 0x81020304u);
  EXPECT_EQ(result[3], 0x80000000 + 0x01020304 * 7u);
  EXPECT_EQ(result[4], 0u);
}

TEST_F(MemoryInstructions, FlatAddressesReachLdsAndGlobalMemory) {
  const auto result = run(R"(
    ds_store_b32 v1, v0
    s_mov_b64 s[4:5], src_shared_base
    v_mov_b32 v3, s5
    v_mov_b32 v5, s0
    v_mov_b32 v6, s1
    v_cmp_gt_u32 vcc_lo, 16, v0
    v_cndmask_b32 v8, v6, v3, vcc_lo
    v_cndmask_b32 v7, v5, 0, vcc_lo
    v_add_co_u32 v7, vcc_lo, v7, v1
    v_add_co_ci_u32 v8, vcc_lo, 0, v8, vcc_lo
    s_waitcnt lgkmcnt(0)
    flat_load_b32 v2, v[7:8])");
  EXPECT_EQ(result[15], 15u);
  EXPECT_EQ(result[16], 0x80000000 + 0x01020304 * 16u);
}

TEST_F(MemoryInstructions, TwoAddressesAtOnce) {
  const auto result = run(R"(
    v_lshlrev_b32 v3, 3, v0
    v_mov_b32 v4, 7
    ds_store_2addr_b32 v3, v0, v4 offset1:1
    ds_load_2addr_b32 v[5:6], v3 offset0:1 offset1:0
    s_waitcnt lgkmcnt(0)
    v_lshl_or_b32 v2, v5, 16, v6)");
  EXPECT_EQ(result[9], 7u << 16 | 9);
  EXPECT_EQ(first(R"(
    v_mov_b32 v3, 0
    v_mov_b32 v4, 1
    v_mov_b32 v5, 2
    ds_store_2addr_stride64_b32 v3, v4, v5 offset0:0 offset1:2
    ds_load_b32 v2, v3 offset:512)"),
            2u);
}

TEST_F(MemoryInstructions, ScalarLoadsTakeOffsetsAndBuffersEnd) {
  EXPECT_EQ(first("s_load_b128 s[8:11], s[0:1], 0x4\ns_waitcnt lgkmcnt(0)\nv_mov_b32 v2, s10"),
            0x80000000 + 0x01020304 * 3u);
  EXPECT_EQ(first("s_movk_i32 s4, 0x8\ns_load_b32 s8, s[0:1], s4 offset:0x4\n"
                  "s_waitcnt lgkmcnt(0)\nv_mov_b32 v2, s8"),
            0x80000000 + 0x01020304 * 3u);
  EXPECT_EQ(first("s_mov_b32 s4, s0\ns_mov_b32 s5, s1\ns_mov_b32 s6, 8\ns_mov_b32 s7, 0\n"
                  "s_buffer_load_b64 s[8:9], s[4:7], 0x4\ns_waitcnt lgkmcnt(0)\n"
                  "v_mov_b32 v2, s8\nv_mov_b32 v3, s9\nv_sub_nc_u32 v2, v2, v3"),
            0x81020304u); // the second word lies beyond
}

// ds_bpermute reads from another lane, ds_permute writes to one.
TEST_F(MemoryInstructions, LanesExchangeValues) {
  const std::string rotate = "v_add_nc_u32 v3, 4, v1\n"; // address of the lane to the right
  auto result = run(rotate + "ds_bpermute_b32 v2, v3, v0", 0);
  EXPECT_EQ(result[0], 1u);
  EXPECT_EQ(result[31], 0u);
  result = run(rotate + "ds_permute_b32 v2, v3, v0", 0);
  EXPECT_EQ(result[0], 31u);
  EXPECT_EQ(result[1], 0u);
  result = run(rotate + "v_mov_b32 v2, 9\ns_mov_b32 exec_lo, 0xffff\nds_bpermute_b32 v2, v3, v0\n"
                        "s_mov_b32 exec_lo, -1",
               0);
  EXPECT_EQ(result[14], 15u);
  EXPECT_EQ(result[15], 0u); // lane 16 is not active
  EXPECT_EQ(result[16], 9u);
  result = run("ds_swizzle_b32 v2, v0 offset:swizzle(SWAP,8)", 0);
  EXPECT_THAT(std::vector(result.begin() + 6, result.begin() + 10), ElementsAre(14, 15, 0, 1));
  result = run("ds_swizzle_b32 v2, v0 offset:swizzle(QUAD_PERM,3,2,1,0)", 0);
  EXPECT_THAT(std::vector(result.begin() + 4, result.begin() + 8), ElementsAre(7, 6, 5, 4));
}

/// An atomic in LDS on `old` with `data`: what is returned, and what is there after.
struct AtomicCase {
  const char *name;
  uint32_t old, data, after;
};
TEST_F(MemoryInstructions, AtomicsDoWhatTheirNamesSay) {
  const AtomicCase cases[] = {
      {"add_rtn_u32", 5, 7, 12},
      {"sub_rtn_u32", 5, 7, 0xFFFFFFFE},
      {"rsub_rtn_u32", 5, 7, 2},
      {"inc_rtn_u32", 5, 7, 6},
      {"inc_rtn_u32", 7, 7, 0},
      {"dec_rtn_u32", 5, 7, 4},
      {"dec_rtn_u32", 0, 7, 7},
      {"dec_rtn_u32", 9, 7, 7},
      {"min_rtn_i32", 0xFFFFFFFF, 7, 0xFFFFFFFF},
      {"min_rtn_u32", 0xFFFFFFFF, 7, 7},
      {"max_rtn_i32", 0xFFFFFFFF, 7, 7},
      {"max_rtn_u32", 0xFFFFFFFF, 7, 0xFFFFFFFF},
      {"and_rtn_b32", 0b1100, 0b1010, 0b1000},
      {"or_rtn_b32", 0b1100, 0b1010, 0b1110},
      {"xor_rtn_b32", 0b1100, 0b1010, 0b0110},
      {"storexchg_rtn_b32", 5, 7, 7},
      {"add_rtn_f32", 0x3F800000, 0x40000000, 0x40400000}, // 1 + 2
      {"min_rtn_f32", 0xBF800000, 0x40000000, 0xBF800000},
      {"max_rtn_f32", 0x7FC00000, 0x40000000, 0x40000000}, // a NaN loses
  };
  for (const AtomicCase &each : cases) {
    const std::string text = "s_mov_b32 exec_lo, 1\nv_mov_b32 v3, 0\nv_mov_b32 v4, " +
                             std::to_string(each.old) + "\nv_mov_b32 v5, " +
                             std::to_string(each.data) + "\nds_store_b32 v3, v4\nds_" + each.name +
                             " v6, v3, v5\nds_load_b32 v7, v3\ns_waitcnt lgkmcnt(0)\n";
    EXPECT_EQ(first(text + "v_mov_b32 v2, v6"), each.old) << each.name;
    EXPECT_EQ(first(text + "v_mov_b32 v2, v7"), each.after) << each.name;
  }
}

TEST_F(MemoryInstructions, CompareAndSwapTakesTheNewValueFirst) {
  const std::string setup = "s_mov_b32 exec_lo, 1\nv_mov_b32 v3, 0\nv_mov_b32 v4, 5\n"
                            "v_mov_b32 v8, 6\nv_mov_b32 v9, 5\nglobal_store_b32 v3, v4, s[2:3]\n"
                            "s_waitcnt_vscnt null, 0x0\n";
  EXPECT_EQ(first(setup + "global_atomic_cmpswap_b32 v2, v3, v[8:9], s[2:3] glc\n"
                          "s_waitcnt vmcnt(0)\nglobal_load_b32 v2, v3, s[2:3]"),
            6u);
  EXPECT_EQ(first(setup + "ds_store_b32 v3, v4\nds_cmpstore_rtn_b32 v2, v3, v8, v9\n"
                          "s_waitcnt lgkmcnt(0)\nds_load_b32 v2, v3"),
            6u);
  EXPECT_EQ(first(setup + "ds_store_b32 v3, v4\nds_cmpstore_rtn_b32 v2, v3, v8, v8\n"
                          "s_waitcnt lgkmcnt(0)\nds_load_b32 v2, v3"),
            5u);
}

TEST_F(MemoryInstructions, AtomicsOf64Bits) {
  EXPECT_EQ(first(R"(
    s_mov_b32 exec_lo, 1
    v_mov_b32 v3, 0
    v_mov_b32 v4, -1
    v_mov_b32 v5, 1
    v_mov_b32 v6, 2
    v_mov_b32 v7, 0
    ds_store_b64 v3, v[4:5]
    ds_add_rtn_u64 v[8:9], v3, v[6:7]
    ds_load_b64 v[10:11], v3
    s_waitcnt lgkmcnt(0)
    v_lshl_or_b32 v2, v11, 8, v10)"),
            2u << 8 | 1); // 0x1FFFFFFFF + 2 = 0x200000001
}

TEST_F(MemoryInstructions, PackedAtomicsAddEachHalf) {
  TestGpu gfx12(Mode::Strict, "gfx1201");
  const uint64_t word = gfx12.buffer("word", std::vector<uint32_t>{0x3C004000}); // 1, 2
  auto result = gfx12.run("v_mov_b32 v1, 0\nv_mov_b32 v2, 0x3C003800\n"          // 1, 0.5
                          "global_atomic_pk_add_f16 v1, v2, s[0:1]",
                          {low(word), high(word)}, 1);
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(gfx12.values<uint32_t>(word, 1)[0], 0x40004100u); // 2, 2.5
}

TEST_F(MemoryInstructions, AllLanesOfAnAtomicTakePart) {
  const uint64_t sum = gpu.buffer("sum", std::vector<uint32_t>{100, 0});
  auto result = gpu.run("v_mov_b32 v1, 0\nglobal_atomic_add_u32 v1, v0, s[0:1]",
                        {low(sum), high(sum)}, 64, 10);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(gpu.values<uint32_t>(sum, 1)[0], 100u + 10 * (63 * 64 / 2));
  EXPECT_THAT(
      gpu.error("v_mov_b32 v1, 2\nglobal_atomic_add_u32 v1, v0, s[0:1]", {low(sum), high(sum)}),
      HasSubstr("not aligned to its size"));
}

} // namespace
} // namespace rosso::emulator
