#include "runtime/host/CommandList.h"

#include <gtest/gtest.h>

#include <random>

namespace rosso {
namespace {

const Dim T = Dim::variable("T");
const VarTable kVars = {{"T", {0, 1000}}};

// buffers: counts of visits per item
void visit(void *const *buffers, const int64_t *, int64_t begin, int64_t end) {
  auto *counts = static_cast<int *>(buffers[0]);
  for (int64_t i = begin; i < end; ++i)
    ++counts[i];
}

// buffers: in, out; out[i] = in[n - 1 - i] + 1: every item reads what another thread wrote
void reverseAddOne(void *const *buffers, const int64_t *vars, int64_t begin, int64_t end) {
  auto *in = static_cast<const int *>(buffers[0]);
  auto *out = static_cast<int *>(buffers[1]);
  for (int64_t i = begin; i < end; ++i)
    out[i] = in[vars[0] - 1 - i] + 1;
}

// Makes thread 0's share slow, so that others take from it.
void slowStart(void *const *buffers, const int64_t *vars, int64_t begin, int64_t end) {
  if (begin == 0)
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  visit(buffers, vars, begin, end);
}

Launch overTokens(int64_t tile, bool barrier) {
  Launch launch;
  launch.grid = {{T, tile}};
  launch.barrierBefore = barrier;
  return launch;
}

TEST(CommandList, EveryItemRunsOnce) {
  for (unsigned threads : {1u, 2u, 3u, 8u}) {
    auto pool = *ThreadPool::start(threads, false);
    std::vector<std::vector<int>> counts(4, std::vector<int>(1000));
    CommandList list(threads);
    for (size_t i = 0; i < counts.size(); ++i)
      list.record(i == 2 ? slowStart : visit, {counts[i].data()}, 1, overTokens(1, i != 1), kVars);
    list.finish();
    for (int64_t items : {0, 1, 2, 3, 5, 17, 64, 333, 1000, 1, 1000}) {
      for (auto &c : counts)
        c.assign(1000, 0);
      list.run(*pool, 0, list.size(), {&items, 1}, {});
      for (auto &c : counts)
        for (int64_t i = 0; i < 1000; ++i)
          ASSERT_EQ(c[i], i < items) << threads << " threads, " << items << " items, item " << i;
    }
  }
}

TEST(CommandList, BarriersOrderLaunches) {
  for (unsigned threads : {1u, 2u, 5u}) {
    auto pool = *ThreadPool::start(threads, false);
    std::vector<int> a(1000), b(1000);
    CommandList list(threads);
    for (int i = 0; i < 100; ++i)
      list.record(reverseAddOne, {(i % 2 ? b : a).data(), (i % 2 ? a : b).data()}, 1,
                  overTokens(1, true), kVars);
    list.finish();
    std::mt19937 random(threads);
    for (int run = 1; run <= 50; ++run) {
      int64_t items = 1 + random() % 1000;
      for (int64_t i = 0; i < items; ++i)
        a[i] = static_cast<int>(i);
      list.run(*pool, 0, list.size(), {&items, 1}, {});
      for (int64_t i = 0; i < items; ++i)
        ASSERT_EQ(a[i], i + 100) << "run " << run;
    }
  }
}

TEST(CommandList, TilesRoundUp) {
  auto pool = *ThreadPool::start(2, false);
  std::vector<int> counts(1000);
  CommandList list(2);
  Launch launch = overTokens(16, true);
  launch.grid.push_back({3, 1});
  list.record(visit, {counts.data()}, 1, launch, kVars);
  list.finish();
  int64_t tokens = 33;
  list.run(*pool, 0, 1, {&tokens, 1}, {});
  EXPECT_EQ(std::count(counts.begin(), counts.end(), 1), 9); // 3 tiles of tokens times 3
}

TEST(CommandList, RangesAndTimes) {
  auto pool = *ThreadPool::start(2, false);
  std::vector<std::vector<int>> counts(3, std::vector<int>(10));
  CommandList list(2);
  for (auto &c : counts)
    list.record(&c == &counts[2] ? slowStart : visit, {c.data()}, 1, overTokens(1, false), kVars);
  list.finish();
  int64_t items = 10;
  list.run(*pool, 1, 2, {&items, 1}, {});
  EXPECT_EQ(counts[0][0], 0);
  EXPECT_EQ(counts[1][9], 1);
  EXPECT_EQ(counts[2][0], 0);
  std::vector<uint64_t> ns(3);
  list.run(*pool, 0, 3, {&items, 1}, ns);
  EXPECT_EQ(counts[0][9], 1);
  EXPECT_GE(ns[2], 200000u);
}

} // namespace
} // namespace rosso
