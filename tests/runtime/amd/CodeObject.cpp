// Against a code object that clang made; the numbers expected are those of llvm-readelf and of the
// ELF layout, at their offsets in bytes.
#include "runtime/amd/CodeObject.h"
#include "tests/runtime/amd/TestProgram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace rosso::amd {
namespace {

using testing::HasSubstr;

const Chip &gfx1100() { return *findChip("gfx1100"); }

std::string errorOf(std::span<const uint8_t> elf, const Chip &chip = gfx1100()) {
  auto parsed = CodeObject::parse(elf, chip);
  return parsed.ok() ? "no error" : parsed.error().message;
}

template <typename T> T at(const std::vector<uint8_t> &bytes, uint64_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

template <typename T> void put(std::vector<uint8_t> &bytes, uint64_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(value));
}

TEST(CodeObject, HoldsTheKernelsOfTheFile) {
  for (const char *chip : {"gfx1100", "gfx1201"}) {
    const auto elf = testKernels(chip);
    auto code = CodeObject::parse(elf, *findChip(chip));
    ASSERT_TRUE(code.ok()) << code.error().message;
    EXPECT_EQ(code->kernels().size(), 7u);
    const KernelCode *add = code->find("add");
    ASSERT_NE(add, nullptr);
    EXPECT_EQ(add->kernargBytes, 32u); // three buffers and the variables
    EXPECT_EQ(add->entry % 256, 0u);
    EXPECT_EQ(add->ldsBytes, 0u);
    EXPECT_EQ(add->privateBytes, 0u);
    EXPECT_TRUE(add->wave32());
    EXPECT_EQ(add->properties, 0x408); // arguments in s[0:1], wave32
    EXPECT_EQ(code->find("reverse")->ldsBytes, 64u * 4);
    EXPECT_GE(code->find("permute")->privateBytes, 16u * 4);
    EXPECT_EQ(code->find("permute")->rsrc2 & 1, 1u); // SCRATCH_EN
    EXPECT_EQ(code->find("subtract"), nullptr);
    // The code ends before the next kernel begins, and not with the segment.
    EXPECT_LT(add->bytes, 512u);
  }
}

// s_endpgm is 0xBFB00000 on gfx11 and gfx12: the last instruction of `add`.
TEST(CodeObject, ImageKeepsCodeWhereDescriptorsPoint) {
  auto code = CodeObject::parse(testKernels(), gfx1100());
  ASSERT_TRUE(code.ok());
  const auto image = code->image(0x7f00'0000'0000);
  EXPECT_EQ(image.size(), code->imageBytes());
  EXPECT_EQ(image.size() % 4096, 0u);
  const KernelCode *add = code->find("add");
  EXPECT_EQ(at<uint32_t>(image, add->entry + add->bytes - 4), 0xBFB00000u);
  for (const KernelCode &kernel : code->kernels())
    EXPECT_LE(kernel.entry + kernel.bytes + 256, image.size()); // hardware fetches ahead
}

// The table of `pick` holds the addresses of 1.0f, 2.0f and 3.0f.
TEST(CodeObject, RelocatesAddresses) {
  auto code = CodeObject::parse(testKernels(), gfx1100());
  ASSERT_TRUE(code.ok());
  const uint64_t base = 0x7f00'0000'0000;
  const auto here = code->image(base), there = code->image(base + 0x10000);
  std::vector<float> found;
  for (size_t i = 0; i + 8 <= here.size(); i += 8) {
    const auto a = at<uint64_t>(here, i), b = at<uint64_t>(there, i);
    if (a == b)
      continue;
    EXPECT_EQ(b - a, 0x10000u);
    ASSERT_LT(a - base, here.size());
    found.push_back(at<float>(here, a - base));
  }
  EXPECT_THAT(found, testing::ElementsAre(1.0f, 2.0f, 3.0f));
}

TEST(CodeObject, ForeignChipsAreNamed) {
  EXPECT_EQ(errorOf(testKernels("gfx1201")),
            "code object: compiled for gfx1201, this GPU is gfx1100; compile it for this chip");
  auto elf = testKernels();
  elf[48] = 0x4c; // low byte of e_flags
  EXPECT_THAT(errorOf(elf), HasSubstr("compiled for gfx942, this GPU is gfx1100"));
  elf[48] = 0x7b;
  EXPECT_THAT(errorOf(elf), HasSubstr("compiled for machine 0x7b, this GPU is gfx1100"));
}

TEST(CodeObject, OtherFilesSayWhatTheyAre) {
  const auto good = testKernels();
  auto with = [&](uint64_t offset, auto value) {
    auto elf = good;
    put(elf, offset, value);
    return elf;
  };
  EXPECT_THAT(errorOf({}), HasSubstr("not an ELF file"));
  EXPECT_THAT(errorOf(with(1, 'e')), HasSubstr("not an ELF file"));
  EXPECT_THAT(errorOf(with(4, uint8_t{1})), HasSubstr("64 bits"));
  EXPECT_THAT(errorOf(with(18, uint16_t{62})), HasSubstr("for machine 62"));
  EXPECT_THAT(errorOf(with(7, uint8_t{3})), HasSubstr("OS 3"));
  EXPECT_THAT(errorOf(with(8, uint8_t{1})), HasSubstr("ABI version 1"));
  EXPECT_THAT(errorOf(with(16, uint16_t{1})), HasSubstr("not linked"));
}

TEST(CodeObject, EveryTruncationIsRefused) {
  const auto elf = testKernels();
  for (size_t length = 0; length < elf.size(); length += length < 2048 ? 1 : 97)
    EXPECT_NE(errorOf(std::span(elf).first(length)), "no error") << length;
}

// Whatever a byte becomes, the answer is a value or an error.
TEST(CodeObject, DamagedBytesDoNoHarm) {
  auto elf = testKernels();
  for (size_t i = 0; i < 0x1A00; ++i) {
    const uint8_t kept = elf[i];
    for (uint8_t value : {uint8_t{0xff}, uint8_t(kept ^ 0x80), uint8_t(kept + 1)}) {
      elf[i] = value;
      if (auto code = CodeObject::parse(elf, gfx1100()))
        EXPECT_EQ(code->image(4096).size(), code->imageBytes());
    }
    elf[i] = kept;
  }
}

TEST(CodeObject, UnknownRelocationsAreRefused) {
  auto elf = testKernels();
  // The only table of relocations: type 13 of the first becomes 6.
  const std::array<uint8_t, 8> relative{13, 0, 0, 0, 0, 0, 0, 0};
  auto found = std::search(elf.begin() + 0x1000, elf.end(), relative.begin(), relative.end());
  while (found != elf.end() && (found - elf.begin()) % 8 != 0)
    found = std::search(found + 1, elf.end(), relative.begin(), relative.end());
  ASSERT_NE(found, elf.end());
  *found = 6;
  EXPECT_THAT(errorOf(elf), HasSubstr("relocation of type 6"));
}

} // namespace
} // namespace rosso::amd
