// Functions recorded once and called without their code: what rosso.jit stands on.
#include "python/bindings/Bindings.h"

#include "frontend/Capture.h"

#include <memory>
#include <string>
#include <vector>

namespace rosso::python {

void bindCapture(py::module_ &m) {
  py::class_<CapturedFunction, std::shared_ptr<CapturedFunction>>(m, "CapturedFunction")
      .def_property_readonly("writes_arguments", &CapturedFunction::writesArguments)
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
