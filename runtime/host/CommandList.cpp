#include "runtime/host/CommandList.h"

#include "support/Interrupt.h"

#include <algorithm>
#include <chrono>

namespace rosso {
namespace {

/// Bytes moved plus operations of a run below which the caller is done before a worker is awake.
constexpr uint64_t kWorthWaking = 128 << 10;

/// Where share `share` of `shares` begins: shares differ by at most one item, the first are larger.
uint64_t shareBegin(uint64_t items, unsigned share, unsigned shares) {
  return (items * share + shares - 1) / shares;
}

uint64_t nowNs() {
  return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch() /
                               std::chrono::nanoseconds(1));
}

} // namespace

void CommandList::record(HostKernel *kernel, std::vector<void *> buffers, unsigned lists,
                         const Launch &launch, const VarTable &vars) {
  Command command;
  command.kernel = kernel;
  command.listStride = lists > 1 ? buffers.size() / lists : 0;
  command.buffers = std::move(buffers);
  command.barrierBefore = launch.barrierBefore;
  command.grid = LaunchGrid(launch, vars);
  for (size_t slot = 0; slot < launch.buffers.size(); ++slot)
    if (launch.buffers[slot].space != Space::Scratch)
      uses_.push_back({launch.buffers[slot], size(), slot});
  work_ += launch.bytesMoved + launch.operations;
  commands_.push_back(std::move(command));
}

void CommandList::bind(const BufferRef &ref, void *memory) {
  auto key = [](const BufferRef &buffer) { return std::pair(buffer.space, buffer.index); };
  const auto less = [&](const auto &a, const auto &b) { return key(a.ref) < key(b.ref); };
  const auto [first, last] = std::equal_range(uses_.begin(), uses_.end(), Use{ref, 0, 0}, less);
  for (auto use = first; use != last; ++use) {
    Command &command = commands_[use->command];
    const size_t stride = command.listStride ? command.listStride : command.buffers.size();
    for (size_t at = use->slot; at < command.buffers.size(); at += stride)
      command.buffers[at] = static_cast<uint8_t *>(memory) + use->ref.offset;
  }
}

void CommandList::finish() {
  claims_ = std::make_unique<Claim[]>(commands_.size() * threads_);
  done_ = std::make_unique<std::atomic<uint64_t>[]>(commands_.size());
  std::ranges::sort(uses_, {},
                    [](const Use &use) { return std::pair(use.ref.space, use.ref.index); });
}

bool CommandList::run(ThreadPool &pool, uint32_t first, uint32_t last,
                      std::span<const int64_t> vars, std::span<uint64_t> nanoseconds) {
  ++run_;
  first_ = first;
  last_ = last;
  vars_ = vars;
  nanoseconds_ = nanoseconds.empty() ? nullptr : nanoseconds.data();
  for (uint32_t i = first; i < last; ++i)
    done_[i].store(0, std::memory_order_relaxed);
  stopped_.store(false, std::memory_order_relaxed);
  if (work_ < kWorthWaking)
    work(0);
  else
    pool.run(*this);
  return !stopped_.load(std::memory_order_relaxed);
}

uint64_t CommandList::items(const Command &command) const { return command.grid.items(vars_); }

uint32_t CommandList::groupEnd(uint32_t first) const {
  uint32_t end = first + 1;
  while (!nanoseconds_ && end < last_ && !commands_[end].barrierBefore)
    ++end;
  return end;
}

void CommandList::work(unsigned thread) {
  uint64_t before = nanoseconds_ && thread == 0 ? nowNs() : 0;
  for (uint32_t first = first_, end; first < last_; first = end) {
    end = groupEnd(first);
    uint64_t total = 0;
    for (uint32_t i = first; i < end; ++i)
      total += items(commands_[i]);

    std::atomic<uint64_t> &done = done_[first];
    if (done.load(std::memory_order_acquire) < total) {
      if (const uint64_t mine = workOnGroup(first, end, thread))
        done.fetch_add(mine, std::memory_order_acq_rel);
      for (Backoff backoff; done.load(std::memory_order_acquire) < total;) {
        if (stopped_.load(std::memory_order_relaxed))
          return;
        backoff.pause();
      }
    }
    if (nanoseconds_ && thread == 0) {
      const uint64_t now = nowNs();
      nanoseconds_[first - first_] = now - before;
      before = now;
    }
  }
}

/// Takes items of a share until none is left, each time half of the rest: few calls while there is
/// much to do, small pieces for others to take near the end. Returns how many it computed.
uint64_t CommandList::workOnShare(uint32_t index, uint64_t itemsOfLaunch, unsigned share,
                                  unsigned thread) {
  const Command &command = commands_[index];
  void *const *buffers = command.buffers.data() + thread * command.listStride;
  const uint64_t begin = shareBegin(itemsOfLaunch, share, threads_);
  const uint64_t size = shareBegin(itemsOfLaunch, share + 1, threads_) - begin;
  const uint64_t least = threads_ == 1 ? size : size / 16 + 1;
  const uint64_t fresh = uint64_t{run_} << 32;

  std::atomic<uint64_t> &claim = claims_[index * threads_ + share].word;
  uint64_t computed = 0;
  uint64_t word = claim.load(std::memory_order_relaxed);
  for (;;) {
    const uint64_t taken = (word & ~uint64_t{0xffffffff}) == fresh ? word & 0xffffffff : 0;
    if (taken >= size)
      return computed;
    const uint64_t rest = size - taken;
    if (thread == 0 && isInterrupted())
      stopped_.store(true, std::memory_order_relaxed);
    if (stopped_.load(std::memory_order_relaxed))
      return computed;
    const uint64_t take = std::min(rest, std::max(least, rest / 2));
    if (!claim.compare_exchange_weak(word, fresh | (taken + take), std::memory_order_relaxed))
      continue;
    const auto from = static_cast<int64_t>(begin + taken);
    command.kernel(buffers, vars_.data(), from, from + static_cast<int64_t>(take));
    computed += take;
    word = fresh | (taken + take);
  }
}

/// Its own share of each launch first, then what is left of the others'. Returns how many items it
/// computed; none is left to take afterwards.
uint64_t CommandList::workOnGroup(uint32_t first, uint32_t last, unsigned thread) {
  uint64_t computed = 0;
  for (unsigned turn = 0; turn < threads_; ++turn)
    for (uint32_t i = first; i < last; ++i) { // another share each, so that small launches spread
      const unsigned share = (thread + turn + i - first) % threads_;
      computed += workOnShare(i, items(commands_[i]), share, thread);
    }
  return computed;
}

} // namespace rosso
