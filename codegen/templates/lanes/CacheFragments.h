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

/// i32 words of int8 codes at an even `offset` from `pointer`, which is a multiple of four. Loads
/// are aligned, so the words may have to be put together. There is something in the two bytes
/// before: blocks begin with their scales.
Values loadCodes(Emit &e, Value pointer, Value offset, int64_t bytes);

/// What both have in common: where a head's rows are.
class CacheFragments {
public:
  CacheFragments(Emit &e, const KernelContext &kernel, Wave &wave, Value tensor);

  bool isQuantised() const { return format_ != nullptr; }
  int64_t blockLen() const { return format_->blockLen; }
  /// Of the rows of this head from now on.
  void setHead(Value head);
  /// Where position 0 to 15 comes in the order of D: the registers of lanes 0 to 15, then those of
  /// the others.
  Value placeOf(Value position);

protected:
  Values loadCodes(Value pointer, int64_t offset, int64_t bytes);
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

/// Rows eight elements at a time, as f16.
class CacheParts : public CacheFragments {
public:
  using CacheFragments::CacheFragments;
  static bool canRead(Value tensor);

  int64_t count() const { return width_ / 8; } // of a row
  /// Elements 8i .. 8i + 7 of row `position`: four i32, two in each.
  Values load(Value position, Value i);
};

/// Matrix A of 16 positions and the width of a row, 16 elements of it at a time.
class KeyFragments : public CacheFragments {
public:
  using CacheFragments::CacheFragments;
  static bool canRead(Value tensor);

  int64_t count() const { return width_ / 16; }
  /// This lane's row is that of `position`.
  void setPosition(Value position);
  /// Loads what `fragment(i)` needs. In order.
  void load(int64_t i);
  /// Halves of elements 16i .. 16i + 15; of a quantised cache its codes.
  Value fragment(int64_t i);
  /// The f16 that codes of block `i` are multiplied with.
  Value scale(int64_t i) { return scales_[static_cast<size_t>(i)]; }

private:
  Value row_;
  Values parts_;              // for each fragment: halves
  std::vector<Values> codes_; // or codes as i32
  Values scales_;             // of each block of a quantised row
};

/// Matrices A of 16 elements of the rows and 16 positions: transposed. Row l of fragment j holds
/// element l * count() + j, and its columns are the positions that lie in this order in D:
/// registers, then lane halves.
class ValueFragments : public CacheFragments {
public:
  ValueFragments(Emit &e, const KernelContext &kernel, Wave &wave, Value tensor);
  static bool canRead(Value tensor);

  int64_t count() const { return width_ / 16; }
  /// Rows `first` .. `first` + 15 come next, instead of those beyond `last` that one. Both are
  /// uniform.
  void setRows(Value first, Value last);
  /// How many of them a lane loads, and loading one.
  int64_t rowCount() const { return lanes_.halves; }
  void loadRow(int64_t k);
  /// Before the first fragment, and after the rows of those before have been used.
  void shareScales();
  Value fragment(int64_t j);

private:
  Value from_, mostBytes_; // of the rows
  Value inRow_;            // byte offset of what this lane has of a row
  Values words_[16];       // that, of each row; quantised: codes
  // Of a quantised cache: what a lane loaded, of blocks of the row of its column; where all lanes'
  // lie in shared memory, f16 [block][position]; those of this lane's block, for its positions.
  Values loadedScales_;
  Value sharedScales_, scales_;
};

} // namespace rosso
