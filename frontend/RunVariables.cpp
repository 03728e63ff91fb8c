#include "frontend/RunVariables.h"

namespace rosso {

Status RunVariables::inOrder(const VarTable &vars, const VarValues &values,
                             std::vector<int64_t> &out) const {
  out.clear(); // keeps its memory
  for (const auto &[name, bounds] : vars) {
    auto value = values.find(name);
    if (value == values.end())
      return badInput("variable '" + name + "' has no value; bind one");
    if (value->second < bounds.min || value->second > bounds.max)
      return badInput("variable '" + name + "' is " + std::to_string(value->second) +
                      "; expected " + std::to_string(bounds.min) + " to " +
                      std::to_string(bounds.max));
    out.push_back(value->second);
  }
  for (const Dim &dim : nonNegative_)
    if (dim.eval(values) < 0)
      return badInput("a slice or an assignment leaves its tensor: " + dim.str() + " is " +
                      std::to_string(dim.eval(values)) + "; expected 0 or more");
  return {};
}

} // namespace rosso
