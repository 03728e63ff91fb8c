// Kernels as MLIR functions -> LLVM IR -> x86-64 or aarch64 machine code -> one ELF shared object.
#pragma once

#include "codegen/host/HostTarget.h"
#include "support/Result.h"

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace rosso {

using CodeDump =
    std::function<void(std::string_view stage, std::string_view name, std::string_view text)>;

/// Compiles every function of `module` (func, scf, arith, math, vector and llvm ops; consumed) to
/// an object file. `dump`, if set, receives each function as "llvm" and "asm".
Result<std::vector<uint8_t>> compileObject(mlir::ModuleOp module, const HostTarget &target,
                                           const CodeDump &dump);

/// Links objects into a shared object in memory. Math functions stay to be found in the process.
Result<std::vector<uint8_t>> linkShared(const std::vector<std::vector<uint8_t>> &objects);

} // namespace rosso
