// The one translator from errors to exceptions.
#include "python/bindings/Bindings.h"

namespace rosso::python {
namespace {

// They live as long as the interpreter.
PyObject *deviceError = nullptr;
PyObject *badInputError = nullptr;

PyObject *exceptionOf(ErrorCode code) {
  switch (code) {
  case ErrorCode::BadInput:
    return badInputError;
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
  // tinygrad raises each of these where arguments do not fit; programs that catch any still work.
  const py::tuple bases = py::make_tuple(
      py::handle(PyExc_ValueError), py::handle(PyExc_RuntimeError), py::handle(PyExc_IndexError),
      py::handle(PyExc_AssertionError));
  badInputError = PyErr_NewExceptionWithDoc(
      "rosso.BadInputError", "Arguments that do not fit: a ValueError.", bases.ptr(), nullptr);
  m.add_object("BadInputError", py::reinterpret_borrow<py::object>(badInputError));
}

} // namespace rosso::python
