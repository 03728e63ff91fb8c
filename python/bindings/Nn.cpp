// Methods of the bound tensor: convolution, pooling, interpolation, losses, networks.
#include "python/bindings/Bindings.h"

#include <optional>
#include <string>
#include <vector>

namespace rosso::python {

namespace {

using Numbers = std::vector<int64_t>;
using OptionalNumbers = std::optional<Numbers>;
using OptionalTensor = std::optional<Tensor>;

std::optional<Spatial> spatialOf(const OptionalNumbers &numbers) {
  return numbers ? std::optional<Spatial>(*numbers) : std::nullopt;
}

Reduction reductionOf(const std::string &name) {
  return name == "none" ? Reduction::None : name == "sum" ? Reduction::Sum : Reduction::Mean;
}

Interpolation interpolationOf(const std::string &name) {
  return name == "nearest"         ? Interpolation::Nearest
         : name == "nearest-exact" ? Interpolation::NearestExact
                                   : Interpolation::Linear;
}

void bindPools(TensorClass &c) {
  c.def("avg_pool2d",
        [](const Tensor &t, const Numbers &kernel, const OptionalNumbers &stride,
           const Numbers &dilation, const Numbers &padding, bool ceilMode, bool countPadding) {
          return t.avgPool2d(kernel, spatialOf(stride), dilation, padding, ceilMode,
                             countPadding ? PoolEdge::CountPadding : PoolEdge::LeaveOut);
        })
      .def("max_pool2d",
           [](const Tensor &t, const Numbers &kernel, const OptionalNumbers &stride,
              const Numbers &dilation, const Numbers &padding, bool ceilMode) {
             return t.maxPool2d(kernel, spatialOf(stride), dilation, padding, ceilMode);
           })
      .def("max_pool2d_with_indices",
           [](const Tensor &t, const Numbers &kernel, const OptionalNumbers &stride,
              const Numbers &dilation, const Numbers &padding, bool ceilMode) {
             return t.maxPool2dWithIndices(kernel, spatialOf(stride), dilation, padding, ceilMode);
           })
      .def("max_unpool2d", [](const Tensor &t, const Tensor &indices, const Numbers &kernel,
                              const OptionalNumbers &stride, const Numbers &dilation,
                              const Numbers &padding, const OptionalNumbers &output) {
        return t.maxUnpool2d(indices, kernel, spatialOf(stride), dilation, padding, output);
      });
}

void bindLosses(TensorClass &c) {
  c.def("binary_crossentropy",
        [](const Tensor &t, const Tensor &target, const std::string &reduction) {
          return t.binaryCrossentropy(target, reductionOf(reduction));
        })
      .def("binary_crossentropy_logits",
           [](const Tensor &t, const Tensor &target, const std::string &reduction,
              const OptionalTensor &weight) {
             return t.binaryCrossentropyLogits(target, reductionOf(reduction), weight);
           })
      .def("sparse_categorical_crossentropy",
           [](const Tensor &t, const Tensor &target, int64_t ignoreIndex, double smoothing,
              const std::string &reduction) {
             return t.sparseCategoricalCrossentropy(target, ignoreIndex, smoothing,
                                                    reductionOf(reduction));
           })
      .def("cross_entropy",
           [](const Tensor &t, const Tensor &target, const std::string &reduction,
              double smoothing) {
             return t.crossEntropy(target, reductionOf(reduction), smoothing);
           })
      .def("nll_loss", [](const Tensor &t, const Tensor &target, const OptionalTensor &weight,
                          std::optional<int64_t> ignoreIndex, const std::string &reduction) {
        return t.nllLoss(target, weight, ignoreIndex, reductionOf(reduction));
      });
}

} // namespace

void bindNn(TensorClass &c, py::module_ &) {
  bindPools(c);
  bindLosses(c);
  c.def("conv2d",
        [](const Tensor &t, const Tensor &weight, const OptionalTensor &bias, int64_t groups,
           const Numbers &stride, const Numbers &dilation, const Numbers &padding,
           std::optional<DType> type) {
          return t.conv2d(weight, bias, groups, stride, dilation, padding, type);
        })
      .def("conv_transpose2d",
           [](const Tensor &t, const Tensor &weight, const OptionalTensor &bias, int64_t groups,
              const Numbers &stride, const Numbers &dilation, const Numbers &padding,
              const Numbers &outputPadding) {
             return t.convTranspose2d(weight, bias, groups, stride, dilation, padding,
                                      outputPadding);
           })
      .def("interpolate",
           [](const Tensor &t, const Numbers &size, const std::string &mode, bool alignCorners) {
             return t.interpolate(size, interpolationOf(mode), alignCorners);
           })
      .def("layernorm", [](const Tensor &t, const std::vector<int> &axes,
                           double epsilon) { return t.layernorm(Axes(axes), epsilon); })
      .def("rmsnorm", &Tensor::rmsnorm)
      .def("batchnorm",
           [](const Tensor &t, const OptionalTensor &weight, const OptionalTensor &bias,
              const Tensor &mean, const Tensor &inverseDeviation, const std::vector<int> &axes) {
             return t.batchnorm(weight, bias, mean, inverseDeviation, Axes(axes));
           })
      .def("dropout", &Tensor::dropout)
      .def("scaled_dot_product_attention", &Tensor::scaledDotProductAttention);
}

} // namespace rosso::python
