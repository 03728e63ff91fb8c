// The launches of one entry, resolved for the host: functions, pointers, grids. Recorded once,
// replayed by the threads of a pool.
//
// Launches up to the next barrier form a group; nothing in a group depends on the rest of it. Every
// thread walks all groups. The items of a launch are cut into one share per thread, so that a
// thread meets the same rows of a buffer again and again; a thread that is done takes from what is
// left of the others' shares. A group is over when all its items are done, not when all threads
// have arrived: a thread the system has put to sleep between items holds nobody up.
//
// Who writes what: claims_ by whoever takes items; done_ by whoever finished items (release), read
// by those who wait for the group (acquire). Both are reset by thread 0 before the pool opens the
// run, claims_ lazily, by the run's number in their upper half.
#pragma once

#include "runtime/host/ThreadPool.h"
#include "runtime/program/LaunchGrid.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace rosso {

/// The form of every kernel of a host program, see Program.h.
using HostKernel = void(void *const *buffers, const int64_t *vars, int64_t begin, int64_t end);

class CommandList final : public ThreadPool::Job {
public:
  explicit CommandList(unsigned threads) : threads_(threads) {}

  /// Appends a launch. `buffers` holds one list of pointers per thread, or one for all.
  void record(HostKernel *kernel, std::vector<void *> buffers, unsigned lists, const Launch &launch,
              const VarTable &vars);
  /// Call after the last `record`.
  void finish();

  /// The buffer that `ref` names lies at `memory` from now on. Not while a run is in progress.
  void bind(const BufferRef &ref, void *memory);

  uint32_t size() const { return static_cast<uint32_t>(commands_.size()); }

  /// Replays [first, last). With room for `nanoseconds`, each launch is a group of its own, and
  /// its time is noted. False where the user ended it; what it computes is then incomplete.
  bool run(ThreadPool &pool, uint32_t first, uint32_t last, std::span<const int64_t> vars,
           std::span<uint64_t> nanoseconds);

  void work(unsigned thread) override;

private:
  struct Command {
    HostKernel *kernel = nullptr;
    std::vector<void *> buffers;
    size_t listStride = 0; // from one thread's list to the next; 0: one for all
    LaunchGrid grid;
    bool barrierBefore = true;
  };
  /// Where launches hold the address of a buffer.
  struct Use {
    BufferRef ref;
    uint32_t command;
    size_t slot;
  };
  struct alignas(64) Claim {
    std::atomic<uint64_t> word = 0; // number of the run (32 bits) | items of the share taken
  };

  uint64_t items(const Command &command) const;
  uint32_t groupEnd(uint32_t first) const;
  uint64_t workOnGroup(uint32_t first, uint32_t last, unsigned thread);
  uint64_t workOnShare(uint32_t index, uint64_t itemsOfLaunch, unsigned share, unsigned thread);

  const unsigned threads_;
  std::vector<Command> commands_;
  std::vector<Use> uses_;           // of buffers that can be bound, by space and index
  uint64_t work_ = 0;               // bytes moved plus operations, at most
  std::unique_ptr<Claim[]> claims_; // [launch][share]
  std::unique_ptr<std::atomic<uint64_t>[]> done_; // items of a group, at its first launch

  // Of the run in progress; written before the pool starts.
  uint32_t run_ = 0, first_ = 0, last_ = 0;
  std::span<const int64_t> vars_;
  uint64_t *nanoseconds_ = nullptr;
  std::atomic<bool> stopped_ = false; // by thread 0, when the user asks; all others leave
};

} // namespace rosso
