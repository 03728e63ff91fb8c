#include "codegen/Disassembly.h"

#include "llvm/DebugInfo/DWARF/DWARFContext.h"
#include "llvm/MC/MCAsmInfo.h"
#include "llvm/MC/MCContext.h"
#include "llvm/MC/MCDisassembler/MCDisassembler.h"
#include "llvm/MC/MCInst.h"
#include "llvm/MC/MCInstPrinter.h"
#include "llvm/MC/MCInstrAnalysis.h"
#include "llvm/MC/MCInstrInfo.h"
#include "llvm/MC/MCRegisterInfo.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

#include <algorithm>
#include <mutex>
#include <optional>

extern "C" void LLVMInitializeAMDGPUDisassembler();

namespace rosso {

namespace {

struct Function {
  uint64_t address = 0, section = 0; // of the section: its number
  llvm::ArrayRef<uint8_t> bytes;
};

/// In whichever of the tables of symbols it is.
std::optional<Function> find(const llvm::object::ObjectFile &file, llvm::StringRef name) {
  for (const llvm::object::SymbolRef &symbol : file.symbols()) {
    auto found = symbol.getName();
    if (!found) {
      llvm::consumeError(found.takeError());
      continue;
    }
    if (*found != name)
      continue;
    auto section = symbol.getSection();
    auto address = symbol.getAddress();
    if (!section || !address || *section == file.section_end()) {
      llvm::consumeError(section.takeError());
      llvm::consumeError(address.takeError());
      continue;
    }
    auto contents = (*section)->getContents();
    if (!contents) {
      llvm::consumeError(contents.takeError());
      continue;
    }
    const uint64_t begin = *address - (*section)->getAddress();
    const uint64_t size = llvm::object::ELFSymbolRef(symbol).getSize();
    if (begin > contents->size() || size > contents->size() - begin)
      continue;
    return Function{.address = *address,
                    .section = (*section)->getIndex(),
                    .bytes = llvm::arrayRefFromStringRef(contents->substr(begin, size))};
  }
  return std::nullopt;
}

std::unique_ptr<llvm::object::ObjectFile> open(std::span<const uint8_t> object) {
  llvm::StringRef bytes(reinterpret_cast<const char *>(object.data()), object.size());
  auto file = llvm::object::ObjectFile::createELFObjectFile(llvm::MemoryBufferRef(bytes, "kernel"),
                                                            /*InitContent=*/true);
  if (file)
    return std::move(*file);
  llvm::consumeError(file.takeError());
  return nullptr;
}

std::string trimmed(std::string text) {
  std::replace(text.begin(), text.end(), '\t', ' ');
  return llvm::StringRef(text).trim().str();
}

} // namespace

Result<std::vector<InstructionListing>> disassemble(std::span<const uint8_t> object,
                                                    const std::string &symbol,
                                                    const llvm::TargetMachine &machine) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeAMDGPUDisassembler();
    llvm::InitializeNativeTargetDisassembler();
  });
  auto file = open(object);
  auto function = file ? find(*file, symbol) : std::nullopt;
  const llvm::Target &target = machine.getTarget();
  const llvm::Triple &triple = machine.getTargetTriple();
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget(target.createMCSubtargetInfo(
      triple, machine.getTargetCPU(),
      triple.isAMDGCN() ? "+wavefrontsize32" : machine.getTargetFeatureString()));
  if (!function || !subtarget)
    return Error{ErrorCode::Internal, "kernel " + symbol + ": no such function in the code object"};
  llvm::MCContext context(triple, machine.getMCAsmInfo(), machine.getMCRegisterInfo(),
                          subtarget.get());
  std::unique_ptr<llvm::MCDisassembler> disassembler(
      target.createMCDisassembler(*subtarget, context));
  std::unique_ptr<llvm::MCInstPrinter> printer(target.createMCInstPrinter(
      triple, machine.getMCAsmInfo()->getAssemblerDialect(), *machine.getMCAsmInfo(),
      *machine.getMCInstrInfo(), *machine.getMCRegisterInfo()));
  std::unique_ptr<llvm::MCInstrAnalysis> analysis(
      target.createMCInstrAnalysis(machine.getMCInstrInfo()));
  if (!disassembler || !printer)
    return Error{ErrorCode::Internal, "LLVM cannot disassemble " + triple.str()};

  std::vector<InstructionListing> listing;
  for (uint64_t at = 0; at < function->bytes.size();) {
    llvm::MCInst instruction;
    uint64_t size = 0;
    const bool ok = disassembler->getInstruction(instruction, size, function->bytes.drop_front(at),
                                                 function->address + at,
                                                 llvm::nulls()) == llvm::MCDisassembler::Success;
    if (size == 0)
      size = triple.isAMDGCN() ? 4 : 1;
    size = std::min<uint64_t>(size, function->bytes.size() - at);
    InstructionListing line;
    line.offset = at;
    line.bytes = function->bytes.slice(at, size).vec();
    if (ok) {
      llvm::raw_string_ostream out(line.text);
      printer->printInst(&instruction, function->address + at, "", *subtarget, out);
      line.text = trimmed(line.text);
      uint64_t target_ = 0;
      if (analysis && analysis->isBranch(instruction) &&
          analysis->evaluateBranch(instruction, function->address + at, size, target_))
        line.target = static_cast<int64_t>(target_ - function->address);
    } else {
      line.text = "(no instruction)";
    }
    listing.push_back(std::move(line));
    at += size;
  }
  return listing;
}

void addLines(std::span<const uint8_t> object, const std::string &symbol,
              std::vector<InstructionListing> &instructions) {
  auto file = open(object);
  auto function = file ? find(*file, symbol) : std::nullopt;
  if (!function)
    return;
  auto context = llvm::DWARFContext::create(*file);
  const llvm::DILineInfoTable table = context->getLineInfoForAddressRange(
      {function->address, function->section}, function->bytes.size());
  auto row = table.begin();
  uint32_t line = 0;
  for (InstructionListing &instruction : instructions) {
    for (; row != table.end() && row->first - function->address <= instruction.offset; ++row)
      line = row->second.Line;
    instruction.line = line;
  }
}

} // namespace rosso
