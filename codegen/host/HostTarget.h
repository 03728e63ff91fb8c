// The host CPU: x86-64 with what it has, or portable vectors.
#pragma once

#include "codegen/Target.h"

#include <string>

namespace rosso {

class HostTarget final : public Target {
public:
  /// The CPU we run on.
  static HostTarget detect();

  Value dotBytes(Emit &e, Value acc, Value left, Value right) const override;
  Value lookupBytes(Emit &e, Value codes, std::span<const int8_t> table, int bias) const override;

  std::string triple, cpu, features; // as LLVM names them
  bool hasAvx2 = false;
  bool hasAvx512 = false; // F, BW, VL
  bool hasVnni512 = false;
};

} // namespace rosso
