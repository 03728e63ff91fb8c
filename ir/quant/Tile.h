// The tile layout: how a quantised matrix lies in device memory.
//
// A GGUF stores a matrix row by row, block after block. Kernels want one lane per row: sixteen
// rows side by side, so that a 512-bit register (or half a wave) holds the same field of sixteen
// rows and no value ever crosses lanes. Regrouping at load costs nothing in size: a tile is the
// blocks of `kTileRows` consecutive rows at one block column, with their fields interleaved.
//
//   matrix [N, K]  ->  tiles [ceil(N/16)][K / blockLen], each tile 16 * blockSize bytes
//
// Within a tile, each field is stored as vectors of 16 lanes, lane r for row r:
//   - d, dmin: one vector of 16 floats of the format's scale type
//   - codes, split into planes of 1, 2, 4 or 8 bits (`TilePlane`): vectors of 16 dwords.
//     A plane of width w has 8/w quads of codes in each dword; vector q, quad i holds, in its four
//     bytes, the codes of weights 4*j .. 4*j+3 with j = q * (8/w) + i:
//       quad = (dword >> (w * i)) & (0x01010101 * (2^w - 1))
//     so that a quad is what an 8-bit dot instruction wants, and activations keep their order.
//   - group scales and mins, one array of elements s[0..G), m[0..G), split into planes of 4, 2 or 8
//     bits: element e is at bit e*w of the row's bit string, which is cut into lanes of
//     `laneBytes`: vector (e*w) / (8*laneBytes), shift (e*w) % (8*laneBytes)
// A code (or scale) is the sum over its planes of plane << shift.
//
// F32, F16 and BF16 are formats with blockLen 1 and only `d`: a tile is the 16 rows' values.
// Rows beyond N in the last tile are zero bytes and give weight 0.
#pragma once

#include "ir/quant/QuantFormat.h"

#include <cstdint>
#include <span>
#include <vector>

namespace rosso {

inline constexpr unsigned kTileRows = 16;

struct TilePlane {
  unsigned offset = 0;    // bytes into the tile of its first vector
  unsigned width = 0;     // bits of an element
  unsigned shift = 0;     // position of these bits in the element
  unsigned laneBytes = 4; // 1, 2 or 4; always 4 for codes
  unsigned vectors = 0;   // vectors of 16 lanes
};

struct TileLayout {
  unsigned bytes = 0; // of one tile: kTileRows * blockSize
  unsigned dOffset = 0;
  unsigned dminOffset = 0; // meaningful if the format has dmin
  std::vector<TilePlane> codes;
  std::vector<TilePlane> scales; // empty if the format has no group scales
};

TileLayout tileLayout(const QuantFormat &format);

/// Bytes of a [rows, cols] matrix in the tile layout. cols is a multiple of blockLen.
uint64_t tileBytes(const QuantFormat &format, int64_t rows, int64_t cols);

/// Regroups rows [16*firstTile, 16*firstTile + rows) of a matrix. `source` holds these rows in file
/// order; `target` gets the tiles. rows may end a matrix at any number; missing rows are zeros.
void regroup(const QuantFormat &format, int64_t rows, int64_t cols, std::span<const uint8_t> source,
             std::span<uint8_t> target);

/// The inverse, for tests and for reading one row back.
void ungroup(const QuantFormat &format, int64_t rows, int64_t cols, std::span<const uint8_t> tiles,
             std::span<uint8_t> target);

} // namespace rosso
