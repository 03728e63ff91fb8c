#include "models/io/SplitPattern.h"

#include <algorithm>
#include <cctype>
#include <cstring>

namespace rosso {

void CharSet::add(uint32_t first, uint32_t last) { ranges_.emplace_back(first, last); }

void CharSet::finish() {
  for (uint32_t code = 0; code < ascii_.size(); ++code)
    ascii_[code] = compute(Char::ofCodePoint(code));
}

bool CharSet::compute(Char c) const {
  bool found = classes_ >> static_cast<unsigned>(c.charClass()) & 1;
  for (size_t i = 0; i < ranges_.size() && !found; ++i)
    found = c.code() >= ranges_[i].first && c.code() <= ranges_[i].second;
  return found != negated_;
}

//===- Parsing ------------------------------------------------------------------------------===//

/// The patterns are part of the program, so errors only say what this subset lacks.
class SplitPatternParser {
public:
  explicit SplitPatternParser(std::string_view regex) : text_(decodeUtf8(regex)) {}

  Result<SplitPattern> parse() {
    SplitPattern pattern;
    pattern.alternatives_.emplace_back();
    while (!atEnd()) {
      if (take('|')) {
        pattern.alternatives_.emplace_back();
        continue;
      }
      ROSSO_TRY(SplitPattern::Item item, parseItem());
      pattern.alternatives_.back().push_back(std::move(item));
    }
    return pattern;
  }

private:
  using Item = SplitPattern::Item;

  bool atEnd() const { return position_ == text_.size(); }
  uint32_t peek() const { return atEnd() ? 0 : text_[position_].code(); }
  bool take(char c) {
    if (peek() != static_cast<uint8_t>(c))
      return false;
    ++position_;
    return true;
  }
  bool take(std::string_view word) {
    for (size_t i = 0; i < word.size(); ++i)
      if (position_ + i >= text_.size() ||
          text_[position_ + i].code() != static_cast<uint8_t>(word[i]))
        return false;
    position_ += word.size();
    return true;
  }
  Error error(const char *wanted) const {
    return unsupported("pattern: at character " + std::to_string(position_) + ": wanted " + wanted);
  }

  Result<Item> parseItem() {
    Item item;
    if (take('$')) {
      item.kind = Item::End;
      return item;
    }
    if (take("(?!")) {
      item.kind = Item::NotBefore;
      ROSSO_TRY(item.set, parseSet(false));
      if (!take(')'))
        return error("')' after one set");
      return item;
    }
    const bool ignoreCase = take("(?i:");
    if (ignoreCase || take("(?:") || take('(')) {
      item.kind = Item::Group;
      ROSSO_TRY(item.choices, parseChoices(ignoreCase));
    } else {
      ROSSO_TRY(item.set, parseSet(false));
    }
    ROSSO_CHECK(parseQuantifier(item));
    if (item.kind == Item::Group && item.max > 1)
      return error("a group that is not repeated");
    return item;
  }

  Status parseQuantifier(Item &item) {
    if (take('?')) {
      item.min = 0;
    } else if (take('*')) {
      item.min = 0;
      item.max = SplitPattern::kUnbounded;
    } else if (take('+')) {
      item.max = SplitPattern::kUnbounded;
    } else if (take('{')) {
      item.min = item.max = parseNumber();
      if (take(','))
        item.max = parseNumber();
      if (!take('}') || item.max < item.min)
        return error("{n} or {m,n}");
      return {};
    } else {
      return {};
    }
    take('+');
    return {};
  }

  size_t parseNumber() {
    size_t number = 0;
    for (; peek() >= '0' && peek() <= '9'; ++position_)
      number = number * 10 + (peek() - '0');
    return number;
  }

  Result<std::vector<std::vector<CharSet>>> parseChoices(bool ignoreCase) {
    std::vector<std::vector<CharSet>> choices(1);
    while (!take(')')) {
      if (atEnd())
        return error("')'");
      if (take('|')) {
        choices.emplace_back();
        continue;
      }
      ROSSO_TRY(CharSet set, parseSet(ignoreCase));
      choices.back().push_back(std::move(set));
    }
    return choices;
  }

  /// A set or a single character.
  Result<CharSet> parseSet(bool ignoreCase) {
    CharSet set;
    if (!take('[')) {
      ROSSO_CHECK(parseMember(set, ignoreCase, /*rangeAllowed=*/false));
    } else {
      if (take('^'))
        set.negate();
      while (!take(']')) {
        if (atEnd())
          return error("']'");
        ROSSO_CHECK(parseMember(set, ignoreCase, /*rangeAllowed=*/true));
      }
    }
    set.finish();
    return set;
  }

  Status parseMember(CharSet &set, bool ignoreCase, bool rangeAllowed) {
    if (take("\\p{"))
      return parseProperty(set);
    if (take("\\s")) {
      set.add(CharClass::Space);
      return {};
    }
    if (take("\\S")) {
      set.addAllBut(CharClass::Space);
      return {};
    }
    if (!rangeAllowed && peek() < 128 && std::strchr("?*+(){}^.", static_cast<int>(peek())))
      return error("a character that means itself");
    ROSSO_TRY(const uint32_t first, parseChar());
    uint32_t last = first;
    // A '-' that ends a set stands for itself.
    if (rangeAllowed && peek() == '-' && position_ + 1 < text_.size() &&
        text_[position_ + 1].code() != ']') {
      take('-');
      ROSSO_TRY(last, parseChar());
    }
    if (last < first)
      return error("a range that is not empty");
    set.add(first, last);
    if (ignoreCase && first == last)
      addOtherCases(set, first);
    return {};
  }

  static void addOtherCases(CharSet &set, uint32_t c) {
    if ((c | 0x20) < 'a' || (c | 0x20) > 'z')
      return;
    set.add(c ^ 0x20, c ^ 0x20);
    // The two characters outside ASCII that fold to ASCII letters (CaseFolding.txt).
    if ((c | 0x20) == 's')
      set.add(0x17F, 0x17F); // long s
    if ((c | 0x20) == 'k')
      set.add(0x212A, 0x212A); // Kelvin sign
  }

  Status parseProperty(CharSet &set) {
    constexpr std::pair<std::string_view, CharClass> kClasses[] = {
        {"Lu", CharClass::Lu}, {"Ll", CharClass::Ll}, {"Lt", CharClass::Lt},
        {"Lm", CharClass::Lm}, {"Lo", CharClass::Lo}, {"M", CharClass::M},
        {"N", CharClass::N},   {"P", CharClass::P},   {"S", CharClass::S}};
    if (take("L}")) {
      for (auto letter :
           {CharClass::Lu, CharClass::Ll, CharClass::Lt, CharClass::Lm, CharClass::Lo})
        set.add(letter);
      return {};
    }
    for (const auto &[name, charClass] : kClasses)
      if (take(name)) {
        set.add(charClass);
        return take('}') ? Status() : error("'}'");
      }
    return error("a property this matcher knows");
  }

  Result<uint32_t> parseChar() {
    const bool escaped = take('\\');
    if (atEnd())
      return error("a character");
    const uint32_t c = text_[position_++].code();
    if (!escaped)
      return c;
    if (c == 'x')
      return parseHex();
    if (c == 'n' || c == 'r' || c == 't')
      return c == 'n' ? '\n' : c == 'r' ? '\r' : '\t';
    const bool isLetterOrDigit = c < 128 && std::isalnum(static_cast<int>(c));
    return isLetterOrDigit ? Result<uint32_t>(error("an escape this matcher knows")) : c;
  }

  /// The rest of \x{1FBE}.
  Result<uint32_t> parseHex() {
    uint32_t code = 0;
    if (!take('{'))
      return error("'{'");
    for (; peek() < 128 && std::isxdigit(static_cast<int>(peek())); ++position_)
      code = code * 16 + (peek() <= '9' ? peek() - '0' : (peek() | 0x20) - 'a' + 10);
    return take('}') ? Result<uint32_t>(code) : error("'}'");
  }

  std::vector<Char> text_;
  size_t position_ = 0;
};

Result<SplitPattern> SplitPattern::compile(std::string_view regex) {
  return SplitPatternParser(regex).parse();
}

//===- Matching -----------------------------------------------------------------------------===//

/// Characters from `begin` on that lie in `set`, at most `max`.
static size_t countRun(const CharSet &set, size_t max, std::span<const Char> text, size_t begin) {
  const size_t limit = std::min(max, text.size() - begin);
  size_t count = 0;
  while (count < limit && set.has(text[begin + count]))
    ++count;
  return count;
}

std::optional<size_t> SplitPattern::match(std::span<const Item> items, std::span<const Char> text,
                                          size_t begin) {
  if (items.empty())
    return begin;
  const Item &item = items.front();
  const auto rest = items.subspan(1);
  switch (item.kind) {
  case Item::Set: {
    size_t count = countRun(item.set, item.max, text, begin);
    for (; count >= item.min; --count) {
      if (auto end = match(rest, text, begin + count))
        return end;
      if (count == 0)
        break;
    }
    return std::nullopt;
  }
  case Item::Group:
    for (const auto &choice : item.choices) {
      size_t end = begin;
      auto set = choice.begin();
      while (set != choice.end() && end < text.size() && set->has(text[end]))
        ++set, ++end;
      if (set == choice.end())
        if (auto all = match(rest, text, end))
          return all;
    }
    return item.min == 0 ? match(rest, text, begin) : std::nullopt;
  case Item::NotBefore:
    return begin < text.size() && item.set.has(text[begin]) ? std::nullopt
                                                            : match(rest, text, begin);
  case Item::End:
    return begin == text.size() ? match(rest, text, begin) : std::nullopt;
  }
  return std::nullopt;
}

void SplitPattern::split(std::span<const Char> text, std::vector<size_t> &lengths) const {
  // If an alternative begins with x+ or x* and fails at `p`, where the run of x ends at `e`, then
  // it fails everywhere in [p, e): from there it could give back to no place that was not tried.
  // Remembering `e` keeps searches linear on long runs.
  std::vector<size_t> deadUntil(alternatives_.size(), 0);
  size_t gap = 0; // where the unmatched text before `begin` starts
  for (size_t begin = 0; begin < text.size();) {
    size_t end = begin;
    for (size_t i = 0; i < alternatives_.size() && end == begin; ++i) {
      const Sequence &items = alternatives_[i];
      if (begin < deadUntil[i])
        continue;
      if (auto matched = match(items, text, begin))
        end = *matched; // an empty match is none
      else if (!items.empty() && items[0].kind == Item::Set && items[0].max == kUnbounded)
        deadUntil[i] = begin + countRun(items[0].set, kUnbounded, text, begin);
    }
    if (end == begin) {
      ++begin;
      continue;
    }
    if (gap < begin)
      lengths.push_back(begin - gap);
    lengths.push_back(end - begin);
    begin = gap = end;
  }
  if (gap < text.size())
    lengths.push_back(text.size() - gap);
}

} // namespace rosso
