#include "codegen/quant/TileSlice.h"

#include "codegen/quant/QuantElement.h"
#include "codegen/quant/TileEmitter.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <algorithm>

namespace rosso {

using namespace mlir;

namespace {

Type halves(Emit &e) { return e.vectorOf(e.f16(), 2); }
Value asHalves(Emit &e, Value dword) { return e.bitcast(dword, halves(e)); }
Value asDword(Emit &e, Value v) { return e.bitcast(v, e.i32()); }

} // namespace

/// 0x6400 | byte is the f16 1024 + byte: v_perm_b32 puts two bytes of a quad below two 0x64. The
/// difference of two integers below 2048 is exact.
Values bytesToHalves(Emit &e, ValueRange quads, int zero) {
  Value exponents = e.constant(e.i32(), 0x64646464);
  Value bias = e.constantFloat(halves(e), 1024 + zero);
  Values result;
  for (Value quad : quads)
    for (int64_t selector : {0x04010400, 0x04030402}) { // 4: of `exponents`
      Value biased = e.intrinsic(e.i32(), "llvm.amdgcn.perm",
                                 {exponents, quad, e.constant(e.i32(), selector)});
      result.push_back(asDword(e, arith::SubFOp::create(e.b, e.loc, asHalves(e, biased), bias)));
    }
  return result;
}

Value splatHalf(Emit &e, Value v) {
  Value half = arith::TruncFOp::create(e.b, e.loc, e.f16(), v);
  return asDword(e, e.splat(half, 2));
}

Value mulHalves(Emit &e, Value a, Value b) {
  return asDword(e, arith::MulFOp::create(e.b, e.loc, asHalves(e, a), asHalves(e, b)));
}

Value fmaHalves(Emit &e, Value a, Value b, Value c) {
  return asDword(e, e.fma(asHalves(e, a), asHalves(e, b), asHalves(e, c)));
}

TileSlice::TileSlice(Emit &e, const Target &target, const QuantFormat &format, Value row)
    : e_(e), target_(target), format_(format), layout_(tileLayout(format, kTile32)), row_(row) {
  assert(format.blockLen % kWeights == 0 &&
         (kWeights % format.groupLen == 0 || format.groupLen == format.blockLen));
  // Neighbours next to each other: the compiler joins their loads.
  for (unsigned plane = 0; plane < layout_.scales.size(); ++plane)
    for (unsigned first : {0u, format.groups()})
      if (first == 0 || format.groupMins)
        if (ScaleWord word = scaleWord(plane, first); !llvm::is_contained(words_, word))
          words_.push_back(word);
}

/// Eight quads of a plane of `width` bits, 8 / width of them in a dword.
unsigned TileSlice::codeWords() const {
  unsigned count = 0;
  for (const TilePlane &plane : layout_.codes)
    count += plane.width;
  return count;
}

size_t TileSlice::words() const {
  return codeWords() + words_.size() + (format_.dmin.type == ScaleType::None ? 1 : 2);
}

TileSlice::ScaleWord TileSlice::scaleWord(unsigned plane, unsigned firstElement) const {
  const TilePlane &p = layout_.scales[plane];
  const unsigned laneBits = 8 * p.laneBytes;
  const unsigned first = firstElement * p.width, last = first + format_.groups() * p.width - 1;
  if (first / laneBits == last / laneBits)
    return {.plane = plane, .firstBit = first / laneBits * laneBits, .moves = false};
  assert(first % laneBits == 0 && laneBits % (groupsOfSlice() * p.width) == 0);
  return {.plane = plane, .firstBit = first, .moves = true};
}

/// Bytes from the tile's start to row 0 of a plane's vector.
Value TileSlice::vectorOffset(const TilePlane &plane, Value vector) const {
  Value pack = e_.constant(plane.pack);
  Value group = e_.constant(layout_.rows * plane.laneBytes * plane.pack);
  return e_.add(e_.add(e_.mul(e_.divide(vector, pack), group),
                       e_.mul(e_.remainder(vector, pack), e_.constant(plane.laneBytes))),
                e_.constant(plane.offset));
}

Values TileSlice::load(Value matrix, Value offset, Value slice) const {
  Values bits;
  // The row's part goes last and into the same 32 bits: a load adds those to a scalar address.
  auto push = [&](Value place, unsigned rowBytes, Type word, unsigned count) {
    Value row = e_.mul(row_, e_.constant(rowBytes));
    Value at = e_.at(matrix, e_.add(e_.add(offset, place), row));
    const unsigned bytes = count * word.getIntOrFloatBitWidth() / 8;
    Value loaded = e_.load(e_.vectorOf(word, count), at, bytes);
    for (unsigned i = 0; i < count; ++i)
      bits.push_back(e_.zeroExtend(e_.lane(loaded, i), e_.i32()));
  };
  for (const TilePlane &plane : layout_.codes) {
    const unsigned together = std::min(plane.pack, plane.width);
    for (unsigned i = 0; i < plane.width; i += together) {
      Value vector = e_.add(e_.mul(slice, e_.constant(plane.width)), e_.constant(i));
      push(vectorOffset(plane, vector), 4 * plane.pack, e_.i32(), together);
    }
  }
  for (const ScaleWord &word : words_) {
    const TilePlane &plane = layout_.scales[word.plane];
    Value bit = e_.constant(word.firstBit);
    if (word.moves)
      bit = e_.add(bit, e_.mul(slice, e_.constant(groupsOfSlice() * plane.width)));
    Value vector = e_.divide(bit, e_.constant(8 * plane.laneBytes));
    push(vectorOffset(plane, vector), plane.laneBytes * plane.pack,
         e_.b.getIntegerType(8 * plane.laneBytes), 1);
  }
  auto pushFloat = [&](const BlockScale &scale, unsigned at) {
    if (const unsigned bytes = byteSize(scale.type))
      push(e_.constant(at), bytes, e_.b.getIntegerType(8 * bytes), 1);
  };
  pushFloat(format_.d, layout_.dOffset);
  pushFloat(format_.dmin, layout_.dminOffset);
  return bits;
}

/// Group scale or minimum `firstElement` + the slice's group number `inSlice`, its planes joined.
Value TileSlice::scaleElement(ValueRange words, unsigned firstElement, unsigned inSlice,
                              Value slice) const {
  Value joined;
  for (unsigned p = 0; p < layout_.scales.size(); ++p) {
    const TilePlane &plane = layout_.scales[p];
    const ScaleWord word = scaleWord(p, firstElement);
    const auto number = static_cast<size_t>(llvm::find(words_, word) - words_.begin());
    Value bit =
        e_.add(e_.mul(slice, e_.constant(groupsOfSlice() * plane.width)),
               e_.constant(firstElement * plane.width - word.firstBit + inSlice * plane.width));
    if (word.moves)
      bit = e_.remainder(bit, e_.constant(8 * plane.laneBytes));
    Value bits = e_.bitAnd(e_.shiftRight(words[number], bit), (1ll << plane.width) - 1);
    bits = e_.shiftLeft(bits, plane.shift);
    joined = joined ? e_.bitOr(joined, bits) : bits;
  }
  return joined;
}

Values TileSlice::expand(ValueRange bits, Value slice) const {
  // Apart again, in the order of `load`.
  ValueRange codes = bits.take_front(codeWords());
  ValueRange words = bits.drop_front(codes.size()).take_front(words_.size());
  ValueRange floats = bits.drop_front(codes.size() + words.size());
  Value d = emitScale(e_, format_.d.type, floats[0]);
  Value dmin;
  if (format_.dmin.type != ScaleType::None)
    dmin = emitScale(e_, format_.dmin.type, floats[1]);

  Values quads;
  for (unsigned j = 0; j < kWeights / 4; ++j) {
    Value quad;
    unsigned firstWord = 0;
    for (const TilePlane &plane : layout_.codes) {
      Value part = emitQuad(e_, plane, codes[firstWord + j * plane.width / 8], j);
      quad = quad ? e_.bitOr(quad, part) : part;
      firstWord += plane.width;
    }
    quads.push_back(emitUnsignedBytes(e_, target_, format_, quad));
  }
  Values weights = bytesToHalves(e_, quads, format_.zero + unsignedBias(format_));

  const unsigned groups = groupsOfSlice();
  for (unsigned g = 0; g < groups; ++g) {
    Value scale = d;
    if (!words_.empty())
      scale = e_.mulF(d, emitGroupScale(e_, format_, scaleElement(words, 0, g, slice)));
    scale = splatHalf(e_, scale);
    Value negated; // minimum
    if (dmin) {
      negated = format_.minSign > 0 ? e_.subF(e_.zero(e_.f32()), dmin) : dmin;
      if (format_.groupMins)
        negated =
            e_.mulF(negated, e_.toFloat(scaleElement(words, format_.groups(), g, slice), e_.f32()));
      negated = splatHalf(e_, negated);
    }
    const size_t count = weights.size() / groups;
    for (size_t i = g * count; i < (g + 1) * count; ++i)
      weights[i] =
          negated ? fmaHalves(e_, weights[i], scale, negated) : mulHalves(e_, weights[i], scale);
  }
  return weights;
}

} // namespace rosso
