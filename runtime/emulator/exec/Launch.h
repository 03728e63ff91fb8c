// One dispatch: its work groups spread over threads, the waves of each taking turns on one.
//
// A wave runs until it waits at a barrier, ends, or has run for long enough that the others should
// get their turn (they may be what it spins for). Work groups start in order and are run to their
// end one after the other by each thread: one that waits for a later one waits for ever.
#pragma once

#include "runtime/emulator/exec/BufferTrace.h"
#include "runtime/emulator/exec/WaveState.h"
#include "runtime/host/ThreadPool.h"
#include "support/Result.h"

#include <atomic>
#include <limits>
#include <memory>
#include <mutex>
#include <vector>

namespace rosso::emulator {

class Translation;

/// What a thread keeps between dispatches.
struct LaunchThread {
  Worker worker;
  Workgroup group;
};

class Launch final : ThreadPool::Job {
public:
  Launch(const EngineOptions &options, Memory &memory, Program &program, const Dispatch &dispatch,
         const Visibility &visibility, const std::atomic<bool> &stop,
         std::atomic<uint64_t> &heartbeat);

  /// Whether the registers make sense, and fit the code.
  Status check();
  // After check().
  const Step *entry() const { return entry_; }
  uint64_t waves() const { return groups_ * state_.waves; }
  bool hasFullWavesOnly() const { return state_.threads % kLanes == 0; }
  uint32_t startMode() const;
  /// Host code that runs the waves instead of the interpreter.
  void use(const Translation *translation) { translation_ = translation; }
  Result<Counters> run(ThreadPool &pool, std::vector<std::unique_ptr<LaunchThread>> &threads);

private:
  void work(unsigned number) override;
  bool runGroup(LaunchThread &thread, uint64_t number);
  void start(Wave &wave, LaunchThread &thread, uint32_t index) const;
  std::vector<uint16_t> startScalars(Wave &wave) const;
  bool releaseBarrier(Workgroup &group) const;
  void record(uint64_t group, Error error);
  Error named(Error error) const;

  const EngineOptions &options_;
  const Dispatch &dispatch_;
  DispatchState state_;
  BufferTrace trace_;
  const Step *entry_ = nullptr;
  const Translation *translation_ = nullptr;
  std::vector<std::unique_ptr<LaunchThread>> *threads_ = nullptr;
  uint64_t groups_ = 0;
  std::atomic<uint64_t> nextGroup_ = 0;
  std::atomic<uint64_t> &heartbeat_; // counts work groups
  // The lowest work group that failed; those above it stop, those below it still run to their end,
  // so that the error is the same however threads share the work.
  static constexpr uint64_t kNobody = std::numeric_limits<uint64_t>::max();
  std::atomic<uint64_t> failedGroup_ = kNobody;
  std::mutex mutex_;
  Error error_{ErrorCode::Internal, {}};
};

} // namespace rosso::emulator
