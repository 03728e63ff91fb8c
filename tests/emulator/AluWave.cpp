#include "tests/emulator/AluWave.h"

#include "runtime/emulator/decode/Decoder.h"
#include "runtime/emulator/isa/FloatEnvironment.h"
#include "tests/emulator/Assembler.h"

#include <map>

namespace rosso::emulator {

AluWave::AluWave(std::string_view chip) : chipName(chip), registers(new Registers()) {
  registers->s[kExecLo] = ~0u;
  registers->mode = kModeKeep;
}

static Decoder &decoderOf(const std::string &chip) {
  static std::map<std::string, std::unique_ptr<Decoder>> decoders;
  auto &decoder = decoders[chip];
  if (!decoder)
    decoder = *Decoder::create(*amd::findChip(chip));
  return *decoder;
}

std::string AluWave::tryRun(std::string_view text) {
  const std::vector<uint8_t> code = assemble(text, chipName);
  if (code.empty())
    return "does not assemble: " + std::string(text);
  FloatEnvironment environment(registers->mode);
  for (size_t at = 0; at < code.size();) {
    auto instruction = decoderOf(chipName).decode(std::span(code).subspan(at), at);
    if (!instruction)
      return instruction.error().message;
    auto bound = bindAlu(*instruction, amd::findChip(chipName)->isa);
    if (!bound)
      return bound.error().message;
    bound->execute(*bound, *registers);
    at += instruction->bytes;
  }
  return "";
}

void AluWave::run(std::string_view text) { EXPECT_EQ(tryRun(text), "") << text; }

} // namespace rosso::emulator
