#include "models/io/Gguf.h"

#include "ir/quant/GridFormats.h"
#include "tests/models/io/GgufBytes.h"

#include <gmock/gmock.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace rosso {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string errorOf(const auto &result) { return result ? "no error" : result.error().message; }

/// A folder of its own for each test.
class GgufFiles : public testing::Test {
protected:
  void SetUp() override {
    const auto *test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() /
              ("rosso-" + std::string(test->name()) + "-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string &name, std::span<const uint8_t> bytes) {
    const std::string path = folder_ / name;
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char *>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    return path;
  }
  std::string path(const std::string &name) const { return folder_ / name; }

private:
  std::filesystem::path folder_;
};

TEST(Gguf, ReadsEveryTypeOfMetadata) {
  GgufBytes file;
  file.key("u8", kU8).number<uint8_t>(200);
  file.key("i8", kI8).number<int8_t>(-100);
  file.key("u16", kU16).number<uint16_t>(60000);
  file.key("i16", kI16).number<int16_t>(-30000);
  file.key("u32", kU32).number<uint32_t>(4000000000);
  file.key("i32", kI32).number<int32_t>(-2000000000);
  file.key("u64", kU64).number<uint64_t>(18000000000000000000u);
  file.key("i64", kI64).number<int64_t>(-9000000000000000000);
  file.key("f32", kF32).number<float>(0.5f);
  file.key("f64", kF64).number<double>(1e300);
  file.key("bool", kBool).number<uint8_t>(1);
  file.key("string", kString).string(std::string("a\0b", 3));
  const Bytes bytes = file.bytes();
  auto gguf = GgufFile::parse(bytes, "test.gguf");
  ASSERT_TRUE(gguf) << errorOf(gguf);

  EXPECT_EQ(*gguf->getU64("u8"), 200u);
  EXPECT_EQ(*gguf->getI64("i8"), -100);
  EXPECT_EQ(*gguf->getU64("u16"), 60000u);
  EXPECT_EQ(*gguf->getI64("i16"), -30000);
  EXPECT_EQ(*gguf->getI64("u32"), 4000000000);
  EXPECT_EQ(*gguf->getI64("i32"), -2000000000);
  EXPECT_EQ(*gguf->getU64("u64"), 18000000000000000000u);
  EXPECT_EQ(*gguf->getI64("i64"), -9000000000000000000);
  EXPECT_EQ(*gguf->getF64("f32"), 0.5);
  EXPECT_EQ(*gguf->getF64("f64"), 1e300);
  EXPECT_EQ(*gguf->getF64("u8"), 200.0);
  EXPECT_TRUE(*gguf->getBool("bool"));
  EXPECT_EQ(*gguf->getString("string"), std::string_view("a\0b", 3));
  EXPECT_EQ(gguf->keys().size(), 12u);
  EXPECT_EQ(gguf->keys().front(), "u8");
}

TEST(Gguf, ReadsArraysAndArraysOfArrays) {
  GgufBytes file;
  const std::vector<std::string> words = {"one", "", "three"};
  file.strings("words", words);
  file.numbers<int16_t>("shorts", kI16, std::vector<int16_t>{-1, 2});
  file.numbers<float>("floats", kF32, std::vector<float>{0.25f, -1});
  file.key("nested", kArray)
      .u32(kArray)
      .u64(2) // [[7], ["x"]]
      .u32(kU8)
      .u64(1)
      .number<uint8_t>(7)
      .u32(kString)
      .u64(1)
      .string("x");
  file.key("empty", kArray).u32(kString).u64(0);
  const Bytes bytes = file.bytes();
  auto gguf = GgufFile::parse(bytes, "test.gguf");
  ASSERT_TRUE(gguf) << errorOf(gguf);

  auto strings = gguf->getStringArray("words");
  ASSERT_TRUE(strings);
  EXPECT_EQ(std::vector<std::string>(strings->begin(), strings->end()), words);
  EXPECT_THAT(*gguf->getI64Array("shorts"), ElementsAre(-1, 2));
  EXPECT_THAT(*gguf->getF32Array("floats"), ElementsAre(0.25f, -1.0f));
  EXPECT_TRUE(gguf->getStringArray("empty")->empty());
  EXPECT_TRUE(gguf->getI64Array("empty")->empty());
  const GgufValue *nested = gguf->find("nested");
  ASSERT_EQ(nested->arrays.size(), 2u);
  EXPECT_EQ(nested->arrays[0].bytes[0], 7);
  EXPECT_EQ(nested->arrays[1].strings[0], "x");
  EXPECT_EQ(nested->typeName(), "array of 2 array");
}

TEST(Gguf, AWrongTypeNamesFileKeyAndBothTypes) {
  const Bytes bytes = GgufBytes().u32("n", 3).string("s", "x").bytes();
  auto gguf = GgufFile::parse(bytes, "m.gguf");
  ASSERT_TRUE(gguf);
  EXPECT_EQ(errorOf(gguf->getString("n")), "m.gguf: key 'n': found u32 3, wanted a string");
  EXPECT_EQ(errorOf(gguf->getU64("s")),
            "m.gguf: key 's': found string, wanted an integer of at least 0");
  EXPECT_EQ(errorOf(gguf->getBool("n")), "m.gguf: key 'n': found u32 3, wanted a bool");
  EXPECT_EQ(errorOf(gguf->getF64("none")), "m.gguf: key 'none' is missing, wanted a number");
  EXPECT_EQ(errorOf(gguf->getStringArray("s")),
            "m.gguf: key 's': found string, wanted an array of strings");
}

TEST(Gguf, AFallbackStandsInForAMissingKeyOnly) {
  const Bytes bytes = GgufBytes().u32("n", 3).bytes();
  auto gguf = GgufFile::parse(bytes, "m.gguf");
  ASSERT_TRUE(gguf);
  EXPECT_EQ(*gguf->getU64("n", 7), 3u);
  EXPECT_EQ(*gguf->getU64("none", 7), 7u);
  EXPECT_EQ(*gguf->getString("none", "x"), "x");
  EXPECT_FALSE(gguf->getString("n", "x"));
}

TEST(Gguf, ANegativeNumberIsNoUnsignedOne) {
  GgufBytes file;
  file.key("n", kI32).number<int32_t>(-5);
  const Bytes bytes = file.bytes();
  auto gguf = GgufFile::parse(bytes, "m.gguf");
  EXPECT_EQ(errorOf(gguf->getU64("n")),
            "m.gguf: key 'n': found i32 -5, wanted an integer of at least 0");
}

TEST(Gguf, TensorsHaveShapesFormatsAndBytes) {
  // q4_0 (type 2): 32 weights in 18 bytes; so 64 x 3 is 6 blocks, 108 bytes.
  const std::string data = std::string(32, 'a') + std::string(108, 'b');
  const Bytes bytes =
      GgufBytes().tensor("norm", {8}, 0, 0).tensor("up", {64, 3}, 2, 32).bytes(data);
  auto gguf = GgufFile::parse(bytes, "m.gguf");
  ASSERT_TRUE(gguf) << errorOf(gguf);
  ASSERT_EQ(gguf->tensors().size(), 2u);
  const GgufTensor *up = gguf->findTensor("up");
  ASSERT_NE(up, nullptr);
  EXPECT_THAT(up->ne, ElementsAre(64, 3));
  EXPECT_THAT(up->shape, ElementsAre(3, 64));
  EXPECT_EQ(up->format->name, "q4_0");
  EXPECT_EQ(up->bytes, 108u);
  EXPECT_EQ(up->elements(), 192);
  EXPECT_EQ(up->offset, bytes.size() - 108);
  EXPECT_EQ(gguf->data(*up).front(), 'b');
  EXPECT_EQ(gguf->data(*up).size(), 108u);
  EXPECT_EQ(gguf->tensorBytes(), 140u);
  EXPECT_EQ(gguf->findTensor("down"), nullptr);

  std::vector<uint8_t> part(2);
  EXPECT_TRUE(gguf->read(*gguf->findTensor("norm"), 30, part));
  EXPECT_THAT(part, ElementsAre('a', 'a'));
  EXPECT_THAT(errorOf(gguf->read(*up, 107, part)),
              HasSubstr("tensor 'up' has 108 bytes, wanted 2 at 107"));
}

// iq3_xxs (type 18): 256 weights in 98 bytes of a file, 136 of memory. Pieces may begin and end
// anywhere; indices of 'b' bytes are resolved, whichever they are.
TEST(Gguf, BlocksOfAGridAreResolvedAsTheyAreRead) {
  std::string data(3 * 98, 'b');
  for (size_t i = 0; i < data.size(); i += 5)
    data[i] = static_cast<char>(i);
  const Bytes bytes = GgufBytes().tensor("up", {256, 3}, 18, 0).bytes(data);
  auto gguf = GgufFile::parse(bytes, "m.gguf");
  ASSERT_TRUE(gguf) << errorOf(gguf);
  const GgufTensor &up = gguf->tensors().front();
  EXPECT_EQ(up.fileBytes, 3 * 98u);
  EXPECT_EQ(up.bytes, 3 * 136u);
  std::vector<uint8_t> whole(up.bytes), pieces(up.bytes), expected(up.bytes);
  ASSERT_TRUE(gguf->read(up, 0, whole));
  for (size_t at = 0; at < pieces.size(); at += 51)
    ASSERT_TRUE(gguf->read(up, at, std::span(pieces).subspan(at, 51)));
  resolveGrid(kIQ3_XXS, gguf->data(up), expected);
  EXPECT_EQ(whole, expected);
  EXPECT_EQ(pieces, expected);
  EXPECT_THAT(errorOf(gguf->read(up, 136 * 3, std::span(pieces).first(1))),
              HasSubstr("tensor 'up' has 408 bytes, wanted 1 at 408"));
}

TEST(Gguf, AnUnknownStorageTypeMattersOnlyWhenItIsUsed) {
  const Bytes bytes =
      GgufBytes().tensor("a", {256}, 40, 0).tensor("b", {8}, 777, 32).bytes(std::string(64, 'x'));
  auto gguf = GgufFile::parse(bytes, "m.gguf");
  ASSERT_TRUE(gguf) << errorOf(gguf);
  EXPECT_THAT(errorOf(gguf->usable(gguf->tensors()[0])),
              HasSubstr("m.gguf: tensor 'a' is stored as nvfp4, which is not supported"));
  EXPECT_THAT(errorOf(gguf->usable(gguf->tensors()[1])), HasSubstr("stored as type 777"));
}

TEST(Gguf, VersionTwoReadsLikeVersionThree) {
  const Bytes bytes = GgufBytes().u32("n", 3).bytes({}, 32, 2);
  auto gguf = GgufFile::parse(bytes, "m.gguf");
  ASSERT_TRUE(gguf);
  EXPECT_EQ(gguf->version(), 2u);
}

TEST(Gguf, TheAlignmentOfTheFileCounts) {
  const Bytes bytes = GgufBytes()
                          .u32("general.alignment", 128)
                          .tensor("a", {2}, 0, 0)
                          .tensor("b", {2}, 0, 128)
                          .bytes(std::string(136, 'x'), 128);
  auto gguf = GgufFile::parse(bytes, "m.gguf");
  ASSERT_TRUE(gguf) << errorOf(gguf);
  EXPECT_EQ(gguf->findTensor("a")->offset % 128, 0u);
}

TEST(Gguf, ManyStringsAreReadQuickly) {
  const std::vector<std::string> words(150'000, "token");
  const Bytes bytes = GgufBytes().strings("words", words).bytes();
  const auto begin = std::chrono::steady_clock::now();
  auto gguf = GgufFile::parse(bytes, "m.gguf");
  const auto took = std::chrono::steady_clock::now() - begin;
  ASSERT_TRUE(gguf);
  EXPECT_EQ(gguf->getStringArray("words")->size(), words.size());
  EXPECT_LT(took, std::chrono::seconds(2)); // 2 ms; a slow machine with sanitizers passes too
}

TEST_F(GgufFiles, OpensMapsAndReads) {
  auto gguf = GgufFile::open(write("n.gguf", GgufBytes().tensor("a", {2}, 0, 0).bytes("12345678")));
  ASSERT_TRUE(gguf) << errorOf(gguf);
  std::vector<uint8_t> bytes(8);
  ASSERT_TRUE(gguf->read(gguf->tensors()[0], 0, bytes));
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()), "12345678");
  EXPECT_EQ(gguf->data(gguf->tensors()[0])[7], '8');
}

TEST_F(GgufFiles, MissingAndImpossibleFilesAreErrors) {
  EXPECT_EQ(errorOf(GgufFile::open(path("none.gguf"))),
            path("none.gguf") + ": open: No such file or directory");
  EXPECT_THAT(errorOf(GgufFile::open(path(""))), HasSubstr("not a regular file"));
  EXPECT_THAT(errorOf(GgufFile::open(write("empty.gguf", {}))), HasSubstr("no GGUF file"));
}

GgufBytes part(uint16_t number, uint16_t count, int32_t tensors) {
  GgufBytes file;
  file.key("split.no", kU16).number(number);
  file.key("split.count", kU16).number(count);
  file.key("split.tensors.count", kI32).number(tensors);
  return file;
}

TEST_F(GgufFiles, PartsOfASplitFileAreFoundBesideTheFirst) {
  write("m-00001-of-00002.gguf",
        part(0, 2, 2).string("name", "x").tensor("a", {2}, 0, 0).bytes("12345678"));
  write("m-00002-of-00002.gguf", part(1, 2, 2).tensor("b", {2}, 0, 0).bytes("abcdefgh"));
  auto gguf = GgufFile::open(path("m-00001-of-00002.gguf"));
  ASSERT_TRUE(gguf) << errorOf(gguf);
  ASSERT_EQ(gguf->tensors().size(), 2u);
  EXPECT_EQ(*gguf->getString("name"), "x");
  EXPECT_EQ(gguf->tensors()[1].file, 1u);
  EXPECT_EQ(gguf->data(*gguf->findTensor("b"))[0], 'a');
  EXPECT_EQ(gguf->data(*gguf->findTensor("a"))[0], '1');
}

TEST_F(GgufFiles, ASplitFileSaysWhatIsWrong) {
  const std::string first = path("m-00001-of-00002.gguf"), second = path("m-00002-of-00002.gguf");
  const auto firstPart = part(0, 2, 2).tensor("a", {2}, 0, 0).bytes("12345678");
  write("m-00001-of-00002.gguf", firstPart);
  EXPECT_EQ(errorOf(GgufFile::open(first)),
            "part 2 of 2: " + second + ": open: No such file or directory");

  write("m-00002-of-00002.gguf", part(1, 3, 2).tensor("b", {2}, 0, 0).bytes("abcdefgh"));
  EXPECT_EQ(errorOf(GgufFile::open(first)),
            second + ": found split.no 1 and split.count 3, wanted 1 and 2");

  write("m-00002-of-00002.gguf", part(1, 2, 2).tensor("a", {2}, 0, 0).bytes("abcdefgh"));
  EXPECT_EQ(errorOf(GgufFile::open(first)),
            second + ": tensor 'a' is also in an earlier part of this model");

  write("m-00002-of-00002.gguf", part(1, 2, 2).bytes());
  EXPECT_EQ(errorOf(GgufFile::open(first)),
            first + ": split.tensors.count is 2, but the 2 parts hold 1 tensors");

  EXPECT_EQ(errorOf(GgufFile::open(second)),
            second + ": this is part 2 of 2; open the first, " + first);

  const std::string renamed = write("renamed.gguf", firstPart);
  EXPECT_EQ(errorOf(GgufFile::open(renamed)),
            renamed + ": this is part 1 of 2 by its metadata, but not by its name; wanted "
                      "NAME-00001-of-0000N.gguf");
}

} // namespace
} // namespace rosso
