#include "runtime/amd/Ring.h"

#include <atomic>
#include <bit>
#include <cassert>

namespace rosso::amd {

Ring::Ring(RingKind kind, std::span<uint32_t> words, uint64_t *writePointer, uint64_t *readPointer,
           uint64_t start)
    : kind_(kind), words_(words), write_(writePointer), read_(readPointer), position_(start),
      published_(start) {
  assert(std::has_single_bit(words.size()));
  *write_ = *read_ = start;
}

uint64_t Ring::readPointer() const {
  return std::atomic_ref(*read_).load(std::memory_order_acquire);
}

size_t Ring::padding(size_t dwords) const {
  const size_t tail = words_.size() - index();
  return kind_ == RingKind::Sdma && dwords > tail ? tail : 0;
}

bool Ring::fits(size_t dwords) const {
  const auto behind = static_cast<uint32_t>(position_) - static_cast<uint32_t>(readPointer());
  const size_t used = behind / unitsPerDword() & (words_.size() - 1);
  return used + padding(dwords) + dwords < words_.size();
}

void Ring::put(std::span<const uint32_t> packet) {
  assert(fits(packet.size()));
  auto putOne = [&](uint32_t word) {
    words_[index()] = word;
    position_ += unitsPerDword();
  };
  for (size_t zeros = padding(packet.size()); zeros > 0; --zeros)
    putOne(0);
  for (uint32_t word : packet)
    putOne(word);
}

uint64_t Ring::publish() {
  std::atomic_ref(*write_).store(position_, std::memory_order_release);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  published_ = position_;
  return position_;
}

} // namespace rosso::amd
