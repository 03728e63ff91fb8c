// The host's end of a queue: packets go into a circle of dwords that the GPU reads behind us.
//
// Who writes what: the host writes dwords and the write pointer; the GPU writes the read pointer.
// Both pointers only grow; the GPU's may come back cut to 32 bits, or to the size of the ring, so
// that all arithmetic is of differences modulo the ring. The ring is never filled to the last
// dword, else full would look like empty.
//
// Order of a submission: packets, write pointer in memory, fence, doorbell (Queue::ring).
#pragma once

#include <cstdint>
#include <span>

namespace rosso::amd {

/// What differs between the two kinds of queues.
enum class RingKind : uint8_t {
  Pm4, // pointers count dwords; packets may wrap around the end
  Sdma // pointers count bytes; a packet that would cross the end begins anew behind zeros
};

class Ring {
public:
  Ring() = default;
  /// `words`: a power of two of them. `start`: the pointers' first value, in the ring's units.
  Ring(RingKind kind, std::span<uint32_t> words, uint64_t *writePointer, uint64_t *readPointer,
       uint64_t start = 0);

  /// Whether one packet (any run of packets, for PM4) of so many dwords can be put now.
  bool fits(size_t dwords) const;
  void put(std::span<const uint32_t> packet);

  /// Lets the GPU see what was put. Returns the value for the doorbell.
  uint64_t publish();
  bool hasUnpublished() const { return position_ != published_; }

  /// The pointers, in the ring's units.
  uint64_t position() const { return position_; }
  uint64_t readPointer() const;
  size_t size() const { return words_.size(); } // dwords

private:
  uint64_t unitsPerDword() const { return kind_ == RingKind::Sdma ? 4 : 1; }
  size_t index() const { return position_ / unitsPerDword() & (words_.size() - 1); }
  /// Dwords of zeros before a packet of so many.
  size_t padding(size_t dwords) const;

  RingKind kind_ = RingKind::Pm4;
  std::span<uint32_t> words_;
  uint64_t *write_ = nullptr, *read_ = nullptr;
  uint64_t position_ = 0, published_ = 0;
};

} // namespace rosso::amd
