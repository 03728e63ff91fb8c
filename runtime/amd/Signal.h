// A number in host memory that only grows: the timeline of one queue. The GPU writes its low 32
// bits when everything up to a point is done; the host counts in 64 and compares the difference,
// so that the wrap after 2^32 does not matter as long as less than 2^31 is in flight.
#pragma once

#include <atomic>
#include <cstdint>

namespace rosso::amd {

class Signal {
public:
  Signal() = default;
  /// `word` holds the low half of `start` and is 8-byte aligned; `address` is where the GPU sees
  /// it.
  Signal(uint32_t *word, uint64_t address, uint64_t start = 0)
      : word_(word), address_(address), last_(start) {}

  uint64_t address() const { return address_; }

  /// The next point of the timeline: what the GPU shall write.
  uint64_t advance() { return ++last_; }
  uint64_t last() const { return last_; }

  /// The latest point reached.
  uint64_t reached() const {
    const uint32_t low = std::atomic_ref(*word_).load(std::memory_order_acquire);
    return last_ - (static_cast<uint32_t>(last_) - low);
  }
  bool hasReached(uint64_t point) const { return reached() >= point; }

private:
  uint32_t *word_ = nullptr;
  uint64_t address_ = 0, last_ = 0;
};

} // namespace rosso::amd
