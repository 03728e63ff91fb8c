#include "codegen/host/HostCompiler.h"

#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Target/TargetMachine.h"

namespace rosso {

std::unique_ptr<llvm::TargetMachine> HostCompiler::machine(std::string &error) const {
  initializeNativeTarget();
  llvm::Triple triple(target_.triple);
  const llvm::Target *chip = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!chip) {
    error = target_.triple + ": " + error;
    return nullptr;
  }
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard;
  return std::unique_ptr<llvm::TargetMachine>(
      chip->createTargetMachine(triple, target_.cpu, target_.features, options, llvm::Reloc::PIC_,
                                std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

void HostCompiler::prepare(llvm::Module &module) const {
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", target_.cpu);
    function.addFnAttr("target-features", target_.features);
    function.addFnAttr(llvm::Attribute::NoUnwind);
    if (target_.hasAvx512)
      function.addFnAttr("prefer-vector-width", "512");
    if (function.getName().ends_with(".body"))
      function.addFnAttr(llvm::Attribute::NoInline);
  }
}

void HostCompiler::optimise(llvm::Module &module, llvm::TargetMachine &machine) const {
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = true;
  tuning.SLPVectorization = false; // templates write their own vectors
  tuning.LoopInterleaving = true;
  llvm::PassBuilder builder(&machine, tuning);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2).run(module, modules);
}

std::string HostCompiler::kernelOf(const llvm::Function &function) const {
  llvm::StringRef name = function.getName();
  return !function.isDeclaration() && name.consume_back(".body") ? name.str() : std::string();
}

} // namespace rosso
