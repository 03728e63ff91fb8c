// The host CPU: x86-64 with what it has, or portable vectors.
#pragma once

#include "codegen/Target.h"
#include "support/Result.h"

#include <functional>
#include <string>

namespace rosso {

/// Makes LLVM's code generator for this architecture known; any number of times.
void initializeNativeTarget();

class HostTarget final : public Target {
public:
  /// The CPU we run on.
  static HostTarget detect();
  /// A CPU of this architecture by LLVM's name: "x86-64-v3", "znver4". What it compiles runs here
  /// only if this CPU can do what that one can.
  static Result<HostTarget> named(const std::string &cpu);

  Value dotBytes(Emit &e, Value acc, Value left, Value right) const override;
  Value lookupBytes(Emit &e, Value codes, std::span<const int8_t> table, int bias) const override;

  void prefetch(Emit &e, Value pointer) const override;
  VectorUnit vectors() const override;
  int64_t threads() const override { return cores; }

  std::string triple, cpu, features; // as LLVM names them
  int64_t cores = 0;                 // of this machine; 0 if it is made for another
  bool hasAvx2 = false;
  bool hasAvx512 = false; // F, BW, VL
  bool hasVnni512 = false;

private:
  void setAbilities(const std::function<bool(const char *feature)> &has);
};

} // namespace rosso
