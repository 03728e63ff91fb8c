// Machine code for AMD GPUs: LLVM's AMDGPU back end and nothing else, no ROCm, no device libraries.
#pragma once

#include "codegen/KernelCode.h"
#include "codegen/amdgpu/AmdTarget.h"

#include <cstdint>
#include <span>

namespace rosso {

class AmdCompiler final : public CodeTarget {
public:
  /// `target` must outlive the result.
  explicit AmdCompiler(const AmdTarget &target) : target_(target) {}

  std::unique_ptr<llvm::TargetMachine> machine(std::string &error) const override;
  void prepare(llvm::Module &module) const override;
  void optimise(llvm::Module &module, llvm::TargetMachine &machine) const override;
  std::string kernelOf(const llvm::Function &function) const override;

private:
  const AmdTarget &target_;
};

/// What a kernel takes of the chip.
struct KernelResources {
  uint32_t vgprs = 0, sgprs = 0;
  uint32_t ldsBytes = 0, scratchBytes = 0; // of a work group; of a lane
  uint32_t vgprSpills = 0, sgprSpills = 0;
};

/// From the metadata of a code object. Errors: Internal where it has no such kernel.
Result<KernelResources> resourcesOf(std::span<const uint8_t> codeObject, const std::string &symbol);

} // namespace rosso
