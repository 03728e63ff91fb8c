// Functions recorded once and called without their code: what rosso.jit stands on.
#include "python/bindings/Bindings.h"

#include "frontend/Capture.h"

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace rosso::python {
namespace {

using Parts = CapturedFunction::Parts;

// Parts as Python keeps them: numbers, texts, shapes, types and tensors. A buffer is its bytes; a
// result that is a buffer is its number.

/// Which of the buffers a result is; nothing for other results.
std::optional<size_t> bufferOf(const Tensor &result, const Parts &parts) {
  for (size_t i = 0; i < parts.kept.size(); ++i)
    if (result.defined() && memoryOf(*result.node()) == parts.kept[i].storage)
      return i;
  return std::nullopt;
}

py::tuple asTuple(const CapturedFunction &function) {
  const Parts &parts = function.parts();
  auto places = [](const std::vector<CapturedFunction::Place> &from) {
    py::list list;
    for (const auto &place : from)
      list.append(py::make_tuple(place.shape, place.dtype, place.argument));
    return list;
  };
  py::list constants, kept, written;
  for (const Tensor &constant : parts.constants)
    if (auto buffer = bufferOf(constant, parts))
      constants.append(*buffer);
    else
      constants.append(constant.defined() ? py::cast(constant) : py::none());
  for (const auto &buffer : parts.kept) {
    const auto size = static_cast<int64_t>(buffer.storage->bytes().size());
    kept.append(py::make_tuple(buffer.name, buffer.isWritten,
                               Tensor::fromStorage(buffer.storage, {size}, DType::U8)));
  }
  for (const auto &argument : parts.written)
    written.append(py::make_tuple(argument.name, argument.argument));
  return py::make_tuple(parts.graph, parts.device ? *parts.device : "", places(parts.inputs),
                        places(parts.outputs), constants, kept, written);
}

std::shared_ptr<CapturedFunction> fromTuple(const py::tuple &tuple) {
  Parts parts;
  parts.graph = tuple[0].cast<std::string>();
  parts.device = internDevice(tuple[1].cast<std::string>());
  auto places = [](const py::handle &from) {
    std::vector<CapturedFunction::Place> list;
    for (const auto &[shape, dtype, argument] :
         from.cast<std::vector<std::tuple<Shape, DType, int>>>())
      list.push_back({-1, shape, dtype, argument});
    return list;
  };
  parts.inputs = places(tuple[2]);
  parts.outputs = places(tuple[3]);
  for (const auto &[name, isWritten, bytes] :
       tuple[5].cast<std::vector<std::tuple<std::string, bool, Tensor>>>())
    parts.kept.push_back({-1, memoryOf(*bytes.node())->on(parts.device), isWritten, name});
  for (const py::handle constant : tuple[4]) {
    const CapturedFunction::Place &place = parts.outputs[parts.constants.size()];
    if (py::isinstance<py::int_>(constant))
      parts.constants.push_back(Tensor::fromStorage(parts.kept.at(constant.cast<size_t>()).storage,
                                                    place.shape, place.dtype));
    else
      parts.constants.push_back(constant.is_none() ? Tensor() : constant.cast<Tensor>());
  }
  for (const auto &[name, argument] : tuple[6].cast<std::vector<std::pair<std::string, int>>>())
    parts.written.push_back({argument, -1, name});
  return unwrap([&] {
    py::gil_scoped_release unlocked;
    return CapturedFunction::of(std::move(parts));
  }());
}

} // namespace

void bindCapture(py::module_ &m) {
  py::class_<CapturedFunction, std::shared_ptr<CapturedFunction>>(m, "CapturedFunction")
      .def_property_readonly("writes_arguments", &CapturedFunction::writesArguments)
      .def("parts", &asTuple)
      .def_static("of_parts", &fromTuple)
      .def("call", [](CapturedFunction &function, const std::vector<Tensor> &inputs,
                      const VarValues &values) {
        return unwrap([&] {
          py::gil_scoped_release unlocked;
          return function.call(inputs, values);
        }());
      });
  py::class_<Capture>(m, "Capture")
      .def(py::init<>())
      .def("input", &Capture::input)
      .def_property_readonly("has_writes", &Capture::hasWrites)
      .def("finish", [](Capture &capture, const std::vector<Tensor> &outputs) {
        return unwrap([&] {
          py::gil_scoped_release unlocked;
          return capture.finish(outputs);
        }());
      });
}

} // namespace rosso::python
