#include "codegen/quant/QuantElement.h"

#include "codegen/quant/TileEmitter.h"
#include "ir/quant/Tile.h"

#include <functional>

namespace rosso {

namespace {

/// How one layout gives the fields of a block.
struct BlockFields {
  std::function<Value()> d, dmin;
  std::function<Value(Value element)> code, scale; // i64 -> i64, planes joined
};

Value joinPlanes(Emit &e, Value joined, Value bits, unsigned shift) {
  bits = e.shiftLeft(bits, shift);
  return joined ? e.bitOr(joined, bits) : bits;
}

/// The formula of QuantFormat.h.
Value weight(Emit &e, const QuantFormat &format, const BlockFields &fields, Value index) {
  Value d = fields.d();
  if (format.isFloat())
    return d;
  Value number = e.truncate(fields.code(index), e.i32());
  if (!format.table.empty()) {
    // A chain of selects: sixteen constants need no memory.
    Value looked = e.constant(e.i32(), format.table[0]);
    for (size_t i = 1; i < format.table.size(); ++i)
      looked = e.select(e.equal(number, e.constant(e.i32(), static_cast<int64_t>(i))),
                        e.constant(e.i32(), format.table[i]), looked);
    number = looked;
  } else if (format.signedCodes) {
    number = e.shiftRightSigned(e.shiftLeft(number, 32 - format.codeBits), 32 - format.codeBits);
  }
  if (format.zero)
    number = e.sub(number, e.constant(e.i32(), format.zero));

  Value group = e.divide(index, e.constant(format.groupLen));
  Value scale = d;
  if (!format.scales.empty())
    scale = e.mulF(d, emitGroupScale(e, format, e.truncate(fields.scale(group), e.i32())));
  Value product = e.mulF(scale, e.toFloat(number, e.f32()));
  if (format.dmin.type == ScaleType::None)
    return product;
  Value minimum = fields.dmin();
  if (format.groupMins) {
    Value m = e.truncate(fields.scale(e.add(group, e.constant(format.groups()))), e.i32());
    minimum = e.mulF(minimum, e.toFloat(m, e.f32()));
  }
  return format.minSign > 0 ? e.subF(product, minimum) : e.addF(product, minimum);
}

} // namespace

Value emitGroupScale(Emit &e, const QuantFormat &format, Value s) {
  if (format.scaleSigned)
    s = e.shiftRightSigned(e.shiftLeft(s, 32 - format.scaleBits), 32 - format.scaleBits);
  if (format.scaleStep != 1)
    s = e.mul(s, e.constant(s.getType(), format.scaleStep));
  if (format.scaleZero)
    s = e.sub(s, e.constant(s.getType(), format.scaleZero));
  return e.toFloat(s, e.f32());
}

Value emitTileElement(Emit &e, const QuantFormat &format, const TileShape &shape, int64_t columns,
                      Value matrix, Value row, Value column) {
  const TileLayout layout = tileLayout(format, shape);
  const unsigned packed = format.isFloat() ? floatColumns(format, columns, shape) : 1;
  const int64_t tileColumns = format.blockLen * packed;
  Value rows = e.constant(shape.rows), tileColumn = e.constant(tileColumns);
  Value number = e.add(e.mul(e.divide(row, rows), e.constant(columns / tileColumns)),
                       e.divide(column, tileColumn));
  Value tile = e.at(matrix, e.mul(number, e.constant(layout.bytes * packed)));
  Value lane = e.remainder(row, rows), index = e.remainder(column, tileColumn);
  if (format.isFloat()) {
    Value place = e.add(e.mul(lane, e.constant(packed)), index);
    return emitScaleLoad(e, format.d.type, e.at(tile, e.mul(place, e.constant(format.blockSize))),
                         1);
  }
  auto blockFloat = [&](const BlockScale &scale, unsigned offset) {
    Value byte = e.add(e.constant(offset), e.mul(lane, e.constant(byteSize(scale.type))));
    return emitScaleLoad(e, scale.type, e.at(tile, byte), 1);
  };
  // `bytes` bytes of lane `lane` of a plane's vector, from byte `byte` of the lane on.
  auto laneBits = [&](const TilePlane &plane, unsigned bytes, Value vector, Value byte) {
    Value pack = e.constant(plane.pack);
    Value at = e.add(e.mul(e.divide(vector, pack), rows), lane); // TilePlane::at
    at = e.add(e.mul(at, pack), e.remainder(vector, pack));
    at = e.mul(at, e.constant(plane.laneBytes));
    at = e.add(e.add(at, e.constant(plane.offset)), byte);
    return e.zeroExtend(e.load(e.b.getIntegerType(8 * bytes), e.at(tile, at)), e.index());
  };
  BlockFields fields;
  fields.d = [&] { return blockFloat(format.d, layout.dOffset); };
  fields.dmin = [&] { return blockFloat(format.dmin, layout.dminOffset); };
  fields.code = [&](Value element) {
    Value quad = e.divide(element, e.constant(4)), byte = e.remainder(element, e.constant(4));
    Value code;
    for (const TilePlane &plane : layout.codes) {
      Value quadsPerDword = e.constant(8 / plane.width);
      Value bits = laneBits(plane, 1, e.divide(quad, quadsPerDword), byte);
      Value shift = e.mul(e.remainder(quad, quadsPerDword), e.constant(plane.width));
      bits = e.bitAnd(e.shiftRight(bits, shift), (1 << plane.width) - 1);
      code = joinPlanes(e, code, bits, plane.shift);
    }
    return code;
  };
  fields.scale = [&](Value element) {
    Value scale;
    for (const TilePlane &plane : layout.scales) {
      Value bit = e.mul(element, e.constant(plane.width));
      Value laneSize = e.constant(8 * plane.laneBytes);
      Value bits = laneBits(plane, plane.laneBytes, e.divide(bit, laneSize), e.constant(0));
      bits = e.bitAnd(e.shiftRight(bits, e.remainder(bit, laneSize)), (1ll << plane.width) - 1);
      scale = joinPlanes(e, scale, bits, plane.shift);
    }
    return scale;
  };
  return weight(e, format, fields, index);
}

Value emitRowElement(Emit &e, const QuantFormat &format, Value matrix, Value position) {
  Value length = e.constant(format.blockLen);
  Value block = e.at(matrix, e.mul(e.divide(position, length), e.constant(format.blockSize)));
  // Element `element` of an array of bit fields; a plane may cover a part of the array only.
  auto joined = [&](std::span<const BitPlane> planes, unsigned arrayLen, Value element) {
    Value sum;
    for (const BitPlane &plane : planes) {
      Value i = e.sub(element, e.constant(plane.first));
      bool partial = plane.first != 0 || plane.count != arrayLen;
      Value inside;
      if (partial) {
        inside = e.bitAnd(e.less(e.constant(-1), i), e.less(i, e.constant(plane.count)));
        i = e.select(inside, i, e.constant(0));
      }
      unsigned perByte = 8 / plane.pitch;
      Value run = e.constant(plane.run);
      Value byte =
          e.add(e.mul(e.divide(i, e.constant(plane.run * perByte)), run), e.remainder(i, run));
      Value bit =
          e.add(e.mul(e.remainder(e.divide(i, run), e.constant(perByte)), e.constant(plane.pitch)),
                e.constant(plane.bit));
      Value bits = e.load(e.i8(), e.at(block, e.add(byte, e.constant(plane.offset))));
      bits = e.bitAnd(e.shiftRight(e.zeroExtend(bits, e.index()), bit), (1 << plane.width) - 1);
      if (partial)
        bits = e.select(inside, bits, e.constant(0));
      sum = joinPlanes(e, sum, bits, plane.shift);
    }
    return sum;
  };
  BlockFields fields;
  fields.d = [&] { return emitScaleLoad(e, format.d.type, e.at(block, format.d.offset), 1); };
  fields.dmin = [&] {
    return emitScaleLoad(e, format.dmin.type, e.at(block, format.dmin.offset), 1);
  };
  fields.code = [&](Value i) { return joined(format.codes, format.blockLen, i); };
  fields.scale = [&](Value i) {
    return joined(format.scales, format.groups() * (format.groupMins ? 2 : 1), i);
  };
  return weight(e, format, fields, e.remainder(position, length));
}

} // namespace rosso
