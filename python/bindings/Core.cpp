// The handle of a tensor: its type, shape and device, and what computes it.
#include "python/bindings/Bindings.h"

#include "frontend/BoundProgram.h"
#include "frontend/FileMemory.h"
#include "frontend/Realize.h"
#include "runtime/Device.h"
#include "runtime/host/MemoryPool.h"

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace rosso::python {
namespace {

// --- element types ---

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

// --- computing ---

bool isRealized(const Tensor &t) { return t.ok() && memoryOf(*t.node()) != nullptr; }

/// A tensor of the same values that no writing to this one reaches. What depends on the inputs of a
/// capture cannot be written itself and needs no copy; what is on a file gets memory.
Tensor copied(const Tensor &t) {
  unwrap(t.status());
  if (t.node()->isOpen)
    return t;
  if (isFile(t.node()->device))
    return unwrap(moveTo(t, defaultTensorDevice()));
  const auto storage = unwrap([&] {
    py::gil_scoped_release unlocked;
    return rowMajorStorage(t);
  }());
  return Tensor::fromStorage(storage->on(storage->device()), t.shape(), t.dtype());
}

void realizeAll(const std::vector<Tensor *> &tensors) {
  const auto status = [&] {
    py::gil_scoped_release unlocked;
    return realize(tensors);
  }();
  unwrap(status);
}

Tensor moved(const Tensor &t, const std::string &device) {
  return unwrap([&] {
    py::gil_scoped_release unlocked;
    return moveTo(t, device);
  }());
}

void assignInPlace(Tensor &target, const Tensor &value) {
  const auto status = [&] {
    py::gil_scoped_release unlocked;
    return assign(target, value);
  }();
  unwrap(status);
}

py::list kernels(const std::vector<Tensor> &tensors) {
  py::list list;
  for (const KernelSummary &kernel : unwrap([&] {
         py::gil_scoped_release unlocked;
         return kernelsOf(tensors);
       }()))
    list.append(py::make_tuple(kernel.name, kernel.details, kernel.bytesMoved, kernel.operations));
  return list;
}

} // namespace

py::object dtypeObject(DType dtype) {
  return py::reinterpret_borrow<py::object>(dtypeObjects[static_cast<size_t>(dtype)]);
}

void bindCore(TensorClass &c, py::module_ &m) {
  m.def("dtype_names", &dtypeNames);
  m.def("set_dtypes", &setDTypes);
  m.def("set_default_dtypes", [](DType number, DType) { setDefaultFloat(number); });
  m.def("realize", &realizeAll);
  m.def("run_counters", [] {
    const RunCounters run = runCounters();
    return py::make_tuple(run.kernels, run.bytesMoved, run.operations, run.nanoseconds);
  });
  m.def("host_memory_used", [] { return hostMemoryUse().used; });
  m.def("describe_device", [](const std::string &name) {
    RunOptions options;
    options.device = name;
    const std::unique_ptr<Device> device = unwrap(openDevice(options));
    return py::make_tuple(device->describe(), device->target());
  });
  m.def("kernels", &kernels);
  m.def("graph_text", [](const std::vector<Tensor> &tensors) {
    return unwrap([&] {
      py::gil_scoped_release unlocked;
      return graphText(tensors);
    }());
  });
  m.def("set_default_device",
        [](const std::string &device) { unwrap(setDefaultTensorDevice(device)); });

  c.def(py::init<>())
      .def_static("weak_bool", [](bool value) { return Tensor(value); })
      .def_static("weak_int", [](int64_t value) { return Tensor(value); })
      .def_static("weak_float", [](double value) { return Tensor(value); })
      .def_static("variable", &Tensor::variable)
      .def("check", [](const Tensor &t) { unwrap(t.status()); })
      .def_property_readonly("ok", &Tensor::ok)
      .def_property_readonly("weak", &Tensor::isWeak)
      .def_property_readonly("ndim", &Tensor::ndim)
      .def_property_readonly("dtype", &dtypeOf)
      .def_property_readonly("shape",
                             [](const Tensor &t) { return py::tuple(py::cast(t.shape())); })
      .def_property_readonly("device", [](const Tensor &t) { return deviceOf(t); })
      .def_property_readonly("realized", &isRealized)
      .def_property_readonly("is_quantized", &Tensor::isQuantized)
      .def("same", [](const Tensor &a, const Tensor &b) { return a.node() == b.node(); })
      .def("cast", &Tensor::cast)
      .def("as_weak", &Tensor::asWeak)
      .def("materialize", &Tensor::materialize)
      .def("contiguous",
           [](const Tensor &t) {
             py::gil_scoped_release unlocked;
             return contiguous(t);
           })
      .def("copy", &copied)
      .def("to", &moved)
      .def("assign", &assignInPlace);
}

} // namespace rosso::python
