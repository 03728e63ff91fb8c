// Extents that are not constant, for Python: sums and multiples of variables, decided by bounds.
#include "python/bindings/Bindings.h"

#include "frontend/Realize.h"

#include <functional>
#include <optional>
#include <string>

namespace rosso::python {
namespace {

VarTable &knownVariables() { // the latest bounds of a name
  static auto *variables = new VarTable;
  return *variables;
}

SymbolicDim makeVariable(const std::string &name, int64_t min, int64_t max) {
  knownVariables()[name] = {min, max};
  return {Dim::variable(name)};
}

int64_t least(const Dim &dim) { return dim.min(knownVariables()); }
int64_t greatest(const Dim &dim) { return dim.max(knownVariables()); }

/// Whether a < b, where the bounds tell.
bool isLess(const Dim &a, const Dim &b) {
  const Dim difference = b - a;
  if (least(difference) > 0)
    return true;
  if (greatest(difference) <= 0)
    return false;
  raise(badInput("comparison: '" + a.str() + " < " + b.str() +
                 "' depends on the values of variables; compare before the capture, or compute "
                 "with a mask"));
}

Dim quotient(const Dim &dim, int64_t divisor) {
  if (auto exact = dim.dividedBy(divisor))
    return *exact;
  raise(unsupported("'" + dim.str() + "' is not divided by " + std::to_string(divisor) +
                    " without a remainder"));
}

} // namespace

void bindDims(py::module_ &m) {
  const py::is_operator op; // other operands: Python tries theirs
  py::class_<SymbolicDim>(m, "Dim")
      .def(py::init(&makeVariable))
      .def("__repr__", [](const SymbolicDim &d) { return d.dim.str(); })
      .def("__hash__", [](const SymbolicDim &d) { return std::hash<std::string>()(d.dim.str()); })
      .def(
          py::pickle([](const SymbolicDim &d) { return d.dim.str(); },
                     [](const std::string &text) { return SymbolicDim{unwrap(Dim::parse(text))}; }))
      .def_property_readonly("vmin", [](const SymbolicDim &d) { return least(d.dim); })
      .def_property_readonly("vmax", [](const SymbolicDim &d) { return greatest(d.dim); })
      .def(
          "__eq__", [](const SymbolicDim &a, const Dim &b) { return a.dim == b; }, op)
      .def(
          "__ne__", [](const SymbolicDim &a, const Dim &b) { return !(a.dim == b); }, op)
      .def(
          "__lt__", [](const SymbolicDim &a, const Dim &b) { return isLess(a.dim, b); }, op)
      .def(
          "__gt__", [](const SymbolicDim &a, const Dim &b) { return isLess(b, a.dim); }, op)
      .def(
          "__le__", [](const SymbolicDim &a, const Dim &b) { return !isLess(b, a.dim); }, op)
      .def(
          "__ge__", [](const SymbolicDim &a, const Dim &b) { return !isLess(a.dim, b); }, op)
      .def(
          "__neg__", [](const SymbolicDim &a) { return a.dim * -1; }, op)
      .def(
          "__add__", [](const SymbolicDim &a, const Dim &b) { return a.dim + b; }, op)
      .def(
          "__radd__", [](const SymbolicDim &a, const Dim &b) { return b + a.dim; }, op)
      .def(
          "__sub__", [](const SymbolicDim &a, const Dim &b) { return a.dim - b; }, op)
      .def(
          "__rsub__", [](const SymbolicDim &a, const Dim &b) { return b - a.dim; }, op)
      .def(
          "__mul__", [](const SymbolicDim &a, int64_t b) { return a.dim * b; }, op)
      .def(
          "__rmul__", [](const SymbolicDim &a, int64_t b) { return a.dim * b; }, op)
      .def("__floordiv__", [](const SymbolicDim &a, int64_t b) { return quotient(a.dim, b); }, op);
  m.def("bind_variable", [](const std::string &name, int64_t min, int64_t max, int64_t value) {
    bindVariable(Variable(name, min, max), value);
  });
}

} // namespace rosso::python
