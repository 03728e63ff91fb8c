// What all queues of one emulated GPU share.
#pragma once

#include "runtime/emulator/CountLog.h"
#include "runtime/emulator/Engine.h"
#include "runtime/emulator/Hazards.h"
#include "runtime/emulator/Link.h"
#include "runtime/emulator/Memory.h"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

namespace rosso::emulator {

/// Code that was written, and that the instruction cache may not have seen yet.
class CodeWrites {
public:
  void wrote(uint64_t address, uint64_t bytes, uint32_t writer);
  /// The instruction cache was invalidated by a queue that sees this much. True if code had
  /// changed.
  bool invalidate(const Visibility &seen);
  bool stale(uint64_t address, uint64_t bytes) const;

private:
  struct Written {
    uint64_t address, bytes;
    uint32_t writer;
  };
  mutable std::mutex mutex_;
  std::vector<Written> written_;
};

struct Gpu {
  Gpu(const amd::Chip &chip_, const Link &link_, Mode mode_, Memory &memory_, Engine &engine_)
      : chip(chip_), link(link_), mode(mode_), memory(memory_), engine(engine_),
        hazards(memory_, mode_ == Mode::Strict) {}

  const amd::Chip &chip;
  const Link &link;
  const Mode mode;
  Memory &memory;
  Engine &engine; // one dispatch at a time, under `engineMutex`
  std::timed_mutex engineMutex;
  Hazards hazards;
  Signals signals;
  CodeWrites code;
  CountLog log;
  std::atomic<uint32_t> dispatches{0}, packetWrites{0}, copies{0}; // numbers given out

  /// The counter that time stamps show: 100 MHz, and one second old when the GPU was opened.
  static uint64_t ticks(double seconds) {
    constexpr double kRounding = 1e-3; // a sum that ends just below a tick has reached it
    return static_cast<uint64_t>((1.0 + seconds) * amd::kGpuClockHz + kRounding);
  }
};

/// What a queue asks of whoever runs it.
class QueueHost {
public:
  virtual ~QueueHost() = default;
  /// A packet has been executed; the GPU reports this read pointer.
  virtual void consumed(uint64_t readPointer) = 0;
  /// Something is not there yet. Sleeps a little; false: give up, the queue is being destroyed.
  virtual bool keepWaiting() = 0;
  /// The GPU's side is about to write to memory that others may wait for, at this modelled time;
  /// `last`: by the last packet there is. Then it has written.
  virtual void signals(double seconds, bool last) = 0;
  virtual void signalled() = 0;
  virtual void interrupt() = 0;
  /// True once the queue is being destroyed.
  virtual const std::atomic<bool> &stop() const = 0;
};

/// How a queue's run ended, if not by an error.
enum class QueueEnd : uint8_t { Idle, Stopped };

} // namespace rosso::emulator
