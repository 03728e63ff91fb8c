// Integers that are a linear form of an element's index, and conditions on such forms.
//
// `arange(T).reshape(T, 1) + P < arange(S)` is true where  column - row - P - 1 >= 0. Masks are
// written in many ways; as forms they compare equal.
#pragma once

#include "support/Dim.h"

#include "mlir/IR/Value.h"

#include <optional>
#include <vector>

namespace rosso {

/// Of an integer tensor: element [i0, i1, ...] is sum(axes[k] * i_k) + offset.
/// Of a bool tensor: the element is true where that is >= 0.
struct AxisForm {
  std::vector<int64_t> axes;
  Dim offset;

  /// The opposite condition: -form - 1 >= 0.
  AxisForm negated() const;
  /// Depends on the last two axes only, with these coefficients.
  bool is(int64_t row, int64_t column, const Dim &constant) const;
  /// No index of the last two axes, of these extents, makes it negative.
  bool isNeverNegative(const Dim &rows, const Dim &columns, const VarTable &vars) const;
};

/// The form of an integer or bool tensor, if it has one.
std::optional<AxisForm> axisFormOf(mlir::Value value);

/// Where an added mask is 0, if it is at most `hidden` everywhere else.
std::optional<AxisForm> axisFormOfMask(mlir::Value value, double hidden);

} // namespace rosso
