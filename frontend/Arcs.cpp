// Inverse trigonometric functions by polynomials in f32 precision.
// Source: Cephes mathematical library, asinf.c and atanf.c (coefficients and ranges).

#include "frontend/Build.h"

#include <initializer_list>
#include <numbers>

namespace rosso {

using namespace build;

namespace {

constexpr double kPi = std::numbers::pi;

/// The polynomial of x whose coefficients begin with that of the highest power.
Tensor polynomial(const Tensor &x, std::initializer_list<double> coefficients) {
  Tensor sum = *coefficients.begin();
  for (auto next = coefficients.begin() + 1; next != coefficients.end(); ++next)
    sum = sum * x + *next;
  return sum;
}

/// x in f32 at least; half types lose too much in the steps between.
Tensor widened(const Tensor &x) {
  return promote(x, leastUpperDType(floatDType(x.dtype()), DType::F32));
}

Tensor withSignOf(const Tensor &magnitude, const Tensor &x) {
  return (x < 0).where(-magnitude, magnitude);
}

/// 0 <= a <= 1. Above 1/2: asin(a) = pi/2 - 2 asin(sqrt((1 - a) / 2)).
Tensor asinOfMagnitude(const Tensor &a) {
  Tensor isLarge = a > 0.5;
  Tensor square = isLarge.where((1 - a) * 0.5, a * a), root = isLarge.where(square.sqrt(), a);
  Tensor arc = root + root * square *
                          polynomial(square, {4.2163199048e-2, 2.4181311049e-2, 4.5470025998e-2,
                                              7.4953002686e-2, 1.6666752422e-1});
  return isLarge.where(kPi / 2 - 2 * arc, arc);
}

/// a >= 0. atan(a) = pi/4 + atan((a - 1) / (a + 1)) = pi/2 - atan(1 / a); the bounds are the
/// tangents of pi/8 and 3 pi/8.
Tensor atanOfMagnitude(const Tensor &a) {
  Tensor isHigh = a > 2.414213562373095, isMiddle = a > 0.4142135623730950;
  Tensor t = isHigh.where(-1 / a, isMiddle.where((a - 1) / (a + 1), a));
  Tensor begin = isHigh.where(kPi / 2, isMiddle.where(kPi / 4, 0.0));
  Tensor square = t * t;
  return begin + (t + t * square *
                          polynomial(square, {8.05374449538e-2, -1.38776856032e-1, 1.99777106478e-1,
                                              -3.33329491539e-1}));
}

} // namespace

Tensor Tensor::asin() const {
  if (auto bad = firstBad({*this}))
    return *bad;
  Tensor x = widened(*this);
  return withSignOf(asinOfMagnitude(x.abs()), x).cast(floatDType(dtype())).asWeak(weak_);
}

Tensor Tensor::acos() const {
  if (auto bad = firstBad({*this}))
    return *bad;
  Tensor x = widened(*this);
  return (kPi / 2 - withSignOf(asinOfMagnitude(x.abs()), x))
      .cast(floatDType(dtype()))
      .asWeak(weak_);
}

Tensor Tensor::atan() const {
  if (auto bad = firstBad({*this}))
    return *bad;
  Tensor x = widened(*this);
  return withSignOf(atanOfMagnitude(x.abs()), x).cast(floatDType(dtype())).asWeak(weak_);
}

} // namespace rosso
