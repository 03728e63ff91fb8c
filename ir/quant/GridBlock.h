// Blocks that a file stores as indices into a grid, and what they become in memory.
//
// The smallest formats do not store a code for each weight: eight (or four) weights share an index
// into a fixed table, the grid, which holds only those of their combinations that training found
// worth having. A kernel would have to gather; so the indices are resolved while a file is read,
// and what lies in memory is a block of a QuantFormat like any other, somewhat larger than the
// file's:
//
//   code i  =  digit i of the grid's entry  |  sign i << digitBits
//
// The format's table knows the value of each digit with either sign. Nothing is lost or rounded.
// What a file does instead of storing a sign for each weight: it stores seven for eight weights, of
// which an even number are negative; or one for 8 or 32 weights, in formats where it is no sign but
// says whether a group lies an eighth higher or lower.
#pragma once

#include <cstdint>
#include <span>

namespace rosso {

struct QuantFormat;

/// `width` bits of each of `count` elements: runs of elements at one distance, at another distance
/// from run to run.
struct BitField {
  unsigned bit = 0;    // into the block, of element 0
  unsigned run = 1;    // elements
  unsigned step = 0;   // bits from one element of a run to the next
  unsigned stride = 0; // bits from one run to the next
  unsigned width = 8;
  unsigned shift = 0; // where these bits stand in the element
  unsigned count = 1;

  constexpr unsigned at(unsigned e) const { return bit + e / run * stride + e % run * step; }
  constexpr unsigned mask() const { return (1u << width) - 1; }
};

struct GridBlock {
  unsigned size = 0;                     // bytes
  std::span<const BitField> d = {};      // one element, an f16
  float dFactor = 1;                     // a power of two: the format's d is the file's times this
  std::span<const BitField> scales = {}; // the format's group scales
  std::span<const BitField> indices = {};
  std::span<const BitField> signs = {};
  std::span<const uint16_t> grid = {};
  unsigned gridLen = 8;   // weights of an entry
  unsigned digitBits = 2; // of a weight of an entry, the first one in the lowest bits
  unsigned scaleBits = 4;
  unsigned signLen = 8;  // weights of an element of `signs`
  unsigned signBits = 8; // 8: one each; 7: the eighth makes their sum even; 1: one for all
};

/// Writes d, rounded to f16, to a block of a file: for blocks that are made up.
void storeFileScale(const GridBlock &file, float d, std::span<uint8_t> block);

/// Blocks as a file stores them -> blocks as `format`, which has a GridBlock, describes them.
void resolveGrid(const QuantFormat &format, std::span<const uint8_t> file,
                 std::span<uint8_t> blocks);

} // namespace rosso
