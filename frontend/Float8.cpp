// Floats of 8 bits. Memory holds them as bytes, and a graph knows only the bytes: the handle of a
// tensor says which format they are in. Ops that move values move bytes; any other op decodes its
// sources to f32, computes there, and encodes its result. Both ways are integer arithmetic on the
// bits of wider floats, so that they run wherever graphs do.
//
//   bit   7   6 .. m   m-1 .. 0         value = 2^(exponent - bias) * 1.fraction
//         s  exponent  fraction         and with exponent 0, 2^(1 - bias) * 0.fraction
//
// Numbers beyond the greatest become the greatest. Source: OCP 8-bit Floating Point Specification
// 1.0; the "fnuz" formats (no infinity, one NaN, one zero) as in LLVM's APFloat.

#include "frontend/Build.h"

#include <algorithm>
#include <cmath>

namespace rosso {

namespace {

struct Float8 {
  DType type;
  int fractionBits, bias;
  uint8_t greatest; // codes, without the sign
  uint8_t infinity; // what an infinity becomes
  uint8_t nan;
  bool isFnuz; // the code of a negative zero is the NaN
};

constexpr Float8 kFloat8s[] = {
    {DType::F8E4M3, 3, 7, 0x7E, 0x7F, 0x7F, false},
    {DType::F8E5M2, 2, 15, 0x7B, 0x7C, 0x7F, false},
    {DType::F8E4M3Fnuz, 3, 8, 0x7F, 0x80, 0x80, true},
    {DType::F8E5M2Fnuz, 2, 16, 0x7F, 0x80, 0x80, true},
};

const Float8 &formatOf(DType type) { return *std::ranges::find(kFloat8s, type, &Float8::type); }

/// A float type that values are taken from or become, and the integers of its bits.
struct Wide {
  DType type, bits;
  int fractionBits, bias;
};
constexpr Wide kF32{DType::F32, DType::U32, 23, 127};
constexpr Wide kF64{DType::F64, DType::U64, 52, 1023};

/// The bits of 2^exponent.
int64_t powerOfTwo(const Wide &wide, int exponent) {
  return static_cast<int64_t>(exponent + wide.bias) << wide.fractionBits;
}

/// The bits of the value that a code without a sign has, read as an ordinary number.
int64_t widened(const Wide &wide, const Float8 &format, uint8_t code) {
  return (static_cast<int64_t>(code) << (wide.fractionBits - format.fractionBits)) +
         (static_cast<int64_t>(wide.bias - format.bias) << wide.fractionBits);
}

/// f32 of bytes.
Tensor decoded(const Tensor &bytes, const Float8 &format) {
  const Tensor code = bytes.cast(DType::U32), magnitude = code & 0x7F;
  const int shift = kF32.fractionBits - format.fractionBits;
  const Tensor normal = (magnitude << shift) + widened(kF32, format, 0);
  const double step = std::ldexp(1.0, 1 - format.bias - format.fractionBits);
  const Tensor subnormal = (magnitude.cast(DType::F32) * step).bitcast(DType::U32);
  Tensor bits = (magnitude < (1 << format.fractionBits)).where(subnormal, normal);
  constexpr int64_t kNan = 0x7FC00000;
  if (format.isFnuz)
    return code.eq(format.nan).where(kNan, bits | (code & 0x80) << 24).bitcast(DType::F32);
  bits = (magnitude > format.greatest).where(kNan, bits);
  if (format.infinity != format.nan)
    bits = magnitude.eq(format.infinity).where(powerOfTwo(kF32, 128), bits);
  return (bits | (code & 0x80) << 24).bitcast(DType::F32);
}

/// Bytes of floats: the nearest code, of two the even one.
Tensor encoded(const Tensor &number, const Float8 &format) {
  const Wide &wide = number.dtype() == DType::F64 ? kF64 : kF32;
  const Tensor bits = number.cast(wide.type).bitcast(wide.bits);
  const int signAt = static_cast<int>(8 * byteSize(wide.bits)) - 1;
  const Tensor sign = (bits >> (signAt - 7)) & 0x80;
  const Tensor all = bits & ((int64_t{1} << (signAt - 1)) - 1 + (int64_t{1} << (signAt - 1)));
  const Tensor magnitude = all.minimum(widened(wide, format, format.greatest));

  const int dropped = wide.fractionBits - format.fractionBits;
  const Tensor toEven = (magnitude >> dropped) & 1;
  const Tensor rounded = (magnitude + ((int64_t{1} << (dropped - 1)) - 1) + toEven) >> dropped;
  const Tensor normal = rounded - (widened(wide, format, 0) >> dropped);

  // A sum with a number whose last place is the step of the subnormals is rounded to steps.
  const int stepExponent = 1 - format.bias - format.fractionBits;
  const int64_t anchor = powerOfTwo(wide, stepExponent + wide.fractionBits);
  const Tensor steps =
      magnitude.bitcast(wide.type) + std::ldexp(1.0, stepExponent + wide.fractionBits);
  const Tensor subnormal = steps.bitcast(wide.bits) - anchor;

  Tensor code = (magnitude < powerOfTwo(wide, 1 - format.bias)).where(subnormal, normal);
  const int64_t infinity = powerOfTwo(wide, wide.bias + 1);
  if (format.isFnuz) {
    code = code.eq(0).where(code, code | sign);
    return (all >= infinity).where(format.nan, code).cast(DType::U8);
  }
  code = all.eq(infinity).where(format.infinity, code);
  return ((all > infinity).where(format.nan, code) | sign).cast(DType::U8);
}

/// What an op reads of a source: the bytes of 8-bit floats, or their values.
Tensor bytesOf(const Tensor &t) { return isFloat8(t.dtype()) ? t.asFloat8(DType::U8) : t; }
Tensor valuesOf(const Tensor &t) {
  return isFloat8(t.dtype()) ? decoded(bytesOf(t), formatOf(t.dtype())) : t;
}

/// Whether an op gives elements of its sources as they are.
bool moves(Op op, const build::Attrs &attrs) {
  switch (op) {
  case Op::Weight:
  case Op::State:
  case Op::Input:
  case Op::Buffer:
  case Op::Window:
  case Op::Concat:
  case Op::Gather:
  case Op::Where:
  case Op::Update:
    return true;
  case Op::Pad:
  case Op::Scatter:
    return std::ranges::any_of(attrs, [](const auto &attr) {
      const auto &[name, value] = attr;
      return (name == "value" && std::get<double>(value) == 0) ||
             (name == "combine" && std::get<std::string>(value) == "set");
    });
  default:
    return isMovement(op);
  }
}

} // namespace

Tensor build::makeOfFloat8(Op op, DType dtype, Shape shape, const std::vector<Tensor> &sources,
                           Attrs attrs) {
  const bool hasFloat8 = isFloat8(dtype);
  if (op == Op::Bitcast)
    return bytesOf(sources[0]).bitcast(hasFloat8 ? DType::U8 : dtype).asFloat8(dtype);
  if (op == Op::Cast)
    return hasFloat8 ? encoded(valuesOf(sources[0]), formatOf(dtype)).asFloat8(dtype)
                     : valuesOf(sources[0]).cast(dtype);
  if (op == Op::Constant) {
    const Attr &value = attrs[0].second; // its only one
    const double *number = std::get_if<double>(&value);
    const double real = number ? *number : static_cast<double>(std::get<int64_t>(value));
    if (real == 0 && !std::signbit(real))
      return constant(int64_t{0}, DType::U8).asFloat8(dtype); // the byte 0 in every format
    return encoded(constant(real, DType::F64), formatOf(dtype)).asFloat8(dtype);
  }
  const bool isMoved = moves(op, attrs);
  std::vector<Tensor> read;
  for (const Tensor &source : sources)
    read.push_back(isMoved ? bytesOf(source) : valuesOf(source));
  const DType working = !hasFloat8 ? dtype : isMoved ? DType::U8 : DType::F32;
  Tensor made = make(op, working, std::move(shape), read, std::move(attrs));
  if (!hasFloat8 || !made.ok())
    return made;
  return isMoved ? made.asFloat8(dtype) : made.cast(dtype);
}

Tensor Tensor::asFloat8(DType type) const {
  Tensor same = *this;
  same.float8_ = isFloat8(type) ? std::optional(type) : std::nullopt;
  return same;
}

} // namespace rosso
