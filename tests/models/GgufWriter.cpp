// What the writer writes, read back; and its header's bytes as the GGUF specification has them.
#include "models/io/GgufWriter.h"
#include "ir/quant/Formats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace rosso {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string pathFor(const char *name) {
  return testing::TempDir() + "gguf_writer_" + name + ".gguf";
}

std::string contents(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Bytes 0, 1, 2, ... from `first`.
std::vector<uint8_t> counting(size_t count, uint8_t first) {
  std::vector<uint8_t> bytes(count);
  for (size_t i = 0; i < count; ++i)
    bytes[i] = static_cast<uint8_t>(first + i);
  return bytes;
}

// One u32 key and one tensor of three f32: 24 + 17 + 4 + 4 and 8 + 1 + 4 + 8 + 4 + 8 bytes of
// header are 82, padded to 96; then 12 bytes of data, padded to 128.
TEST(GgufWriter, HeaderIsThatOfVersion3) {
  const std::string path = pathFor("header");
  GgufWriter writer;
  writer.add("a.bc.defg", uint32_t{7});
  const int64_t ne[] = {3};
  writer.addTensor("t", ne, kF32);
  ASSERT_TRUE(writer.open(path).ok());
  ASSERT_TRUE(writer.append(counting(12, 1)).ok());
  ASSERT_TRUE(writer.finish().ok());

  std::string expected("GGUF\3\0\0\0"                // version 3
                       "\1\0\0\0\0\0\0\0"            // 1 tensor
                       "\1\0\0\0\0\0\0\0"            // 1 key
                       "\x09\0\0\0\0\0\0\0a.bc.defg" // its name
                       "\4\0\0\0\7\0\0\0"            // u32, 7
                       "\1\0\0\0\0\0\0\0t"           // the tensor's name
                       "\1\0\0\0\3\0\0\0\0\0\0\0"    // 1 dimension of 3
                       "\0\0\0\0\0\0\0\0\0\0\0\0",   // f32, at 0
                       82);
  expected.resize(96);
  expected += "\1\2\3\4\5\6\7\x08\x09\x0A\x0B\x0C";
  expected.resize(128);
  EXPECT_EQ(contents(path), expected);
}

TEST(GgufWriter, ReaderFindsEverythingAgain) {
  const std::string path = pathFor("all");
  GgufWriter writer;
  writer.add("u", uint32_t{4000000000});
  writer.add("f", 0.1f);
  writer.add("b", true);
  writer.add("s", std::string_view("text"));
  const std::string_view words[] = {"one", "", "three"};
  writer.add("words", std::span<const std::string_view>(words));
  const int32_t numbers[] = {-1, 2};
  writer.add("numbers", std::span<const int32_t>(numbers));
  const int64_t embedding[] = {64, 2}, norm[] = {5};
  writer.addTensor("token_embd.weight", embedding, kQ4_0);
  writer.addTensor("norm.weight", norm, kF16);
  EXPECT_EQ(writer.tensorBytes(), 2 * 2 * 18 + 10u);
  ASSERT_TRUE(writer.open(path).ok());
  std::vector<uint8_t> data = counting(72 + 10, 9);
  ASSERT_TRUE(writer.append(std::span(data).first(50)).ok()); // pieces need not end with tensors
  ASSERT_TRUE(writer.append(std::span(data).subspan(50)).ok());
  ASSERT_TRUE(writer.finish().ok());

  const auto file = GgufFile::open(path);
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(*file->getU64("u"), 4000000000u);
  EXPECT_EQ(*file->getF64("f"), 0.1f);
  EXPECT_TRUE(*file->getBool("b"));
  EXPECT_EQ(*file->getString("s"), "text");
  EXPECT_THAT(*file->getStringArray("words"), ElementsAre("one", "", "three"));
  EXPECT_THAT(*file->getI64Array("numbers"), ElementsAre(-1, 2));
  ASSERT_EQ(file->tensors().size(), 2u);
  const GgufTensor *first = file->findTensor("token_embd.weight");
  const GgufTensor *second = file->findTensor("norm.weight");
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->format, &kQ4_0);
  EXPECT_THAT(first->ne, ElementsAre(64, 2));
  EXPECT_THAT(file->data(*first), testing::ElementsAreArray(std::span(data).first(72)));
  EXPECT_EQ(second->format, &kF16);
  EXPECT_THAT(file->data(*second), testing::ElementsAreArray(std::span(data).subspan(72)));
}

TEST(GgufWriter, CopiedValuesAreTheSame) {
  const std::string first = pathFor("first"), second = pathFor("second");
  GgufWriter writer;
  writer.add("s", std::string_view("text"));
  const std::string_view words[] = {"one", "two"};
  writer.add("words", std::span<const std::string_view>(words));
  const int32_t numbers[] = {-1, 2};
  writer.add("numbers", std::span<const int32_t>(numbers));
  writer.add("f", 1.5f);
  ASSERT_TRUE(writer.open(first).ok());
  ASSERT_TRUE(writer.finish().ok());

  const auto file = GgufFile::open(first);
  ASSERT_TRUE(file.ok()) << file.error().message;
  GgufWriter copy;
  for (std::string_view key : file->keys())
    copy.add(key, *file->find(key));
  ASSERT_TRUE(copy.open(second).ok());
  ASSERT_TRUE(copy.finish().ok());
  EXPECT_EQ(contents(second), contents(first));
}

TEST(GgufWriter, UnfinishedFilesLeaveNothing) {
  const std::string path = pathFor("unfinished");
  std::filesystem::remove(path);
  {
    GgufWriter writer;
    const int64_t ne[] = {8};
    writer.addTensor("t", ne, kF32);
    ASSERT_TRUE(writer.open(path).ok());
    EXPECT_TRUE(std::filesystem::exists(path + ".part"));
  }
  EXPECT_FALSE(std::filesystem::exists(path + ".part"));
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(GgufWriter, PlacesThatDoNotExistAreNamed) {
  GgufWriter writer;
  const Status status = writer.open("/no/such/folder/x.gguf");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::BadInput);
  EXPECT_THAT(status.error().message,
              HasSubstr("/no/such/folder/x.gguf: cannot create: No such file"));
}

} // namespace
} // namespace rosso
