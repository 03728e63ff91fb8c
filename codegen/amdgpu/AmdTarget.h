// An AMD GPU as the templates see it: its dot products, table look-ups and matrix instructions.
#pragma once

#include "codegen/Target.h"
#include "runtime/amd/Chip.h"
#include "support/Result.h"

#include <string>

namespace rosso {

class AmdTarget final : public Target {
public:
  /// By LLVM's name of the chip: "gfx1100".
  static Result<AmdTarget> named(const std::string &chip);

  bool isGpu() const override { return true; }
  uint32_t wavesPerSimd(uint32_t vgprs) const override { return amd::wavesPerSimd(*chip_, vgprs); }
  uint32_t computeUnits() const override { return chip_->computeUnits; }
  Value dotBytes(Emit &e, Value acc, Value left, Value right) const override;
  Value lookupBytes(Emit &e, Value codes, std::span<const int8_t> table, int bias) const override;

  MatrixLanes matrixLanes() const override;
  Value multiplyMatrices(Emit &e, Value a, Value b, Value c) const override;
  void waitForLoads(Emit &e) const override;

  const amd::Chip &chip() const { return *chip_; }

  AmdTarget() = default; // of no chip; assign one

private:
  const amd::Chip *chip_ = nullptr;
};

} // namespace rosso
