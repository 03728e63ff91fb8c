#include "runtime/emulator/Gpu.h"

#include <algorithm>

namespace rosso::emulator {

void CodeWrites::wrote(uint64_t address, uint64_t bytes, uint32_t writer) {
  std::lock_guard lock(mutex_);
  written_.push_back({address, bytes, writer});
}

bool CodeWrites::invalidate(const Visibility &seen) {
  std::lock_guard lock(mutex_);
  return std::erase_if(written_, [&](const Written &written) {
    return writerNumber(written.writer) <= seenOf(seen, writerKind(written.writer)).finished;
  });
}

bool CodeWrites::stale(uint64_t address, uint64_t bytes) const {
  std::lock_guard lock(mutex_);
  return std::any_of(written_.begin(), written_.end(), [&](const Written &written) {
    return written.address < address + bytes && address < written.address + written.bytes;
  });
}

} // namespace rosso::emulator
