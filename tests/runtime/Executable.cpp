#include "runtime/Executable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <new>
#include <set>

// Counts allocations, except where a sanitizer has its own operator new.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ROSSO_TEST_SANITIZED
#endif
#endif
namespace {
std::atomic<long> allocations = 0;
}
#ifndef ROSSO_TEST_SANITIZED
void *operator new(size_t size) {
  ++allocations;
  if (void *memory = std::malloc(size ? size : 1))
    return memory;
  std::abort();
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }
#endif

namespace rosso {
namespace {

using testing::HasSubstr;

const Dim T = Dim::variable("T");

std::vector<uint8_t> kernels() {
  std::ifstream file(ROSSO_TEST_KERNELS, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// sum = x + w, then total += sum[T - 1].
Program addAndAccumulate() {
  Program program;
  program.target = "host:test";
  program.code = kernels();
  program.kernels = {{"add", "add4", "", 0}, {"accumulate", "accumulate", "", 0}};
  program.vars = {{"T", {1, 100}}};
  program.weights = {{"w", "f32", "rows", {100}, 400}};
  program.states = {{"total", "f32", {1}, 4}};
  program.scratchBytes = 512;
  Launch add{.kernel = 0,
             .buffers = {{Space::Input, 0, 0}, {Space::Weight, 0, 0}, {Space::Scratch, 0, 64}},
             .outputCount = 1,
             .grid = {{T, 4}},
             .nodes = {}};
  Launch accumulate{
      .kernel = 1,
      .buffers = {{Space::Scratch, 0, 64}, {Space::State, 0, 0}, {Space::Output, 0, 0}},
      .outputCount = 2,
      .grid = {},
      .nodes = {}};
  program.entries = {{"step", {{"x", "f32", {T}, 400}}, {{"y", "f32", {1}, 4}}, {add, accumulate}}};
  return program;
}

std::span<float> floats(std::span<uint8_t> bytes) {
  return {reinterpret_cast<float *>(bytes.data()), bytes.size() / 4};
}
float first(std::span<const uint8_t> bytes) {
  float value;
  std::memcpy(&value, bytes.data(), 4);
  return value;
}

TEST(Executable, RunsLaunchesInOrderAndKeepsStates) {
  for (int threads : {1, 2, 4}) {
    auto made = Executable::create(addAndAccumulate(), {.threads = threads});
    ASSERT_TRUE(made.ok()) << made.error().message;
    Executable &exe = **made;
    EXPECT_EQ(exe.findEntry("step"), 0);
    EXPECT_EQ(exe.findEntry("other"), -1);
    EXPECT_EQ(exe.findWeight("w"), 0);
    EXPECT_EQ(exe.findState("total"), 0);
    for (int i = 0; i < 100; ++i) {
      floats(exe.weight(0))[i] = 1000;
      floats(exe.input(0, 0))[i] = static_cast<float>(i);
    }
    const int64_t ten = 10, hundred = 100;
    ASSERT_TRUE(exe.run(0, {&ten, 1}).ok());
    EXPECT_EQ(first(exe.output(0, 0)), 1009);
    ASSERT_TRUE(exe.run(0, {&hundred, 1}).ok());
    EXPECT_EQ(first(exe.output(0, 0)), 1009 + 1099);
    ASSERT_TRUE(exe.clearStates().ok());
    ASSERT_TRUE(exe.run(0, {&ten, 1}).ok());
    EXPECT_EQ(first(exe.output(0, 0)), 1009);
    ASSERT_TRUE(exe.runLaunch(0, 1, {&hundred, 1}).ok()); // only accumulates, from the old sum
    EXPECT_EQ(first(exe.output(0, 0)), 1009 + 1099);
  }
}

TEST(Executable, RunAllocatesNothing) {
#ifdef ROSSO_TEST_SANITIZED
  GTEST_SKIP() << "the sanitizer owns operator new";
#endif
  auto exe = *Executable::create(addAndAccumulate(), {.threads = 2});
  const int64_t tokens = 100;
  std::vector<uint64_t> ns(2);
  ASSERT_TRUE(exe->run(0, {&tokens, 1}).ok());
  const long before = allocations;
  ASSERT_GT(before, 0);
  for (int i = 0; i < 100; ++i) {
    (void)exe->run(0, {&tokens, 1});
    (void)exe->run(0, {&tokens, 1}, ns);
  }
  EXPECT_EQ(allocations, before);
}

TEST(Executable, CopiesToAndFromBuffers) {
  auto exe = *Executable::create(addAndAccumulate(), {.threads = 1});
  const float values[2] = {1.5f, 2.5f};
  const std::span bytes(reinterpret_cast<const uint8_t *>(values), 8);
  ASSERT_TRUE(exe->uploadWeight(0, 4, bytes).ok());
  EXPECT_EQ(floats(exe->weight(0))[1], 1.5f);
  EXPECT_EQ(floats(exe->weight(0))[2], 2.5f);
  EXPECT_FALSE(exe->uploadWeight(0, 396, bytes).ok());
  float back = 0;
  const std::span target(reinterpret_cast<uint8_t *>(&back), 4);
  ASSERT_TRUE(exe->download(0, {Space::Weight, 0, 8}, target).ok());
  EXPECT_EQ(back, 2.5f);
  ASSERT_TRUE(exe->upload(0, {Space::State, 0, 0}, bytes.first(4)).ok());
  EXPECT_EQ(floats(exe->state(0))[0], 1.5f);
  EXPECT_FALSE(exe->upload(0, {Space::State, 0, 0}, bytes).ok());
}

TEST(Executable, ThreadsHaveTheirOwnScratch) {
  Program program;
  program.target = "host";
  program.code = kernels();
  program.kernels = {{"scratch", "scratch", "", 512}};
  program.entries = {{"e", {}, {{"out", "i64", {1000}, 8000}}, {}}};
  program.entries[0].launches = {{.kernel = 0,
                                  .buffers = {{Space::Output, 0, 0}},
                                  .outputCount = 1,
                                  .grid = {{1000, 1}},
                                  .nodes = {}}};
  auto exe = *Executable::create(std::move(program), {.threads = 3});
  for (int run = 0; run < 100; ++run) {
    ASSERT_TRUE(exe->run(0, {}).ok());
    auto out = exe->output(0, 0);
    std::vector<int64_t> addresses(1000);
    std::memcpy(addresses.data(), out.data(), 8000);
    EXPECT_EQ(std::count(addresses.begin(), addresses.end(), -1), 0);
    EXPECT_LE(std::set(addresses.begin(), addresses.end()).size(), 3u);
  }
}

TEST(Executable, SeveralProgramsLiveSideBySide) {
  std::vector<std::unique_ptr<Executable>> all;
  const int64_t one = 1;
  for (int i = 0; i < 5; ++i) {
    all.push_back(*Executable::create(addAndAccumulate(), {.threads = 1}));
    if (i == 2)
      all.erase(all.begin());
    for (auto &exe : all)
      ASSERT_TRUE(exe->run(0, {&one, 1}).ok());
  }
}

TEST(Executable, RunsCanBeQueued) {
  auto exe = *Executable::create(addAndAccumulate(), {.threads = 1});
  for (float &w : floats(exe->weight(0)))
    w = 1;
  Ticket last = 0;
  for (int64_t t = 1; t <= 3; ++t) {
    auto ticket = exe->submit(0, {&t, 1});
    ASSERT_TRUE(ticket.ok()) << ticket.error().message;
    EXPECT_GT(*ticket, last);
    last = *ticket;
  }
  ASSERT_TRUE(exe->wait(last).ok());
  float total = 0;
  std::memcpy(&total, exe->output(0, 0).data(), sizeof(total));
  EXPECT_EQ(total, 3.0f);
  for (int t = 1; t <= 3; ++t) {
    const auto kept = exe->output(last - 3 + t, 0, 0);
    ASSERT_EQ(kept.size(), sizeof(total));
    std::memcpy(&total, kept.data(), sizeof(total));
    EXPECT_EQ(total, static_cast<float>(t));
  }
  EXPECT_TRUE(exe->output(last + 1, 0, 0).empty());
  EXPECT_THAT(exe->wait(last + 1).error().message, HasSubstr("no run 4"));
}

TEST(Executable, SaysWhatIsWrong) {
  auto failure = [](auto change, RunOptions options = {.threads = 1}) {
    Program program = addAndAccumulate();
    change(program);
    auto made = Executable::create(std::move(program), options);
    return made.ok() ? std::string("no error") : made.error().message;
  };
  EXPECT_THAT(failure([](Program &p) { p.target = "amdgpu:gfx1100"; }),
              HasSubstr("amdgpu:gfx1100"));
  EXPECT_THAT(failure([](Program &p) { p.kernels[0].symbol = "absent"; }),
              HasSubstr("kernel add: no symbol 'absent'"));
  EXPECT_THAT(failure([](Program &p) { p.code = {1, 2, 3}; }), HasSubstr("host code: dlopen"));
  EXPECT_THAT(failure([](Program &p) { p.weights[0].bytes = uint64_t{1} << 45; }),
              testing::AllOf(HasSubstr("weights 32768.00 GiB"), HasSubstr("states 0.1 KiB"),
                             HasSubstr("available")));
  EXPECT_THAT(failure([](Program &p) { p.entries[0].rooms = {Dim::variable("Q")}; }),
              HasSubstr("step: room Q"));
  EXPECT_THAT(failure([](Program &) {}, {.device = "emu:gfx9"}), HasSubstr("gfx9"));
  EXPECT_THAT(failure([](Program &) {}, {.device = "gpu"}), HasSubstr("expected host"));
  EXPECT_THAT(failure([](Program &) {}, {.threads = -1}), HasSubstr("-1 threads"));

  auto exe = *Executable::create(addAndAccumulate(), {.threads = 1});
  const int64_t tooMany = 101;
  EXPECT_THAT(exe->run(0, {&tooMany, 1}).error().message,
              HasSubstr("variable T is 101; wanted 1 to 100"));
  EXPECT_THAT(exe->run(0, {}).error().message, HasSubstr("0 variables given, 1 wanted"));
  EXPECT_THAT(exe->run(1, {&tooMany, 1}).error().message, HasSubstr("no entry 1"));
  const int64_t one = 1;
  EXPECT_THAT(exe->runLaunch(0, 2, {&one, 1}).error().message, HasSubstr("no launch 2"));
}

TEST(Executable, RefusesVariablesThatLeaveABuffer) {
  Program program = addAndAccumulate();
  program.vars["P"] = {0, 100};
  program.entries[0].rooms = {Dim(100) - Dim::variable("P") - T};
  auto exe = *Executable::create(std::move(program), {.threads = 1});
  const int64_t fits[] = {90, 10}, tooLong[] = {91, 10}; // P, T
  EXPECT_TRUE(exe->run(0, fits).ok());
  EXPECT_THAT(exe->run(0, tooLong).error().message,
              HasSubstr("entry step: -P - T + 100 must not be negative, but is -1"));
}

TEST(Executable, SaysWhatItRunsOn) {
  auto exe = *Executable::create(addAndAccumulate(), {.threads = 2});
  EXPECT_EQ(exe->device().name(), "host");
  EXPECT_THAT(exe->device().describe(), testing::MatchesRegex("host, .+, 2 threads"));
  EXPECT_GT(peakResidentBytes(), 1u << 20);
}

} // namespace
} // namespace rosso
