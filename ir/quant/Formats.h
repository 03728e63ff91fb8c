// Every storage format of weights that Rosso knows, one entry each: the picture, the formula, the
// source; then data, no code. All else (sizes, expansion, packing, tiles, IR type, kernels) is
// derived. Fields are little-endian; within a byte, bit 0 is the lowest.
//
// Source of all block formats: the GGUF specification's type numbers and the block structures of
// GGML's `ggml-common.h`, named per entry. Those that a file stores as indices into a grid are in
// GridFormats.h.
#pragma once

#include "ir/quant/GridFormats.h"
#include "ir/quant/QuantFormat.h"
#include "ir/quant/WellFormed.h"

namespace rosso {

// f32, f16, bf16: plain floats. A block is one weight and has only `d`.
inline constexpr QuantFormat kF32{
    .name = "f32", .ggufType = 0, .blockSize = 4, .d = {.type = ScaleType::F32}};
static_assert(isWellFormed(kF32));
inline constexpr QuantFormat kF16{
    .name = "f16", .ggufType = 1, .blockSize = 2, .d = {.type = ScaleType::F16}};
static_assert(isWellFormed(kF16));
inline constexpr QuantFormat kBF16{
    .name = "bf16", .ggufType = 30, .blockSize = 2, .d = {.type = ScaleType::BF16}};
static_assert(isWellFormed(kBF16));

// q4_0: 32 weights of 4 bits that share one f16 scale. 4.5 bits a weight.
// Source: GGML, `block_q4_0`.
//
//   byte  0     2                 18
//         |  d  |  16 code bytes  |      weight = d * (code - 8)
//
//   weight i       is the low  nibble of code byte i     (0 <= i < 16)
//   weight i + 16  is the high nibble of code byte i
inline constexpr BitPlane kQ4_0Codes[] = {
    {.offset = 2, .run = 16, .pitch = 4, .width = 4, .count = 32},
};
inline constexpr QuantFormat kQ4_0{
    .name = "q4_0",
    .ggufType = 2,
    .blockLen = 32,
    .blockSize = 18,
    .groupLen = 32,
    .d = {.type = ScaleType::F16, .offset = 0},
    .codes = kQ4_0Codes,
    .codeBits = 4,
    .zero = 8,
};
static_assert(isWellFormed(kQ4_0));

// q4_1: 32 weights of 4 bits with an f16 scale and an f16 offset. 5 bits a weight.
// Source: GGML, `block_q4_1`.
//
//   byte  0     2     4                 20
//         |  d  |  m  |  16 code bytes  |      weight = d * code + m
//
//   code bytes as in q4_0
inline constexpr BitPlane kQ4_1Codes[] = {
    {.offset = 4, .run = 16, .pitch = 4, .width = 4, .count = 32},
};
inline constexpr QuantFormat kQ4_1{
    .name = "q4_1",
    .ggufType = 3,
    .blockLen = 32,
    .blockSize = 20,
    .groupLen = 32,
    .d = {.type = ScaleType::F16, .offset = 0},
    .dmin = {.type = ScaleType::F16, .offset = 2},
    .codes = kQ4_1Codes,
    .codeBits = 4,
    .minSign = -1,
};
static_assert(isWellFormed(kQ4_1));

// q5_0: 32 weights of 5 bits that share one f16 scale. 5.5 bits a weight.
// Source: GGML, `block_q5_0`.
//
//   byte  0     2                6                 22
//         |  d  |  4 high bytes  |  16 code bytes  |      weight = d * (code - 16)
//
//   code bytes as in q4_0; bit 4 of code i is bit i of the high bytes read as one u32
inline constexpr BitPlane kQ5_0Codes[] = {
    {.offset = 6, .run = 16, .pitch = 4, .width = 4, .count = 32},
    {.offset = 2, .run = 1, .pitch = 1, .width = 1, .shift = 4, .count = 32},
};
inline constexpr QuantFormat kQ5_0{
    .name = "q5_0",
    .ggufType = 6,
    .blockLen = 32,
    .blockSize = 22,
    .groupLen = 32,
    .d = {.type = ScaleType::F16, .offset = 0},
    .codes = kQ5_0Codes,
    .codeBits = 5,
    .zero = 16,
};
static_assert(isWellFormed(kQ5_0));

// q5_1: 32 weights of 5 bits with an f16 scale and an f16 offset. 6 bits a weight.
// Source: GGML, `block_q5_1`.
//
//   byte  0     2     4                8                 24
//         |  d  |  m  |  4 high bytes  |  16 code bytes  |      weight = d * code + m
//
//   high and code bytes as in q5_0
inline constexpr BitPlane kQ5_1Codes[] = {
    {.offset = 8, .run = 16, .pitch = 4, .width = 4, .count = 32},
    {.offset = 4, .run = 1, .pitch = 1, .width = 1, .shift = 4, .count = 32},
};
inline constexpr QuantFormat kQ5_1{
    .name = "q5_1",
    .ggufType = 7,
    .blockLen = 32,
    .blockSize = 24,
    .groupLen = 32,
    .d = {.type = ScaleType::F16, .offset = 0},
    .dmin = {.type = ScaleType::F16, .offset = 2},
    .codes = kQ5_1Codes,
    .codeBits = 5,
    .minSign = -1,
};
static_assert(isWellFormed(kQ5_1));

// q8_0: 32 weights of 8 bits that share one f16 scale. 8.5 bits a weight.
// Source: GGML, `block_q8_0`.
//
//   byte  0     2                        34
//         |  d  |  32 signed code bytes  |      weight = d * code
inline constexpr BitPlane kQ8_0Codes[] = {
    {.offset = 2, .run = 32, .pitch = 8, .width = 8, .count = 32},
};
inline constexpr QuantFormat kQ8_0{
    .name = "q8_0",
    .ggufType = 8,
    .blockLen = 32,
    .blockSize = 34,
    .groupLen = 32,
    .d = {.type = ScaleType::F16, .offset = 0},
    .codes = kQ8_0Codes,
    .codeBits = 8,
    .signedCodes = true,
};
static_assert(isWellFormed(kQ8_0));

// q2_k: 16 groups of 16 weights of 2 bits; 4-bit scale and min per group. 2.625 bits a weight.
// Source: GGML, `block_q2_K`.
//
//   byte  0                16                80    82     84
//         |  16 scales/mins  |  64 code bytes  |  d  | dmin |
//
//   weight = d * s[g] * code - dmin * m[g]        s: low nibbles, m: high nibbles of byte g
//   weights 0..31 are bits 0-1 of code bytes 0..31, weights 32..63 bits 2-3 of the same bytes,
//   and so on; weights 128..255 lie in code bytes 32..63 in the same way
inline constexpr BitPlane kQ2_KCodes[] = {
    {.offset = 16, .run = 32, .pitch = 2, .width = 2, .count = 256},
};
inline constexpr BitPlane kQ2_KScales[] = {
    {.offset = 0, .bit = 0, .width = 4, .first = 0, .count = 16},
    {.offset = 0, .bit = 4, .width = 4, .first = 16, .count = 16},
};
inline constexpr QuantFormat kQ2_K{
    .name = "q2_k",
    .ggufType = 10,
    .blockLen = 256,
    .blockSize = 84,
    .groupLen = 16,
    .d = {.type = ScaleType::F16, .offset = 80},
    .dmin = {.type = ScaleType::F16, .offset = 82},
    .codes = kQ2_KCodes,
    .scales = kQ2_KScales,
    .codeBits = 2,
    .scaleBits = 4,
    .groupMins = true,
};
static_assert(isWellFormed(kQ2_K));

// q3_k: 16 groups of 16 weights of 3 bits; 6-bit scale per group. 3.4375 bits a weight.
// Source: GGML, `block_q3_K` and `dequantize_row_q3_K`.
//
//   byte  0                 32                96               108   110
//         |  32 high bytes  |  64 code bytes  |  12 scale bytes  |  d  |
//
//   weight = d * (s[g] - 32) * (code - 4)
//   bits 0-1 of the codes as in q2_k; bit 2 of code i is bit i / 32 of high byte i % 32
//   bits 0-3 of s[0..7] are the low, of s[8..15] the high nibbles of scale bytes 0..7
//   bits 4-5 of s[j] are bits 2 * (j / 4) of scale byte 8 + j % 4
inline constexpr BitPlane kQ3_KCodes[] = {
    {.offset = 32, .run = 32, .pitch = 2, .width = 2, .count = 256},
    {.offset = 0, .run = 32, .pitch = 1, .width = 1, .shift = 2, .count = 256},
};
inline constexpr BitPlane kQ3_KScales[] = {
    {.offset = 96, .run = 8, .pitch = 4, .width = 4, .count = 16},
    {.offset = 104, .run = 4, .pitch = 2, .width = 2, .shift = 4, .count = 16},
};
inline constexpr QuantFormat kQ3_K{
    .name = "q3_k",
    .ggufType = 11,
    .blockLen = 256,
    .blockSize = 110,
    .groupLen = 16,
    .d = {.type = ScaleType::F16, .offset = 108},
    .codes = kQ3_KCodes,
    .scales = kQ3_KScales,
    .codeBits = 3,
    .scaleBits = 6,
    .zero = 4,
    .scaleZero = 32,
};
static_assert(isWellFormed(kQ3_K));

// The 12 scale bytes that q4_k and q5_k share: 8 scales and 8 mins of 6 bits, from `offset`.
// Source: GGML, `get_scale_min_k4`.
//
//   byte      bits 0-5   bits 6-7               byte       bits 0-3   bits 4-7
//   0..3      s[0..3]    s[4..7] bits 4-5       8..11      s[4..7]    m[4..7]  (bits 0-3)
//   4..7      m[0..3]    m[4..7] bits 4-5
template <unsigned offset>
inline constexpr BitPlane kSixBitScalesAndMins[] = {
    {.offset = offset, .width = 6, .first = 0, .count = 4},
    {.offset = offset + 8, .width = 4, .first = 4, .count = 4},
    {.offset = offset, .bit = 6, .width = 2, .shift = 4, .first = 4, .count = 4},
    {.offset = offset + 4, .width = 6, .first = 8, .count = 4},
    {.offset = offset + 8, .bit = 4, .width = 4, .first = 12, .count = 4},
    {.offset = offset + 4, .bit = 6, .width = 2, .shift = 4, .first = 12, .count = 4},
};

// q4_k: 8 groups of 32 weights of 4 bits; 6-bit scale and min per group. 4.5 bits a weight.
// Source: GGML, `block_q4_K`.
//
//   byte  0     2      4                   16                 144
//         |  d  | dmin |  12 scale bytes  |  128 code bytes  |
//
//   weight = d * s[g] * code - dmin * m[g]
//   weights 0..31 are the low, weights 32..63 the high nibbles of code bytes 0..31; then on
inline constexpr BitPlane kQ4_KCodes[] = {
    {.offset = 16, .run = 32, .pitch = 4, .width = 4, .count = 256},
};
inline constexpr QuantFormat kQ4_K{
    .name = "q4_k",
    .ggufType = 12,
    .blockLen = 256,
    .blockSize = 144,
    .groupLen = 32,
    .d = {.type = ScaleType::F16, .offset = 0},
    .dmin = {.type = ScaleType::F16, .offset = 2},
    .codes = kQ4_KCodes,
    .scales = kSixBitScalesAndMins<4>,
    .codeBits = 4,
    .scaleBits = 6,
    .groupMins = true,
};
static_assert(isWellFormed(kQ4_K));

// q5_k: 8 groups of 32 weights of 5 bits; 6-bit scale and min per group. 5.5 bits a weight.
// Source: GGML, `block_q5_K`.
//
//   byte  0     2      4                   16                48                 176
//         |  d  | dmin |  12 scale bytes  |  32 high bytes  |  128 code bytes  |
//
//   weight = d * s[g] * code - dmin * m[g]
//   bits 0-3 of the codes as in q4_k; bit 4 of code i is bit i / 32 of high byte i % 32
inline constexpr BitPlane kQ5_KCodes[] = {
    {.offset = 48, .run = 32, .pitch = 4, .width = 4, .count = 256},
    {.offset = 16, .run = 32, .pitch = 1, .width = 1, .shift = 4, .count = 256},
};
inline constexpr QuantFormat kQ5_K{
    .name = "q5_k",
    .ggufType = 13,
    .blockLen = 256,
    .blockSize = 176,
    .groupLen = 32,
    .d = {.type = ScaleType::F16, .offset = 0},
    .dmin = {.type = ScaleType::F16, .offset = 2},
    .codes = kQ5_KCodes,
    .scales = kSixBitScalesAndMins<4>,
    .codeBits = 5,
    .scaleBits = 6,
    .groupMins = true,
};
static_assert(isWellFormed(kQ5_K));

// q6_k: 16 groups of 16 weights of 6 bits; signed 8-bit scale per group. 6.5625 bits a weight.
// Source: GGML, `block_q6_K` and `dequantize_row_q6_K`.
//
//   byte  0                  128               192                      208   210
//         |  128 code bytes  |  64 high bytes  |  16 signed scale bytes  |  d  |
//
//   weight = d * s[g] * (code - 32)
//   weights 0..63 are the low, weights 64..127 the high nibbles of code bytes 0..63; bits 4-5 of
//   the codes of weights 0..31 are bits 0-1 of high bytes 0..31, of weights 32..63 bits 2-3 of
//   the same bytes, and so on; weights 128..255 follow in the same way
inline constexpr BitPlane kQ6_KCodes[] = {
    {.offset = 0, .run = 64, .pitch = 4, .width = 4, .count = 256},
    {.offset = 128, .run = 32, .pitch = 2, .width = 2, .shift = 4, .count = 256},
};
inline constexpr BitPlane kQ6_KScales[] = {{.offset = 192, .count = 16}};
inline constexpr QuantFormat kQ6_K{
    .name = "q6_k",
    .ggufType = 14,
    .blockLen = 256,
    .blockSize = 210,
    .groupLen = 16,
    .d = {.type = ScaleType::F16, .offset = 208},
    .codes = kQ6_KCodes,
    .scales = kQ6_KScales,
    .codeBits = 6,
    .scaleBits = 8,
    .zero = 32,
    .scaleSigned = true,
};
static_assert(isWellFormed(kQ6_K));

// iq4_nl, iq4_xs: 4-bit codes that name one of 16 unevenly spaced values, denser near zero.
// Source: GGML, `kvalues_iq4nl`.
inline constexpr int8_t kIQ4Table[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                         1,    13,   25,  38,  53,  69,  89,  113};

// iq4_nl: 32 weights of 4 bits that share one f16 scale. 4.5 bits a weight.
// Source: GGML, `block_iq4_nl`.
//
//   byte  0     2                 18
//         |  d  |  16 code bytes  |      weight = d * table[code]
//
//   code bytes as in q4_0
inline constexpr QuantFormat kIQ4_NL{
    .name = "iq4_nl",
    .ggufType = 20,
    .blockLen = 32,
    .blockSize = 18,
    .groupLen = 32,
    .d = {.type = ScaleType::F16, .offset = 0},
    .codes = kQ4_0Codes,
    .codeBits = 4,
    .table = kIQ4Table,
};
static_assert(isWellFormed(kIQ4_NL));

// iq4_xs: 8 groups of 32 weights of 4 bits; 6-bit scale per group. 4.25 bits a weight.
// Source: GGML, `block_iq4_xs` and `dequantize_row_iq4_xs`.
//
//   byte  0     2                4                 8                  136
//         |  d  |  2 high bytes  |  4 scale bytes  |  128 code bytes  |
//
//   weight = d * (s[g] - 32) * table[code]
//   bits 0-3 of s[g] are a nibble of scale byte g / 2, the low one for even g; bits 4-5 are bits
//   2 * g of the high bytes read as one u16; each 16 code bytes hold 32 weights as in q4_0
inline constexpr BitPlane kIQ4_XSCodes[] = {
    {.offset = 8, .run = 16, .pitch = 4, .width = 4, .count = 256},
};
inline constexpr BitPlane kIQ4_XSScales[] = {
    {.offset = 4, .run = 1, .pitch = 4, .width = 4, .count = 8},
    {.offset = 2, .run = 1, .pitch = 2, .width = 2, .shift = 4, .count = 8},
};
inline constexpr QuantFormat kIQ4_XS{
    .name = "iq4_xs",
    .ggufType = 23,
    .blockLen = 256,
    .blockSize = 136,
    .groupLen = 32,
    .d = {.type = ScaleType::F16, .offset = 0},
    .codes = kIQ4_XSCodes,
    .scales = kIQ4_XSScales,
    .codeBits = 4,
    .scaleBits = 6,
    .scaleZero = 32,
    .table = kIQ4Table,
};
static_assert(isWellFormed(kIQ4_XS));

// mxfp4: 32 weights of 4-bit floats (E2M1) that share one power of two. 4.25 bits a weight.
// Source: OCP Microscaling Formats 1.0; GGML, `block_mxfp4`, which doubles the values and halves
// the scale so that the values are integers.
//
//   byte  0   1                 17
//         | e |  16 code bytes  |      weight = 2^(e - 128) * table[code]
//
//   code bytes as in q4_0
inline constexpr int8_t kE2M1Doubled[16] = {0, 1,  2,  3,  4,  6,  8,  12,
                                            0, -1, -2, -3, -4, -6, -8, -12};
inline constexpr BitPlane kMXFP4Codes[] = {
    {.offset = 1, .run = 16, .pitch = 4, .width = 4, .count = 32},
};
inline constexpr QuantFormat kMXFP4{
    .name = "mxfp4",
    .ggufType = 39,
    .blockLen = 32,
    .blockSize = 17,
    .groupLen = 32,
    .d = {.type = ScaleType::E8M0Half, .offset = 0},
    .codes = kMXFP4Codes,
    .codeBits = 4,
    .table = kE2M1Doubled,
};
static_assert(isWellFormed(kMXFP4));

// q1_0: 128 weights that are d or -d. 1.125 bits a weight.
// Source: GGML, `block_q1_0`.
//
//   byte  0     2                 18
//         |  d  |  16 code bytes  |      weight = d * (code ? 1 : -1)
//
//   weight i is bit i % 8 of code byte i / 8
inline constexpr int8_t kSigns[2] = {-1, 1};
inline constexpr BitPlane kQ1_0Codes[] = {
    {.offset = 2, .run = 1, .pitch = 1, .width = 1, .count = 128},
};
inline constexpr QuantFormat kQ1_0{
    .name = "q1_0",
    .ggufType = 41,
    .blockLen = 128,
    .blockSize = 18,
    .groupLen = 128,
    .d = {.type = ScaleType::F16, .offset = 0},
    .codes = kQ1_0Codes,
    .codeBits = 1,
    .table = kSigns,
};
static_assert(isWellFormed(kQ1_0));

// tq2_0: 256 weights of 2 bits, -1, 0 or 1 times d (2 can be stored, too). 2.0625 bits a weight.
// Source: GGML, `block_tq2_0`.
//
//   byte  0                64    66
//         |  64 code bytes  |  d  |      weight = d * (code - 1)
//
//   code bytes as in q2_k
inline constexpr BitPlane kTQ2_0Codes[] = {
    {.offset = 0, .run = 32, .pitch = 2, .width = 2, .count = 256},
};
inline constexpr QuantFormat kTQ2_0{
    .name = "tq2_0",
    .ggufType = 35,
    .blockLen = 256,
    .blockSize = 66,
    .groupLen = 256,
    .d = {.type = ScaleType::F16, .offset = 64},
    .codes = kTQ2_0Codes,
    .codeBits = 2,
    .zero = 1,
};
static_assert(isWellFormed(kTQ2_0));

// q8_a: activations in int8, 32 that share one f32 scale, with the sums that integer dot products
// need for a weight's zero and min. Made and used by kernels, never stored. 12 bits a value.
//
//   row of K   |  K code bytes  |  K / 32 records of 16 bytes  |      value = d * (code - 128)
//   record     |  d  |  d * sum(0..15)  |  d * sum(16..31)  |  d * sum(all)  |   sums of code - 128
//
// Codes are unsigned because dot instructions multiply unsigned by signed bytes, and weights with a
// sign need no correction by the sum of the activations then, only by their own.
inline constexpr BitPlane kQ8_ACodes[] = {
    {.offset = 0, .run = 32, .pitch = 8, .width = 8, .count = 32},
};
inline constexpr QuantFormat kQ8_A{
    .name = "q8_a",
    .blockLen = 32,
    .blockSize = 48,
    .groupLen = 32,
    .d = {.type = ScaleType::F32, .offset = 32},
    .codes = kQ8_ACodes,
    .codeBits = 8,
    .zero = 128,
    .splitRows = true,
    .sumBytes = 12,
};
static_assert(isWellFormed(kQ8_A));

// q8_s: the same with signed codes, value = d * code: for chips whose dot instructions multiply
// signed bytes as readily.
inline constexpr QuantFormat kQ8_S = [] {
  QuantFormat format = kQ8_A;
  format.name = "q8_s";
  format.signedCodes = true;
  format.zero = 0;
  return format;
}();
static_assert(isWellFormed(kQ8_S));

/// The formats a GGUF may hold.
inline constexpr const QuantFormat *kStoredFormats[] = {
    &kF32,     &kF16,   &kBF16,   &kQ4_0,   &kQ4_1,  &kQ5_0,  &kQ5_1,    &kQ8_0,   &kQ2_K,
    &kQ3_K,    &kQ4_K,  &kQ5_K,   &kQ6_K,   &kIQ1_S, &kIQ1_M, &kIQ2_XXS, &kIQ2_XS, &kIQ2_S,
    &kIQ3_XXS, &kIQ3_S, &kIQ4_NL, &kIQ4_XS, &kMXFP4, &kQ1_0,  &kTQ2_0,
};

/// A stored or internal format by name; nullptr if there is none.
const QuantFormat *findFormat(std::string_view name);
const QuantFormat *findFormatByGgufType(uint32_t type);

} // namespace rosso
