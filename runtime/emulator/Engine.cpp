#include "runtime/emulator/Engine.h"

#include "runtime/emulator/exec/Launch.h"
#include "runtime/emulator/exec/Program.h"

#include <algorithm>
#include <thread>

namespace rosso::emulator {
namespace {

/// One kernel after the other; each is decoded once.
struct Interpreter final : Engine {
  Interpreter(const EngineOptions &given, Memory &where) : options(given), memory(where) {}

  Result<Counters> run(const Dispatch &dispatch, const Visibility &visibility,
                       const std::atomic<bool> &stop) override;
  void invalidateCode() override {
    std::lock_guard lock(mutex);
    programs.clear();
  }

  uint64_t heartbeat() const override { return finished.load(std::memory_order_relaxed); }

  const EngineOptions options;
  Memory &memory;
  std::atomic<uint64_t> finished = 0; // work groups
  std::mutex mutex;                   // one dispatch at a time
  std::unique_ptr<Decoder> decoder;
  std::map<uint64_t, std::unique_ptr<Program>> programs; // by address of the first instruction
  std::unique_ptr<ThreadPool> pool;
  std::vector<std::unique_ptr<LaunchThread>> launchThreads;
};

Result<Counters> Interpreter::run(const Dispatch &dispatch, const Visibility &visibility,
                                  const std::atomic<bool> &stop) {
  std::lock_guard lock(mutex);
  std::unique_ptr<Program> &program = programs[dispatch.code];
  if (!program)
    program = std::make_unique<Program>(*decoder, memory, *options.chip);
  Launch launch(options, memory, *program, dispatch, visibility, stop, finished);
  ROSSO_CHECK(launch.check());
  return launch.run(*pool, launchThreads);
}

} // namespace

Result<std::unique_ptr<Engine>> Engine::create(const EngineOptions &options, Memory &memory) {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("x86-64-v3"))
    return unsupported("the emulator needs a processor with AVX2, FMA and F16C (x86-64-v3)");
#endif
  auto engine = std::make_unique<Interpreter>(options, memory);
  ROSSO_TRY(engine->decoder, Decoder::create(*options.chip));
  const unsigned threads =
      options.threads ? options.threads : std::max(1u, std::thread::hardware_concurrency());
  ROSSO_TRY(engine->pool, ThreadPool::start(threads, /*pinned=*/false));
  for (unsigned i = 0; i < engine->pool->size(); ++i)
    engine->launchThreads.push_back(std::make_unique<LaunchThread>());
  return std::unique_ptr<Engine>(std::move(engine));
}

Counters &Counters::operator+=(const Counters &other) {
  for (size_t i = 0; i < std::size(instructions); ++i)
    instructions[i] += other.instructions[i];
  constexpr uint64_t Counters::*kSums[] = {&Counters::slots,
                                           &Counters::waves,
                                           &Counters::workgroups,
                                           &Counters::activeLanes,
                                           &Counters::laneSlots,
                                           &Counters::loadBytes,
                                           &Counters::storeBytes,
                                           &Counters::sectorsRead,
                                           &Counters::sectorsWritten,
                                           &Counters::lines,
                                           &Counters::scalarBytes,
                                           &Counters::ldsBytes,
                                           &Counters::ldsConflictClocks,
                                           &Counters::ldsClocks,
                                           &Counters::wideLoadBytes,
                                           &Counters::loadRounds,
                                           &Counters::prefetchedRounds,
                                           &Counters::hostLoadBytes,
                                           &Counters::hostStoreBytes};
  for (auto sum : kSums)
    this->*sum += other.*sum;
  longestWaveSlots = std::max(longestWaveSlots, other.longestWaveSlots);
  for (const auto &[name, bytes] : other.perBuffer) {
    auto found =
        std::find_if(perBuffer.begin(), perBuffer.end(),
                     [&, &wanted = name](const auto &each) { return each.first == wanted; });
    if (found == perBuffer.end()) {
      perBuffer.push_back({name, bytes});
    } else {
      found->second.first += bytes.first;
      found->second.second += bytes.second;
    }
  }
  return *this;
}

} // namespace rosso::emulator
