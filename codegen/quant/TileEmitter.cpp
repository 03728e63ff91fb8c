#include "codegen/quant/TileEmitter.h"

#include "codegen/quant/QuantElement.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace rosso {

using namespace mlir;

namespace {

/// The low `width` bits of every byte of a dword.
int64_t byteMask(unsigned width) { return 0x01010101ll * ((1 << width) - 1); }

/// What is added to a code to make the unsigned byte `TileEmitter::quad` gives, and must be taken
/// off again: 128 for signed codes and tables, 0 otherwise.
int byteBias(const QuantFormat &format) {
  return format.signedCodes || !format.table.empty() ? 128 : 0;
}

} // namespace

Value emitScaleLoad(Emit &e, ScaleType type, Value pointer, int64_t lanes) {
  switch (type) {
  case ScaleType::F32:
    return e.load(e.vectorOf(e.f32(), lanes), pointer);
  case ScaleType::F16:
    return e.extendFloat(e.load(e.vectorOf(e.b.getF16Type(), lanes), pointer), e.f32());
  case ScaleType::BF16: {
    Value bits = e.zeroExtend(e.load(e.vectorOf(e.i16(), lanes), pointer), e.i32());
    return e.bitcast(e.shiftLeft(bits, 16), e.vectorOf(e.f32(), lanes));
  }
  case ScaleType::E8M0Half: {
    // 2^(x - 128): the exponent field x - 1; x = 0 and 1 are the denormals 2^-128 and 2^-127.
    Value x = e.zeroExtend(e.load(e.vectorOf(e.i8(), lanes), pointer), e.i32());
    Value one = e.constant(x.getType(), 1);
    Value normal = e.shiftLeft(e.sub(x, one), 23);
    Value denormal = e.select(e.equal(x, one), e.constant(x.getType(), 0x400000),
                              e.constant(x.getType(), 0x200000));
    Value bits = e.select(e.less(one, x), normal, denormal);
    return e.bitcast(bits, e.vectorOf(e.f32(), lanes));
  }
  case ScaleType::None:
    break;
  }
  llvm_unreachable("a block scale that is read has a type");
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

/// The codes as they are stored, joined from their planes.
Value TileEmitter::codes(unsigned j) {
  Value code;
  for (const TilePlane &plane : layout_.codes) {
    unsigned quadsPerDword = 8 / plane.width;
    Value dwords = planeVector(plane, j / quadsPerDword, e_.i32());
    Value bits = e_.shiftRight(dwords, plane.width * (j % quadsPerDword));
    if (plane.width < 8)
      bits = e_.bitAnd(bits, byteMask(plane.width));
    bits = e_.shiftLeft(bits, plane.shift);
    code = code ? e_.bitOr(code, bits) : bits;
  }
  return code;
}

Value TileEmitter::quad(unsigned j) {
  Value code = codes(j);
  if (!format_.table.empty())
    return target_.lookupBytes(e_, code, format_.table, byteBias(format_));
  return format_.signedCodes ? e_.bitXor(code, 0x80808080ll) : code;
}

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
  int zero = format_.zero + byteBias(format_);
  if (!zero)
    return total;
  Value ofZero = e_.mulF(scale(g), e_.constantFloat(e_.vectorOf(e_.f32(), lanes_), zero));
  return total ? e_.addF(total, ofZero) : ofZero;
}

} // namespace rosso
