// The number of work items of a launch, with variables as positions instead of names: what a
// device evaluates for every run.
#pragma once

#include "runtime/program/Program.h"

#include <cstdint>
#include <span>
#include <vector>

namespace rosso {

class LaunchGrid {
public:
  LaunchGrid() = default;
  LaunchGrid(const Launch &launch, const VarTable &vars);

  /// Whether it is the same whatever the variables are.
  bool isFixed() const { return factors_.empty(); }
  /// `vars` in the order of the table.
  uint64_t items(std::span<const int64_t> vars) const;

private:
  /// ceil((constant + sum of coefficients * vars) / tile)
  struct Factor {
    int64_t constant = 0, tile = 1;
    std::vector<int64_t> coefficients; // by variable
  };
  uint64_t fixedItems_ = 1;
  std::vector<Factor> factors_; // those that depend on variables
};

} // namespace rosso
