#include "tests/fuzz/PacketFuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace rosso::emulator::test;
  fuzzRing(data, size,
           [](PacketRig &rig, const std::vector<uint32_t> &packets) { rig.copy(packets); });
  return 0;
}
