// The one translator from errors to exceptions.
#include "python/bindings/Bindings.h"

#include "support/Interrupt.h"

#include <thread>

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

// The thread that imported the package: Python handles signals on its main thread only.
std::thread::id mainThread;

/// Whether a handler of a signal has raised, as Ctrl-C does; the exception stays with the thread.
bool hasSignalRaised() {
  if (std::this_thread::get_id() != mainThread || !Py_IsInitialized())
    return false;
  const py::gil_scoped_acquire locked;
  return PyErr_CheckSignals() != 0;
}

} // namespace

void raise(const Error &error) {
  if (!PyErr_Occurred())
    PyErr_SetString(exceptionOf(error.code), error.message.c_str());
  throw py::error_already_set();
}

void bindErrors(py::module_ &m) {
  mainThread = std::this_thread::get_id();
  setInterruptCheck(&hasSignalRaised);
  deviceError = PyErr_NewExceptionWithDoc(
      "rosso.DeviceError", "A device, its driver or the compiler failed; not the caller's fault.",
      PyExc_RuntimeError, nullptr);
  m.add_object("DeviceError", py::reinterpret_borrow<py::object>(deviceError));
  // tinygrad raises each of these where arguments do not fit; programs that catch any still work.
  const py::tuple bases =
      py::make_tuple(py::handle(PyExc_ValueError), py::handle(PyExc_RuntimeError),
                     py::handle(PyExc_IndexError), py::handle(PyExc_AssertionError));
  badInputError = PyErr_NewExceptionWithDoc(
      "rosso.BadInputError", "Arguments that do not fit: a ValueError.", bases.ptr(), nullptr);
  m.add_object("BadInputError", py::reinterpret_borrow<py::object>(badInputError));
}

} // namespace rosso::python
