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

} // namespace rosso
