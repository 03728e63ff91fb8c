// A queue of the GPU: a ring, a timeline and a doorbell. Compute queues take PM4 packets, copy
// queues SDMA packets; this class knows no packet but the one that moves the timeline on.
#pragma once

#include "runtime/amd/Health.h"
#include "runtime/amd/Ring.h"
#include "runtime/amd/Signal.h"
#include "runtime/amd/Transport.h"

#include <memory>
#include <optional>

namespace rosso::amd {

class Queue final : public Moving {
public:
  /// Takes the ring's memory. `signal` is a word nobody else writes; `interrupt`, if there is one,
  /// follows each signal.
  static Result<std::unique_ptr<Queue>> create(Transport &transport, Health &health, QueueKind kind,
                                               uint64_t ringBytes, Signal signal,
                                               std::optional<Interrupt> interrupt = {});
  ~Queue();
  Queue(const Queue &) = delete;
  Queue &operator=(const Queue &) = delete;

  /// Puts packets into the ring: one of SDMA, any run of PM4. Waits while it is full.
  Status write(std::span<const uint32_t> packets);
  /// Moves the timeline on once everything before is done, and rings the doorbell. Returns the
  /// point of the timeline.
  Result<uint64_t> signal();
  /// Lets the GPU go on with this queue only when all that `other` was given is done.
  Status follow(Queue &other);
  /// Waits, on the host, for a point of the timeline.
  Status wait(uint64_t point);
  /// Waits for everything.
  Status drain() { return wait(signal_.last()); }

  const Signal &timeline() const { return signal_; }
  /// Two words that change while the queue gets on, besides its read pointer and its timeline.
  void watch(const uint64_t *progress) { progress_ = progress; }
  uint64_t moved() const override;

private:
  Queue(Transport &transport, Health &health, QueueKind kind)
      : transport_(transport), health_(health), kind_(kind) {}
  void ring();
  std::string name() const { return kind_ == QueueKind::Compute ? "compute queue" : "copy queue"; }

  Transport &transport_;
  Health &health_;
  QueueKind kind_;
  QueueMemory memory_;
  Ring ring_;
  Signal signal_;
  std::optional<Interrupt> interrupt_;
  uint32_t number_ = 0;
  bool created_ = false;
  const uint64_t *progress_ = nullptr;
  uint64_t followed_ = 0; // the other queue's point that this one waits for already
};

} // namespace rosso::amd
