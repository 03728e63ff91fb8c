// Counted machine code: assembled by LLVM, counted by hand.
#include "tests/emulator/Assembler.h"
#include "tools/dump/Cost.h"

#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rosso::dump {

namespace {

using emulator::InstructionClass;

/// A kernel of these instructions; `lines` says which line of its template each came from.
KernelListing listingOf(const std::string &text, const std::vector<uint32_t> &lines) {
  KernelListing kernel;
  uint64_t offset = 0;
  const std::string &rest = text;
  size_t n = 0;
  for (size_t at = 0; at < rest.size(); ++n) {
    const size_t end = rest.find('\n', at);
    InstructionListing instruction;
    instruction.text = rest.substr(at, end - at);
    at = end + 1;
    instruction.bytes = emulator::assemble(instruction.text);
    instruction.offset = offset;
    offset += instruction.bytes.size();
    instruction.line = n < lines.size() ? lines[n] : 0;
    kernel.instructions.push_back(std::move(instruction));
  }
  return kernel;
}

/// A prologue, a loop that loads 16 and 4 bytes a lane, an epilogue.
KernelListing loop() {
  KernelListing kernel = listingOf("s_load_b128 s[4:7], s[0:1], 0x0\n"
                                   "v_lshlrev_b32_e32 v1, 4, v0\n"
                                   "global_load_b128 v[4:7], v1, s[4:5]\n"
                                   "global_load_b32 v8, v1, s[6:7]\n"
                                   "s_waitcnt vmcnt(0)\n"
                                   "v_dot4_i32_iu8 v2, v4, v8, v2\n"
                                   "v_mul_lo_u32 v3, v2, v8\n"
                                   "s_cbranch_scc1 0xfff0\n"
                                   "v_exp_f32_e32 v3, v3\n"
                                   "global_store_b32 v1, v3, s[6:7]\n"
                                   "s_endpgm\n",
                                   {1, 1, 2, 2, 2, 2, 1, 2, 3, 3, 3});
  kernel.instructions[7].target = static_cast<int64_t>(kernel.instructions[2].offset);
  kernel.runs = {1, 7, 0.5}; // of lines 1 to 3
  return kernel;
}

TEST(Machine, CountsClassesAndSlots) {
  auto machine = examine(loop(), *amd::findChip("gfx1100"));
  ASSERT_TRUE(machine.ok()) << machine.error().message;
  EXPECT_EQ(machine->instructions.size(), 11u);
  EXPECT_EQ(machine->once.of(InstructionClass::GlobalLoad), 2);
  EXPECT_EQ(machine->once.of(InstructionClass::ValuDot), 1);
  EXPECT_EQ(machine->once.of(InstructionClass::ValuQuarterRate), 1);
  EXPECT_EQ(machine->once.of(InstructionClass::ValuTrans), 1);
  EXPECT_EQ(machine->once.of(InstructionClass::Smem), 1);
  // Shift 1, loads with a scalar base 1 each, dot 1, mul_lo 4, exp 4, store of a dword 2.
  EXPECT_EQ(machine->once.slots, 1 + 1 + 1 + 1 + 4 + 4 + 2);
}

TEST(Machine, FindsTheLoopAndHowOftenItRuns) {
  auto machine = examine(loop(), *amd::findChip("gfx1100"));
  ASSERT_TRUE(machine.ok()) << machine.error().message;
  ASSERT_EQ(machine->loops.size(), 1u);
  EXPECT_EQ(machine->hot, 0);
  EXPECT_EQ(machine->loops[0].begin, 2u);
  EXPECT_EQ(machine->loops[0].end, 8u);
  EXPECT_EQ(machine->loops[0].runs, 7); // five instructions of line 2 against one of line 1
  EXPECT_EQ(machine->iteration.loadBytes, 32 * (16 + 4));
  EXPECT_EQ(machine->iteration.wideLoadBytes, 32 * 16);
  EXPECT_EQ(machine->iteration.loadRounds, 1);
  EXPECT_EQ(machine->iteration.prefetchedRounds, 0);
  EXPECT_EQ(machine->executed.of(InstructionClass::GlobalLoad), 14);
  EXPECT_EQ(machine->executed.of(InstructionClass::ValuTrans), 0.5); // of every second wave
  EXPECT_EQ(machine->executed.of(InstructionClass::Smem), 1);
}

TEST(Machine, AWaitThatLeavesLoadsIsNoFullWait) {
  KernelListing kernel = listingOf("global_load_b128 v[4:7], v1, s[4:5]\n"
                                   "global_load_b128 v[8:11], v1, s[6:7]\n"
                                   "s_waitcnt vmcnt(1)\n"
                                   "s_waitcnt vmcnt(0)\n"
                                   "s_waitcnt lgkmcnt(0)\n"
                                   "s_endpgm\n",
                                   {});
  auto machine = examine(kernel, *amd::findChip("gfx1100"));
  ASSERT_TRUE(machine.ok()) << machine.error().message;
  EXPECT_EQ(machine->once.loadRounds, 2);
  EXPECT_EQ(machine->once.prefetchedRounds, 1);
  EXPECT_EQ(machine->hot, -1);
}

// rdna3-kernels: 96 VGPRs hold 16 waves, 97 to 120 twelve, 168 nine, 256 five; 64 KiB of LDS of a
// WGP's 128 KiB leave two groups.
TEST(Occupancy, IsWhatRegistersLdsAndGroupsLeave) {
  const amd::Chip &chip = *amd::findChip("gfx1100");
  auto of = [&](uint32_t vgprs, uint32_t lds, uint32_t threads) {
    KernelListing kernel;
    kernel.vgprs = vgprs;
    kernel.ldsBytes = lds;
    return occupancyOf(chip, kernel, threads, /*wholeProcessor=*/true);
  };
  EXPECT_EQ(of(96, 0, 256).waves, 16);
  EXPECT_EQ(of(96, 0, 256).limit, "none");
  EXPECT_EQ(of(97, 0, 256).waves, 12);
  EXPECT_EQ(of(97, 0, 256).limit, "registers");
  EXPECT_EQ(of(168, 0, 32).waves, 9);
  EXPECT_EQ(of(256, 0, 32).byRegisters, 5u);
  EXPECT_EQ(of(64, 64 << 10, 256).waves, 4); // two groups of 8 waves on 4 SIMDs
  EXPECT_EQ(of(64, 64 << 10, 256).limit, "LDS");
  EXPECT_EQ(of(64, 0, 448).waves, 14); // four groups of 14 waves on 4 SIMDs
  EXPECT_EQ(of(64, 0, 448).limit, "work group");
}

} // namespace

} // namespace rosso::dump
