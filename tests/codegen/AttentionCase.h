// One attention as a kernel of its own: for running it and for looking at its code.
#pragma once

#include <cstdint>
#include <string>

namespace rosso::testing {

enum class Mask { None, Shared, OfHeads };
enum class Sees { Past, All };
enum class Gives { Heads, Blocks }; // [H, T, d], or q8_a [T, H * d]

struct AttentionCase {
  const char *device = "host";
  const char *cache = "f16";
  int64_t heads = 1, kvHeads = 1, keyWidth = 16, valueWidth = 16;
  int64_t tokens = 1;    // 0: one, and the kernel is compiled for one
  int64_t position = 0;  // of the first token
  int64_t context = 200; // the cache's size
  Mask mask = Mask::None;
  Sees sees = Sees::Past;
  Gives gives = Gives::Heads;
  int64_t mostTokens = 64;
  /// Values are at most 3; scores of |q k| ~ 10 lose about 1e-6 each.
  double tolerance = 2e-5;

  int64_t tokenCount() const { return tokens ? tokens : 1; }
  double scale() const;
  /// The module, whose entry has inputs q and, if there is a mask, m, and states k and v.
  std::string text() const;
};

} // namespace rosso::testing
