// What attention and top-k take of a GPU: registers, shared memory, no scratch memory; and what
// they do there, as the emulator counts it.
#include "codegen/Codegen.h"
#include "codegen/amdgpu/AmdCompiler.h"
#include "ir/Rosso.h"
#include "runtime/amd/Chip.h"
#include "runtime/emulator/Emulator.h"
#include "tests/codegen/AttentionCase.h"
#include "tests/codegen/KernelHarness.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

namespace rosso::testing {
namespace {

KernelResources compiled(const std::string &text, const std::string &chip) {
  mlir::MLIRContext context;
  context.loadDialect<RossoDialect, mlir::func::FuncDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  EXPECT_TRUE(module) << text;
  if (!module)
    return {};
  Result<Program> program = generate(*module, {.target = "amdgpu:" + chip, .dump = {}});
  if (!program) {
    ADD_FAILURE() << program.error().message;
    return {};
  }
  auto resources = resourcesOf(program->code, program->kernels.front().symbol);
  EXPECT_TRUE(resources);
  return resources ? *resources : KernelResources{};
}

KernelResources compiledWithoutSpills(const std::string &text, std::string_view chip) {
  KernelResources resources = compiled(text, std::string(chip));
  EXPECT_EQ(resources.scratchBytes, 0u) << chip;
  EXPECT_EQ(resources.vgprSpills, 0u) << chip;
  EXPECT_EQ(resources.sgprSpills, 0u) << chip;
  EXPECT_LE(resources.ldsBytes, amd::kLdsBytesPerWgp / 2) << chip;
  return resources;
}

struct Heads {
  int64_t heads, kvHeads, width;
};
constexpr Heads kQwen7B{28, 4, 128}, kQwen14B{40, 8, 128}, kLlama8B{32, 8, 128},
    kQwenHalfB{14, 2, 64};

AttentionCase attention(const Heads &of, const char *cache, int64_t tokens, int64_t context) {
  return {.device = "emu:gfx1100",
          .cache = cache,
          .heads = of.heads,
          .kvHeads = of.kvHeads,
          .keyWidth = of.width,
          .valueWidth = of.width,
          .tokens = tokens,
          .context = context,
          .mostTokens = 512};
}

TEST(GpuAttention, DecodeStaysWithinRegisters) {
  for (const Heads &of : {kQwen7B, kQwen14B, kLlama8B, kQwenHalfB}) {
    EXPECT_LE(compiledWithoutSpills(attention(of, "f16", 0, 16384).text(), "gfx1100").vgprs, 168u);
    // Eight waves a SIMD.
    EXPECT_LE(compiledWithoutSpills(attention(of, "q8_0", 0, 16384).text(), "gfx1100").vgprs, 192u);
  }
}

TEST(GpuAttention, PrefillLeavesRoomForTwoWorkGroups) {
  for (const Heads &of : {kQwen7B, kQwen14B, kLlama8B, kQwenHalfB})
    for (const char *cache : {"f16", "q8_0"})
      EXPECT_LE(compiledWithoutSpills(attention(of, cache, 1, 16384).text(), "gfx1100").vgprs,
                240u); // six waves a SIMD
}

TEST(GpuAttention, EveryChipHasCodeWithoutScratchMemory) {
  std::string_view last;
  for (const amd::Chip &chip : amd::chips()) {
    if (chip.name == last)
      continue;
    last = chip.name;
    for (const char *cache : {"f16", "q8_0", "f32"})
      for (int64_t tokens : {0, 1})
        compiledWithoutSpills(attention(kQwen7B, cache, tokens, 2048).text(), chip.name);
    compiledWithoutSpills(AttentionCase{.heads = 2, .keyWidth = 576, .valueWidth = 512}.text(),
                          chip.name);
  }
}

TEST(GpuTopK, EveryChipHasCodeWithoutScratchMemory) {
  std::string_view last;
  for (const amd::Chip &chip : amd::chips()) {
    if (chip.name == last)
      continue;
    last = chip.name;
    for (const std::string type : {"f32", "i64"})
      for (const std::string k : {"40", "5000"}) {
        const std::string x = "tensor<1x151936x" + type + ">", y = "tensor<1x" + k + "xi32>";
        compiledWithoutSpills(
            "module attributes {rosso.vars = {}} {\nfunc.func @main(%x: " + x +
                " {rosso.name = \"x\", rosso.space = \"input\"}) -> (" + y +
                " {rosso.name = \"y\"}) {\n  %y = rosso.kernel \"topk\" topk (%a = %x : " + x +
                ") -> " + y +
                " attributes {slots = [#rosso.slot<output, index 0, offset 0>]} {\n    %0 = "
                "rosso.topk %a k " +
                k + " : " + x + " -> " + y + "\n    rosso.yield %0 : " + y +
                "\n  }\n  return %y : " + y + "\n}\n}\n",
            chip.name);
      }
  }
}

/// One run of a case with nothing but zeros, as the emulator counts it.
emulator::Counters counted(const AttentionCase &c) {
  KernelHarness harness(c.text(), c.device);
  emulator::Counting *counting = harness.executable().device().counting();
  EXPECT_TRUE(counting);
  counting->keepDispatches(true);
  harness.run({{"P", c.position}, {"T", c.tokenCount()}});
  std::vector<emulator::DispatchCount> dispatches = counting->takeDispatches();
  EXPECT_EQ(dispatches.size(), 1u);
  return dispatches.back().counters;
}

/// Lane-slots for each byte of keys and values, of the budget of 15 that the memory's rate leaves.
double laneSlotsPerByte(const AttentionCase &c, double bytesPerElement) {
  const double bytes = static_cast<double>(2 * (c.position + 1) * c.kvHeads * c.keyWidth);
  return static_cast<double>(counted(c).slots) * 32 / (bytes * bytesPerElement);
}

TEST(GpuAttention, DecodeDoesLittleForEachByteOfTheCache) {
  AttentionCase halves = attention(kQwen7B, "f16", 0, 8192);
  halves.position = 8191;
  AttentionCase bytes = attention(kQwen7B, "q8_0", 0, 8192);
  bytes.position = 8191;
  const double ofHalves = laneSlotsPerByte(halves, 2), ofBytes = laneSlotsPerByte(bytes, 1.0625);
  RecordProperty("f16", std::to_string(ofHalves));
  RecordProperty("q8_0", std::to_string(ofBytes));
  EXPECT_LE(ofHalves, 7);
  EXPECT_LE(ofBytes, 13);
}

TEST(GpuAttention, PrefillDoesLittleBesidesMatrices) {
  AttentionCase c = attention(kQwen7B, "f16", 128, 1024);
  c.position = 512;
  const emulator::Counters counters = counted(c);
  const auto matrices = static_cast<double>(
      counters.instructions[static_cast<size_t>(emulator::InstructionClass::Wmma)]);
  const double other = (static_cast<double>(counters.slots) - 32 * matrices) / matrices;
  RecordProperty("slots", std::to_string(other));
  EXPECT_LE(other, 16);
}

} // namespace
} // namespace rosso::testing
