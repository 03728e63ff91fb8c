#include "runtime/emulator/decode/Decoder.h"

#include "runtime/emulator/decode/Text.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <llvm/MC/MCAsmInfo.h>
#include <llvm/MC/MCContext.h>
#include <llvm/MC/MCDisassembler/MCDisassembler.h>
#include <llvm/MC/MCInst.h>
#include <llvm/MC/MCInstPrinter.h>
#include <llvm/MC/MCInstrDesc.h>
#include <llvm/MC/MCInstrInfo.h>
#include <llvm/MC/MCRegisterInfo.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/MCTargetOptions.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/TargetParser/Triple.h>
#include <mutex>
#include <optional>

extern "C" {
void LLVMInitializeAMDGPUTargetInfo();
void LLVMInitializeAMDGPUTargetMC();
void LLVMInitializeAMDGPUDisassembler();
}

namespace rosso::emulator {
namespace {

/// The number at the end of "VGPR12", "SGPR3_LO16"'s "SGPR3".
std::optional<uint16_t> numberAfter(std::string_view text, std::string_view prefix) {
  if (!text.starts_with(prefix))
    return std::nullopt;
  uint16_t number = 0;
  const char *begin = text.data() + prefix.size();
  auto [end, error] = std::from_chars(begin, text.data() + text.size(), number);
  return error == std::errc() ? std::optional(number) : std::nullopt;
}

/// LLVM's name of a register -> which dwords it is: "VGPR4_VGPR5", "SGPR3", "TTMP9_gfx9plus",
/// "VCC_LO", "SCC". Nothing for registers without contents we keep (MODE, null).
std::optional<RegisterRange> rangeOf(std::string_view name) {
  struct Fixed {
    std::string_view name;
    uint16_t index;
  };
  if (name == "VCC" || name == "EXEC") // both halves
    return RegisterRange{.vector = false, .dwords = 2, .index = name == "VCC" ? kVccLo : kExecLo};
  constexpr Fixed kFixed[] = {{"VCC_HI", kVccHi}, {"VCC", kVccLo}, {"EXEC_HI", kExecHi},
                              {"EXEC", kExecLo},  {"M0", kM0},     {"SCC", kScc},
                              {"SRC_SCC", kScc}};
  for (const Fixed &fixed : kFixed)
    if (name.starts_with(fixed.name))
      return RegisterRange{.vector = false, .dwords = 1, .index = fixed.index};
  RegisterRange range;
  std::optional<uint16_t> first;
  std::string_view prefix;
  for (std::string_view each : {"VGPR", "SGPR", "TTMP"})
    if (!first && (first = numberAfter(name, each)))
      prefix = each;
  if (!first)
    return std::nullopt;
  range.vector = prefix == "VGPR";
  range.index = static_cast<uint16_t>(*first + (prefix == "TTMP" ? kTtmp0 : 0));
  range.dwords = 0;
  for (size_t at = 0; (at = name.find(prefix, at)) != std::string_view::npos; ++at)
    ++range.dwords;
  return range;
}

/// Instructions that read their destination. In all others a destination that LLVM ties to a source
/// is kept in part (lanes, halves), not read.
bool readsDestination(const Instruction &instruction) {
  constexpr std::string_view kPrefixes[] = {
      "v_fmac_", "v_pk_fmac_", "v_dot2c_", "v_dot4c_",  "v_dot8c_",  "v_dot2acc_", "v_swap",
      "s_fmac_", "s_addk_",    "s_mulk_",  "s_bitset0", "s_bitset1", "v_mac_",     "s_cmpk_"};
  const std::string_view name = instruction.name;
  if (instruction.encoding == Encoding::Buffer && name.find("atomic") != std::string_view::npos)
    return true;
  return std::any_of(std::begin(kPrefixes), std::end(kPrefixes),
                     [&](std::string_view prefix) { return name.starts_with(prefix); });
}

/// Words that crash LLVM 22's disassembler or printer, and which no compiler makes: SDWA with
/// constants or reserved selectors (gfx10), and barriers by number with a literal (gfx12).
bool isPoison(const uint32_t (&words)[5], amd::Isa isa) {
  constexpr uint32_t kSdwa = 0xF9, kLiteral = 0xFF, kSop1 = 0x17D, kVopc = 0x3E, kVop1 = 0x3F;
  const uint32_t word = words[0], more = words[1];
  if (isa == amd::Isa::Gfx10 && word >> 31 == 0 && (word & 0x1FF) == kSdwa) {
    const bool vopc = word >> 25 == kVopc, vop1 = word >> 25 == kVop1;
    const bool scalar0 = more >> 23 & 1, scalar1 = more >> 31 & 1;
    return (scalar0 && (more & 0xFF) > kVccHi) || (scalar1 && (word >> 9 & 0xFF) > kVccHi) ||
           (more >> 16 & 7) == 7 || (!vop1 && (more >> 24 & 7) == 7) ||
           (!vopc && ((more >> 8 & 7) == 7 || (more >> 11 & 3) == 3)) ||
           (vopc && (more >> 15 & 1) && (more >> 8 & 0x7F) > kVccHi);
  }
  const uint32_t opcode = word >> 8 & 0xFF;
  return isa == amd::Isa::Gfx12 && word >> 23 == kSop1 && (word & 0xFF) == kLiteral &&
         opcode >= 0x4D && opcode <= 0x5F;
}

struct LlvmDecoder final : Decoder {
  std::unique_ptr<llvm::MCRegisterInfo> registers;
  std::unique_ptr<llvm::MCAsmInfo> syntax;
  std::unique_ptr<llvm::MCInstrInfo> instructions;
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget;
  std::unique_ptr<llvm::MCContext> context;
  std::unique_ptr<llvm::MCDisassembler> disassembler;
  std::unique_ptr<llvm::MCInstPrinter> printer;
  std::vector<std::optional<RegisterRange>> ranges; // by LLVM's number of the register
  amd::Isa isa = amd::Isa::Gfx11;
  std::string chipName;

  Result<Instruction> decode(std::span<const uint8_t> code, uint64_t address) override;
  void collectRegisters(Instruction &out, const llvm::MCInst &inst) const;
  void add(std::vector<RegisterRange> &to, unsigned reg) const {
    if (reg && ranges[reg])
      to.push_back(*ranges[reg]);
  }
};

void LlvmDecoder::collectRegisters(Instruction &out, const llvm::MCInst &inst) const {
  const llvm::MCInstrDesc &desc = instructions->get(inst.getOpcode());
  for (unsigned i = 0; i < inst.getNumOperands(); ++i) {
    const llvm::MCOperand &operand = inst.getOperand(i);
    if (!operand.isReg())
      continue;
    if (i < desc.getNumDefs())
      add(out.writes, operand.getReg());
    else if (i >= desc.getNumOperands() || desc.getOperandConstraint(i, llvm::MCOI::TIED_TO) < 0)
      add(out.reads, operand.getReg());
  }
  const Instruction *halves[] = {&out, out.second.get()};
  for (unsigned half = 0; half < 2; ++half)
    if (halves[half] && readsDestination(*halves[half]) && half < out.writes.size())
      out.reads.push_back(out.writes[half]);
  if (out.name.starts_with("v_swap"))
    for (const RegisterRange &range : std::vector(out.writes))
      out.reads.push_back(range);
  // A wave of 32 lanes uses the low half of an implicit VCC or EXEC, whatever LLVM's tables say.
  auto addImplicit = [&](std::vector<RegisterRange> &to, llvm::MCPhysReg reg) {
    add(to, reg);
    if (ranges[reg])
      to.back().dwords = 1;
  };
  for (llvm::MCPhysReg reg : desc.implicit_uses())
    addImplicit(out.reads, reg);
  for (llvm::MCPhysReg reg : desc.implicit_defs())
    addImplicit(out.writes, reg);
  // VOP2 and VOPC in their short forms print an implicit vcc among the destinations.
  const bool shortForm = out.encoding == Encoding::Vop2 || out.encoding == Encoding::Vopc;
  const bool printsVcc = shortForm && out.operands.size() > desc.getNumDefs() &&
                         out.operands[desc.getNumDefs()].kind == OperandKind::Sgpr &&
                         out.operands[desc.getNumDefs()].index == kVccLo &&
                         std::any_of(out.writes.begin(), out.writes.end(), [](const auto &range) {
                           return !range.vector && range.index == kVccLo;
                         });
  out.destinations = out.second ? 1 : static_cast<uint8_t>(desc.getNumDefs() + printsVcc);
  if (out.second)
    out.second->destinations = 1;
}

Result<Instruction> LlvmDecoder::decode(std::span<const uint8_t> code, uint64_t address) {
  llvm::MCInst inst;
  uint64_t size = 0;
  uint32_t dwords[5] = {};
  std::memcpy(dwords, code.data(), std::min(code.size(), sizeof dwords));
  auto status = llvm::MCDisassembler::Fail;
  if (!isPoison(dwords, isa))
    status = disassembler->getInstruction(inst, size, llvm::ArrayRef(code.data(), code.size()),
                                          address, llvm::nulls());
  if (status != llvm::MCDisassembler::Success || size < 4 || size % 4 || size > sizeof dwords ||
      size > code.size()) {
    char text[64];
    std::snprintf(text, sizeof text, "0x%08x is no instruction of ", dwords[0]);
    return badInput(text + chipName);
  }
  Instruction out;
  out.address = address;
  out.bytes = static_cast<uint8_t>(size);
  llvm::raw_string_ostream stream(out.text);
  printer->printInst(&inst, address, "", *subtarget, stream);
  std::replace(out.text.begin(), out.text.end(), '\t', ' ');
  out.text.erase(0, out.text.find_first_not_of(' '));
  while (!out.text.empty() && out.text.back() == ' ')
    out.text.pop_back();
  if (auto parsed = parseText(out, std::span(dwords, size / 4), isa); !parsed)
    return parsed.error().in(out.text);
  collectRegisters(out, inst);
  return out;
}

} // namespace

Result<std::unique_ptr<Decoder>> Decoder::create(const amd::Chip &chip) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeAMDGPUTargetInfo();
    LLVMInitializeAMDGPUTargetMC();
    LLVMInitializeAMDGPUDisassembler();
  });
  const llvm::Triple triple("amdgcn-amd-amdhsa");
  std::string error;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return unsupported("this LLVM does not know AMD GPUs: " + error);
  auto decoder = std::make_unique<LlvmDecoder>();
  decoder->chipName = chip.name;
  decoder->isa = chip.isa;
  decoder->registers.reset(target->createMCRegInfo(triple));
  decoder->syntax.reset(
      target->createMCAsmInfo(*decoder->registers, triple, llvm::MCTargetOptions()));
  decoder->instructions.reset(target->createMCInstrInfo());
  decoder->subtarget.reset(
      target->createMCSubtargetInfo(triple, decoder->chipName, "+wavefrontsize32"));
  if (!decoder->subtarget || !decoder->subtarget->isCPUStringValid(decoder->chipName))
    return unsupported("this LLVM does not know " + decoder->chipName);
  decoder->context = std::make_unique<llvm::MCContext>(
      triple, decoder->syntax.get(), decoder->registers.get(), decoder->subtarget.get());
  decoder->disassembler.reset(target->createMCDisassembler(*decoder->subtarget, *decoder->context));
  decoder->printer.reset(target->createMCInstPrinter(triple, decoder->syntax->getAssemblerDialect(),
                                                     *decoder->syntax, *decoder->instructions,
                                                     *decoder->registers));
  if (!decoder->disassembler || !decoder->printer)
    return unsupported("this LLVM cannot disassemble AMD GPU code");
  for (unsigned reg = 0; reg < decoder->registers->getNumRegs(); ++reg)
    decoder->ranges.push_back(rangeOf(decoder->registers->getName(reg)));
  return std::unique_ptr<Decoder>(std::move(decoder));
}

} // namespace rosso::emulator
