// Every way in which a GGUF file can be wrong gives one error that says so.
#include "models/io/Gguf.h"

#include "tests/models/io/GgufBytes.h"

#include <gmock/gmock.h>

namespace rosso {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// The error of a file that must not parse.
std::string errorOf(std::span<const uint8_t> bytes) {
  auto file = GgufFile::parse(bytes, "m.gguf");
  if (file)
    return "no error";
  EXPECT_EQ(exitCode(file.error()), 2);
  return file.error().message;
}

Bytes header(uint32_t version, uint64_t tensors, uint64_t keys) {
  return Bytes().raw("GGUF").u32(version).u64(tensors).u64(keys);
}

TEST(MalformedGguf, OtherKindsOfFiles) {
  EXPECT_EQ(errorOf({}), "m.gguf: the file does not begin with \"GGUF\", so it is no GGUF file");
  EXPECT_THAT(errorOf(Bytes().raw("PK\x03\x04 and more")), HasSubstr("no GGUF file"));
  EXPECT_THAT(errorOf(Bytes().raw("tjgg").zeros(64)), HasSubstr("ggml's old format"));
  EXPECT_EQ(errorOf(header(1, 0, 0)),
            "m.gguf: at byte 8: found GGUF version 1, wanted 2 or 3; convert the model again");
  EXPECT_THAT(errorOf(header(4, 0, 0)), HasSubstr("found GGUF version 4"));
  EXPECT_THAT(errorOf(header(0x03000000, 0, 0)), HasSubstr("big-endian"));
}

TEST(MalformedGguf, EveryTruncationIsAnError) {
  GgufBytes file;
  file.u32("a", 1).string("b", "text").strings("c", std::vector<std::string>{"x", "yz"});
  file.tensor("t", {2}, 0, 0);
  const Bytes whole = file.bytes("12345678");
  const std::span<const uint8_t> bytes = whole;
  ASSERT_EQ(errorOf(bytes), "no error");
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_THAT(errorOf(bytes.first(size)), AllOf(StartsWith("m.gguf: "), Not("no error"))) << size;
}

TEST(MalformedGguf, CountsLargerThanTheFile) {
  EXPECT_THAT(errorOf(header(3, 0, UINT64_MAX)), HasSubstr("the file ends inside a key"));
  EXPECT_THAT(errorOf(header(3, UINT64_MAX, 0)), HasSubstr("the file ends inside a tensor's name"));
  EXPECT_THAT(errorOf(header(3, 0, 1).u64(UINT64_MAX).raw("name")),
              HasSubstr("the file ends inside a key: wanted 18446744073709551615 bytes, found 4"));
  for (uint32_t type : {kU8, kF64, kString, kArray}) {
    GgufBytes file;
    file.key("x", kArray).u32(type).u64(UINT64_MAX / 8).zeros(100);
    EXPECT_THAT(errorOf(file.bytes()), HasSubstr("cannot fit in the")) << type;
  }
  GgufBytes file;
  file.key("x", kString).u64(1000).raw("short");
  EXPECT_EQ(errorOf(file.bytes()),
            "m.gguf: at byte 45: key 'x': the file ends inside a string: wanted "
            "1000 bytes, found 19; the download or copy may be incomplete");
}

TEST(MalformedGguf, TypesAndValuesThatDoNotExist) {
  GgufBytes unknownType;
  unknownType.key("x", 13).u64(0);
  EXPECT_THAT(errorOf(unknownType.bytes()), HasSubstr("unknown metadata type 13, wanted 0 to 12"));
  GgufBytes unknownElement;
  unknownElement.key("x", kArray).u32(99).u64(0);
  EXPECT_THAT(errorOf(unknownElement.bytes()), HasSubstr("unknown metadata type 99"));
  GgufBytes oddBool;
  oddBool.key("x", kBool).number<uint8_t>(2);
  EXPECT_THAT(errorOf(oddBool.bytes()), HasSubstr("found 2 as a bool, wanted 0 or 1"));
}

TEST(MalformedGguf, ArraysNestedWithoutEnd) {
  GgufBytes file;
  Bytes &value = file.key("x", kArray);
  for (int i = 0; i < 100'000; ++i)
    value.u32(kArray).u64(1);
  EXPECT_THAT(errorOf(file.bytes()), HasSubstr("arrays are nested more than 8 deep"));
}

TEST(MalformedGguf, NamesThatAppearTwice) {
  EXPECT_THAT(errorOf(GgufBytes().u32("n", 1).u32("n", 2).bytes()),
              HasSubstr("key 'n' appears twice"));
  EXPECT_THAT(
      errorOf(
          GgufBytes().tensor("t", {2}, 0, 0).tensor("t", {2}, 0, 32).bytes(std::string(40, 'x'))),
      HasSubstr("tensor 't' appears twice"));
}

TEST(MalformedGguf, ExtentsThatMakeNoSense) {
  const std::string data(64, 'x');
  EXPECT_THAT(errorOf(GgufBytes().tensor("t", {4, 0}, 0, 0).bytes(data)),
              HasSubstr("tensor 't' has an extent of 0, wanted at least 1"));
  EXPECT_THAT(errorOf(GgufBytes().tensor("t", {UINT64_MAX}, 0, 0).bytes(data)),
              HasSubstr("has an extent of -1"));
  EXPECT_THAT(errorOf(GgufBytes().tensor("t", {1, 1, 1, 1, 1}, 0, 0).bytes(data)),
              HasSubstr("tensor 't' has 5 dimensions, wanted at most 4"));
  EXPECT_THAT(errorOf(GgufBytes().tensor("t", {1u << 31, 1u << 31, 4}, 0, 0).bytes(data)),
              HasSubstr("more than 2^63 elements"));
  // 2^62 elements of 4 bytes are 2^64 bytes.
  EXPECT_THAT(errorOf(GgufBytes().tensor("t", {1u << 31, 1u << 31}, 0, 0).bytes(data)),
              HasSubstr("tensor 't' has more than 2^64 bytes"));
  EXPECT_THAT(
      errorOf(GgufBytes().tensor("t", {33, 2}, 2, 0).bytes(data)),
      HasSubstr("tensor 't': row of 33 weights is not a multiple of the q4_0 block length 32"));
}

TEST(MalformedGguf, DataOutsideTheFileOrTwice) {
  const std::string data(64, 'x');
  EXPECT_THAT(errorOf(GgufBytes().tensor("t", {17}, 0, 0).bytes(data)),
              AllOf(HasSubstr("tensor 't' with 68 bytes at data offset 0 does not lie in the file"),
                    HasSubstr("the download or copy may be incomplete")));
  EXPECT_THAT(errorOf(GgufBytes().tensor("t", {1}, 0, 1ull << 62).bytes(data)),
              HasSubstr("does not lie in the file"));
  EXPECT_THAT(errorOf(GgufBytes().tensor("t", {1}, 0, UINT64_MAX - 31).bytes(data)),
              HasSubstr("does not lie in the file"));
  EXPECT_THAT(errorOf(GgufBytes().tensor("t", {1}, 0, 4).bytes(data)),
              HasSubstr("begins at data offset 4, which is not a multiple of 32"));
  EXPECT_THAT(errorOf(GgufBytes().tensor("a", {16}, 0, 0).tensor("b", {8}, 0, 32).bytes(data)),
              HasSubstr("tensors 'a' and 'b' overlap in the file"));
}

TEST(MalformedGguf, AlignmentsThatAreNone) {
  EXPECT_THAT(errorOf(GgufBytes().u32("general.alignment", 48).bytes()),
              HasSubstr("general.alignment is 48, wanted a power of two"));
  EXPECT_THAT(errorOf(GgufBytes().u32("general.alignment", 0).bytes()),
              HasSubstr("general.alignment is 0"));
  EXPECT_THAT(errorOf(GgufBytes().string("general.alignment", "32").bytes()),
              HasSubstr("general.alignment: found string, wanted u32"));
}

TEST(MalformedGguf, NamesCannotWriteToTheTerminal) {
  const std::string name = "\x1b[2J" + std::string(500, 'n');
  const std::string error = errorOf(GgufBytes().tensor(name, {0}, 0, 0).bytes());
  EXPECT_THAT(error, AllOf(HasSubstr("\\x1b[2J"), HasSubstr("...'"), Not(HasSubstr("\x1b"))));
  EXPECT_LT(error.size(), 200u);
}

} // namespace
} // namespace rosso
