// From scheduled kernels to a program: the last room of the compiler.
#pragma once

#include "runtime/program/Listing.h"
#include "runtime/program/Program.h"
#include "support/Result.h"

#include "mlir/IR/BuiltinOps.h"

#include <functional>
#include <string>
#include <string_view>

namespace rosso {

struct CodegenOptions {
  std::string target = "host"; // this CPU; "host:x86-64-v3": one by LLVM's name
  /// Receives "kernel" (MLIR as the template wrote it), "llvm" and "asm", with the kernel's name.
  std::function<void(std::string_view stage, std::string_view name, std::string_view text)> dump;
  /// If set, receives kernels and launches. Each kernel is then compiled by itself, with the lines
  /// it comes from as debug information; its code stays the same.
  Listing *listing = nullptr;
};

/// Generates code for every distinct kernel of a module that rosso-schedule has left, and records
/// the launches. Errors: Unsupported for targets and kernels that cannot be compiled, by name.
Result<Program> generate(mlir::ModuleOp module, const CodegenOptions &options);

} // namespace rosso
