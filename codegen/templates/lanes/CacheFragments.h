// Keys and values as a wave's matrix instructions take them, straight from a cache [G, C, d] of f16
// or of int8 blocks of 32 with an f16 scale.
#pragma once

#include "codegen/Kernel.h"
#include "codegen/amdgpu/Wave.h"

#include <vector>

namespace rosso {

/// i32 values as a vector of halves, two in each.
Value packHalves(Emit &e, const Values &words);
/// Bytes picked out of eight: selectors 0 to 3 from `low`, 4 to 7 from `high`.
Value pickBytes(Emit &e, Value high, Value low, int64_t selector);

/// What both have in common: where a head's rows are.
class CacheFragments {
public:
  CacheFragments(Emit &e, const KernelContext &kernel, Wave &wave, Value tensor);

  bool isQuantised() const { return format_ != nullptr; }
  int64_t blockLen() const { return format_->blockLen; }
  /// Of the rows of this head from now on.
  void setHead(Value head);

protected:
  /// The bytes at a word of codes as numbers 1024 + 128 + code in f16: two pairs.
  Values biasedCodes(Value word);
  Value withoutBias(Value pair);

  Emit &e_;
  Wave &wave_;
  MatrixLanes lanes_;
  const QuantFormat *format_;
  int64_t width_, rowBytes_;
  Value pointer_, context_, rows_; // rows_: of the head
};

/// Matrix A of 16 positions and the width of a row, 16 elements of it at a time.
class KeyFragments : public CacheFragments {
public:
  using CacheFragments::CacheFragments;
  static bool canRead(Value tensor);

  /// This lane's row is that of `position`.
  void setPosition(Value position);
  /// Halves of elements 16i .. 16i + 15; of a quantised cache its codes.
  Value fragment(int64_t i);
  /// The f16 that codes of block `i` are multiplied with.
  Value scale(int64_t i);

private:
  Value row_;
};

/// Matrices A of 16 elements of the rows and 16 positions: transposed. Row l of fragment j holds
/// element l * count() + j, and its columns are the positions that lie in this order in D:
/// registers, then lane halves.
class ValueFragments : public CacheFragments {
public:
  using CacheFragments::CacheFragments;
  static bool canRead(Value tensor);

  int64_t count() const { return width_ / 16; }
  /// Loads rows `first` .. `first` + 15, instead of those beyond `last` that one. Both are uniform.
  void load(Value first, Value last);
  Value fragment(int64_t j);

private:
  Values words_[16]; // of each row, what this lane has of it; quantised: codes
  Values scales_;    // of a quantised cache: of pairs of rows
};

} // namespace rosso
