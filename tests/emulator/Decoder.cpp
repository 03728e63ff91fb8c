#include "runtime/emulator/decode/Decoder.h"
#include "tests/emulator/Assembler.h"

#include <gmock/gmock.h>

namespace rosso::emulator {
namespace {

using testing::HasSubstr;

/// Assembles one instruction and takes it apart.
Instruction decoded(std::string_view text, std::string_view chip = "gfx1100") {
  auto decoder = Decoder::create(*amd::findChip(chip));
  EXPECT_TRUE(decoder.ok());
  const std::vector<uint8_t> code = assemble(text, chip);
  EXPECT_FALSE(code.empty()) << text;
  auto instruction = (*decoder)->decode(code, 0x1000);
  EXPECT_TRUE(instruction.ok()) << (instruction.ok() ? "" : instruction.error().message);
  return instruction.ok() ? std::move(*instruction) : Instruction();
}

/// "r s2 v4:2" for reads of s2, v4 and v5.
std::string listed(const std::vector<RegisterRange> &ranges) {
  std::string text;
  for (const RegisterRange &range : ranges)
    text += (text.empty() ? "" : " ") + std::string(range.vector ? "v" : "s") +
            std::to_string(range.index) +
            (range.dwords > 1 ? ":" + std::to_string(range.dwords) : "");
  return text;
}

TEST(Decoder, SourcesHaveSignsAndConstants) {
  const Instruction fma = decoded("v_fma_f32 v0, -|v1|, s3, 1.0 clamp mul:4");
  EXPECT_EQ(fma.name, "v_fma_f32");
  EXPECT_EQ(fma.encoding, Encoding::Vop3);
  EXPECT_EQ(fma.bytes, 8);
  ASSERT_EQ(fma.operands.size(), 4u);
  EXPECT_EQ(fma.destinations, 1);
  EXPECT_TRUE(fma.operands[1].neg && fma.operands[1].abs);
  EXPECT_EQ(fma.operands[2].kind, OperandKind::Sgpr);
  EXPECT_EQ(fma.operands[2].index, 3);
  EXPECT_EQ(fma.operands[3].kind, OperandKind::InlineFloat);
  EXPECT_EQ(fma.operands[3].index, 242);
  EXPECT_TRUE(fma.modifiers.clamp);
  EXPECT_EQ(fma.modifiers.omod, 2);
  EXPECT_EQ(listed(fma.reads), "v1 s3 s126"); // exec_lo is 126
}

TEST(Decoder, LiteralsAreTheDwordBehindTheInstruction) {
  const Instruction move = decoded("v_mov_b32 v0, 0xdeadbeef");
  EXPECT_EQ(move.operands[1].kind, OperandKind::Literal);
  EXPECT_EQ(move.operands[1].value, 0xdeadbeefu);
  const Instruction small = decoded("s_mov_b32 s0, -7");
  EXPECT_EQ(small.operands[1].kind, OperandKind::InlineInt);
  EXPECT_EQ(small.operands[1].value, 0xfffffff9u);
}

TEST(Decoder, PackedInstructionsHaveFourSelectors) {
  const Instruction fma = decoded("v_pk_fma_f16 v0, v1, v2, v3 op_sel:[1,0,0] op_sel_hi:[0,1,1] "
                                  "neg_lo:[1,0,0] neg_hi:[0,0,1]");
  EXPECT_EQ(fma.encoding, Encoding::Vop3p);
  EXPECT_EQ(fma.modifiers.opSel, 1);
  EXPECT_EQ(fma.modifiers.opSelHi, 6);
  EXPECT_EQ(fma.modifiers.negLo, 1);
  EXPECT_EQ(fma.modifiers.negHi, 4);
  EXPECT_EQ(decoded("v_pk_add_f16 v0, v1, v2").modifiers.opSelHi, 7);
}

TEST(Decoder, DppSaysWhereLanesComeFrom) {
  const Instruction quad =
      decoded("v_add_f32_dpp v0, v1, v2 quad_perm:[1,0,3,2] row_mask:0xa bank_mask:0xf "
              "bound_ctrl:1 fi:1");
  EXPECT_EQ(quad.name, "v_add_f32");
  EXPECT_EQ(quad.encoding, Encoding::Vop2);
  EXPECT_EQ(quad.modifiers.dpp, DppControl::QuadPerm);
  EXPECT_EQ(quad.modifiers.dppValue, 0xB1u); // 1 | 0 << 2 | 3 << 4 | 2 << 6
  EXPECT_EQ(quad.modifiers.rowMask, 0xA);
  EXPECT_TRUE(quad.modifiers.boundCtrl && quad.modifiers.fetchInactive);
  const Instruction share = decoded("v_mov_b32_dpp v0, v1 row_share:3 row_mask:0xf bank_mask:0xf");
  EXPECT_EQ(share.modifiers.dpp, DppControl::RowShare);
  EXPECT_EQ(share.modifiers.dppValue, 3u);
  EXPECT_EQ(listed(share.reads), "v1 s126");
  const Instruction eight = decoded("v_mov_b32_dpp v0, v1 dpp8:[7,6,5,4,3,2,1,0]");
  EXPECT_EQ(eight.modifiers.dppValue, 0x053977u);
}

TEST(Decoder, HalvesOfRegistersAreNamed) {
  const Instruction add = decoded("v_add_f16_e64 v0.h, -v1.h, v2.l");
  EXPECT_TRUE(add.operands[0].isHalf && add.operands[0].high);
  EXPECT_TRUE(add.operands[1].isHalf && add.operands[1].high && add.operands[1].neg);
  EXPECT_TRUE(add.operands[2].isHalf && !add.operands[2].high);
  EXPECT_EQ(add.modifiers.opSel, 1 | 8);
}

TEST(Decoder, DualInstructionsAreTwo) {
  const Instruction pair =
      decoded("v_dual_fmac_f32 v0, v1, v2 :: v_dual_add_f32 v3, 0x40123456, v5");
  EXPECT_EQ(pair.encoding, Encoding::Vopd);
  EXPECT_EQ(pair.name, "v_fmac_f32");
  ASSERT_TRUE(pair.second);
  EXPECT_EQ(pair.second->name, "v_add_f32");
  EXPECT_EQ(pair.second->operands[1].value, 0x40123456u);
  EXPECT_EQ(listed(pair.writes), "v0 v3");
  EXPECT_THAT(listed(pair.reads), HasSubstr("v0")); // fmac adds to it
}

TEST(Decoder, CarriesAndComparisonsNameTheirMask) {
  const Instruction add = decoded("v_add_co_ci_u32 v0, vcc_lo, v1, v2, vcc_lo");
  EXPECT_EQ(add.name, "v_add_co_ci_u32");
  EXPECT_EQ(add.operands.size(), 5u);
  EXPECT_EQ(add.destinations, 2);
  const Instruction less = decoded("v_cmp_lt_f32 vcc_lo, v0, v1");
  EXPECT_EQ(less.name, "v_cmp_lt_f32");
  EXPECT_EQ(less.encoding, Encoding::Vopc);
  EXPECT_EQ(less.destinations, 1);
  EXPECT_EQ(decoded("v_cmp_lt_f32_e64 s5, v0, v1").operands[0].index, 5);
  const Instruction masked = decoded("v_cmpx_lt_f32 v0, v1");
  EXPECT_EQ(masked.destinations, 0);
  EXPECT_EQ(listed(masked.writes), "s126");
}

// Where 32 lanes use half of it, the other half of vcc is a register like any other.
TEST(Decoder, VccIsTwoRegistersWhereItIsNamed) {
  EXPECT_EQ(listed(decoded("s_load_b64 vcc, s[2:3], 0x0").writes), "s106:2");
  EXPECT_THAT(listed(decoded("v_cndmask_b32_e32 v0, v1, v2, vcc_lo").reads), HasSubstr("s106 "));
  EXPECT_EQ(listed(decoded("v_cmp_lt_f32_e32 vcc_lo, v0, v1").writes), "s106");
}

TEST(Decoder, MemoryInstructionsHaveAddressOffsetAndCacheBits) {
  const Instruction load = decoded("global_load_b128 v[4:7], v1, s[2:3] offset:-16 glc dlc");
  EXPECT_EQ(load.encoding, Encoding::Global);
  EXPECT_EQ(load.operands[0].dwords, 4);
  EXPECT_EQ(load.operands[2].index, 2);
  EXPECT_EQ(load.modifiers.offset, -16);
  EXPECT_TRUE(load.modifiers.glc && load.modifiers.dlc && !load.modifiers.slc);
  EXPECT_EQ(listed(load.writes), "v4:4");
  EXPECT_EQ(decoded("global_load_b32 v0, v[4:5], off").operands[2].kind, OperandKind::None);
  const Instruction two = decoded("ds_load_2addr_b32 v[0:1], v2 offset0:1 offset1:255");
  EXPECT_EQ(two.modifiers.offset0, 1);
  EXPECT_EQ(two.modifiers.offset1, 255);
  // BITMASK_PERM has five bits each, from bit 0: and 00100, or 00011, xor 00000.
  EXPECT_EQ(
      decoded("ds_swizzle_b32 v0, v1 offset:swizzle(BITMASK_PERM,\"00p11\")").modifiers.offset,
      0x4 | 0x3 << 5);
  const Instruction scalar = decoded("s_load_b64 s[0:1], s[2:3], 0x10");
  EXPECT_EQ(scalar.encoding, Encoding::Smem);
  EXPECT_EQ(scalar.operands[2].kind, OperandKind::Immediate);
  EXPECT_EQ(scalar.operands[2].value, 16u);
}

TEST(Decoder, BranchesHaveTargets) {
  EXPECT_EQ(decoded("s_branch 0xfffe").branchTarget, 0x1000u + 4 - 8);
  EXPECT_EQ(decoded("s_cbranch_scc0 3").branchTarget, 0x1000u + 4 + 12);
  EXPECT_EQ(decoded("s_movk_i32 s0, 0x8234").operands[1].value, 0xffff8234u);
}

TEST(Decoder, Gfx12HasScopesAndItsOwnWaits) {
  const Instruction load =
      decoded("global_load_b32 v0, v1, s[2:3] th:TH_LOAD_NT scope:SCOPE_SYS", "gfx1201");
  EXPECT_EQ(load.encoding, Encoding::Global);
  EXPECT_EQ(load.modifiers.scope, 3);
  EXPECT_EQ(load.modifiers.temporal, 1);
  EXPECT_EQ(decoded("s_wait_loadcnt 0x2", "gfx1201").simm16, 2);
  EXPECT_EQ(decoded("global_load_dword v0, v[2:3], off", "gfx1030").name, "global_load_dword");
}

TEST(Decoder, WhatIsNoInstructionIsAnError) {
  auto decoder = Decoder::create(*amd::findChip("gfx1100"));
  ASSERT_TRUE(decoder.ok());
  const std::vector<uint8_t> code(16, 0xFF);
  auto result = (*decoder)->decode(code, 0);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, "0xffffffff is no instruction of gfx1100");
}

} // namespace
} // namespace rosso::emulator
