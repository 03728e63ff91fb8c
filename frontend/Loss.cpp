// Losses, and what becomes of those of single samples.

#include "frontend/Build.h"

namespace rosso {

using namespace build;

namespace {

Tensor reduced(const Tensor &losses, Reduction reduction) {
  switch (reduction) {
  case Reduction::None:
    return losses;
  case Reduction::Sum:
    return losses.sum();
  case Reduction::Mean:
    return losses.mean();
  }
  return losses;
}

/// True where the position along a new axis is the class: target [a, b], axis 1 -> [a, classes, b].
Tensor isClass(const Tensor &target, const Dim &classes, int axis) {
  Tensor wanted = target.unsqueeze(axis);
  if (auto bad = firstBad({wanted}))
    return *bad;
  Shape along(wanted.shape().size(), 1);
  along[static_cast<size_t>(*resolveAxis(axis, wanted.ndim()))] = classes;
  return wanted.eq(Tensor::arange(classes).reshape(std::move(along)));
}

std::optional<Tensor> refuseSmoothing(std::string_view where, double smoothing) {
  if (smoothing >= 0 && smoothing <= 1)
    return std::nullopt;
  return failed(where,
                "label smoothing of " + std::to_string(smoothing) + "; expected a share, 0 to 1");
}

} // namespace

Tensor Tensor::binaryCrossentropy(const Tensor &target, Reduction reduction) const {
  return reduced(-target * log() - (1 - target) * (1 - *this).log(), reduction);
}

Tensor Tensor::binaryCrossentropyLogits(const Tensor &target, Reduction reduction,
                                        const std::optional<Tensor> &positiveWeight) const {
  Tensor yes = target * logsigmoid(), no = (1 - target) * neg().logsigmoid();
  return reduced(-((positiveWeight ? *positiveWeight * yes : yes) + no), reduction);
}

Tensor Tensor::sparseCategoricalCrossentropy(const Tensor &target, int64_t ignoreIndex,
                                             double labelSmoothing, Reduction reduction) const {
  if (auto bad = firstBad({*this, target}))
    return *bad;
  if (auto bad = refuseSmoothing("sparseCategoricalCrossentropy", labelSmoothing))
    return *bad;
  if (ndim() == 0)
    return failed("sparseCategoricalCrossentropy", "logits without axes; expected [..., classes]");
  Tensor logProbs = logSoftmax();
  Tensor counts = ignoreIndex == -1 ? full(target.shape(), true) : target.ne(ignoreIndex);
  Tensor wanted = isClass(target, size(-1), -1) & counts.unsqueeze(-1);
  Tensor losses = (1 - labelSmoothing) * (logProbs * wanted).sum(-1) +
                  labelSmoothing * (logProbs.mean(-1) * counts);
  if (reduction == Reduction::Mean)
    return -losses.sum() / counts.sum();
  return -reduced(losses, reduction);
}

Tensor Tensor::crossEntropy(const Tensor &target, Reduction reduction,
                            double labelSmoothing) const {
  if (auto bad = firstBad({*this, target}))
    return *bad;
  if (auto bad = refuseSmoothing("crossEntropy", labelSmoothing))
    return *bad;
  int axis = ndim() == 1 ? 0 : 1;
  Tensor shares = target;
  if (shape() != target.shape()) {
    Shape samples = shape();
    if (!samples.empty())
      samples.erase(samples.begin() + axis);
    if (ndim() == 0 || samples != target.shape())
      return failed("crossEntropy", "logits " + str(shape()) + " and a target " +
                                        str(target.shape()) +
                                        "; expected equal shapes, or one without the classes");
    shares = isClass(target, size(axis), axis);
  }
  if (ndim() == 0 || !size(axis).isConstant())
    return failed("crossEntropy", "logits " + str(shape()) + "; expected [N, classes, ...]");
  shares =
      (1 - labelSmoothing) * shares + labelSmoothing / static_cast<double>(size(axis).constant());
  return -reduced((logSoftmax(axis) * shares).sum(axis), reduction);
}

Tensor Tensor::nllLoss(const Tensor &target, const std::optional<Tensor> &weight,
                       std::optional<int64_t> ignoreIndex, Reduction reduction) const {
  if (auto bad = firstBad({*this, target}))
    return *bad;
  Tensor weights =
      weight ? weight->gather(0, target.flatten()).reshape(target.shape()) : target.fullLike(1);
  if (ignoreIndex)
    weights = weights * target.ne(*ignoreIndex);
  Tensor losses = -gather(1, target.unsqueeze(1)).squeeze(1) * weights;
  if (reduction == Reduction::Mean)
    return losses.sum() / weights.sum();
  return reduced(losses, reduction);
}

} // namespace rosso
