#include "ir/quant/GridBlock.h"

#include "ir/quant/Block.h"
#include "support/Float.h"

#include <bit>
#include <cassert>
#include <cstring>

namespace rosso {

namespace {

constexpr unsigned kEight = 8; // weights that are resolved together, a byte of a u64 each
constexpr uint64_t kOnes = 0x0101010101010101;

template <typename Element>
void readElements(std::span<const BitField> fields, const uint8_t *block, Element *elements) {
  for (const BitField &field : fields)
    for (unsigned e = 0, first = field.bit; e < field.count; first += field.stride)
      for (unsigned i = 0; i < field.run && e < field.count; ++i, ++e) {
        const unsigned at = first + i * field.step, low = at % 8;
        unsigned bits = block[at / 8];
        if (low + field.width > 8)
          bits |= unsigned{block[at / 8 + 1]} << 8;
        elements[e] |= static_cast<Element>((bits >> low & field.mask()) << field.shift);
      }
}

/// A byte for each digit of a grid's entry.
uint64_t spreadDigits(const GridBlock &file, unsigned entry) {
  const unsigned mask = (1u << file.digitBits) - 1;
  uint64_t digits = 0;
  for (unsigned i = 0; i < file.gridLen; ++i)
    digits |= uint64_t{entry >> (file.digitBits * i) & mask} << (8 * i);
  return digits;
}

/// The signs of eight weights, whatever the file stored: bit i of weight i.
unsigned signsOfEight(const GridBlock &file, unsigned stored) {
  switch (file.signBits) {
  case 7:
    return stored | (std::popcount(stored) & 1) << 7;
  case 1:
    return stored ? 0xFF : 0;
  default:
    return stored;
  }
}

/// A byte for each of eight bits.
uint64_t spreadBits(unsigned bits) {
  const uint64_t alone = bits * kOnes & 0x8040201008040201; // bit i in byte i
  return (alone + 0x7F * kOnes) >> 7 & kOnes;               // carried to bit 7, whichever it was
}

void resolveBlock(const QuantFormat &format, const uint8_t *from, std::span<uint8_t> to) {
  const GridBlock &file = *format.file;
  uint16_t d = 0, indices[kMaxBlockLen / 4] = {};
  uint8_t signs[kMaxBlockLen / 8] = {};
  Block block;
  readElements(file.d, from, &d);
  readElements(file.scales, from, block.scales);
  readElements(file.indices, from, indices);
  readElements(file.signs, from, signs);
  block.d = halfToFloat(d) * file.dFactor;
  for (unsigned i = 0; i < format.blockLen; i += kEight) {
    uint64_t codes = spreadBits(signsOfEight(file, signs[i / file.signLen])) << file.digitBits;
    for (unsigned j = 0; j < kEight; j += file.gridLen)
      codes |= spreadDigits(file, file.grid[indices[(i + j) / file.gridLen]]) << (8 * j);
    std::memcpy(block.codes + i, &codes, sizeof codes);
  }
  encodeBlock(format, block, to);
}

} // namespace

void storeFileScale(const GridBlock &file, float d, std::span<uint8_t> block) {
  const unsigned half = floatToHalf(d);
  for (const BitField &field : file.d) {
    uint8_t &byte = block[field.bit / 8]; // WellFormed.h: no piece lies across bytes
    const unsigned low = field.bit % 8;
    byte = static_cast<uint8_t>((byte & ~(field.mask() << low)) |
                                (half >> field.shift & field.mask()) << low);
  }
}

void resolveGrid(const QuantFormat &format, std::span<const uint8_t> file,
                 std::span<uint8_t> blocks) {
  assert(format.file && file.size() % format.file->size == 0);
  const size_t count = file.size() / format.file->size;
  assert(blocks.size() >= count * format.blockSize);
  for (size_t b = 0; b < count; ++b)
    resolveBlock(format, file.data() + b * format.file->size,
                 blocks.subspan(b * format.blockSize, format.blockSize));
}

} // namespace rosso
