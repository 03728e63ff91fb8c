// 32 consecutive weights of a row of a tile32, at a place in the block that only the running kernel
// knows, as f16: what matrix instructions take. Loading and expanding are apart, so that loads fly
// while the kernel computes something else. Derived from the format's descriptor, like TileEmitter.
#pragma once

#include "codegen/Emit.h"
#include "codegen/Target.h"
#include "ir/quant/Tile.h"

#include <algorithm>

namespace rosso {

/// Dwords of four unsigned bytes each as twice as many of two halves each, in the same order, less
/// `zero` (0 to 1024), exactly.
Values bytesToHalves(Emit &e, ValueRange quads, int zero);

/// An f32 rounded to f16, in both halves of a dword.
Value splatHalf(Emit &e, Value v);

/// On the two halves of dwords.
Value mulHalves(Emit &e, Value a, Value b);
Value fmaHalves(Emit &e, Value a, Value b, Value c);

/// A weight is scale * (code - zero) - minimum. Scale (d times the group's) and minimum are f32
/// values rounded to f16, code - zero is exact, and the result is rounded once.
class TileSlice {
public:
  static constexpr int64_t kWeights = 32;

  /// Of row `row` (an index) of a tile. Not of a format of plain floats.
  TileSlice(Emit &e, const Target &target, const QuantFormat &format, Value row);

  int64_t slicesOfBlock() const { return format_.blockLen / kWeights; }
  int64_t tileBytes() const { return layout_.bytes; }

  /// How many i32s `load` gives.
  size_t words() const;
  /// The bits of slice `slice` (an index, the same in all lanes) of the tile `offset` bytes from
  /// `matrix`, as i32s.
  Values load(Value matrix, Value offset, Value slice) const;
  /// The weights in what `load` gave: 16 i32 of two halves each.
  Values expand(ValueRange bits, Value slice) const;

private:
  /// A word of a plane of group scales or group minima: the one that holds the slice's groups.
  struct ScaleWord {
    unsigned plane = 0;
    unsigned firstBit = 0; // in the row's bit string, of slice 0
    bool moves = false;    // with the slice; else it holds all slices' groups
    bool operator==(const ScaleWord &) const = default;
  };

  /// Where groups are longer than a slice, the block is one, without scales of its own.
  unsigned groupsOfSlice() const {
    return std::max(1u, static_cast<unsigned>(kWeights) / format_.groupLen);
  }
  unsigned codeWords() const;
  ScaleWord scaleWord(unsigned plane, unsigned firstElement) const;
  Value scaleElement(ValueRange words, unsigned firstElement, unsigned inSlice, Value slice) const;
  Value vectorOffset(const TilePlane &plane, Value vector) const;

  Emit &e_;
  const Target &target_;
  const QuantFormat &format_;
  TileLayout layout_;
  std::vector<ScaleWord> words_;
  Value row_;
};

} // namespace rosso
