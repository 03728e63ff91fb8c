// Unpacks quantised weights in registers: the code that ir/quant/Tile.h's layout asks for, derived
// from the format's descriptor alone. No format is named here.
#pragma once

#include "codegen/Emit.h"
#include "codegen/Target.h"
#include "ir/quant/Tile.h"

#include <map>

namespace rosso {

/// On a CPU all rows of a tile at once, one a lane of vectors (L below is 16); on a GPU the row of
/// this lane, in scalars (L is 1). A weight is
///
///   scale(g) * byte - offset(g)      with the unsigned bytes of `quad`, or
///   scale(g) * byte - minimum(g)     with the signed bytes of `signedQuad`
class TileEmitter {
public:
  /// The rows of the tile16 at `tile`.
  TileEmitter(Emit &e, const Target &target, const QuantFormat &format, Value tile);
  /// Row `row` (an index) of the tile32 at `tile`.
  TileEmitter(Emit &e, const Target &target, const QuantFormat &format, Value tile, Value row);

  /// Loads what quads [first, first + count) are made of, and the scales, unless it is loaded. What
  /// is not loaded beforehand is where it is first used.
  void load(unsigned first, unsigned count);

  /// vector<Lxi32>: in its four bytes those of weights 4j .. 4j+3 of the block.
  Value quad(unsigned j);
  Value signedQuad(unsigned j);
  /// vector<Lxf32> scale of group g.
  Value scale(unsigned g);
  /// vector<Lxf32>; null where it is always zero.
  Value offset(unsigned g);
  Value minimum(unsigned g);

private:
  Value codes(unsigned j);
  Value at(unsigned offset, unsigned rowBytes);
  Value planeVector(const TilePlane &plane, unsigned index, Type laneType);
  Value scaleElement(unsigned element);
  Value blockScale(const BlockScale &scale, unsigned offset);

  Emit &e_;
  const Target &target_;
  const QuantFormat &format_;
  TileLayout layout_;
  Value tile_, row_;
  int64_t lanes_;
  std::map<std::pair<unsigned, unsigned>, Value> loaded_; // (offset of plane, pack)
  Value d_, dmin_;
};

/// One f32 of a block scale's type at `pointer`; a vector for lanes > 1.
Value emitScaleLoad(Emit &e, ScaleType type, Value pointer, int64_t lanes);
/// The same from its bits in an i32 (or a vector of them), the upper ones 0.
Value emitScale(Emit &e, ScaleType type, Value bits);

/// The codes' bits of quad `j` (of any number in a dword) that `dword` of a plane holds.
Value emitQuad(Emit &e, const TilePlane &plane, Value dword, unsigned j);

/// Codes as stored, four to a dword, as unsigned bytes, which are the values of the codes plus
/// `unsignedBias`: 128 for signed codes and tables, else 0.
Value emitUnsignedBytes(Emit &e, const Target &target, const QuantFormat &format, Value codes);
int unsignedBias(const QuantFormat &format);

} // namespace rosso
