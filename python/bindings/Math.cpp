// Methods of the bound tensor: elementwise maths, reductions, scans, contractions.
#include "python/bindings/Bindings.h"

#include <optional>
#include <string>
#include <vector>

namespace rosso::python {

namespace {

using OptionalAxes = std::optional<std::vector<int>>;
using OptionalDType = std::optional<DType>;

Axes axesOf(const OptionalAxes &axes) { return axes ? Axes(*axes) : Axes(); }

using Unary = Tensor (Tensor::*)() const;
using Binary = Tensor (Tensor::*)(const Tensor &) const;
using Reduced = Tensor (Tensor::*)(const Axes &, bool) const;

void bindUnary(TensorClass &c) {
  const std::pair<const char *, Unary> kMethods[] = {
      {"neg", &Tensor::neg},
      {"logical_not", &Tensor::logicalNot},
      {"bitwise_not", &Tensor::bitwiseNot},
      {"abs", &Tensor::abs},
      {"sign", &Tensor::sign},
      {"square", &Tensor::square},
      {"sqrt", &Tensor::sqrt},
      {"rsqrt", &Tensor::rsqrt},
      {"reciprocal", &Tensor::reciprocal},
      {"exp", &Tensor::exp},
      {"exp2", &Tensor::exp2},
      {"log", &Tensor::log},
      {"log2", &Tensor::log2},
      {"log10", &Tensor::log10},
      {"sin", &Tensor::sin},
      {"cos", &Tensor::cos},
      {"tan", &Tensor::tan},
      {"asin", &Tensor::asin},
      {"acos", &Tensor::acos},
      {"atan", &Tensor::atan},
      {"sinh", &Tensor::sinh},
      {"cosh", &Tensor::cosh},
      {"tanh", &Tensor::tanh},
      {"asinh", &Tensor::asinh},
      {"acosh", &Tensor::acosh},
      {"atanh", &Tensor::atanh},
      {"floor", &Tensor::floor},
      {"ceil", &Tensor::ceil},
      {"trunc", &Tensor::trunc},
      {"round", &Tensor::round},
      {"isnan", &Tensor::isnan},
      {"isfinite", &Tensor::isfinite},
      {"erf", &Tensor::erf},
      {"sigmoid", &Tensor::sigmoid},
      {"relu", &Tensor::relu},
      {"relu6", &Tensor::relu6},
      {"silu", &Tensor::silu},
      {"quick_gelu", &Tensor::quickGelu},
      {"mish", &Tensor::mish},
      {"softsign", &Tensor::softsign},
      {"hardswish", &Tensor::hardswish},
      {"logsigmoid", &Tensor::logsigmoid},
  };
  for (const auto &[name, method] : kMethods)
    c.def(name, method);
}

void bindBinary(TensorClass &c) {
  const std::pair<const char *, Binary> kMethods[] = {
      {"add", &Tensor::add},
      {"sub", &Tensor::sub},
      {"mul", &Tensor::mul},
      {"div", &Tensor::div},
      {"floor_div", &Tensor::floorDiv},
      {"trunc_div", &Tensor::truncDiv},
      {"mod", &Tensor::mod},
      {"fmod", &Tensor::fmod},
      {"pow", &Tensor::pow},
      {"maximum", &Tensor::maximum},
      {"minimum", &Tensor::minimum},
      {"lt", &Tensor::lt},
      {"gt", &Tensor::gt},
      {"le", &Tensor::le},
      {"ge", &Tensor::ge},
      {"eq", &Tensor::eq},
      {"ne", &Tensor::ne},
      {"bitwise_and", &Tensor::bitwiseAnd},
      {"bitwise_or", &Tensor::bitwiseOr},
      {"bitwise_xor", &Tensor::bitwiseXor},
      {"lshift", &Tensor::lshift},
      {"rshift", &Tensor::rshift},
      {"logaddexp", &Tensor::logaddexp},
      {"copysign", &Tensor::copysign},
  };
  for (const auto &[name, method] : kMethods)
    c.def(name, method);
  c.def("where", &Tensor::where)
      .def("masked_fill", &Tensor::maskedFill)
      .def("clip", &Tensor::clip)
      .def("lerp", &Tensor::lerp)
      .def("isclose", &Tensor::isclose)
      .def("isinf", &Tensor::isinf)
      .def("bitcast", &Tensor::bitcast)
      .def("leaky_relu", &Tensor::leakyRelu)
      .def("elu", &Tensor::elu)
      .def("celu", &Tensor::celu)
      .def("selu", &Tensor::selu)
      .def("softplus", &Tensor::softplus)
      .def("hardsigmoid", &Tensor::hardsigmoid)
      .def("gelu",
           [](const Tensor &t, bool isErf) { return t.gelu(isErf ? Gelu::Erf : Gelu::Tanh); });
}

void bindReductions(TensorClass &c) {
  const std::pair<const char *, Reduced> kMethods[] = {
      {"sum", &Tensor::sum}, {"prod", &Tensor::prod},           {"max", &Tensor::max},
      {"min", &Tensor::min}, {"mean", &Tensor::mean},           {"any", &Tensor::any},
      {"all", &Tensor::all}, {"logsumexp", &Tensor::logsumexp},
  };
  for (const auto &[name, method] : kMethods)
    c.def(name, [method = method](const Tensor &t, const OptionalAxes &axes, bool keepdim) {
      return (t.*method)(axesOf(axes), keepdim);
    });
  c.def("sum_in", [](const Tensor &t, const OptionalAxes &axes, bool keepdim,
                     DType type) { return t.sum(axesOf(axes), keepdim, type); })
      .def("prod_in", [](const Tensor &t, const OptionalAxes &axes, bool keepdim,
                         DType type) { return t.prod(axesOf(axes), keepdim, type); })
      .def("var", [](const Tensor &t, const OptionalAxes &axes, bool keepdim,
                     int correction) { return t.var(axesOf(axes), keepdim, correction); })
      .def("std", [](const Tensor &t, const OptionalAxes &axes, bool keepdim,
                     int correction) { return t.std(axesOf(axes), keepdim, correction); })
      .def("argmax", [](const Tensor &t) { return t.argmax(); })
      .def("argmax",
           [](const Tensor &t, int axis, bool keepdim) { return t.argmax(axis, keepdim); })
      .def("argmin", [](const Tensor &t) { return t.argmin(); })
      .def("argmin",
           [](const Tensor &t, int axis, bool keepdim) { return t.argmin(axis, keepdim); })
      .def("normalize", &Tensor::normalize)
      .def("softmax", [](const Tensor &t, const OptionalAxes &axes,
                         OptionalDType type) { return t.softmax(axesOf(axes), type); })
      .def("log_softmax", [](const Tensor &t, const OptionalAxes &axes,
                             OptionalDType type) { return t.logSoftmax(axesOf(axes), type); })
      .def("cumsum", &Tensor::cumsum)
      .def("cumprod", &Tensor::cumprod)
      .def("cummax", &Tensor::cummax)
      .def("cummin", &Tensor::cummin)
      .def("logcumsumexp", &Tensor::logcumsumexp);
}

} // namespace

void bindMath(TensorClass &c, py::module_ &) {
  bindUnary(c);
  bindBinary(c);
  bindReductions(c);
  c.def("matmul", &Tensor::matmul)
      .def("affine", &Tensor::affine)
      .def("qr", &Tensor::qr)
      .def("svd", &Tensor::svd)
      .def("keccak", &Tensor::keccak)
      .def("hash", &Tensor::hash)
      .def("newton_schulz", &Tensor::newtonSchulz)
      .def_static("einsum",
                  [](const std::string &formula, const std::vector<Tensor> &operands,
                     OptionalDType type) { return Tensor::einsum(formula, operands, type); });
}

} // namespace rosso::python
