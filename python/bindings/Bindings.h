// What the files of the bindings share: how errors leave as exceptions, how extents and element
// types cross between the languages, and one function a file that adds its methods.
//
// The Python package wraps these methods (python/rosso/_mixins); users never meet them. Arguments
// come resolved: axes in range or as the C++ method takes them, shapes as lists, tensors as
// `_rosso.Tensor`.
#pragma once

#include "frontend/Tensor.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <utility>

namespace rosso::python {

namespace py = pybind11;

/// Raises the exception of the error's code; one that Python has raised meanwhile goes first.
[[noreturn]] void raise(const Error &error);
/// The value, or its error raised.
template <typename T> T unwrap(Result<T> result) {
  if (!result)
    raise(result.error());
  return *std::move(result);
}
inline void unwrap(const Status &status) {
  if (!status)
    raise(status.error());
}

/// An extent that is not constant, as Python sees it: `_rosso.Dim`.
struct SymbolicDim {
  Dim dim;
};

using TensorClass = py::class_<Tensor>;
void bindErrors(py::module_ &m);                   // Errors.cpp
void bindCore(TensorClass &c, py::module_ &m);     // Core.cpp
void bindDims(py::module_ &m);                     // Dims.cpp
void bindMemory(TensorClass &c, py::module_ &m);   // Memory.cpp
void bindCapture(py::module_ &m);                  // Capture.cpp
void bindMovement(TensorClass &c, py::module_ &m); // Movement.cpp: creation, movement, indexing
void bindMath(TensorClass &c, py::module_ &m); // Math.cpp: elementwise, reductions, contractions
void bindNn(TensorClass &c, py::module_ &m);   // Nn.cpp: convolution, pooling, losses, networks
void bindDecoderOps(TensorClass &c);           // DecoderOps.cpp
void bindLlm(py::module_ &m);                  // Llm.cpp

/// `rosso.DType` objects by their number, filled by `_rosso.set_dtypes`.
py::object dtypeObject(DType dtype);

} // namespace rosso::python

namespace pybind11::detail {

/// An int where the extent is constant, a `_rosso.Dim` where it is not.
template <> struct type_caster<rosso::Dim> {
  PYBIND11_TYPE_CASTER(rosso::Dim, const_name("int | Dim"));

  bool load(handle source, bool) {
    if (PyLong_Check(source.ptr())) {
      value = rosso::Dim(PyLong_AsLongLong(source.ptr()));
      return !PyErr_Occurred() || (PyErr_Clear(), false);
    }
    // numpy's integers are no Python ints; floats have no __index__.
    if (PyIndex_Check(source.ptr())) {
      value = rosso::Dim(PyNumber_AsSsize_t(source.ptr(), PyExc_OverflowError));
      return !PyErr_Occurred() || (PyErr_Clear(), false);
    }
    if (!isinstance<rosso::python::SymbolicDim>(source))
      return false;
    value = source.cast<const rosso::python::SymbolicDim &>().dim;
    return true;
  }
  static handle cast(const rosso::Dim &dim, return_value_policy, handle) {
    if (dim.isConstant())
      return PyLong_FromLongLong(dim.constant());
    return pybind11::cast(rosso::python::SymbolicDim{dim}).release();
  }
};

/// A `rosso.DType`, by its attribute `_code`.
template <> struct type_caster<rosso::DType> {
  PYBIND11_TYPE_CASTER(rosso::DType, const_name("DType"));

  bool load(handle source, bool) {
    object code = reinterpret_steal<object>(PyObject_GetAttrString(source.ptr(), "_code"));
    const long number = code ? PyLong_AsLong(code.ptr()) : -1;
    PyErr_Clear();
    if (code && number < 0) {
      PyErr_Format(PyExc_NotImplementedError, "%R: no tensor has this element type", source.ptr());
      throw error_already_set();
    }
    value = static_cast<rosso::DType>(number);
    return number >= 0 && number < static_cast<long>(std::size(rosso::kDTypes));
  }
  static handle cast(rosso::DType dtype, return_value_policy, handle) {
    return rosso::python::dtypeObject(dtype).release();
  }
};

} // namespace pybind11::detail
