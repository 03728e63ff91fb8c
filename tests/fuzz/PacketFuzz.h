// A ring of the emulated GPU that holds whatever a fuzzer thinks of.
#pragma once

#include "tests/emulator/PacketRig.h"

#include <cstring>

namespace rosso::emulator::test {

/// The first byte picks strict mode and the chip; the rest are packets. Waits are given up at once.
template <typename Execute> void fuzzRing(const uint8_t *data, size_t size, Execute execute) {
  constexpr size_t kMostDwords = 4096;
  if (size < 5)
    return;
  constexpr const char *kChips[] = {"gfx1030", "gfx1100", "gfx1201"};
  const uint8_t choice = *data++;
  std::vector<uint32_t> packets(std::min((size - 1) / 4, kMostDwords));
  std::memcpy(packets.data(), data, packets.size() * 4);
  PacketRig rig(choice & 1 ? Mode::Strict : Mode::Fast, kChips[choice / 2 % 3], "tb4",
                2 * kMostDwords);
  execute(rig, packets);
}

} // namespace rosso::emulator::test
