// SMEM loads: one address for the whole wave.
#include "runtime/emulator/exec/BufferTrace.h"
#include "runtime/emulator/exec/LaneMemory.h"
#include "runtime/emulator/exec/Strict.h"

#include <cstring>

namespace rosso::emulator {

bool executeScalarLoad(Wave &wave, const Step &step) {
  const MemoryOp &op = *step.memory;
  const bool buffer = step.instruction->name.starts_with("s_buffer_");
  uint64_t offset = static_cast<uint64_t>(op.offset) +
                    (op.scalarOffset == kNoRegister ? 0 : wave.registers.s[op.scalarOffset]);
  uint64_t base = wave.scalar64(op.scalarAddress);
  uint64_t readable = op.bytes;
  if (buffer) { // base [47:0], size in records of `stride` bytes; what lies beyond reads 0
    const uint64_t stride = base >> 48 & 0x3FFF;
    const uint64_t size = wave.registers.s[op.scalarAddress + 2] * (stride ? stride : 1);
    base &= 0xFFFFFFFFFFFF;
    readable = offset >= size ? 0 : std::min<uint64_t>(op.bytes, size - offset);
  }
  uint64_t address = base + offset;
  if (wave.strict && op.bytes >= 4 && address % 4)
    return fail(wave, step, kNoLane, "scalar load from " + hex(address) + ": not aligned to 4");
  if (op.bytes >= 4) // hardware drops these bits
    address &= ~uint64_t{3};
  uint8_t bytes[64] = {};
  if (readable) {
    Window &window = wave.scalarWindow;
    if (address - window.address > window.bytes ||
        readable > window.bytes - (address - window.address)) {
      Mapping *mapping = wave.state->memory->find(address, readable);
      if (!mapping)
        return fail(wave, step, kNoLane,
                    "scalar load of " + std::to_string(readable) + " bytes from " + hex(address) +
                        ": not mapped: " + wave.state->memory->describe(address));
      window = windowOf(*wave.state, *mapping);
    }
    std::memcpy(bytes, window.data + (address - window.address), readable);
    if (wave.strict && !wave.strict->scalar(wave, step, address, readable))
      return false;
    Counters &counters = wave.worker->counters;
    counters.scalarBytes += readable;
    counters.hostLoadBytes += window.mapping->region == Region::Host ? readable : 0;
    if (window.trace)
      window.trace->touch(address - window.address, readable, true, false);
  }
  if (op.destination == kNull)
    return true;
  if (op.bytes < 4) {
    uint32_t value = 0;
    std::memcpy(&value, bytes, op.bytes);
    const uint32_t sign = uint32_t{1} << (8 * op.bytes - 1);
    wave.registers.s[op.destination] = op.signedValue ? (value ^ sign) - sign : value;
    return true;
  }
  std::memcpy(wave.registers.s + op.destination, bytes, op.bytes);
  return true;
}

} // namespace rosso::emulator
