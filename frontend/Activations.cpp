// Activation functions, composed as tinygrad composes them.

#include "frontend/Build.h"

#include <cmath>
#include <numbers>

namespace rosso {

using namespace build;

Tensor Tensor::sigmoid() const { return (1 + (*this * -std::numbers::log2e).exp2()).reciprocal(); }

Tensor Tensor::tanh() const { return 2 * (2 * *this).sigmoid() - 1.0; }
Tensor Tensor::sinh() const { return (exp() - neg().exp()) / 2; }
Tensor Tensor::cosh() const { return (exp() + neg().exp()) / 2; }

// The smaller of the two terms of a sum is not added to a number far larger.
Tensor Tensor::asinh() const {
  Tensor magnitude = abs();
  return ((magnitude.square() + 1).sqrt() + magnitude).log().copysign(*this);
}

Tensor Tensor::acosh() const { return (*this + (square() - 1).sqrt()).log(); }
Tensor Tensor::atanh() const { return ((1 + *this) / (1 - *this)).log() / 2; }

Tensor Tensor::erf() const {
  // Abramowitz and Stegun 7.1.26: absolute error below 1.5e-7.
  Tensor t = 1 / (1 + 0.3275911 * abs());
  Tensor polynomial = 1.061405429;
  for (double coefficient : {-1.453152027, 1.421413741, -0.284496736, 0.254829592})
    polynomial = polynomial * t + coefficient;
  return sign() * (1 - t * polynomial * (-square()).exp());
}

Tensor Tensor::relu() const { return maximum(0); }
Tensor Tensor::relu6() const { return relu() - (*this - 6).relu(); }
Tensor Tensor::leakyRelu(double slope) const { return (*this < 0).where(slope * *this, *this); }
Tensor Tensor::elu(double alpha) const { return relu() - alpha * (1 - exp()).relu(); }

Tensor Tensor::celu(double alpha) const {
  return maximum(0) + (alpha * ((*this / alpha).exp() - 1)).minimum(0);
}

Tensor Tensor::selu(double alpha, double gamma) const {
  return gamma * (*this >= 0).where(*this, alpha * (exp() - 1));
}

Tensor Tensor::silu() const { return *this * sigmoid(); }

Tensor Tensor::gelu(Gelu form) const {
  if (form == Gelu::Erf)
    return *this * 0.5 * (1 + (*this / std::numbers::sqrt2).erf());
  double scale = std::sqrt(2 / std::numbers::pi);
  return 0.5 * *this * (1 + (scale * (*this + 0.044715 * *this * *this * *this)).tanh());
}

Tensor Tensor::quickGelu() const { return *this * (*this * 1.702).sigmoid(); }
Tensor Tensor::softplus(double beta) const { return (1 / beta) * (*this * beta).logaddexp(0.0); }
Tensor Tensor::mish() const { return *this * softplus().tanh(); }
Tensor Tensor::softsign() const { return *this / (1 + abs()); }
Tensor Tensor::hardswish() const { return *this * (*this + 3).relu6() * (1.0 / 6); }

Tensor Tensor::hardsigmoid(double alpha, double beta) const {
  Tensor line = alpha * *this + beta;
  return line.relu() - (line - 1).relu();
}

Tensor Tensor::logsigmoid() const { return -(-*this).softplus(); }

} // namespace rosso
