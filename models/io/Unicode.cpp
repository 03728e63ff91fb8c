#include "models/io/Unicode.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace rosso {
namespace {

constexpr uint32_t kRanges[] = {
#include "models/io/UnicodeTables.inc"
};

/// The range that holds `code`, as an index into kRanges.
size_t findRange(uint32_t code) {
  // The words are ordered by code point, then class: nothing lies above (code, 255) of its range.
  const uint32_t *end = std::upper_bound(std::begin(kRanges), std::end(kRanges), code << 8 | 0xFF);
  return static_cast<size_t>(end - kRanges) - 1;
}

CharClass classOfRange(size_t range) { return static_cast<CharClass>(kRanges[range] & 0xFF); }

/// Looks classes up, remembering the last range: neighbours in text are neighbours in Unicode.
class ClassLookup {
public:
  CharClass operator()(uint32_t code) {
    if (code < begin_ || code >= end_) {
      const size_t range = findRange(code);
      begin_ = kRanges[range] >> 8;
      end_ = range + 1 < std::size(kRanges) ? kRanges[range + 1] >> 8 : 0x110000;
      class_ = classOfRange(range);
    }
    return class_;
  }

private:
  uint32_t begin_ = 0, end_ = 0;
  CharClass class_ = CharClass::Other;
};

std::array<CharClass, 128> asciiClasses() {
  std::array<CharClass, 128> classes{};
  for (uint32_t code = 0; code < 128; ++code)
    classes[code] = classOfRange(findRange(code));
  return classes;
}

/// What the bytes at the front of a text are.
struct Utf8Prefix {
  unsigned length = 0;    // of the longest part that could begin a valid sequence; at least 1
  bool complete = false;  // these bytes are a valid sequence
  bool wantsMore = false; // not complete, but the text ended before anything was wrong
};

// Source: The Unicode Standard, table 3-7, "Well-Formed UTF-8 Byte Sequences".
Utf8Prefix classify(std::string_view text) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = at(0);
  if (lead < 0x80)
    return {1, true, false};
  const unsigned length = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  if (length == 0)
    return {1, false, false};
  uint8_t low = 0x80, high = 0xBF; // of the second byte
  if (lead == 0xE0)
    low = 0xA0;
  if (lead == 0xED)
    high = 0x9F;
  if (lead == 0xF0)
    low = 0x90;
  if (lead == 0xF4)
    high = 0x8F;
  for (unsigned i = 1; i < length; ++i, low = 0x80, high = 0xBF) {
    if (i == text.size())
      return {i, false, true};
    if (at(i) < low || at(i) > high)
      return {i, false, false};
  }
  return {length, true, false};
}

uint32_t codePoint(std::string_view sequence) {
  const auto lead = static_cast<uint8_t>(sequence[0]);
  if (sequence.size() == 1)
    return lead;
  uint32_t code = lead & (0x7F >> sequence.size());
  for (char c : sequence.substr(1))
    code = code << 6 | (static_cast<uint8_t>(c) & 0x3F);
  return code;
}

constexpr std::string_view kReplacement = "\xEF\xBF\xBD"; // U+FFFD

} // namespace

Char Char::ofCodePoint(uint32_t code) { return {code, classOfRange(findRange(code))}; }

std::vector<Char> decodeUtf8(std::string_view text) {
  static const std::array<CharClass, 128> kAscii = asciiClasses();
  ClassLookup classOf;
  std::vector<Char> chars;
  chars.reserve(text.size());
  while (!text.empty()) {
    const auto byte = static_cast<uint8_t>(text[0]);
    if (byte < 0x80) {
      chars.push_back(Char(byte, kAscii[byte]));
      text.remove_prefix(1);
      continue;
    }
    if (const unsigned length = utf8Length(text)) {
      const uint32_t code = codePoint(text.substr(0, length));
      chars.push_back(Char(code, classOf(code)));
      text.remove_prefix(length);
    } else {
      chars.push_back(Char::ofInvalidByte(byte));
      text.remove_prefix(1);
    }
  }
  return chars;
}

unsigned utf8Length(std::string_view text) {
  if (text.empty())
    return 0;
  const Utf8Prefix prefix = classify(text);
  return prefix.complete ? prefix.length : 0;
}

void appendUtf8(std::string &out, uint32_t code) {
  const auto tail = [&](unsigned shift) {
    out += static_cast<char>(0x80 | (code >> shift & 0x3F));
  };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0 | code >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

std::string Utf8Stream::push(std::string_view bytes) {
  pending_ += bytes;
  std::string out;
  size_t done = 0;
  while (done < pending_.size()) {
    const Utf8Prefix prefix = classify(std::string_view(pending_).substr(done));
    if (prefix.wantsMore)
      break;
    out += prefix.complete ? std::string_view(pending_).substr(done, prefix.length) : kReplacement;
    done += prefix.length;
  }
  pending_.erase(0, done);
  return out;
}

std::string Utf8Stream::finish() {
  if (pending_.empty())
    return {};
  pending_.clear();
  return std::string(kReplacement);
}

} // namespace rosso
