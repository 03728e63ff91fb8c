#include "runtime/emulator/packets/ProgramDescriptor.h"

#include "runtime/emulator/packets/Bits.h"
#include "runtime/emulator/packets/ComputeRegisters.h"

#include <cstring>
#include <optional>

namespace rosso::emulator {
namespace {

struct Descriptor {
  uint32_t ldsBytes, privateBytes, kernargBytes;
  uint32_t reserved0;
  int64_t entry; // from the descriptor
  uint32_t reserved1[5];
  uint32_t rsrc3, rsrc1, rsrc2;
  uint16_t properties, preload;
  uint32_t reserved2;
};
static_assert(sizeof(Descriptor) == 64);

constexpr uint32_t kLdsSize = bits(23, 15), kPrivileged = bit(20);

/// What user SGPRs hold, in order: the bit of `properties`, and how many SGPRs it takes.
struct UserItem {
  unsigned property, registers;
};
constexpr UserItem kUserItems[] = {{0, 4}, {1, 2}, {2, 2}, {3, 2}, {4, 2}, {5, 2}, {6, 1}};
constexpr unsigned kKernargItem = 3, kWave32 = 10;

std::optional<Descriptor> find(const Mapping &mapping, uint64_t code) {
  for (uint64_t offset = 0; offset + sizeof(Descriptor) <= mapping.bytes;
       offset += sizeof(Descriptor)) {
    Descriptor descriptor;
    std::memcpy(&descriptor, mapping.data + offset, sizeof descriptor);
    uint32_t reserved = descriptor.reserved0 | descriptor.reserved2;
    for (uint32_t dword : descriptor.reserved1)
      reserved |= dword;
    if (!reserved && mapping.address + offset + static_cast<uint64_t>(descriptor.entry) == code &&
        descriptor.entry)
      return descriptor;
  }
  return std::nullopt;
}

} // namespace

Status checkDescriptor(const Memory &memory, const Mapping &mapping, const Dispatch &dispatch) {
  auto found = find(mapping, dispatch.code);
  if (!found)
    return {};
  const Descriptor &want = *found;
  const std::string kernel = "kernel " + memory.kernelAt(dispatch.code) + ": ";
  auto differs = [&](const char *name, uint32_t value, uint32_t wanted) {
    return malformed(kernel + name + " is " + hex(value) + ", its descriptor says " + hex(wanted));
  };
  if (dispatch.wave32 != bool(want.properties & bit(kWave32)))
    return malformed(kernel + "dispatched with waves of " + (dispatch.wave32 ? "32" : "64") +
                     " lanes, its descriptor says the other");
  if ((dispatch.rsrc1 ^ want.rsrc1) & ~kPrivileged)
    return differs("COMPUTE_PGM_RSRC1", dispatch.rsrc1, want.rsrc1);
  if ((dispatch.rsrc2 ^ want.rsrc2) & ~kLdsSize)
    return differs("COMPUTE_PGM_RSRC2 without LDS_SIZE", dispatch.rsrc2 & ~kLdsSize,
                   want.rsrc2 & ~kLdsSize);
  if (dispatch.rsrc3 != want.rsrc3)
    return differs("COMPUTE_PGM_RSRC3", dispatch.rsrc3, want.rsrc3);
  if (ComputeRegisters::ldsBytes(dispatch.rsrc2) < want.ldsBytes)
    return malformed(kernel + std::to_string(ComputeRegisters::ldsBytes(dispatch.rsrc2)) +
                     " bytes of LDS, it needs " + std::to_string(want.ldsBytes));
  const uint64_t privateBytes = uint64_t{want.privateBytes} * (dispatch.wave32 ? 32 : 64);
  if (dispatch.scratchBytesPerWave < privateBytes)
    return malformed(kernel + std::to_string(dispatch.scratchBytesPerWave) +
                     " bytes of private memory for a wave, it needs " +
                     std::to_string(privateBytes));
  unsigned next = 0;
  for (const UserItem &item : kUserItems) {
    if (!(want.properties & bit(item.property)))
      continue;
    if (item.property == kKernargItem && want.kernargBytes) {
      const uint64_t address =
          uint64_t{dispatch.userData[next + 1]} << 32 | dispatch.userData[next];
      if (address % 16)
        return malformed(kernel + "arguments at " + hex(address) + ", wanted a multiple of 16");
      if (!memory.find(address, want.kernargBytes))
        return malformed(kernel + std::to_string(want.kernargBytes) + " bytes of arguments at " +
                         hex(address) + " are not mapped: " + memory.describe(address));
    }
    next += item.registers;
    if (next > 16)
      return malformed(kernel + "its descriptor asks for more than 16 user SGPRs");
  }
  return {};
}

} // namespace rosso::emulator
