// The regular expressions by which published tokenizers cut text into words, run as published.
//
// They need a small part of the language, so this is a small matcher, faster than a general one
// and as exact:
//
//   pattern  alternatives of items, the first that matches wins; no other nesting than groups
//   item     a character or set with ?, *, +, {n} or {m,n}; greedy, giving back when what follows
//            fails; a possessive ?+, *+, ++ is read as greedy
//            a group (...) or (?i:...) of alternatives of plain characters and sets, perhaps with ?
//            (?!x) for a set x, and $ for the end of the text
//   set      [...], [^...], \p{..} for L, Lu, Ll, Lt, Lm, Lo, M, N, P, S; \s, \S, \x{1FBE}, escapes
//
// The semantics are Oniguruma's: leftmost match, then on from its end.
#pragma once

#include "models/io/Unicode.h"
#include "support/Result.h"

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace rosso {

/// A set of characters.
class CharSet {
public:
  void add(uint32_t first, uint32_t last);
  void add(CharClass charClass) { classes_ |= 1u << static_cast<unsigned>(charClass); }
  void addAllBut(CharClass charClass) { classes_ |= ~(1u << static_cast<unsigned>(charClass)); }
  void negate() { negated_ = true; }
  /// To be called once, after the last change.
  void finish();

  bool has(Char c) const { return c.code() < ascii_.size() ? ascii_[c.code()] : compute(c); }

private:
  bool compute(Char c) const;

  uint32_t classes_ = 0; // a bit for each CharClass
  std::vector<std::pair<uint32_t, uint32_t>> ranges_;
  bool negated_ = false;
  std::array<bool, 128> ascii_{};
};

class SplitPattern {
public:
  static Result<SplitPattern> compile(std::string_view regex);

  /// Cuts `text` into the matches and what lies between them, and appends the length of each piece.
  void split(std::span<const Char> text, std::vector<size_t> &lengths) const;

private:
  friend class SplitPatternParser;
  static constexpr size_t kUnbounded = SIZE_MAX;

  struct Item {
    enum Kind { Set, Group, NotBefore, End } kind = Set;
    CharSet set;                               // Set and NotBefore
    size_t min = 1, max = 1;                   // times; of a group at most once
    std::vector<std::vector<CharSet>> choices; // Group
  };
  using Sequence = std::vector<Item>;

  /// The end of the match of `items` at `begin`, if there is one.
  static std::optional<size_t> match(std::span<const Item> items, std::span<const Char> text,
                                     size_t begin);

  std::vector<Sequence> alternatives_;
};

} // namespace rosso
