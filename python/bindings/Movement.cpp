// Methods of the bound tensor: creation, movement, indexing, scatter, order, random numbers.
#include "python/bindings/Bindings.h"

#include <optional>
#include <string>
#include <vector>

namespace rosso::python {
namespace {

std::optional<Dim> optionalDim(const py::handle &value) {
  return value.is_none() ? std::nullopt : std::optional(value.cast<Dim>());
}

Index indexOf(const py::handle &index) {
  if (index.is_none())
    return NewAxis{};
  if (py::isinstance<py::ellipsis>(index))
    return Ellipsis{};
  if (py::isinstance<Tensor>(index))
    return index.cast<Tensor>();
  if (py::isinstance<py::slice>(index)) {
    py::object step = index.attr("step");
    return Slice{optionalDim(index.attr("start")), optionalDim(index.attr("stop")),
                 step.is_none() ? 1 : step.cast<int64_t>()};
  }
  return index.cast<Dim>();
}

std::vector<Index> indicesOf(const py::list &list) {
  std::vector<Index> indices;
  for (const py::handle &index : list)
    indices.push_back(indexOf(index));
  return indices;
}

using Ranges = std::vector<std::pair<Dim, Dim>>;

Tensor shrink(const Tensor &t, const Ranges &pairs) {
  std::vector<Range> ranges;
  for (const auto &[begin, end] : pairs)
    ranges.push_back({begin, end});
  return t.shrink(ranges);
}

Tensor pad(const Tensor &t, const Ranges &pairs, PadMode mode, const Tensor &value) {
  std::vector<Padding> padding;
  for (const auto &[before, after] : pairs)
    padding.push_back({before, after});
  return t.pad(padding, mode, value);
}

void bindCreation(TensorClass &c) {
  c.def_static("full", [](const Shape &shape, const Tensor &value, DType dtype) {
    return Tensor::full(shape, value, dtype);
  });
  c.def_static("arange", [](int64_t start, int64_t stop, int64_t step,
                            DType dtype) { return Tensor::arange(start, stop, step, dtype); })
      .def_static("arange_symbolic",
                  [](const Dim &stop, DType dtype) { return Tensor::arange(stop, dtype); })
      .def_static("arange_real", &Tensor::arangeReal)
      .def_static("linspace", &Tensor::linspace)
      .def_static("eye",
                  [](int64_t n, int64_t m, DType dtype) { return Tensor::eye(n, Dim(m), dtype); })
      .def_static("meshgrid", &Tensor::meshgrid)
      .def("tril", &Tensor::tril)
      .def("triu", &Tensor::triu)
      .def("one_hot", &Tensor::oneHot);
}

void bindMoves(TensorClass &c) {
  c.def("reshape", &Tensor::reshape)
      .def("flatten", &Tensor::flatten)
      .def("unflatten", &Tensor::unflatten)
      .def("squeeze", py::overload_cast<>(&Tensor::squeeze, py::const_))
      .def("squeeze", py::overload_cast<int>(&Tensor::squeeze, py::const_))
      .def("unsqueeze", &Tensor::unsqueeze)
      .def("permute", &Tensor::permute)
      .def("transpose", &Tensor::transpose)
      .def("expand", &Tensor::expand)
      .def("shrink", &shrink)
      .def("pad", &pad)
      .def("pad_to", &Tensor::padTo)
      .def("flip", [](const Tensor &t, std::vector<int> axes) { return t.flip(std::move(axes)); })
      .def("roll", [](const Tensor &t, const std::vector<int64_t> &shifts,
                      const std::vector<int> &axes) { return t.roll(shifts, axes); })
      .def("unfold", &Tensor::unfold)
      .def("diag", &Tensor::diag)
      .def("diagonal", &Tensor::diagonal)
      .def("rearrange", &Tensor::rearrange)
      .def_static("cat", [](const std::vector<Tensor> &parts,
                            int axis) { return Tensor::cat(parts, axis); })
      .def_static("stack", &Tensor::stack)
      .def("split", [](const Tensor &t, const std::vector<Dim> &sizes,
                       int axis) { return t.split(sizes, axis); })
      .def("repeat", &Tensor::repeat)
      .def("repeat_interleave", [](const Tensor &t, int64_t count, int axis) {
        return t.repeatInterleave(count, axis);
      });
}

void bindIndexing(TensorClass &c) {
  c.def("get_item",
        [](const Tensor &t, const py::list &indices) { return t.getItem(indicesOf(indices)); })
      .def("set_item", [](const Tensor &t, const py::list &indices,
                          const Tensor &value) { return t.setItem(indicesOf(indices), value); })
      .def("assign_item",
           [](Tensor &t, const py::list &list, const Tensor &value) {
             std::vector<Index> indices = indicesOf(list);
             Status status = [&] {
               py::gil_scoped_release unlocked;
               return t.assignItem(indices, value);
             }();
             unwrap(status);
           })
      .def("gather", &Tensor::gather)
      .def("scatter", &Tensor::scatter)
      .def("scatter_reduce", &Tensor::scatterReduce)
      .def("masked_select", py::overload_cast<const Tensor &>(&Tensor::maskedSelect, py::const_),
           py::call_guard<py::gil_scoped_release>())
      .def("masked_select", py::overload_cast<const Tensor &, int64_t, const Tensor &>(
                                &Tensor::maskedSelect, py::const_))
      .def("nonzero", py::overload_cast<>(&Tensor::nonzero, py::const_),
           py::call_guard<py::gil_scoped_release>())
      .def("nonzero", py::overload_cast<int64_t, const Tensor &>(&Tensor::nonzero, py::const_))
      .def("topk", &Tensor::topk)
      .def("sort", &Tensor::sort)
      .def("argsort", &Tensor::argsort);
}

void bindRandom(TensorClass &c) {
  c.def_static("manual_seed", &Tensor::manualSeed)
      .def_static("random_bits", &Tensor::randomBits)
      .def_static("random_counter", &Tensor::randomCounter)
      .def_static("random_devices", &Tensor::randomDevices)
      .def_static("threefry_bits", &Tensor::threefryBits)
      .def_static("rand_from", &Tensor::randFrom)
      .def_static("rand", &Tensor::rand)
      .def_static("randn", &Tensor::randn)
      .def_static("uniform", &Tensor::uniform)
      .def_static("randint", &Tensor::randint)
      .def_static("normal", &Tensor::normal)
      .def_static("scaled_uniform", &Tensor::scaledUniform)
      .def_static("glorot_uniform", &Tensor::glorotUniform)
      .def_static("kaiming_uniform", &Tensor::kaimingUniform)
      .def_static("kaiming_normal", &Tensor::kaimingNormal)
      .def_static("randperm", &Tensor::randperm)
      .def("multinomial", &Tensor::multinomial);
}

} // namespace

void bindMovement(TensorClass &c, py::module_ &m) {
  py::enum_<PadMode>(m, "PadMode")
      .value("constant", PadMode::Constant)
      .value("reflect", PadMode::Reflect)
      .value("replicate", PadMode::Replicate)
      .value("circular", PadMode::Circular);
  py::enum_<Grid>(m, "Grid").value("ij", Grid::Ij).value("xy", Grid::Xy);
  py::enum_<Scatter>(m, "Scatter")
      .value("sum", Scatter::Sum)
      .value("prod", Scatter::Prod)
      .value("mean", Scatter::Mean)
      .value("amax", Scatter::Max)
      .value("amin", Scatter::Min);
  bindCreation(c);
  bindMoves(c);
  bindIndexing(c);
  bindRandom(c);
}

} // namespace rosso::python
