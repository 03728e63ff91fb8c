// What every entry of Formats.h must satisfy, checked while compiling.
#pragma once

#include "ir/quant/QuantFormat.h"

#include <bit>

namespace rosso {

namespace detail {

/// Which bits of a block are taken.
class BlockMap {
public:
  explicit constexpr BlockMap(unsigned bytes) : bytes_(bytes) {}

  /// False where a bit lies outside the block or belongs to another field already.
  constexpr bool take(unsigned byte, unsigned mask) {
    if (byte >= bytes_ || (taken_[byte] & mask))
      return false;
    taken_[byte] |= mask;
    return true;
  }
  constexpr bool takeBytes(unsigned byte, unsigned count) {
    for (unsigned i = 0; i < count; ++i)
      if (!take(byte + i, 0xFF))
        return false;
    return true;
  }
  constexpr bool isFull() const {
    for (unsigned i = 0; i < bytes_; ++i)
      if (taken_[i] != 0xFF)
        return false;
    return true;
  }

private:
  unsigned bytes_;
  unsigned taken_[kMaxBlockSize] = {};
};

/// Takes the bits of `planes`; each of `count` elements must have each of its `bits` bits once.
constexpr bool takeElements(std::span<const BitPlane> planes, unsigned count, unsigned bits,
                            BlockMap &map) {
  unsigned found[kMaxBlockLen] = {};
  for (const BitPlane &plane : planes) {
    if (plane.first + plane.count > count || plane.bit + plane.width > plane.pitch)
      return false;
    for (unsigned e = 0; e < plane.count; ++e) {
      const BitAddress at = plane.locate(e);
      const unsigned part = plane.mask() << plane.shift;
      if ((found[plane.first + e] & part) || !map.take(at.byte, plane.mask() << at.bit))
        return false;
      found[plane.first + e] |= part;
    }
  }
  for (unsigned e = 0; e < count; ++e)
    if (found[e] != (1u << bits) - 1)
      return false;
  return true;
}

/// The same for the fields of a file's block, whose elements may lie across bytes.
constexpr bool takeElements(std::span<const BitField> fields, unsigned count, unsigned bits,
                            BlockMap &map) {
  unsigned found[kMaxBlockLen] = {};
  for (const BitField &field : fields) {
    if (field.count > count || field.width > 9) // 9 bits lie within two bytes, if they begin one
      return false;
    for (unsigned e = 0; e < field.count; ++e) {
      const unsigned at = field.at(e), part = field.mask() << field.shift;
      if (at % 8 + field.width > 16 || (found[e] & part))
        return false;
      for (unsigned i = at; i < at + field.width; ++i)
        if (!map.take(i / 8, 1u << i % 8))
          return false;
      found[e] |= part;
    }
  }
  for (unsigned e = 0; e < count; ++e)
    if (found[e] != (1u << bits) - 1)
      return false;
  return true;
}

/// Whether the fields tile the file's block and give `format` all that it wants.
constexpr bool isWellFormed(const GridBlock &file, const QuantFormat &format) {
  if (file.size > kMaxBlockSize || !std::has_single_bit(file.grid.size()) ||
      format.codeBits != file.digitBits + 1 || 8 % file.gridLen != 0 || file.signLen % 8 != 0 ||
      format.blockLen % file.signLen != 0 || format.dmin.type != ScaleType::None)
    return false;
  if (file.signBits != 1 && (file.signBits < 7 || file.signLen != 8))
    return false;
  for (unsigned entry : file.grid)
    if (entry >> file.digitBits * file.gridLen)
      return false;
  for (const BitField &field : file.d)
    if (field.count != 1 || field.bit % 8 + field.width > 8)
      return false;
  const auto indexBits = static_cast<unsigned>(std::countr_zero(file.grid.size()));
  BlockMap map(file.size);
  return takeElements(file.d, 1, 16, map) &&
         takeElements(file.scales, format.groups(), file.scaleBits, map) &&
         takeElements(file.indices, format.blockLen / file.gridLen, indexBits, map) &&
         takeElements(file.signs, format.blockLen / file.signLen, file.signBits, map) &&
         file.scaleBits <= format.scaleBits && map.isFull();
}

} // namespace detail

/// Whether the fields tile the block without gap or overlap, every bit of every code and scale has
/// exactly one place, and the counts agree with each other; in memory as in a file.
constexpr bool isWellFormed(const QuantFormat &format) {
  if (format.blockLen > kMaxBlockLen || format.blockSize > kMaxBlockSize ||
      format.scaleCount() > kMaxScales)
    return false;
  if (format.d.type == ScaleType::None || format.blockLen % format.groupLen != 0)
    return false;
  if (format.scales.empty() && (format.groupLen != format.blockLen || format.groupMins))
    return false;
  if (format.groupMins && format.dmin.type == ScaleType::None)
    return false;
  if (!format.table.empty() && format.table.size() != 1u << format.codeBits)
    return false;
  if (format.file && !detail::isWellFormed(*format.file, format))
    return false;

  detail::BlockMap map(format.blockSize);
  return map.takeBytes(format.d.offset, byteSize(format.d.type)) &&
         map.takeBytes(format.dmin.offset, byteSize(format.dmin.type)) &&
         (format.isFloat() ||
          detail::takeElements(format.codes, format.blockLen, format.codeBits, map)) &&
         detail::takeElements(format.scales, format.scaleCount(), format.scaleBits, map) &&
         map.takeBytes(format.blockSize - format.sumBytes, format.sumBytes) && map.isFull();
}

} // namespace rosso
