#include "codegen/quant/TileEmitter.h"

#include "codegen/quant/QuantElement.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace rosso {

using namespace mlir;

namespace {

/// The low `width` bits of every byte of a dword.
int64_t byteMask(unsigned width) { return 0x01010101ll * ((1 << width) - 1); }

} // namespace

int unsignedBias(const QuantFormat &format) {
  return format.signedCodes || !format.table.empty() ? 128 : 0;
}

Value emitUnsignedBytes(Emit &e, const Target &target, const QuantFormat &format, Value codes) {
  if (!format.table.empty())
    return target.lookupBytes(e, codes, format.table, unsignedBias(format));
  return format.signedCodes ? e.bitXor(codes, 0x80808080ll) : codes;
}

Value emitQuad(Emit &e, const TilePlane &plane, Value dword, unsigned j) {
  Value bits = e.shiftRight(dword, plane.width * (j % (8 / plane.width)));
  if (plane.width < 8)
    bits = e.bitAnd(bits, byteMask(plane.width));
  return e.shiftLeft(bits, plane.shift);
}

Value emitScale(Emit &e, ScaleType type, Value bits) {
  Type floats = e.like(bits.getType(), e.f32());
  switch (type) {
  case ScaleType::F32:
    return e.bitcast(bits, floats);
  case ScaleType::F16:
    return e.extendFloat(e.bitcast(e.truncate(bits, e.i16()), e.like(bits.getType(), e.f16())),
                         e.f32());
  case ScaleType::BF16:
    return e.bitcast(e.shiftLeft(bits, 16), floats);
  case ScaleType::E8M0Half: {
    // 2^(x - 128): the exponent field x - 1; x = 0 and 1 are the denormals 2^-128 and 2^-127.
    Value one = e.constant(bits.getType(), 1);
    Value normal = e.shiftLeft(e.sub(bits, one), 23);
    Value denormal = e.select(e.equal(bits, one), e.constant(bits.getType(), 0x400000),
                              e.constant(bits.getType(), 0x200000));
    return e.bitcast(e.select(e.less(one, bits), normal, denormal), floats);
  }
  case ScaleType::None:
    break;
  }
  llvm_unreachable("a block scale that is read has a type");
}

Value emitScaleLoad(Emit &e, ScaleType type, Value pointer, int64_t lanes) {
  if (type == ScaleType::F32)
    return e.load(e.vectorOf(e.f32(), lanes), pointer);
  if (type == ScaleType::F16)
    return e.extendFloat(e.load(e.vectorOf(e.f16(), lanes), pointer), e.f32());
  Type stored = e.b.getIntegerType(8 * byteSize(type));
  return emitScale(e, type, e.zeroExtend(e.load(e.vectorOf(stored, lanes), pointer), e.i32()));
}

TileEmitter::TileEmitter(Emit &e, const Target &target, const QuantFormat &format, Value tile)
    : e_(e), target_(target), format_(format), layout_(tileLayout(format, kTile16)), tile_(tile),
      lanes_(kTile16.rows) {}

TileEmitter::TileEmitter(Emit &e, const Target &target, const QuantFormat &format, Value tile,
                         Value row)
    : e_(e), target_(target), format_(format), layout_(tileLayout(format, kTile32)), tile_(tile),
      row_(row), lanes_(1) {}

/// Address of a vector whose lanes are `rowBytes` apart: of its first lane, or of our row's.
Value TileEmitter::at(unsigned offset, unsigned rowBytes) {
  return e_.at(row_ ? e_.at(tile_, e_.mul(row_, e_.constant(rowBytes))) : tile_, offset);
}

Value TileEmitter::planeVector(const TilePlane &plane, unsigned index, Type laneType) {
  unsigned first = index / plane.pack * plane.pack;
  Value &value = loaded_[{plane.offset, first}];
  if (!value) {
    unsigned rowBytes = plane.laneBytes * plane.pack;
    value = e_.load(e_.vectorOf(laneType, lanes_ * plane.pack),
                    at(plane.at(first, 0, layout_.rows), rowBytes), row_ ? rowBytes : 1);
  }
  return plane.pack == 1 ? value : e_.lane(value, index - first);
}

void TileEmitter::load(unsigned first, unsigned count) {
  if (!d_)
    d_ = blockScale(format_.d, layout_.dOffset);
  if (!dmin_ && format_.dmin.type != ScaleType::None)
    dmin_ = blockScale(format_.dmin, layout_.dminOffset);
  for (const TilePlane &plane : layout_.scales)
    for (unsigned v = 0; v < plane.vectors; ++v)
      planeVector(plane, v, e_.b.getIntegerType(8 * plane.laneBytes));
  for (const TilePlane &plane : layout_.codes)
    for (unsigned j = first; j < first + count; ++j)
      planeVector(plane, j / (8 / plane.width), e_.i32());
}

/// The codes as they are stored, joined from their planes.
Value TileEmitter::codes(unsigned j) {
  Value code;
  for (const TilePlane &plane : layout_.codes) {
    unsigned quadsPerDword = 8 / plane.width;
    Value dwords = planeVector(plane, j / quadsPerDword, e_.i32());
    Value bits = emitQuad(e_, plane, dwords, j);
    code = code ? e_.bitOr(code, bits) : bits;
  }
  return code;
}

Value TileEmitter::quad(unsigned j) { return emitUnsignedBytes(e_, target_, format_, codes(j)); }

Value TileEmitter::signedQuad(unsigned j) {
  Value code = codes(j);
  if (!format_.table.empty())
    code = target_.lookupBytes(e_, code, format_.table, 0);
  if (!format_.zero)
    return code;
  Type bytes = e_.vectorOf(e_.i8(), 4 * lanes_);
  Value moved = e_.sub(e_.bitcast(code, bytes), e_.constant(bytes, format_.zero));
  return e_.bitcast(moved, code.getType());
}

Value TileEmitter::scaleElement(unsigned element) {
  Value value;
  for (const TilePlane &plane : layout_.scales) {
    unsigned bit = element * plane.width, laneBits = 8 * plane.laneBytes;
    Type laneType = e_.b.getIntegerType(laneBits);
    Value bits = e_.zeroExtend(planeVector(plane, bit / laneBits, laneType), e_.i32());
    bits = e_.shiftRight(bits, bit % laneBits);
    if (bit % laneBits + plane.width < 32)
      bits = e_.bitAnd(bits, (1ll << plane.width) - 1);
    bits = e_.shiftLeft(bits, plane.shift);
    value = value ? e_.bitOr(value, bits) : bits;
  }
  return value;
}

Value TileEmitter::blockScale(const BlockScale &scale, unsigned offset) {
  return emitScaleLoad(e_, scale.type, at(offset, byteSize(scale.type)), lanes_);
}

Value TileEmitter::scale(unsigned g) {
  if (!d_)
    d_ = blockScale(format_.d, layout_.dOffset);
  if (layout_.scales.empty())
    return d_;
  return e_.mulF(d_, emitGroupScale(e_, format_, scaleElement(g)));
}

Value TileEmitter::minimum(unsigned g) {
  if (format_.dmin.type == ScaleType::None)
    return {};
  if (!dmin_)
    dmin_ = blockScale(format_.dmin, layout_.dminOffset);
  Value minimum = dmin_;
  if (format_.groupMins)
    minimum = e_.mulF(dmin_, e_.toFloat(scaleElement(format_.groups() + g), e_.f32()));
  return format_.minSign > 0 ? minimum : e_.subF(e_.zero(minimum.getType()), minimum);
}

Value TileEmitter::offset(unsigned g) {
  Value total = minimum(g);
  int zero = format_.zero + unsignedBias(format_);
  if (!zero)
    return total;
  Value ofZero = e_.mulF(scale(g), e_.constantFloat(e_.vectorOf(e_.f32(), lanes_), zero));
  return total ? e_.addF(total, ofZero) : ofZero;
}

} // namespace rosso
