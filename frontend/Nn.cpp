// Layers of networks, composed in the plain way: the passes recognise them.
//
// Letters: H query heads, G key/value heads, T new tokens, S tokens seen, d head width.

#include "frontend/Build.h"

#include <cmath>
#include <limits>

namespace rosso {

using namespace build;

namespace {

/// [T, S]: -infinity where row t must not see column s, that is where s > t + offset; else 0.
Tensor causalMask(const Dim &rows, const Dim &columns, const Dim &offset) {
  Tensor last = Tensor::arange(rows).reshape({rows, 1});
  if (!(offset == Dim(0)))
    last = last + Tensor::variable(offset);
  Tensor hidden = last < Tensor::arange(columns).reshape({1, columns});
  return hidden.where(-std::numeric_limits<float>::infinity(), 0.0f);
}

/// What is added to the scores.
Tensor additive(const Tensor &mask) {
  if (!mask.ok() || mask.dtype() != DType::Bool)
    return mask;
  return mask.where(0.0f, -std::numeric_limits<float>::infinity());
}

/// [..., G, S, d] -> [..., H, S, d]: each kv head serves H / G query heads in a row.
Tensor sharedHeads(const Tensor &t, const Dim &heads) {
  return t.ndim() < 3 || t.size(-3) == heads
             ? t
             : t.repeatInterleave(heads.constant() / t.size(-3).constant(), -3);
}

/// Why these shapes do not attend, or nothing.
std::optional<Tensor> refuseAttention(const Tensor &q, const Tensor &k, const Tensor &v) {
  std::string found = "q " + str(q.shape()) + ", k " + str(k.shape()) + ", v " + str(v.shape());
  if (q.ndim() < 2 || k.ndim() != q.ndim() || v.ndim() != q.ndim() || !(q.size(-1) == k.size(-1)) ||
      !(k.size(-2) == v.size(-2)) || !q.size(-1).isConstant())
    return failed("scaledDotProductAttention",
                  found + "; expected [..., H, T, d], [..., G, S, d] and [..., G, S, e]");
  if (q.ndim() < 3)
    return std::nullopt;
  Dim heads = q.size(-3), kvHeads = k.size(-3);
  if (heads == kvHeads && v.size(-3) == kvHeads)
    return std::nullopt;
  if (!(v.size(-3) == kvHeads) || !heads.isConstant() || !kvHeads.isConstant() ||
      kvHeads.constant() < 1 || heads.constant() % kvHeads.constant() != 0)
    return failed("scaledDotProductAttention", found + ": " + heads.str() + " query heads share " +
                                                   kvHeads.str() +
                                                   " key/value heads; expected a multiple");
  return std::nullopt;
}

} // namespace

Tensor Tensor::layernorm(const Axes &axes, double epsilon) const {
  Tensor centred = *this - mean(axes, true);
  return centred * (centred.square().mean(axes, true) + epsilon).rsqrt();
}

Tensor Tensor::rmsnorm(double epsilon) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  DType result = floatDType(dtype());
  Tensor x = cast(leastUpperDType(result, DType::F32));
  return (x * (x.square().mean(-1, true) + epsilon).rsqrt()).cast(result);
}

Tensor Tensor::dropout(double p) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  if (!(p >= 0 && p <= 1))
    return failed("dropout", "a probability of " + std::to_string(p) + "; expected 0 to 1");
  if (p == 0)
    return *this;
  if (p == 1)
    return zerosLike();
  return (rand(shape()) >= p).where(*this, 0) / (1 - p);
}

Tensor Tensor::batchnorm(const std::optional<Tensor> &weight, const std::optional<Tensor> &bias,
                         const Tensor &mean, const Tensor &inverseDeviation,
                         const Axes &axes) const {
  if (auto bad = firstBad({*this, mean, inverseDeviation}))
    return *bad;
  auto resolved = resolveAxes("batchnorm", axes, shape());
  if (!resolved)
    return failed(resolved.error());
  Shape channels(shape().size(), 1);
  for (int axis : *resolved)
    channels[static_cast<size_t>(axis)] = shape()[static_cast<size_t>(axis)];
  bool isPerChannel = inverseDeviation.ndim() == static_cast<int>(resolved->size());
  Tensor x = *this - mean.reshape(channels);
  if (weight)
    x = x * weight->reshape(channels);
  x = x * (isPerChannel ? inverseDeviation.reshape(channels) : inverseDeviation);
  return bias ? x + bias->reshape(channels) : x;
}

Tensor Tensor::scaledDotProductAttention(const Tensor &k, const Tensor &v,
                                         const std::optional<Tensor> &mask, bool isCausal,
                                         double dropoutP) const {
  if (auto bad = firstBad({*this, k, v}))
    return *bad;
  if (auto bad = refuseAttention(*this, k, v))
    return *bad;
  Dim heads = size(-3);
  Tensor keys = sharedHeads(k.dequant(k.isQuantized() ? DType::F32 : k.dtype()), heads);
  Tensor values = sharedHeads(v.dequant(v.isQuantized() ? DType::F32 : v.dtype()), heads);
  DType working = leastUpperDType(leastUpperDType(dtype(), k.dtype()), DType::F32);
  double scale = 1 / std::sqrt(static_cast<double>(size(-1).constant()));
  Tensor scores = cast(working).matmul(keys.cast(working).transpose(-2, -1)) * scale;
  if (isCausal)
    scores = scores + causalMask(size(-2), k.size(-2), 0);
  if (mask)
    scores = scores + additive(*mask);
  Tensor shares = scores.softmax(-1);
  if (dropoutP > 0)
    shares = shares.dropout(dropoutP);
  return shares.matmul(values.cast(working)).cast(floatDType(dtype()));
}

Tensor Tensor::causalAttention(const Tensor &k, const Tensor &v) const {
  if (auto bad = firstBad({*this, k, v}))
    return *bad;
  Dim rows = size(-2), columns = k.size(-2);
  if (rows == Dim(1)) // the newest token sees everything
    return scaledDotProductAttention(k, v);
  return scaledDotProductAttention(k, v, causalMask(rows, columns, columns - rows));
}

Tensor Tensor::rope(const Tensor &angles, RopeStyle style) const {
  return rope(angles.cos(), angles.sin(), style);
}

Tensor Tensor::rope(const Tensor &cosines, const Tensor &sines, RopeStyle style) const {
  if (auto bad = firstBad({*this, cosines, sines}))
    return *bad;
  Dim width = size(-1), pairs = cosines.size(-1);
  if (ndim() < 2 || cosines.ndim() != 2 || cosines.shape() != sines.shape() ||
      !(cosines.size(0) == size(-2)) || !width.isConstant() || !pairs.isConstant() ||
      2 * pairs.constant() > width.constant())
    return failed("rope", str(shape()) + " by angles " + str(cosines.shape()) +
                              "; expected [..., T, d] by [T, r] with 2*r <= d");
  Tensor turned = slice(-1, 0, pairs * 2), rest = slice(-1, pairs * 2, width), rotated;
  if (style == RopeStyle::Neox) {
    Tensor x = turned.slice(-1, 0, pairs), y = turned.slice(-1, pairs, pairs * 2);
    rotated = cat({x * cosines - y * sines, y * cosines + x * sines}, -1);
  } else {
    Tensor apart = turned.unflatten(-1, {pairs, 2});
    Tensor x = apart.select(-1, 0), y = apart.select(-1, 1);
    rotated = stack({x * cosines - y * sines, y * cosines + x * sines}, -1).flatten(-2, -1);
  }
  return pairs * 2 == width ? rotated : cat({rotated, rest}, -1);
}

Tensor Tensor::ropeAngles(const Tensor &positions, int64_t dims, double base,
                          const std::optional<Tensor> &factors) {
  if (auto bad = firstBad({positions}))
    return *bad;
  if (dims < 2 || dims % 2 != 0 || !(base > 0))
    return failed("ropeAngles", std::to_string(dims) + " dimensions with base " +
                                    std::to_string(base) +
                                    "; expected an even number and a "
                                    "positive base");
  Tensor pair = arange(dims / 2, DType::F32);
  Tensor frequencies = (pair * (-2 * std::log2(base) / static_cast<double>(dims))).exp2();
  if (factors)
    frequencies = frequencies / *factors;
  return positions.cast(DType::F32).unsqueeze(-1) * frequencies;
}

} // namespace rosso
