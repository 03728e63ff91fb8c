#include "codegen/KernelCode.h"

#include "codegen/Disassembly.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/IR/AssemblyAnnotationWriter.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FormattedStream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Utils/Cloning.h"

namespace rosso {

using namespace mlir;

namespace {

Error internal(std::string message) { return {ErrorCode::Internal, std::move(message)}; }

Status lowerToLlvmDialect(ModuleOp module, KernelCode::Lines lines) {
  PassManager manager(module.getContext());
  manager.enableVerifier(false);
  manager.addPass(createCSEPass());
  manager.addPass(createLoopInvariantCodeMotionPass());
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(createConvertVectorToLLVMPass());
  manager.addPass(createConvertMathToLLVMPass());
  manager.addPass(createArithToLLVMConversionPass());
  manager.addPass(createConvertControlFlowToLLVMPass());
  manager.addPass(createConvertFuncToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
  if (lines == KernelCode::Lines::Keep)
    manager.addPass(LLVM::createDIScopeForLLVMFuncOpPass());
  if (failed(manager.run(module)))
    return internal("kernel code does not lower to LLVM (see the diagnostics above)");
  return {};
}

/// Remembers for each line of printed IR the line its instruction has by debug information.
class DebugLines final : public llvm::AssemblyAnnotationWriter {
public:
  void emitInstructionAnnot(const llvm::Instruction *instruction,
                            llvm::formatted_raw_ostream &out) override {
    const llvm::DebugLoc &location = instruction->getDebugLoc();
    lines_.resize(std::max<size_t>(lines_.size(), out.getLine() + 1));
    lines_[out.getLine()] = location ? location.getLine() : 0;
  }
  std::vector<uint32_t> take(size_t lines) {
    lines_.resize(lines);
    return std::move(lines_);
  }

private:
  std::vector<uint32_t> lines_;
};

void list(const llvm::Function &function, KernelListing &listing) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  DebugLines lines;
  function.print(stream, &lines);
  listing.llvm.clear();
  size_t count = 0;
  for (StringRef rest = text; !rest.empty(); ++count) {
    auto [line, after] = rest.split('\n');
    rest = after;
    // The locations are shown by highlighting.
    if (size_t at = line.find("!dbg !"); at != StringRef::npos) {
      StringRef behind = line.substr(at + 6).drop_while(llvm::isDigit);
      StringRef before = line.take_front(at).rtrim(" ,");
      listing.llvm += before;
      listing.llvm += behind;
    } else {
      listing.llvm += line;
    }
    listing.llvm += '\n';
  }
  listing.llvmLines = lines.take(count);
}

void dumpFunctions(const llvm::Module &module, const CodeTarget &target,
                   llvm::TargetMachine &machine, const CodeDump &dump) {
  for (const llvm::Function &function : module) {
    std::string kernel = target.kernelOf(function);
    if (kernel.empty())
      continue;
    std::string text;
    llvm::raw_string_ostream(text) << function;
    dump("llvm", kernel, text);
  }
  std::unique_ptr<llvm::Module> copy = llvm::CloneModule(module);
  llvm::SmallString<0> assembly;
  llvm::raw_svector_ostream out(assembly);
  llvm::legacy::PassManager manager;
  if (machine.addPassesToEmitFile(manager, out, nullptr, llvm::CodeGenFileType::AssemblyFile))
    return;
  manager.run(*copy);
  // Cut at the labels of functions.
  for (const llvm::Function &function : module) {
    std::string kernel = target.kernelOf(function);
    if (kernel.empty())
      continue;
    std::string name = function.getName().str();
    size_t from = assembly.str().find("\n" + name + ":");
    if (from == StringRef::npos)
      continue;
    size_t to = assembly.str().find("\n.Lfunc_end", from);
    dump("asm", kernel, assembly.str().slice(from + 1, to));
  }
}

} // namespace

struct KernelCode::State {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module; // destroyed before its context
  std::string diagnostics;
};

KernelCode::KernelCode(std::unique_ptr<State> state) : state_(std::move(state)) {}
KernelCode::KernelCode(KernelCode &&) noexcept = default;
KernelCode::~KernelCode() = default;

Result<KernelCode> KernelCode::lower(ModuleOp module, Lines lines) {
  ROSSO_CHECK(lowerToLlvmDialect(module, lines));
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  auto state = std::make_unique<State>();
  state->context.setDiagnosticHandlerCallBack(
      [](const llvm::DiagnosticInfo *info, void *text) {
        if (info->getSeverity() != llvm::DS_Error)
          return;
        llvm::raw_string_ostream out(*static_cast<std::string *>(text));
        llvm::DiagnosticPrinterRawOStream printer(out);
        info->print(printer);
      },
      &state->diagnostics);
  state->module = translateModuleToLLVMIR(module, state->context, "kernels");
  if (!state->module)
    return internal("kernel code does not translate to LLVM IR (see the diagnostics above)");
  return KernelCode(std::move(state));
}

Result<std::vector<uint8_t>> KernelCode::compile(const CodeTarget &target, const CodeDump &sink,
                                                 KernelListing *listing) {
  llvm::Module &code = *state_->module;
  std::string error;
  std::unique_ptr<llvm::TargetMachine> machine = target.machine(error);
  if (!machine)
    return unsupported("LLVM has no code generator for this target: " + error);
  code.setTargetTriple(machine->getTargetTriple());
  code.setDataLayout(machine->createDataLayout());
  target.prepare(code);
  target.optimise(code, *machine);

  if (sink)
    dumpFunctions(code, target, *machine, sink);
  std::string symbol; // of the function to list
  if (listing)
    for (const llvm::Function &function : code)
      if (!target.kernelOf(function).empty()) {
        list(function, *listing);
        symbol = function.getName();
      }

  llvm::SmallVector<char, 0> object;
  llvm::raw_svector_ostream out(object);
  llvm::legacy::PassManager manager;
  if (machine->addPassesToEmitFile(manager, out, nullptr, llvm::CodeGenFileType::ObjectFile))
    return internal("LLVM cannot write object files for " + machine->getTargetTriple().str());
  manager.run(code);
  if (!state_->diagnostics.empty())
    return internal("LLVM: " + state_->diagnostics);
  std::vector<uint8_t> bytes(object.begin(), object.end());
  if (listing) {
    ROSSO_TRY(listing->object, linkShared({bytes}, /*mayImport=*/true));
    ROSSO_TRY(listing->instructions, disassemble(listing->object, symbol, *machine));
    addLines(bytes, symbol, listing->instructions);
  }
  return bytes;
}

} // namespace rosso
