#include "runtime/program/LaunchGrid.h"

namespace rosso {
namespace {

uint64_t tiles(int64_t extent, int64_t tile) {
  return extent <= 0 ? 0 : static_cast<uint64_t>((extent - 1) / tile + 1);
}

} // namespace

LaunchGrid::LaunchGrid(const Launch &launch, const VarTable &vars) {
  for (const GridDim &dim : launch.grid) {
    if (dim.extent.isConstant()) {
      fixedItems_ *= tiles(dim.extent.constant(), dim.tile);
      continue;
    }
    Factor factor{.constant = dim.extent.constant(), .tile = dim.tile, .coefficients = {}};
    for (const auto &[name, bounds] : vars) {
      auto term = dim.extent.terms().find(name);
      factor.coefficients.push_back(term == dim.extent.terms().end() ? 0 : term->second);
    }
    factors_.push_back(std::move(factor));
  }
}

uint64_t LaunchGrid::items(std::span<const int64_t> vars) const {
  uint64_t items = fixedItems_;
  for (const Factor &factor : factors_) {
    int64_t extent = factor.constant;
    for (size_t v = 0; v < factor.coefficients.size(); ++v)
      extent += factor.coefficients[v] * vars[v];
    items *= tiles(extent, factor.tile);
  }
  return items;
}

} // namespace rosso
