#include "runtime/host/ThreadPool.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <pthread.h>
#include <sched.h>
#include <string>
#include <system_error>

namespace rosso {
namespace {

constexpr unsigned kSpins = 1000;                      // a pause is 10 to 40 ns
constexpr auto kAwake = std::chrono::microseconds(50); // a worker without work, before it sleeps

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

void pin(pthread_t thread, int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(thread, sizeof(set), &set); // a wish: where it fails, we run unpinned
}

} // namespace

void Backoff::pause() {
  if (++rounds_ < kSpins)
    relax();
  else
    sched_yield();
}

Result<std::unique_ptr<ThreadPool>> ThreadPool::start(unsigned threads, bool pinned) {
  std::unique_ptr<ThreadPool> pool(new ThreadPool);
  // Workers take no signals: Ctrl-C belongs to the thread that installed its handler.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::optional<Error> failure;
  for (unsigned t = 1; t < threads && !failure; ++t) {
    try { // std::thread's one way to say no
      pool->workers_.emplace_back([p = pool.get(), t] { p->workerLoop(t); });
      pthread_setname_np(pool->workers_.back().native_handle(),
                         ("rosso-" + std::to_string(t)).c_str());
    } catch (const std::system_error &error) {
      failure = outOfMemory("thread " + std::to_string(t) + " of " + std::to_string(threads) +
                            " does not start: " + error.what() + "; ask for fewer threads");
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (failure)
    return *failure;
  if (pinned) {
    const std::vector<int> cores = allowedCores();
    pin(pthread_self(), cores[0]);
    for (unsigned t = 1; t < threads; ++t)
      pin(pool->workers_[t - 1].native_handle(), cores[t % cores.size()]);
  }
  return pool;
}

Result<std::shared_ptr<ThreadPool>> ThreadPool::shared(unsigned threads, bool pinned) {
  static std::mutex mutex;
  static std::map<std::pair<unsigned, bool>, std::weak_ptr<ThreadPool>> teams;
  const std::lock_guard lock(mutex);
  std::weak_ptr<ThreadPool> &known = teams[{threads, pinned}];
  if (auto team = known.lock())
    return team;
  ROSSO_TRY(std::unique_ptr<ThreadPool> started, start(threads, pinned));
  std::shared_ptr<ThreadPool> team = std::move(started);
  known = team;
  return team;
}

ThreadPool::~ThreadPool() {
  stopping_.store(true);
  epoch_.fetch_add(1);
  epoch_.notify_all();
  for (std::thread &worker : workers_)
    worker.join();
}

void ThreadPool::run(Job &job) {
  const std::unique_lock team(team_, std::try_to_lock);
  if (workers_.empty() || !team)
    return job.work(0);
  const uint32_t epoch = epoch_.load(std::memory_order_relaxed) + 1;
  job_ = &job;
  state_.store(uint64_t{epoch} << 32 | kOpen, std::memory_order_release);
  epoch_.store(epoch);
  epoch_.notify_all(); // no system call where nobody sleeps

  job.work(0);

  state_.fetch_and(~kOpen, std::memory_order_relaxed);
  for (Backoff backoff; state_.load(std::memory_order_acquire) & (kOpen - 1);)
    backoff.pause();
}

/// Until there is a run after `last`; false when the pool ends.
bool ThreadPool::waitForEpoch(uint32_t last) {
  const auto begin = std::chrono::steady_clock::now();
  for (Backoff backoff; epoch_.load(std::memory_order_acquire) == last; backoff.pause())
    if (std::chrono::steady_clock::now() - begin > kAwake)
      epoch_.wait(last);
  return !stopping_.load();
}

/// Enters the run that is open now, if any; `last` becomes its epoch either way.
bool ThreadPool::join(uint32_t &last) {
  uint64_t state = state_.load(std::memory_order_relaxed);
  bool joined = false;
  while (!joined && (state & kOpen) && static_cast<uint32_t>(state >> 32) != last)
    joined = state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire,
                                          std::memory_order_relaxed);
  last = static_cast<uint32_t>(state >> 32);
  return joined;
}

void ThreadPool::workerLoop(unsigned thread) {
  uint32_t last = 0;
  while (waitForEpoch(last))
    if (join(last)) {
      job_->work(thread);
      state_.fetch_sub(1, std::memory_order_release);
    }
}

std::vector<int> allowedCores() {
  std::vector<int> cores;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    std::vector<std::string> seen; // the siblings of the cores we have, as the system lists them
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &set))
        continue;
      std::string siblings = std::to_string(cpu);
      std::ifstream("/sys/devices/system/cpu/cpu" + siblings + "/topology/thread_siblings_list") >>
          siblings;
      if (std::find(seen.begin(), seen.end(), siblings) != seen.end())
        continue;
      seen.push_back(siblings);
      cores.push_back(cpu);
    }
  }
  if (cores.empty())
    cores.push_back(0);
  return cores;
}

} // namespace rosso
