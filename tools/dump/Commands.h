// The command stream of an entry as the driver would record it: what the compute ring gets for a
// run, and the indirect buffer with the launches. No device is needed: addresses are made up, one
// round number for each kind of memory, and everything else is the driver's own code.
#pragma once

#include "tools/dump/Packets.h"
#include "tools/dump/Subject.h"

#include <string>
#include <vector>

namespace rosso::dump {

struct CommandStream {
  std::string entry;
  std::vector<PacketText> ring, buffer;
  size_t ringDwords = 0, bufferDwords = 0;
  std::vector<std::pair<size_t, std::string>> launches; // (dword of the dispatch, name)
};

/// Made-up addresses.
inline constexpr uint64_t kVramAddress = 0x10'0000'0000, kCodeAddress = 0x70'0000'0000,
                          kHostAddress = 0x78'0000'0000, kControlAddress = 0x7C'0000'0000,
                          kCommandsAddress = 0x7E'0000'0000;

/// One for each entry. Errors: a program that the driver refuses.
Result<std::vector<CommandStream>> recordCommands(const Subject &subject);

std::string commandsText(const Subject &subject, const std::vector<CommandStream> &streams);

} // namespace rosso::dump
