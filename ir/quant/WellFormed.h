// What every entry of Formats.h must satisfy, checked while compiling.
#pragma once

#include "ir/quant/QuantFormat.h"

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

} // namespace detail

/// Whether the fields tile the block without gap or overlap, every bit of every code and scale has
/// exactly one place, and the counts agree with each other.
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

  detail::BlockMap map(format.blockSize);
  return map.takeBytes(format.d.offset, byteSize(format.d.type)) &&
         map.takeBytes(format.dmin.offset, byteSize(format.dmin.type)) &&
         (format.isFloat() ||
          detail::takeElements(format.codes, format.blockLen, format.codeBits, map)) &&
         detail::takeElements(format.scales, format.scaleCount(), format.scaleBits, map) &&
         map.takeBytes(format.blockSize - format.sumBytes, format.sumBytes) && map.isFull();
}

} // namespace rosso
