// Which 64-byte sectors a dispatch reads and writes, for counting bytes of each labelled buffer.
#pragma once

#include "runtime/emulator/Memory.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace rosso::emulator {

class BufferTrace {
public:
  explicit BufferTrace(const Memory &memory) : memory_(memory) {}

  /// Safe from several threads.
  void touch(uint64_t address, uint64_t bytes, bool read, bool written);
  /// Bytes read and written of each label, and of the rest of each mapping under its purpose.
  std::vector<std::pair<std::string, std::pair<uint64_t, uint64_t>>> perBuffer() const;

private:
  struct Sectors {
    uint64_t address = 0, bytes = 0;
    std::string purpose;
    std::unique_ptr<uint64_t[], FreeMemory> read, written; // a bit for each sector
  };
  Sectors *sectorsOf(uint64_t address);

  const Memory &memory_;
  std::mutex mutex_;
  std::map<uint64_t, Sectors> mappings_;
};

} // namespace rosso::emulator
