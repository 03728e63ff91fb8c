// The one translator from errors to exceptions.
#include "python/bindings/Bindings.h"

namespace rosso::python {
namespace {

PyObject *deviceError = nullptr; // rosso.DeviceError; lives as long as the interpreter

PyObject *exceptionOf(ErrorCode code) {
  switch (code) {
  case ErrorCode::BadInput:
    return PyExc_ValueError;
  case ErrorCode::Unsupported:
    return PyExc_NotImplementedError;
  case ErrorCode::OutOfMemory:
    return PyExc_MemoryError;
  case ErrorCode::Timeout:
  case ErrorCode::DeviceLost:
  case ErrorCode::Internal:
    break;
  }
  return deviceError;
}

} // namespace

void raise(const Error &error) {
  if (!PyErr_Occurred())
    PyErr_SetString(exceptionOf(error.code), error.message.c_str());
  throw py::error_already_set();
}

void bindErrors(py::module_ &m) {
  deviceError = PyErr_NewExceptionWithDoc(
      "rosso.DeviceError", "A device, its driver or the compiler failed; not the caller's fault.",
      PyExc_RuntimeError, nullptr);
  m.add_object("DeviceError", py::reinterpret_borrow<py::object>(deviceError));
}

} // namespace rosso::python
