#include "codegen/amdgpu/AmdCompiler.h"

#include "llvm/BinaryFormat/MsgPackDocument.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Metadata.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/AMDGPUMetadata.h"
#include "llvm/Target/TargetMachine.h"

#include <mutex>

extern "C" {
void LLVMInitializeAMDGPUTargetInfo();
void LLVMInitializeAMDGPUTarget();
void LLVMInitializeAMDGPUTargetMC();
void LLVMInitializeAMDGPUAsmPrinter();
}

namespace rosso {

namespace {

/// Code object version 5, which every loader of today takes.
constexpr uint32_t kCodeObjectVersion = 500;

/// A tenth of O3's time for the same code: templates unroll and schedule their own loops.
/// amdgpu-attributor finds that no hidden arguments are needed; loop-rotate saves registers.
constexpr const char *kPasses =
    "function(sroa,early-cse<memssa>,instcombine<no-verify-fixpoint>,simplifycfg,loop-mssa(loop-"
    "rotate,licm),"
    "instcombine<no-verify-fixpoint>,early-cse<memssa>,simplifycfg),amdgpu-attributor";

} // namespace

std::unique_ptr<llvm::TargetMachine> AmdCompiler::machine(std::string &error) const {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeAMDGPUTargetInfo();
    LLVMInitializeAMDGPUTarget();
    LLVMInitializeAMDGPUTargetMC();
    LLVMInitializeAMDGPUAsmPrinter();
  });
  llvm::Triple triple("amdgcn-amd-amdhsa");
  const llvm::Target *backEnd = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!backEnd)
    return nullptr;
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard;
  return std::unique_ptr<llvm::TargetMachine>(
      backEnd->createTargetMachine(triple, target_.chip().name, "", options, llvm::Reloc::PIC_,
                                   std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

void AmdCompiler::prepare(llvm::Module &module) const {
  module.addModuleFlag(llvm::Module::Error, "amdhsa_code_object_version", kCodeObjectVersion);
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.setCallingConv(llvm::CallingConv::AMDGPU_KERNEL);
    function.addFnAttr(llvm::Attribute::NoUnwind);
    function.addFnAttr("uniform-work-group-size", "true");
    function.addFnAttr("amdgpu-no-implicitarg-ptr");
    // Other loaders read the size of a work group from the metadata.
    llvm::StringRef sizes =
        function.getFnAttribute("amdgpu-flat-work-group-size").getValueAsString();
    uint32_t threads = 0;
    if (sizes.split(',').first.getAsInteger(10, threads))
      continue;
    auto number = [&](uint32_t value) {
      return llvm::ConstantAsMetadata::get(
          llvm::ConstantInt::get(llvm::Type::getInt32Ty(module.getContext()), value));
    };
    function.setMetadata(
        "reqd_work_group_size",
        llvm::MDNode::get(module.getContext(), {number(threads), number(1), number(1)}));
  }
}

void AmdCompiler::optimise(llvm::Module &module, llvm::TargetMachine &machine) const {
  llvm::PassBuilder builder(&machine);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  llvm::ModulePassManager passes;
  llvm::cantFail(builder.parsePassPipeline(passes, kPasses));
  passes.run(module, modules);
}

std::string AmdCompiler::kernelOf(const llvm::Function &function) const {
  return function.isDeclaration() ? std::string() : function.getName().str();
}

Result<KernelResources> resourcesOf(std::span<const uint8_t> codeObject,
                                    const std::string &symbol) {
  auto missing = [&] {
    return Error{ErrorCode::Internal, "kernel " + symbol + ": no metadata in the code object"};
  };
  llvm::StringRef bytes(reinterpret_cast<const char *>(codeObject.data()), codeObject.size());
  auto elf = llvm::object::ELFFile<llvm::object::ELF64LE>::create(bytes);
  if (!elf) {
    llvm::consumeError(elf.takeError());
    return missing();
  }
  auto headers = elf->program_headers();
  if (!headers) {
    llvm::consumeError(headers.takeError());
    return missing();
  }
  for (const auto &header : *headers) {
    if (header.p_type != llvm::ELF::PT_NOTE)
      continue;
    llvm::Error error = llvm::Error::success();
    for (auto note : elf->notes(header, error)) {
      if (note.getType() != llvm::ELF::NT_AMDGPU_METADATA)
        continue;
      llvm::msgpack::Document document;
      if (!document.readFromBlob(note.getDescAsStringRef(4), /*Multi=*/false))
        continue;
      for (auto &entry : document.getRoot().getMap()["amdhsa.kernels"].getArray()) {
        auto &kernel = entry.getMap();
        if (kernel[".name"].getString() != symbol)
          continue;
        auto number = [&](const char *key) -> uint32_t {
          auto &node = kernel[key];
          return node.getKind() == llvm::msgpack::Type::UInt ? static_cast<uint32_t>(node.getUInt())
                                                             : 0;
        };
        llvm::consumeError(std::move(error));
        return KernelResources{.vgprs = number(".vgpr_count"),
                               .sgprs = number(".sgpr_count"),
                               .ldsBytes = number(".group_segment_fixed_size"),
                               .scratchBytes = number(".private_segment_fixed_size"),
                               .vgprSpills = number(".vgpr_spill_count"),
                               .sgprSpills = number(".sgpr_spill_count")};
      }
    }
    llvm::consumeError(std::move(error));
  }
  return missing();
}

} // namespace rosso
