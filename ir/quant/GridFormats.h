// The storage formats whose files index a grid: iq1_s, iq1_m, iq2_xxs, iq2_xs, iq2_s, iq3_xxs,
// iq3_s. Each entry has two pictures, of the block in a file and of the block in memory, which is
// what its indices are resolved to (GridBlock.h) and what all formulas below mean.
//
// Bits a weight   iq1_s   iq1_m   iq2_xxs  iq2_xs  iq2_s   iq3_xxs  iq3_s
//   in a file     1.5625  1.75    2.0625   2.3125  2.5625  3.0625   3.4375
//   in memory     3.25    3.375   3.25     3.375   3.375   4.25     4.1875
//
// Source: GGML's `ggml-common.h` for blocks and grids, `dequantize_row_*` for the formulas. Where
// those halve, quarter or shift by an eighth, d takes the power of two and becomes an f32, which
// holds it exactly, so that all else are integers.
#pragma once

#include "ir/quant/QuantFormat.h"
#include "ir/quant/WellFormed.h"

namespace rosso {

#include "ir/quant/Grids.inc"

// Blocks in memory: 256 codes of 3 or 4 bits as in q3_k and q4_k, a nibble per group of 16 or 32
// weights, the even groups' low, and d.
//
//   byte  0                   64                 96                     100 or 104
//         |  64 bytes of 2 bits  |  32 high bytes  |  4 or 8 scale bytes  |  d, f32  |
//
//   byte  0                  128             132
//         |  128 code bytes  |  4 scale bytes  |  d, f32 or f16  |
inline constexpr BitPlane kThreeBitCodes[] = {
    {.offset = 0, .run = 32, .pitch = 2, .width = 2, .count = 256},
    {.offset = 64, .run = 32, .pitch = 1, .width = 1, .shift = 2, .count = 256},
};
inline constexpr BitPlane kFourBitCodes[] = {
    {.offset = 0, .run = 32, .pitch = 4, .width = 4, .count = 256},
};
template <unsigned offset, unsigned count>
inline constexpr BitPlane kNibbleScales[] = {
    {.offset = offset, .pitch = 4, .width = 4, .count = count},
};

// iq1: a digit is -1, 0 or 1, and a bit says whether a group of weights lies an eighth above that
// or below. Codes 0..2 are the digits with an eighth added, 4..6 with it taken away, all times 8.
inline constexpr int8_t kIQ1Table[8] = {-7, 1, 9, 0, -9, -1, 7, 0};
// iq2: three magnitudes. Codes 4..6 are the negatives of 0..2; 3 and 7 do not occur.
inline constexpr int8_t kIQ2Table[8] = {8, 25, 43, 0, -8, -25, -43, 0};
// iq3: eight magnitudes, then their negatives.
inline constexpr int8_t kIQ3_XXSTable[16] = {4,  12,  20,  28,  36,  44,  52,  62,
                                             -4, -12, -20, -28, -36, -44, -52, -62};
inline constexpr int8_t kIQ3_STable[16] = {1,  3,  5,  7,  9,  11,  13,  15,
                                           -1, -3, -5, -7, -9, -11, -13, -15};

inline constexpr BitField kHalfInFront[] = {{.width = 8}, {.bit = 8, .width = 8, .shift = 8}};

// iq1_s: 8 groups of 32 weights; an index of 11 bits names 8 digits; 3-bit scale per group.
// Source: GGML, `block_iq1_s`.
//
//   file  0     2                34                50
//         |  d  |  32 low bytes  |  8 u16 of a group each  |
//         u16:  3 high bits of each of 4 indices | 3 bits of scale | 1: an eighth less
//
//   weight = d/8 * (2 * s[g] + 1) * table[code]
inline constexpr BitField kIQ1_SScales[] = {
    {.bit = 34 * 8 + 12, .stride = 16, .width = 3, .count = 8},
};
inline constexpr BitField kIQ1_SIndices[] = {
    {.bit = 2 * 8, .stride = 8, .width = 8, .count = 32},
    {.bit = 34 * 8, .run = 4, .step = 3, .stride = 16, .width = 3, .shift = 8, .count = 32},
};
inline constexpr BitField kIQ1_SSigns[] = {
    {.bit = 34 * 8 + 15, .stride = 16, .width = 1, .count = 8},
};
inline constexpr GridBlock kIQ1_SFile{
    .size = 50,
    .d = kHalfInFront,
    .dFactor = 1.0f / 8,
    .scales = kIQ1_SScales,
    .indices = kIQ1_SIndices,
    .signs = kIQ1_SSigns,
    .grid = kGridIQ1,
    .gridLen = 8,
    .digitBits = 2,
    .scaleBits = 3,
    .signLen = 32,
    .signBits = 1,
};
inline constexpr QuantFormat kIQ1_S{
    .name = "iq1_s",
    .ggufType = 19,
    .blockLen = 256,
    .blockSize = 104,
    .groupLen = 32,
    .d = {.type = ScaleType::F32, .offset = 100},
    .codes = kThreeBitCodes,
    .scales = kNibbleScales<96, 8>,
    .codeBits = 3,
    .scaleBits = 4,
    .scaleZero = -1,
    .scaleStep = 2,
    .table = kIQ1Table,
    .file = &kIQ1_SFile,
};
static_assert(isWellFormed(kIQ1_S));

// iq1_m: 16 groups of 16 weights, indices as in iq1_s; the eighths are of 8 weights each.
// Source: GGML, `block_iq1_m`.
//
//   file  0                32                  48              56
//         |  32 low bytes  |  16 bytes, a nibble per index  |  4 u16  |
//         nibble:  3 high bits of the index | 1: an eighth less
//         u16:     3 bits of scale of each of 4 groups | a quarter of d, the lowest first
//
//   weight = d/8 * (2 * s[g] + 1) * table[code]
inline constexpr BitField kIQ1_MD[] = {
    {.bit = 48 * 8 + 12, .width = 4},
    {.bit = 50 * 8 + 12, .width = 4, .shift = 4},
    {.bit = 52 * 8 + 12, .width = 4, .shift = 8},
    {.bit = 54 * 8 + 12, .width = 4, .shift = 12},
};
inline constexpr BitField kIQ1_MScales[] = {
    {.bit = 48 * 8, .run = 4, .step = 3, .stride = 16, .width = 3, .count = 16},
};
inline constexpr BitField kIQ1_MIndices[] = {
    {.bit = 0, .stride = 8, .width = 8, .count = 32},
    {.bit = 32 * 8, .stride = 4, .width = 3, .shift = 8, .count = 32},
};
inline constexpr BitField kIQ1_MSigns[] = {
    {.bit = 32 * 8 + 3, .stride = 4, .width = 1, .count = 32},
};
inline constexpr GridBlock kIQ1_MFile{
    .size = 56,
    .d = kIQ1_MD,
    .dFactor = 1.0f / 8,
    .scales = kIQ1_MScales,
    .indices = kIQ1_MIndices,
    .signs = kIQ1_MSigns,
    .grid = kGridIQ1,
    .gridLen = 8,
    .digitBits = 2,
    .scaleBits = 3,
    .signLen = 8,
    .signBits = 1,
};
inline constexpr QuantFormat kIQ1_M{
    .name = "iq1_m",
    .ggufType = 29,
    .blockLen = 256,
    .blockSize = 108,
    .groupLen = 16,
    .d = {.type = ScaleType::F32, .offset = 104},
    .codes = kThreeBitCodes,
    .scales = kNibbleScales<96, 16>,
    .codeBits = 3,
    .scaleBits = 4,
    .scaleZero = -1,
    .scaleStep = 2,
    .table = kIQ1Table,
    .file = &kIQ1_MFile,
};
static_assert(isWellFormed(kIQ1_M));

// iq2_xxs: 8 groups of 32 weights; a byte names 8 magnitudes; 4-bit scale per group.
// Source: GGML, `block_iq2_xxs`.
//
//   file  0     2                                  66
//         |  d  |  8 groups: 4 index bytes | u32  |
//         u32:  7 signs of each of 4 times 8 weights | 4 bits of scale
//
//   weight = d/8 * (2 * s[g] + 1) * table[code]
inline constexpr BitField kIQ2_XXSScales[] = {
    {.bit = 6 * 8 + 28, .stride = 64, .width = 4, .count = 8},
};
inline constexpr BitField kIQ2_XXSIndices[] = {
    {.bit = 2 * 8, .run = 4, .step = 8, .stride = 64, .width = 8, .count = 32},
};
inline constexpr BitField kIQ2_XXSSigns[] = {
    {.bit = 6 * 8, .run = 4, .step = 7, .stride = 64, .width = 7, .count = 32},
};
inline constexpr GridBlock kIQ2_XXSFile{
    .size = 66,
    .d = kHalfInFront,
    .dFactor = 1.0f / 8,
    .scales = kIQ2_XXSScales,
    .indices = kIQ2_XXSIndices,
    .signs = kIQ2_XXSSigns,
    .grid = kGridIQ2_XXS,
    .gridLen = 8,
    .digitBits = 2,
    .scaleBits = 4,
    .signBits = 7,
};
inline constexpr QuantFormat kIQ2_XXS{
    .name = "iq2_xxs",
    .ggufType = 16,
    .blockLen = 256,
    .blockSize = 104,
    .groupLen = 32,
    .d = {.type = ScaleType::F32, .offset = 100},
    .codes = kThreeBitCodes,
    .scales = kNibbleScales<96, 8>,
    .codeBits = 3,
    .scaleBits = 4,
    .scaleZero = -1,
    .scaleStep = 2,
    .table = kIQ2Table,
    .file = &kIQ2_XXSFile,
};
static_assert(isWellFormed(kIQ2_XXS));

// iq2_xs: 16 groups of 16 weights; 9 bits name 8 magnitudes; 4-bit scale per group.
// Source: GGML, `block_iq2_xs`.
//
//   file  0     2           66               74
//         |  d  |  32 u16  |  8 scale bytes  |
//         u16:  9 bits of index | 7 signs
//
//   weight = d/8 * (2 * s[g] + 1) * table[code]
inline constexpr BitField kIQ2_XSScales[] = {
    {.bit = 66 * 8, .stride = 4, .width = 4, .count = 16},
};
inline constexpr BitField kIQ2_XSIndices[] = {
    {.bit = 2 * 8, .stride = 16, .width = 9, .count = 32},
};
inline constexpr BitField kIQ2_XSSigns[] = {
    {.bit = 2 * 8 + 9, .stride = 16, .width = 7, .count = 32},
};
inline constexpr GridBlock kIQ2_XSFile{
    .size = 74,
    .d = kHalfInFront,
    .dFactor = 1.0f / 8,
    .scales = kIQ2_XSScales,
    .indices = kIQ2_XSIndices,
    .signs = kIQ2_XSSigns,
    .grid = kGridIQ2_XS,
    .gridLen = 8,
    .digitBits = 2,
    .scaleBits = 4,
    .signBits = 7,
};
inline constexpr QuantFormat kIQ2_XS{
    .name = "iq2_xs",
    .ggufType = 17,
    .blockLen = 256,
    .blockSize = 108,
    .groupLen = 16,
    .d = {.type = ScaleType::F32, .offset = 104},
    .codes = kThreeBitCodes,
    .scales = kNibbleScales<96, 16>,
    .codeBits = 3,
    .scaleBits = 4,
    .scaleZero = -1,
    .scaleStep = 2,
    .table = kIQ2Table,
    .file = &kIQ2_XSFile,
};
static_assert(isWellFormed(kIQ2_XS));

// iq2_s: the same with 10 bits of index and all eight signs.
// Source: GGML, `block_iq2_s`.
//
//   file  0     2                34                66               74              82
//         |  d  |  32 low bytes  |  32 sign bytes  |  8 high bytes  |  8 scale bytes  |
//
//   bits 8-9 of index i are bits 2 * (i % 4) of high byte i / 4
inline constexpr BitField kIQ2_SScales[] = {
    {.bit = 74 * 8, .stride = 4, .width = 4, .count = 16},
};
inline constexpr BitField kIQ2_SIndices[] = {
    {.bit = 2 * 8, .stride = 8, .width = 8, .count = 32},
    {.bit = 66 * 8, .stride = 2, .width = 2, .shift = 8, .count = 32},
};
inline constexpr BitField kIQ2_SSigns[] = {
    {.bit = 34 * 8, .stride = 8, .width = 8, .count = 32},
};
inline constexpr GridBlock kIQ2_SFile{
    .size = 82,
    .d = kHalfInFront,
    .dFactor = 1.0f / 8,
    .scales = kIQ2_SScales,
    .indices = kIQ2_SIndices,
    .signs = kIQ2_SSigns,
    .grid = kGridIQ2_S,
    .gridLen = 8,
    .digitBits = 2,
    .scaleBits = 4,
    .signBits = 8,
};
inline constexpr QuantFormat kIQ2_S = [] {
  QuantFormat format = kIQ2_XS;
  format.name = "iq2_s";
  format.ggufType = 22;
  format.file = &kIQ2_SFile;
  return format;
}();
static_assert(isWellFormed(kIQ2_S));

// iq3_xxs: 8 groups of 32 weights; a byte names 4 magnitudes; 4-bit scale per group.
// Source: GGML, `block_iq3_xxs`.
//
//   file  0     2                  66                     98
//         |  d  |  64 index bytes  |  8 u32 of a group each  |
//         u32:  7 signs of each of 4 times 8 weights | 4 bits of scale
//
//   weight = d/4 * (2 * s[g] + 1) * table[code]
inline constexpr BitField kIQ3_XXSScales[] = {
    {.bit = 66 * 8 + 28, .stride = 32, .width = 4, .count = 8},
};
inline constexpr BitField kIQ3_XXSIndices[] = {
    {.bit = 2 * 8, .stride = 8, .width = 8, .count = 64},
};
inline constexpr BitField kIQ3_XXSSigns[] = {
    {.bit = 66 * 8, .run = 4, .step = 7, .stride = 32, .width = 7, .count = 32},
};
inline constexpr GridBlock kIQ3_XXSFile{
    .size = 98,
    .d = kHalfInFront,
    .dFactor = 1.0f / 4,
    .scales = kIQ3_XXSScales,
    .indices = kIQ3_XXSIndices,
    .signs = kIQ3_XXSSigns,
    .grid = kGridIQ3_XXS,
    .gridLen = 4,
    .digitBits = 3,
    .scaleBits = 4,
    .signBits = 7,
};
inline constexpr QuantFormat kIQ3_XXS{
    .name = "iq3_xxs",
    .ggufType = 18,
    .blockLen = 256,
    .blockSize = 136,
    .groupLen = 32,
    .d = {.type = ScaleType::F32, .offset = 132},
    .codes = kFourBitCodes,
    .scales = kNibbleScales<128, 8>,
    .codeBits = 4,
    .scaleBits = 4,
    .scaleZero = -1,
    .scaleStep = 2,
    .table = kIQ3_XXSTable,
    .file = &kIQ3_XXSFile,
};
static_assert(isWellFormed(kIQ3_XXS));

// iq3_s: 8 groups of 32 weights; 9 bits name 4 magnitudes, all signs; 4-bit scale per group.
// Source: GGML, `block_iq3_s`.
//
//   file  0     2                66               74                106              110
//         |  d  |  64 low bytes  |  8 high bytes  |  32 sign bytes  |  4 scale bytes  |
//
//   weight = d * (2 * s[g] + 1) * table[code]
//   bit 8 of index i is bit i % 8 of high byte i / 8
inline constexpr BitField kIQ3_SScales[] = {
    {.bit = 106 * 8, .stride = 4, .width = 4, .count = 8},
};
inline constexpr BitField kIQ3_SIndices[] = {
    {.bit = 2 * 8, .stride = 8, .width = 8, .count = 64},
    {.bit = 66 * 8, .stride = 1, .width = 1, .shift = 8, .count = 64},
};
inline constexpr BitField kIQ3_SSigns[] = {
    {.bit = 74 * 8, .stride = 8, .width = 8, .count = 32},
};
inline constexpr GridBlock kIQ3_SFile{
    .size = 110,
    .d = kHalfInFront,
    .scales = kIQ3_SScales,
    .indices = kIQ3_SIndices,
    .signs = kIQ3_SSigns,
    .grid = kGridIQ3_S,
    .gridLen = 4,
    .digitBits = 3,
    .scaleBits = 4,
    .signBits = 8,
};
inline constexpr QuantFormat kIQ3_S{
    .name = "iq3_s",
    .ggufType = 21,
    .blockLen = 256,
    .blockSize = 134,
    .groupLen = 32,
    .d = {.type = ScaleType::F16, .offset = 132},
    .codes = kFourBitCodes,
    .scales = kNibbleScales<128, 8>,
    .codeBits = 4,
    .scaleBits = 4,
    .scaleZero = -1,
    .scaleStep = 2,
    .table = kIQ3_STable,
    .file = &kIQ3_SFile,
};
static_assert(isWellFormed(kIQ3_S));

} // namespace rosso
