// Who may rely on whose writes: the order between dispatches, packets, copies and the host.
//
// Hardware runs dispatches, packets and copies side by side, and its caches are not coherent. What
// orders them is what the command streams say: waits for waves to end, signals that are written
// when something is done and waited for elsewhere, and invalidations of caches. Here every queue
// has an `Ordering` that follows these packets; a dispatch takes its `Visibility` along, and in
// strict mode packets and copies are checked against the shadows of the memory they touch.
//
// Writers of one kind are numbered in the order they start. With several compute queues the numbers
// of all are one sequence, and a queue that has waited for its own dispatches counts the others' as
// ended too: races between two compute queues are not all found.
#pragma once

#include "runtime/emulator/Engine.h"
#include "runtime/emulator/Memory.h"
#include "support/Result.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace rosso::emulator {

/// Bits of GCR_CNTL, as ACQUIRE_MEM and GCR_REQ give them.
struct CacheControl {
  bool instruction = false;            // GLI invalidated
  bool vector = false, scalar = false; // L0 (and GL1), scalar cache invalidated
  bool l2Invalidated = false, l2WrittenBack = false;
};

constexpr uint32_t writerNumber(uint32_t id) { return id & 0xffffff; }
constexpr WriterKind writerKind(uint32_t id) { return static_cast<WriterKind>(id >> 24 & 3); }
const Seen &seenOf(const Visibility &visibility, WriterKind kind);

/// What a write to memory says about what was before it: everything up to these numbers has ended,
/// and these caches were dealt with then.
struct Published {
  uint64_t value = 0;
  double seconds = 0; // when, of the GPU's modelled time
  uint32_t dispatches = 0, packets = 0, copies = 0;
  CacheControl caches;
};

/// The signals of all queues, by address: what a satisfied wait may conclude.
class Signals {
public:
  void publish(uint64_t address, const Published &published);
  /// The earliest write to `address` whose value satisfies the wait: no more than that is known.
  std::optional<Published> firstThat(uint64_t address,
                                     const std::function<bool(uint64_t)> &satisfies) const;

private:
  static constexpr size_t kKept = 256; // of one address

  mutable std::mutex mutex_;
  std::map<uint64_t, std::deque<Published>> written_;
};

/// What one queue has waited for, and which caches it has emptied since.
class Ordering {
public:
  const Visibility &visibility() const { return seen_; }

  /// All dispatches up to this one, which this queue started, have ended.
  void drained(uint32_t dispatch) { raise(seen_.dispatches.finished, dispatch); }
  /// All packets' writes up to this one have arrived.
  void packetsArrived(uint32_t packet) { raise(seen_.packets.finished, packet); }
  void copiesEnded(uint32_t copy) { raise(seen_.copies.finished, copy); }
  /// A wait for this signal is over: on a compute queue, and on a copy queue, which reads past the
  /// compute units' caches, so that what was written back from L2 is all it needs.
  void join(const Published &published);
  void joinForCopies(const Published &published);
  /// Reads from here on see what had ended before.
  void acquire(const CacheControl &caches);

private:
  static void raise(uint32_t &number, uint32_t to) { number = number < to ? to : number; }
  Visibility seen_;
};

/// Checks of packets and copies against the shadows (strict mode). `who` begins the message.
class Hazards {
public:
  Hazards(Memory &memory, bool strict) : memory_(memory), strict_(strict) {}

  bool strict() const { return strict_; }
  /// A dispatch gets its name, for messages about what it wrote.
  void name(uint32_t serial, std::string kernel);
  std::string writer(uint32_t id) const; // "kernel matvec_q4_k (dispatch 12)"

  enum class Through : uint8_t { L2, Memory }; // what a reader reads through
  Status reads(const std::string &who, uint64_t address, uint64_t bytes, const Visibility &seen,
               Through through) const;
  Status writes(const std::string &who, uint64_t address, uint64_t bytes,
                const Visibility &seen) const;

private:
  static constexpr size_t kNamesKept = 1 << 16;

  Memory &memory_;
  const bool strict_;
  mutable std::mutex mutex_;
  std::map<uint32_t, std::string> names_;
};

} // namespace rosso::emulator
