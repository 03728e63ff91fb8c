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

  /// The sectors of one mapping: two bits each. Setting them is safe from several threads.
  class Sectors {
  public:
    void touch(uint64_t offset, uint64_t bytes, bool read, bool written);

  private:
    friend class BufferTrace;
    uint64_t address_ = 0, bytes_ = 0;
    std::string purpose_;
    std::unique_ptr<uint64_t[], FreeMemory> read_, written_;
  };

  /// Of the mapping; safe from several threads. They stay where they are.
  Sectors &sectorsOf(const Mapping &mapping);
  /// Bytes read and written of each label, and of the rest of each mapping under its purpose.
  std::vector<std::pair<std::string, std::pair<uint64_t, uint64_t>>> perBuffer() const;

private:
  const Memory &memory_;
  std::mutex mutex_;
  std::map<uint64_t, Sectors> mappings_;
};

} // namespace rosso::emulator
