// rosso-peak: what this machine can do, to judge what Rosso does with it.
//
// Two numbers, each with N threads pinned nowhere and started together:
//   - read bandwidth: summing a buffer far larger than the caches, best of several passes
//   - int8 dot products: the rate of independent `vpdpbusd` instructions (AVX-512 VNNI, else
//     AVX-VNNI, else `vpmaddubsw`), with all operands in registers
// Both are loops that do nothing else, so no kernel can pass them; a kernel's share of them says
// how much is left to gain.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <sys/mman.h>

namespace {

using Clock = std::chrono::steady_clock;

/// Runs `work(thread)` on all threads at once; seconds from the common start to the last end.
double timeTogether(unsigned threads, const std::function<void(unsigned)> &work) {
  std::atomic<unsigned> waiting{threads};
  std::vector<Clock::time_point> begins(threads), ends(threads);
  std::vector<std::thread> pool;
  for (unsigned t = 0; t < threads; ++t)
    pool.emplace_back([&, t] {
      --waiting;
      while (waiting.load() != 0) {
      }
      begins[t] = Clock::now();
      work(t);
      ends[t] = Clock::now();
    });
  for (std::thread &thread : pool)
    thread.join();
  const auto begin = *std::min_element(begins.begin(), begins.end());
  const auto end = *std::max_element(ends.begin(), ends.end());
  return std::chrono::duration<double>(end - begin).count();
}

std::atomic<uint64_t> sink; // keeps the sums alive

uint64_t sumWords(const uint64_t *words, size_t count) {
  uint64_t sums[32] = {}; // independent chains, which the compiler puts into vectors
  for (size_t i = 0; i + 32 <= count; i += 32)
    for (size_t lane = 0; lane < 32; ++lane)
      sums[lane] += words[i + lane];
  uint64_t total = 0;
  for (uint64_t sum : sums)
    total += sum;
  return total;
}

/// Bytes per second of reading `bytes` of memory, every thread its own part.
double readBandwidth(unsigned threads, size_t bytes, int passes) {
  void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return 0;
  madvise(memory, bytes, MADV_HUGEPAGE);
  std::memset(memory, 1, bytes);
  const size_t part = bytes / sizeof(uint64_t) / threads;
  double best = 0;
  for (int pass = 0; pass < passes; ++pass) {
    const double seconds = timeTogether(threads, [&](unsigned t) {
      sink += sumWords(static_cast<const uint64_t *>(memory) + part * t, part);
    });
    best = std::max(best, static_cast<double>(part * threads * sizeof(uint64_t)) / seconds);
  }
  munmap(memory, bytes);
  return best;
}

struct DotLoop {
  const char *name;
  double operationsPerStep; // multiplies and adds of one step
  void (*run)(uint64_t steps);
};

#if defined(__x86_64__)
// Twelve accumulators cover the latency of the instruction on two ports. The barrier keeps the
// compiler from folding steps of the same operands.
#define ROSSO_KEEP(x) asm volatile("" : "+v"(x))

__attribute__((target("avx512f,avx512vnni"))) void dot512(uint64_t steps) {
  __m512i sums[12] = {}, a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(5);
  for (uint64_t i = 0; i < steps; ++i)
    for (__m512i &sum : sums) {
      sum = _mm512_dpbusd_epi32(sum, a, b);
      ROSSO_KEEP(sum);
    }
  for (const __m512i &sum : sums)
    sink += static_cast<uint64_t>(_mm512_reduce_add_epi32(sum));
}

__attribute__((target("avx2,avxvnni"))) void dot256(uint64_t steps) {
  __m256i sums[12] = {}, a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(5);
  for (uint64_t i = 0; i < steps; ++i)
    for (__m256i &sum : sums) {
      sum = _mm256_dpbusd_avx_epi32(sum, a, b);
      ROSSO_KEEP(sum);
    }
  for (const __m256i &sum : sums)
    sink += static_cast<uint64_t>(_mm256_extract_epi32(sum, 0));
}

__attribute__((target("avx2"))) void dotAvx2(uint64_t steps) {
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i sums[12] = {}, a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(5);
  for (uint64_t i = 0; i < steps; ++i)
    for (__m256i &sum : sums) {
      ROSSO_KEEP(a);
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones));
    }
  for (const __m256i &sum : sums)
    sink += static_cast<uint64_t>(_mm256_extract_epi32(sum, 0));
}

DotLoop pickDotLoop() {
  if (__builtin_cpu_supports("avx512vnni"))
    return {"avx512-vnni", 12 * 64 * 2, dot512};
  if (__builtin_cpu_supports("avxvnni"))
    return {"avx-vnni", 12 * 32 * 2, dot256};
  if (__builtin_cpu_supports("avx2"))
    return {"avx2", 12 * 32 * 2, dotAvx2};
  return {"none", 0, nullptr};
}
#else
DotLoop pickDotLoop() { return {"none", 0, nullptr}; }
#endif

/// int8 operations per second, a multiply and an add counting two.
double dotRate(unsigned threads, const DotLoop &loop) {
  if (!loop.run)
    return 0;
  constexpr uint64_t kSteps = 20'000'000;
  double best = 0;
  for (int pass = 0; pass < 3; ++pass) {
    const double seconds = timeTogether(threads, [&](unsigned) { loop.run(kSteps); });
    best = std::max(best, static_cast<double>(kSteps * threads) * loop.operationsPerStep / seconds);
  }
  return best;
}

} // namespace

int main(int argc, char **argv) {
  unsigned threads = std::max(1u, std::thread::hardware_concurrency());
  bool json = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--json") {
      json = true;
    } else if (flag == "--threads" && i + 1 < argc && std::atoi(argv[i + 1]) > 0) {
      threads = static_cast<unsigned>(std::atoi(argv[++i]));
    } else {
      std::fputs("usage: rosso-peak [--threads N] [--json]\n", flag == "--help" ? stdout : stderr);
      return flag == "--help" ? 0 : 2;
    }
  }

  const double bandwidth = readBandwidth(threads, size_t{1} << 30, 8);
  const DotLoop loop = pickDotLoop();
  const double operations = dotRate(threads, loop);
  if (json)
    std::printf(R"({"threads": %u, "read_bytes_s": %.4g, "int8_ops_s": %.4g, "int8": "%s"})"
                "\n",
                threads, bandwidth, operations, loop.name);
  else
    std::printf("%u threads: read %.1f GB/s, int8 %.2f Tops/s (%s)\n", threads, bandwidth / 1e9,
                operations / 1e12, loop.name);
  return 0;
}
