// The handle of a tensor: leaves from bytes and numbers, type and shape, realisation, and the
// memory of what is realised.
#include "python/bindings/Bindings.h"

#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace rosso::python {
namespace {

// `rosso.DType` objects; they live as long as the interpreter.
std::array<PyObject *, std::size(kDTypes)> dtypeObjects{};
PyObject *weakIntObject = nullptr;
PyObject *weakFloatObject = nullptr;

void setDTypes(const std::map<size_t, py::object> &byCode, py::object weakInt,
               py::object weakFloat) {
  for (const auto &[code, object] : byCode)
    dtypeObjects.at(code) = py::object(object).release().ptr();
  weakIntObject = weakInt.release().ptr();
  weakFloatObject = weakFloat.release().ptr();
}

std::vector<std::string_view> dtypeNames() {
  std::vector<std::string_view> names;
  for (const DTypeInfo &type : kDTypes)
    names.push_back(type.name);
  return names;
}

py::object dtypeOf(const Tensor &t) {
  const DType dtype = t.dtype();
  if (!t.isWeak() || dtype == DType::Bool)
    return dtypeObject(dtype);
  return py::reinterpret_borrow<py::object>(isFloat(dtype) ? weakFloatObject : weakIntObject);
}

bool isRealized(const Tensor &t) { return t.ok() && t.node()->op == Op::Buffer; }

/// The tensor as a leaf with its values: the one place that knows how tensors are computed.
Tensor realized(const Tensor &t) {
  unwrap(t.status());
  if (isRealized(t))
    return t;
  const auto compute = [&] {
    py::gil_scoped_release unlocked;
    return t.realize();
  };
  HostTensor host = unwrap(compute());
  return Tensor::fromBytes(host.bytes, Shape(host.shape.begin(), host.shape.end()), host.dtype);
}

/// The memory of a realised tensor, kept while Python looks at it.
struct Memory {
  std::shared_ptr<Storage> storage;
};

Memory memoryOf(const Tensor &t) {
  if (!isRealized(t))
    raise(badInput("memory: the tensor is not realised"));
  return {t.node()->storage};
}

Tensor fromBuffer(const py::buffer &data, const Shape &shape, DType dtype) {
  Py_buffer view;
  if (PyObject_GetBuffer(data.ptr(), &view, PyBUF_C_CONTIGUOUS) != 0)
    throw py::error_already_set();
  const auto *first = static_cast<const uint8_t *>(view.buf);
  Tensor t = Tensor::fromBytes({first, static_cast<size_t>(view.len)}, shape, dtype);
  PyBuffer_Release(&view);
  return t;
}

} // namespace

py::object dtypeObject(DType dtype) {
  return py::reinterpret_borrow<py::object>(dtypeObjects[static_cast<size_t>(dtype)]);
}

void bindCore(TensorClass &c, py::module_ &m) {
  m.def("dtype_names", &dtypeNames);
  m.def("set_dtypes", &setDTypes);
  m.def("set_default_dtypes", [](DType, DType) {});

  py::class_<SymbolicDim>(m, "Dim")
      .def("__repr__", [](const SymbolicDim &d) { return d.dim.str(); })
      .def("__hash__", [](const SymbolicDim &d) { return std::hash<std::string>()(d.dim.str()); })
      .def(
          "__eq__", [](const SymbolicDim &a, const Dim &b) { return a.dim == b; },
          py::is_operator())
      .def(
          "__add__", [](const SymbolicDim &a, const Dim &b) { return a.dim + b; },
          py::is_operator())
      .def(
          "__radd__", [](const SymbolicDim &a, const Dim &b) { return b + a.dim; },
          py::is_operator())
      .def(
          "__sub__", [](const SymbolicDim &a, const Dim &b) { return a.dim - b; },
          py::is_operator())
      .def(
          "__rsub__", [](const SymbolicDim &a, const Dim &b) { return b - a.dim; },
          py::is_operator())
      .def(
          "__mul__", [](const SymbolicDim &a, int64_t b) { return a.dim * b; }, py::is_operator())
      .def(
          "__rmul__", [](const SymbolicDim &a, int64_t b) { return a.dim * b; }, py::is_operator());

  py::class_<Memory>(m, "Memory", py::buffer_protocol()).def_buffer([](Memory &memory) {
    auto &bytes = memory.storage->bytes;
    return py::buffer_info(bytes.data(), 1, "B", static_cast<py::ssize_t>(bytes.size()));
  });

  c.def(py::init<>())
      .def_static("weak_bool", [](bool value) { return Tensor(value); })
      .def_static("weak_int", [](int64_t value) { return Tensor(value); })
      .def_static("weak_float", [](double value) { return Tensor(value); })
      .def_static("from_buffer", &fromBuffer)
      .def_static("variable", &Tensor::variable)
      .def_static("full", [](const Shape &shape, const Tensor &value,
                             DType dtype) { return Tensor::full(shape, value, dtype); })
      .def("check", [](const Tensor &t) { unwrap(t.status()); })
      .def_property_readonly("ok", &Tensor::ok)
      .def_property_readonly("weak", &Tensor::isWeak)
      .def_property_readonly("ndim", &Tensor::ndim)
      .def_property_readonly("dtype", &dtypeOf)
      .def_property_readonly("shape",
                             [](const Tensor &t) { return py::tuple(py::cast(t.shape())); })
      .def_property_readonly("realized", &isRealized)
      .def("same", [](const Tensor &a, const Tensor &b) { return a.node() == b.node(); })
      .def("realize", &realized)
      .def("memory", &memoryOf)
      .def("cast", &Tensor::cast);
}

} // namespace rosso::python
