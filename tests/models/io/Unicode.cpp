#include "models/io/Unicode.h"

#include <gmock/gmock.h>

namespace rosso {
namespace {

// Categories looked up in the code charts, one or two of each class.
TEST(Unicode, ClassesAreThoseOfTheStandard) {
  const auto classOf = [](uint32_t code) { return Char::ofCodePoint(code).charClass(); };
  EXPECT_EQ(classOf('A'), CharClass::Lu);
  EXPECT_EQ(classOf('z'), CharClass::Ll);
  EXPECT_EQ(classOf(0x01C5), CharClass::Lt); // Dž
  EXPECT_EQ(classOf(0x02B0), CharClass::Lm); // modifier h
  EXPECT_EQ(classOf(0x4E2D), CharClass::Lo); // 中
  EXPECT_EQ(classOf(0x0301), CharClass::M);  // combining acute
  EXPECT_EQ(classOf('7'), CharClass::N);
  EXPECT_EQ(classOf(0x00BD), CharClass::N); // ½
  EXPECT_EQ(classOf(0x2167), CharClass::N); // Ⅷ
  EXPECT_EQ(classOf('_'), CharClass::P);
  EXPECT_EQ(classOf('$'), CharClass::S);
  EXPECT_EQ(classOf(0x1F600), CharClass::S); // a smiling face
  for (uint32_t space : {0x09, 0x0A, 0x0D, 0x20, 0x85, 0xA0, 0x2003, 0x2028, 0x3000})
    EXPECT_EQ(classOf(space), CharClass::Space) << space;
  EXPECT_EQ(classOf(0x1C), CharClass::Other);     // a separator to ASCII, not to Unicode
  EXPECT_EQ(classOf(0x200B), CharClass::Other);   // zero width space
  EXPECT_EQ(classOf(0x1C89), CharClass::Lu);      // new in Unicode 16
  EXPECT_EQ(classOf(0x10FFFF), CharClass::Other); // the last one
}

TEST(Unicode, DecodingKeepsEveryByte) {
  // a, é, 中, an emoji; then a lone continuation, an overlong '/', a surrogate, a cut sequence.
  const std::string text = "a\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80\x80\xC0\xAF\xED\xA0\x80\xE4\xB8";
  std::vector<uint32_t> codes;
  size_t bytes = 0;
  for (Char c : decodeUtf8(text)) {
    bytes += c.byteLength();
    if (!c.isInvalidByte())
      codes.push_back(c.code());
  }
  EXPECT_EQ(bytes, text.size());
  EXPECT_THAT(codes, testing::ElementsAre('a', 0xE9, 0x4E2D, 0x1F600));
  EXPECT_EQ(decodeUtf8(text).size(), 4u + 8u);
}

TEST(Unicode, AppendsWhatItDecodes) {
  for (uint32_t code : {0x0u, 0x7Fu, 0x80u, 0x7FFu, 0x800u, 0xFFFFu, 0x10000u, 0x10FFFFu}) {
    std::string text;
    appendUtf8(text, code);
    EXPECT_EQ(utf8Length(text), text.size()) << code;
    EXPECT_EQ(decodeUtf8(text).front().code(), code);
  }
}

std::string streamed(std::string_view bytes, size_t step) {
  Utf8Stream stream;
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += step) {
    const std::string part = stream.push(bytes.substr(i, step));
    for (Char c : decodeUtf8(part))
      EXPECT_FALSE(c.isInvalidByte()) << "partial character after byte " << i;
    text += part;
  }
  return text + stream.finish();
}

// Expected: bytes.decode("utf-8", errors="replace") of Python 3.11.
TEST(Unicode, AStreamReplacesOnlyWhatIsInvalid) {
  const std::pair<std::string, std::string> cases[] = {
      {"a\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80z", "a\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80z"},
      {"\xE4\xB8", "\uFFFD"},
      {"\xE4\xB8x", "\uFFFDx"},
      {"\xF0\x9F\x98\xF0\x9F\x98\x80", "\uFFFD\xF0\x9F\x98\x80"},
      {"\x80\x80", "\uFFFD\uFFFD"},
      {"\xC0\xAF", "\uFFFD\uFFFD"},
      {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},
      {"\xF5\x80", "\uFFFD\uFFFD"},
  };
  for (const auto &[bytes, expected] : cases)
    for (size_t step : {1, 2, 3, 100})
      EXPECT_EQ(streamed(bytes, step), expected) << step;
}

} // namespace
} // namespace rosso
