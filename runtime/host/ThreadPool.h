// The threads of the host device: the caller and its workers.
//
// A decode step is some 250 launches of tens of microseconds, so a team works through the whole
// step together and is gathered once per step, not once per launch. Nobody waits for a worker that
// the system has not scheduled yet: the caller begins at once, workers join while there is work,
// and `run` returns when all that joined have left.
//
//   worker   sleeps on `epoch_` -> spins ~50 us -> joins -> work() -> leaves -> spins -> sleeps
//
// `state_` is the one word all agree on: epoch (32 bits) | open (1 bit) | workers inside (31 bits).
// A worker joins by adding one while its epoch is open; closing clears the bit, after which the
// count only falls. Joining acquires what the caller wrote before `run`; leaving releases what the
// worker wrote.
#pragma once

#include "support/Result.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace rosso {

/// Waits that are short as a rule: spins, then gives the processor to whoever wants it.
class Backoff {
public:
  void pause();

private:
  unsigned rounds_ = 0;
};

class ThreadPool {
public:
  /// Called by each thread of the team that takes part; thread 0 is the caller and always does.
  class Job {
  public:
    virtual void work(unsigned thread) = 0;

  protected:
    ~Job() = default;
  };

  /// A team of `threads` including the caller. Pinned: thread t runs on the t-th allowed CPU.
  static Result<std::unique_ptr<ThreadPool>> start(unsigned threads, bool pinned);
  /// The same team for everyone who asks for as many threads, as long as anyone holds it.
  static Result<std::shared_ptr<ThreadPool>> shared(unsigned threads, bool pinned);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  unsigned size() const { return static_cast<unsigned>(workers_.size()) + 1; }

  /// Returns once the caller's `work(0)` has returned and every worker that joined has left. While
  /// the team is at work for one thread, others that call do their work alone.
  void run(Job &job);

private:
  ThreadPool() = default;
  void workerLoop(unsigned thread);
  bool waitForEpoch(uint32_t last);
  bool join(uint32_t &last);

  static constexpr uint64_t kOpen = uint64_t{1} << 31;

  alignas(64) std::atomic<uint64_t> state_ = 0;
  alignas(64) std::atomic<uint32_t> epoch_ = 0; // of the latest run; sleepers wait on it
  std::atomic<bool> stopping_ = false;
  std::mutex team_;    // held by the thread that the workers work for
  Job *job_ = nullptr; // written before state_ opens, read after joining
  std::vector<std::thread> workers_;
};

/// The CPUs this process may use, one per physical core.
std::vector<int> allowedCores();

} // namespace rosso
