// The tile layout: how a quantised matrix lies in device memory.
//
// A GGUF stores a matrix row by row, block after block. Kernels want one lane per row: R rows side
// by side, 16 for the 512-bit registers of a CPU and 32 for the wave of a GPU, so that a register
// holds the same field of R rows and no value ever crosses lanes. Regrouping at load costs nothing
// in size: a tile is the blocks of R consecutive rows at one block column, with their fields
// interleaved.
//
//   matrix [N, K]  ->  tiles [ceil(N/R)][K / blockLen], each tile R * blockSize bytes
//
// Within a tile, each field is stored as vectors of R lanes, lane r for row r:
//   - d, dmin: one vector of R floats of the format's scale type
//   - codes, split into planes of 1, 2, 4 or 8 bits (`TilePlane`): vectors of R dwords.
//     A plane of width w has 8/w quads of codes in each dword; vector q, quad i holds, in its four
//     bytes, the codes of weights 4*j .. 4*j+3 with j = q * (8/w) + i:
//       quad = (dword >> (w * i)) & (0x01010101 * (2^w - 1))
//     so that a quad is what an 8-bit dot instruction wants, and activations keep their order.
//   - group scales and mins, one array of elements s[0..G), m[0..G), split into planes of 4, 2 or 8
//     bits: element e is at bit e*w of the row's bit string, which is cut into lanes of
//     `laneBytes`: vector (e*w) / (8*laneBytes), shift (e*w) % (8*laneBytes)
// A code (or scale) is the sum over its planes of plane << shift.
//
// Where a GPU's lane loads 16 bytes at once, up to four vectors of a plane lie lane by lane
// (`TilePlane::pack`): dwords 0 to 3 of row 0, then those of row 1.
//
// F32, F16 and BF16 are formats with blockLen 1 and only `d`: a tile is the R rows' values of one
// column, or on a GPU of as many columns as 16 bytes hold, lane by lane (`floatColumns`).
// Rows beyond N in the last tile are zero bytes and give weight 0.
#pragma once

#include "ir/quant/QuantFormat.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace rosso {

/// How many rows stand side by side, and how many bytes of a row may lie together.
struct TileShape {
  unsigned rows = 16;
  unsigned laneBytes = 4;
  bool operator==(const TileShape &) const = default;
};
inline constexpr TileShape kTile16{16, 4}, kTile32{32, 16};

/// By the name of a layout ("tile16", "tile32"); null for all others.
const TileShape *findTileShape(std::string_view layout);

struct TilePlane {
  unsigned offset = 0;    // bytes into the tile of its first vector
  unsigned width = 0;     // bits of an element
  unsigned shift = 0;     // position of these bits in the element
  unsigned laneBytes = 4; // 1, 2 or 4; always 4 for codes
  unsigned vectors = 0;   // vectors of R lanes
  unsigned pack = 1;      // vectors that lie lane by lane: 1, 2 or 4

  /// Bytes from the tile's start to `lane` of a vector.
  unsigned at(unsigned vector, unsigned lane, unsigned rows) const {
    return offset + (vector / pack * rows + lane) * laneBytes * pack + vector % pack * laneBytes;
  }
};

struct TileLayout {
  unsigned rows = 16;
  unsigned bytes = 0; // of one tile: rows * blockSize
  unsigned dOffset = 0;
  unsigned dminOffset = 0; // meaningful if the format has dmin
  std::vector<TilePlane> codes;
  std::vector<TilePlane> scales; // empty if the format has no group scales
};

TileLayout tileLayout(const QuantFormat &format, const TileShape &shape);

/// How many columns of a float format a tile of a matrix with `cols` columns holds.
unsigned floatColumns(const QuantFormat &format, int64_t cols, const TileShape &shape);

/// Bytes of a [rows, cols] matrix in the tile layout. cols is a multiple of blockLen.
uint64_t tileBytes(const QuantFormat &format, int64_t rows, int64_t cols, const TileShape &shape);

/// Regroups rows [R*firstTile, R*firstTile + rows) of a matrix. `source` holds these rows in file
/// order; `target` gets the tiles. rows may end a matrix at any number; missing rows are zeros.
void regroup(const QuantFormat &format, int64_t rows, int64_t cols, const TileShape &shape,
             std::span<const uint8_t> source, std::span<uint8_t> target);

/// The inverse, for tests and for reading one row back.
void ungroup(const QuantFormat &format, int64_t rows, int64_t cols, const TileShape &shape,
             std::span<const uint8_t> tiles, std::span<uint8_t> target);

} // namespace rosso
