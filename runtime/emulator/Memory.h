// The emulated GPU's view of memory: mapped ranges, what they are called, and, in strict mode, what
// is known about every dword of them.
#pragma once

#include "support/Result.h"

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

namespace rosso::emulator {

enum class Region : uint8_t { Vram, Host };

struct FreeMemory {
  void operator()(void *words) const { std::free(words); }
};
/// Zero at first, and backed by pages only where they are used.
using ShadowWords = std::unique_ptr<uint32_t[], FreeMemory>;

struct Mapping {
  uint64_t address = 0, bytes = 0;
  uint8_t *data = nullptr; // `bytes` bytes of the emulator's process
  Region region = Region::Vram;
  bool executable = false;
  std::string purpose = {};
  /// Strict mode, else null; made by Memory::add. For each aligned dword of the mapping, who wrote
  /// it last (a writerId, with bits of kMissingBytes), and which dispatch read it last (its
  /// serial).
  ShadowWords shadow = {}, readers = {};
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
/// In a word of Mapping::shadow: bytes of the dword that nobody has written yet, if only some have.
inline constexpr uint32_t kMissingBytesShift = 26, kMissingBytes = 15u << kMissingBytesShift;

struct Label {
  uint64_t address = 0, bytes = 0;
  std::string name;
  bool code = false;
};

/// Mappings may be added while a dispatch runs; only those that no dispatch uses may be removed.
class Memory {
public:
  /// With `shadowed`, every mapping gets shadows: strict mode.
  explicit Memory(bool shadowed = false) : shadowed_(shadowed) {}

  Mapping *add(Mapping mapping);
  void remove(uint64_t address);
  /// The mapping that holds all of [address, address + bytes), or null.
  Mapping *find(uint64_t address, uint64_t bytes) const;
  /// Host pointer of the range, or null where it is not mapped as a whole.
  uint8_t *at(uint64_t address, uint64_t bytes) const;

  /// Shadows: `writer` wrote these bytes. Nothing without shadows.
  void wrote(uint64_t address, uint64_t bytes, uint32_t writer);

  void label(Label label);
  /// "weight blk.0.attn_q.weight + 0x40", "scratch arena + 0x0", "no allocation (nearest below:
  /// ...)"
  std::string describe(uint64_t address) const;
  /// The kernel whose code holds the address; empty if none is labelled.
  std::string kernelAt(uint64_t address) const;
  std::optional<Label> codeAt(uint64_t address) const;
  /// All labels of data that touch the range, by address.
  std::vector<Label> labelsIn(uint64_t address, uint64_t bytes) const;

private:
  const Label *innermost(uint64_t address, bool code) const;

  mutable std::shared_mutex mutex_;
  const bool shadowed_;
  std::map<uint64_t, Mapping> mappings_; // by address; nodes stay where they are
  std::map<uint64_t, Label> labels_;     // by address; one may lie inside another
};

} // namespace rosso::emulator
