// The emulated GPU's view of memory: mapped ranges, what they are called, and, in strict mode, what
// is known about every dword of them.
#pragma once

#include "support/Result.h"

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace rosso::emulator {

enum class Region : uint8_t { Vram, Host };

struct Mapping {
  uint64_t address = 0, bytes = 0;
  uint8_t *data = nullptr; // `bytes` bytes of the emulator's process
  Region region = Region::Vram;
  bool executable = false;
  std::string purpose;
  /// Strict mode, else null. One word for each aligned dword of the mapping; see AccessTracker.
  std::unique_ptr<uint32_t[]> shadow;
};

/// Who wrote a dword last, as shadows of strict mode remember it: kind << 24 | number. Each kind
/// counts from 1. Zero: nobody, or the host.
enum class WriterKind : uint32_t {
  Dispatch, // number: Dispatch::serial
  Packet,   // the command processor: WRITE_DATA, RELEASE_MEM, COPY_DATA, ATOMIC_MEM, DMA_DATA
  Copy      // the copy engine
};
constexpr uint32_t writerId(WriterKind kind, uint32_t number) {
  return static_cast<uint32_t>(kind) << 24 | (number & 0xffffff);
}

struct Label {
  uint64_t address = 0, bytes = 0;
  std::string name;
  bool code = false;
};

class Memory {
public:
  Mapping *add(Mapping mapping);
  void remove(uint64_t address);
  /// The mapping that holds all of [address, address + bytes), or null.
  Mapping *find(uint64_t address, uint64_t bytes) const;
  /// Host pointer of the range, or null where it is not mapped as a whole.
  uint8_t *at(uint64_t address, uint64_t bytes) const;

  void label(Label label);
  /// "weight blk.0.attn_q.weight + 0x40", "scratch arena + 0x0", "no allocation (nearest below:
  /// ...)"
  std::string describe(uint64_t address) const;
  /// The kernel whose code holds the address; empty if none is labelled.
  std::string kernelAt(uint64_t address) const;
  const Label *codeAt(uint64_t address) const;

private:
  std::map<uint64_t, Mapping> mappings_; // by address; find() is called once per memory instruction
  std::map<uint64_t, Label> labels_;
};

} // namespace rosso::emulator
