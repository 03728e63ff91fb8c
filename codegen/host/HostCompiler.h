// Kernels as MLIR functions -> LLVM IR -> x86-64 or aarch64 machine code -> one ELF shared object.
#pragma once

#include "codegen/host/HostTarget.h"
#include "support/Result.h"

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace rosso {

using CodeDump =
    std::function<void(std::string_view stage, std::string_view name, std::string_view text)>;

/// Kernels as an LLVM module in a context of its own, so that several compile at once.
class KernelCode {
public:
  /// Lowers every function of `module` (func, scf, arith, math, vector and llvm ops; consumed).
  static Result<KernelCode> lower(mlir::ModuleOp module);
  KernelCode(KernelCode &&) noexcept;
  ~KernelCode();

  /// Optimises for the target, shows each kernel as "llvm" and "asm" if `sink` is set, and
  /// compiles to an object file. Once.
  Result<std::vector<uint8_t>> compile(const HostTarget &target, const CodeDump &sink);

private:
  struct State;
  explicit KernelCode(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Links objects into a shared object in memory. Math functions stay to be found in the process.
Result<std::vector<uint8_t>> linkShared(const std::vector<std::vector<uint8_t>> &objects);

} // namespace rosso
