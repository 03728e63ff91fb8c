// The doctor's own kernel against LLVM's assembler, what it makes of waves' records, and its survey
// of made-up machines.
#include "runtime/ArenaPlan.h"
#include "runtime/amd/CodeObject.h"
#include "tests/emulator/Assembler.h"
#include "tests/runtime/kfd/FakeKernel.h"
#include "tools/doctor/Proof.h"
#include "tools/doctor/Survey.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace rosso::doctor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(DoctorKernel, IsWhatLlvmAssembles) {
  for (const auto &[isa, chip] : {std::pair{amd::Isa::Gfx10, "gfx1030"},
                                  {amd::Isa::Gfx11, "gfx1100"},
                                  {amd::Isa::Gfx11, "gfx1151"},
                                  {amd::Isa::Gfx12, "gfx1200"}})
    for (const ProofLine &line : proofLines(isa)) {
      const std::vector<uint8_t> bytes = emulator::assemble(line.text, chip);
      std::vector<uint32_t> wanted(bytes.size() / 4), found;
      std::memcpy(wanted.data(), bytes.data(), wanted.size() * 4);
      for (uint32_t word : line.words)
        if (word != kNoWord)
          found.push_back(word);
      EXPECT_EQ(found, wanted) << chip << ": " << line.text;
    }
}

TEST(DoctorKernel, IsACodeObjectForEveryChip) {
  for (const amd::Chip &chip : amd::chips()) {
    auto code = amd::CodeObject::parse(proofCode(chip), chip);
    ASSERT_TRUE(code) << chip.name << ": " << code.error().message;
    ASSERT_EQ(code->kernels().size(), 1u);
    const amd::KernelCode &kernel = code->kernels()[0];
    EXPECT_EQ(kernel.name, "rosso_proof");
    EXPECT_EQ(kernel.entry, 0x1000u);
    EXPECT_EQ(kernel.kernargBytes, 24u);
    EXPECT_TRUE(kernel.wave32());
    EXPECT_TRUE(planArena(proofProgram(chip)));
  }
}

// 1 * 0x9E3779B1, and that >> 15 is 0x13C6E. 1.0f is 0x3F800000, 1.5f is 0x3FC00000.
TEST(DoctorKernel, StoresNumbersThatAreEasyToCheck) {
  EXPECT_THAT(proofValue(0), ElementsAre(0u, 0x3F800000u));
  EXPECT_THAT(proofValue(1), ElementsAre(0x9E3645DFu, 0x3FC00000u));
}

TEST(DoctorProof, NamesTheFirstWrongThread) {
  std::vector<uint32_t> values;
  for (uint32_t thread = 0; thread < kProofGroups * kProofThreads; ++thread)
    for (uint32_t value : proofValue(thread))
      values.push_back(value);
  EXPECT_TRUE(checkValues(values));
  values[3] = 0x3F800000;
  auto checked = checkValues(values);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().message,
            "kernel: thread 1 stored 3f800000 as number 1, wanted 3fc00000");
  EXPECT_FALSE(checkValues({}));
}

// HW_ID1 of four waves: engine 0 array 0 WGP 0 SIMD 0; the same on SIMD 1; WGP 3; and engine 5,
// array 1, WGP 3.
TEST(DoctorProof, CountsWhereWavesRan) {
  const ProofRecord records[] = {{.place = 0x00000000, .begin = 1000, .end = 1040},
                                 {.place = 0x00000100, .begin = 990, .end = 1010},
                                 {.place = 0x00000C00, .begin = 1010, .end = 1050},
                                 {.place = 0x00150C02, .begin = 1005, .end = 1020}};
  auto census = Census::of(records);
  ASSERT_TRUE(census);
  EXPECT_EQ(census->waves, 4u);
  EXPECT_EQ(census->engines, 2u);
  EXPECT_EQ(census->wgps, 3u);
  EXPECT_EQ(census->simds, 4u);
  EXPECT_EQ(census->first, 990u);
  EXPECT_EQ(census->last, 1050u);
  const ProofRecord silent[] = {{}};
  EXPECT_FALSE(Census::of(silent));
}

std::string surveyed(amd::kfd::FakeKernel &kernel, Survey *out = nullptr) {
  Survey survey;
  surveyGpus(kernel, survey);
  if (out)
    *out = survey;
  EXPECT_THAT(kernel.complaints(), ElementsAre());
  EXPECT_EQ(kernel.openFiles(), 0u);
  return toText(survey.sections);
}

TEST(DoctorSurvey, ShowsAGpuWithItsDriver) {
  amd::kfd::FakeKernel kernel;
  Survey survey;
  EXPECT_EQ(
      surveyed(kernel, &survey),
      "AMD driver\n"
      "  /dev/kfd             may be used, interface version 1.17\n"
      "  GPUs                 1 through the driver, 1 of AMD on the PCI bus\n"
      "\n"
      "amd:0\n"
      "  chip                 gfx1100 (RX 7900 XTX), 96 compute units, 6 shader engines\n"
      "  VRAM                 24.00 GiB, 23.00 GiB free, 24.00 GiB of it visible to the host\n"
      "  PCI                  0000:03:00.0, 1002:744c, driver amdgpu\n"
      "  BAR                  32.00 GiB\n"
      "  link                 16 GT/s x16 (31.5 GB/s), at most 16 GT/s x16 (31.5 GB/s)\n"
      "  firmware             550, copy engines 19\n"
      "  /dev/dri/renderD128  may be used\n");
  ASSERT_EQ(survey.candidates.size(), 1u);
  EXPECT_EQ(survey.candidates[0].device, "amd:0");
  EXPECT_EQ(survey.candidates[0].problem, "");
}

TEST(DoctorSurvey, ShowsAGpuThatNoDriverHas) {
  amd::kfd::FakeKernel kernel;
  kernel.kfdOpenError = -ENOENT;
  std::erase_if(kernel.sysfs.files,
                [](const auto &file) { return file.first.find("/kfd/") != std::string::npos; });
  kernel.sysfs.links.clear();
  kernel.sysfs.files.erase("/sys/bus/pci/devices/0000:03:00.0/mem_info_vram_total");
  Survey survey;
  const std::string text = surveyed(kernel, &survey);
  EXPECT_THAT(text, HasSubstr("load the driver (modprobe amdgpu)"));
  EXPECT_THAT(text, HasSubstr("GPU 0000:03:00.0\n"
                              "  chip      gfx1100\n"
                              "  PCI       0000:03:00.0, 1002:744c, driver none\n"));
  EXPECT_THAT(text, HasSubstr("problem   no driver has it; load one (modprobe amdgpu)"));
  EXPECT_TRUE(survey.candidates.empty());
}

TEST(DoctorSurvey, SaysWhatKeepsAGpuFromUse) {
  amd::kfd::FakeKernel kernel;
  kernel.renderOpenError = -EACCES;
  Survey survey;
  surveyed(kernel, &survey);
  ASSERT_EQ(survey.candidates.size(), 1u);
  EXPECT_THAT(survey.candidates[0].problem,
              HasSubstr("/dev/dri/renderD128: Permission denied (EACCES); add this user to the "
                        "groups render and video"));

  amd::kfd::FakeKernel old;
  old.minor = 3;
  surveyed(old, &survey);
  EXPECT_THAT(survey.candidates[0].problem, HasSubstr("interface version 1.3, wanted 1.9"));
}

TEST(DoctorReport, IsJsonToo) {
  EXPECT_EQ(toJson({{"host", {{"processor", "a \"b\""}, {"memory", "1 GiB"}}}, {"empty", {}}}),
            "{\"host\": [{\"processor\": \"a \\\"b\\\"\"}, {\"memory\": \"1 GiB\"}],\n"
            " \"empty\": []}\n");
}

} // namespace
} // namespace rosso::doctor
