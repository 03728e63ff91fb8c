// Every op of the tensor API once, with what NumPy made of it under the same name (golden.py).
#pragma once

#include "frontend/Tensor.h"

#include <iosfwd>
#include <span>

namespace rosso {

struct OpCase {
  const char *name; // of the line in golden.txt
  DType dtype;
  Tensor (*make)();
  // Relative to the larger of 1 and the value: after rounding every step to f32, and never.
  double tolerance = 1e-6;
  double exactTolerance = 1e-13;
};

std::span<const OpCase> opCases();
/// Those of movement, indexing, scatter and order: MovementCases.cpp.
std::span<const OpCase> movementCases();
std::ostream &operator<<(std::ostream &out, const OpCase &test);

} // namespace rosso
