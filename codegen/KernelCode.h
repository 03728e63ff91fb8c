// Kernels as MLIR functions -> LLVM IR -> machine code -> one ELF shared object. What differs
// between a CPU and a GPU is behind `CodeTarget`.
#pragma once

#include "runtime/program/Listing.h"
#include "support/Result.h"

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace llvm {
class Function;
class Module;
class TargetMachine;
} // namespace llvm

namespace rosso {

using CodeDump =
    std::function<void(std::string_view stage, std::string_view name, std::string_view text)>;

/// How LLVM makes code for a target.
class CodeTarget {
public:
  virtual ~CodeTarget() = default;

  /// Null where LLVM has no code generator, with why.
  virtual std::unique_ptr<llvm::TargetMachine> machine(std::string &error) const = 0;
  /// Attributes and calling conventions, before optimising.
  virtual void prepare(llvm::Module &module) const = 0;
  virtual void optimise(llvm::Module &module, llvm::TargetMachine &machine) const = 0;
  /// The kernel whose code a function is, or empty.
  virtual std::string kernelOf(const llvm::Function &function) const = 0;
};

/// Kernels as an LLVM module in a context of its own, so that several compile at once.
class KernelCode {
public:
  enum class Lines : bool { Drop, Keep };
  /// Lowers every function of `module` (func, scf, arith, math, vector and llvm ops; consumed).
  /// Kept lines become debug information; see codegen/Trace.h.
  static Result<KernelCode> lower(mlir::ModuleOp module, Lines lines = Lines::Drop);
  KernelCode(KernelCode &&) noexcept;
  ~KernelCode();

  /// Optimises for the target, shows each kernel as "llvm" and "asm" if `sink` is set, and
  /// compiles to an object file. Once. `listing`, of the module's one kernel, receives what LLVM
  /// made of it.
  Result<std::vector<uint8_t>> compile(const CodeTarget &target, const CodeDump &sink,
                                       KernelListing *listing = nullptr);

private:
  struct State;
  explicit KernelCode(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Links objects into a shared object in memory, without debug information. With `mayImport`,
/// symbols that are not in them stay to be found in the process.
Result<std::vector<uint8_t>> linkShared(const std::vector<std::vector<uint8_t>> &objects,
                                        bool mayImport);

} // namespace rosso
