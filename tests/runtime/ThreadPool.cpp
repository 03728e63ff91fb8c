#include "runtime/host/ThreadPool.h"

#include <gtest/gtest.h>

#include <ctime>

namespace rosso {
namespace {

/// Items of one shared counter; `sums` is plain memory that only the pool's order protects.
struct Counting final : ThreadPool::Job {
  std::atomic<int> next = 0;
  int items = 0;
  std::vector<long> sums;
  long offset = 0; // written by the caller between runs

  void work(unsigned thread) override {
    for (int i; (i = next.fetch_add(1)) < items;)
      sums[thread * 16] += i + offset;
  }
};

void countWith(unsigned threads, int rounds) {
  auto pool = ThreadPool::start(threads, false);
  ASSERT_TRUE(pool.ok());
  EXPECT_EQ((*pool)->size(), threads);
  Counting job;
  job.items = 100;
  job.sums.assign(threads * 16, 0);
  long expected = 0;
  for (int round = 0; round < rounds; ++round) {
    job.offset = round;
    job.next = 0;
    (*pool)->run(job);
    expected += 4950 + 100L * round;
    long sum = 0;
    for (long part : job.sums)
      sum += part;
    ASSERT_EQ(sum, expected) << "round " << round;
  }
}

TEST(ThreadPool, CallerAlone) { countWith(1, 100); }
TEST(ThreadPool, TwoThreads) { countWith(2, 2000); }
TEST(ThreadPool, MoreThreadsThanProcessors) { countWith(16, 500); }

TEST(ThreadPool, StartsAndStopsWithoutWork) {
  for (int i = 0; i < 50; ++i)
    EXPECT_TRUE(ThreadPool::start(3, false).ok());
}

TEST(ThreadPool, WakesAfterSleeping) {
  auto pool = ThreadPool::start(3, false);
  Counting job;
  job.items = 10;
  job.sums.assign(48, 0);
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2)); // the workers are asleep now
    job.next = 0;
    (*pool)->run(job);
    EXPECT_GE(job.next, 10);
  }
}

TEST(ThreadPool, IdleThreadsUseNoProcessorTime) {
  auto pool = ThreadPool::start(4, false);
  Counting job;
  (*pool)->run(job);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const std::clock_t before = std::clock(); // of all threads
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const double used = double(std::clock() - before) / CLOCKS_PER_SEC;
  EXPECT_LT(used, 0.05);
}

TEST(ThreadPool, PinsWhereAsked) {
  auto cores = allowedCores();
  ASSERT_FALSE(cores.empty());
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  {
    auto pool = ThreadPool::start(2, true);
    cpu_set_t now;
    sched_getaffinity(0, sizeof(now), &now);
    EXPECT_EQ(CPU_COUNT(&now), 1);
    EXPECT_TRUE(CPU_ISSET(cores[0], &now));
  }
  sched_setaffinity(0, sizeof(before), &before);
}

} // namespace
} // namespace rosso
