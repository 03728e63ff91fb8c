// UTF-8 and the character classes that pre-tokenizers ask for.
//
// Text is decoded into `Char`s, one per code point. A byte that is not part of valid UTF-8 becomes
// a Char of its own that remembers the byte, so that any input can be taken apart and put together
// again without loss.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rosso {

/// Unicode's general categories, as far as patterns tell them apart. Space is the property
/// White_Space (\s), which overlaps none of the others.
enum class CharClass : uint8_t { Other, Lu, Ll, Lt, Lm, Lo, M, N, P, S, Space };

class Char {
public:
  Char(uint32_t code, CharClass charClass) : bits_(code | static_cast<uint32_t>(charClass) << 24) {}
  static Char ofCodePoint(uint32_t code);
  /// A byte outside valid UTF-8; its class is Other.
  static Char ofInvalidByte(uint8_t byte) { return Char(kInvalid + byte, CharClass::Other); }

  uint32_t code() const { return bits_ & 0xFFFFFF; } // at least kInvalid for an invalid byte
  CharClass charClass() const { return static_cast<CharClass>(bits_ >> 24); }
  bool isInvalidByte() const { return code() >= kInvalid; }

  /// Bytes it takes in the text it came from.
  unsigned byteLength() const {
    const uint32_t c = code();
    return c < 0x80 || c >= kInvalid ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  }

private:
  static constexpr uint32_t kInvalid = 0x110000;

  uint32_t bits_;
};

std::vector<Char> decodeUtf8(std::string_view text);
/// Bytes of the valid UTF-8 sequence at the front of `text`; 0 if there is none.
unsigned utf8Length(std::string_view text);
void appendUtf8(std::string &out, uint32_t code);

/// Makes valid UTF-8 of bytes that arrive bit by bit.
///
/// A sequence that is not complete yet is held back. What can no longer become valid is replaced
/// by U+FFFD, one for each maximal part of a sequence, as Unicode's chapter 3.9 recommends.
class Utf8Stream {
public:
  std::string push(std::string_view bytes);
  /// Replaces what is left over; the stream begins anew.
  std::string finish();

private:
  std::string pending_;
};

} // namespace rosso
