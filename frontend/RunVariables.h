// What the variables of a program may be in one run.
#pragma once

#include "frontend/Graph.h"

#include <cstdint>
#include <vector>

namespace rosso {

class RunVariables {
public:
  RunVariables() = default;
  explicit RunVariables(const Graph &graph) : nonNegative_(requiredNonNegative(graph)) {}

  /// Sets `out` to the values in the order of the program's `vars`. Errors: BadInput where one is
  /// missing or out of its bounds, or takes a slice or an update out of its tensor.
  Status inOrder(const VarTable &vars, const VarValues &values, std::vector<int64_t> &out) const;

private:
  std::vector<Dim> nonNegative_;
};

} // namespace rosso
