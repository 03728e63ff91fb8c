#include "runtime/amd/Queue.h"

#include "runtime/amd/pm4/Packets.h"
#include "runtime/amd/sdma/Packets.h"

#include <cassert>

namespace rosso::amd {

Result<std::unique_ptr<Queue>> Queue::create(Transport &transport, Health &health, QueueKind kind,
                                             uint64_t ringBytes, Signal signal,
                                             std::optional<Interrupt> interrupt) {
  assert(ringBytes % kPageBytes == 0); // hardware wants mappings of exactly the ring's size
  std::unique_ptr<Queue> queue(new Queue(transport, health, kind));
  QueueMemory &memory = queue->memory_;
  const bool compute = kind == QueueKind::Compute;
  ROSSO_TRY(memory.ring, transport.allocate(ringBytes, MemoryKind::Host, queue->name() + " ring"));
  ROSSO_TRY(memory.pointers,
            transport.allocate(kPageBytes, MemoryKind::Host, queue->name() + " pointers"));
  if (compute) {
    ROSSO_TRY(memory.endOfPipe,
              transport.allocate(kEopBytes, MemoryKind::Vram, queue->name() + " end of pipe"));
  }

  auto pointer = [&](uint64_t offset) {
    return reinterpret_cast<uint64_t *>(memory.pointers.host + offset);
  };
  queue->ring_ = Ring(compute ? RingKind::Pm4 : RingKind::Sdma,
                      {reinterpret_cast<uint32_t *>(memory.ring.host), ringBytes / 4},
                      pointer(kWritePointerOffset), pointer(kReadPointerOffset));
  queue->signal_ = signal;
  queue->interrupt_ = interrupt;
  ROSSO_TRY(queue->number_, transport.createQueue(kind, memory));
  queue->created_ = true;
  health.watch(*queue);
  return queue;
}

Queue::~Queue() {
  if (created_) {
    health_.forget(*this);
    transport_.destroyQueue(number_);
  }
  for (const Memory &memory : {memory_.ring, memory_.pointers, memory_.endOfPipe})
    if (memory.bytes)
      transport_.free(memory);
}

void Queue::ring() { transport_.ringDoorbell(number_, ring_.publish()); }

Status Queue::write(std::span<const uint32_t> packets) {
  assert(packets.size() < ring_.size() / 2);
  ROSSO_CHECK(health_.check());
  if (!ring_.fits(packets.size())) {
    if (ring_.hasUnpublished())
      ring();
    ROSSO_CHECK(health_.wait([&] { return ring_.fits(packets.size()); },
                             [&] {
                               return name() + ": ring full, read pointer at " +
                                      std::to_string(ring_.readPointer()) + " of " +
                                      std::to_string(ring_.position());
                             }));
  }
  ring_.put(packets);
  return {};
}

Result<uint64_t> Queue::signal() {
  const uint64_t point = signal_.last() + 1;
  const auto value = static_cast<uint32_t>(point);
  if (kind_ == QueueKind::Compute) {
    ROSSO_CHECK(write(pm4::encode(
        pm4::ReleaseMem{.address = signal_.address(),
                        .value = value,
                        .hasMetadataCache = transport_.gpu().chip->isa != Isa::Gfx12})));
    if (interrupt_)
      ROSSO_CHECK(write(pm4::encode(pm4::ReleaseMem{.address = interrupt_->address,
                                                    .value = interrupt_->number,
                                                    .flush = false,
                                                    .interrupt = interrupt_->number})));
  } else {
    ROSSO_CHECK(write(sdma::encode(sdma::Fence{.address = signal_.address(), .value = value})));
    if (interrupt_) {
      ROSSO_CHECK(write(
          sdma::encode(sdma::Fence{.address = interrupt_->address, .value = interrupt_->number})));
      ROSSO_CHECK(write(sdma::encode(sdma::Trap{interrupt_->number})));
    }
  }
  signal_.advance();
  ring();
  return point;
}

Status Queue::follow(Queue &other) {
  const uint64_t point = other.signal_.last(), address = other.signal_.address();
  if (point == followed_)
    return {};
  followed_ = point;
  if (point >> 31) // the packets compare 32 bits as they are
    return other.wait(point);
  const auto value = static_cast<uint32_t>(point);
  return kind_ == QueueKind::Compute
             ? write(pm4::encode(pm4::WaitMem{.address = address, .value = value}))
             : write(sdma::encode(sdma::PollMem{.address = address, .value = value}));
}

uint64_t Queue::moved() const {
  constexpr uint64_t kOdd = 0x9E3779B97F4A7C15; // so that one number's step hides no other's
  uint64_t sum = ring_.readPointer() + signal_.reached() * kOdd;
  if (progress_)
    sum += *static_cast<const volatile uint64_t *>(progress_) * kOdd * kOdd;
  return sum;
}

Status Queue::wait(uint64_t point) {
  return health_.wait([&] { return signal_.hasReached(point); },
                      [&] {
                        return name() + ": signal at " + std::to_string(signal_.reached()) +
                               ", waited for " + std::to_string(point);
                      });
}

} // namespace rosso::amd
