// Machine code for x86-64 and aarch64.
#pragma once

#include "codegen/KernelCode.h"
#include "codegen/host/HostTarget.h"

namespace rosso {

class HostCompiler final : public CodeTarget {
public:
  /// `target` must outlive the result.
  explicit HostCompiler(const HostTarget &target) : target_(target) {}

  std::unique_ptr<llvm::TargetMachine> machine(std::string &error) const override;
  void prepare(llvm::Module &module) const override;
  void optimise(llvm::Module &module, llvm::TargetMachine &machine) const override;
  std::string kernelOf(const llvm::Function &function) const override;

private:
  const HostTarget &target_;
};

} // namespace rosso
