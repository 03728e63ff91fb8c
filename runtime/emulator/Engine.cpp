#include "runtime/emulator/Engine.h"

#include "runtime/emulator/exec/Launch.h"
#include "runtime/emulator/exec/Program.h"
#include "runtime/emulator/translate/Translator.h"

#include <algorithm>
#include <thread>

namespace rosso::emulator {
namespace {

/// A kernel and what became of it.
struct Kernel {
  std::unique_ptr<Program> program;
  uint64_t ran = 0; // instructions of waves, interpreted
  /// By MODE at the start, and whether all lanes are active then.
  std::map<std::pair<uint32_t, bool>, std::unique_ptr<Translation>> translations;
};

/// One kernel after the other; each is decoded once.
struct KernelEngine final : Engine {
  KernelEngine(const EngineOptions &given, Memory &where) : options(given), memory(where) {}

  Result<Counters> run(const Dispatch &dispatch, const Visibility &visibility,
                       const std::atomic<bool> &stop) override;
  void invalidateCode() override {
    std::lock_guard lock(mutex);
    kernels.clear();
  }

  uint64_t heartbeat() const override { return finished.load(std::memory_order_relaxed); }

  Result<const Translation *> translation(Kernel &kernel, const Launch &launch) const;

  const EngineOptions options;
  Memory &memory;
  std::atomic<uint64_t> finished = 0; // work groups
  std::mutex mutex;                   // one dispatch at a time
  std::unique_ptr<Decoder> decoder;
  std::map<uint64_t, Kernel> kernels; // by address of the first instruction
  std::unique_ptr<ThreadPool> pool;
  std::vector<std::unique_ptr<LaunchThread>> launchThreads;
};

Result<Counters> KernelEngine::run(const Dispatch &dispatch, const Visibility &visibility,
                                   const std::atomic<bool> &stop) {
  std::lock_guard lock(mutex);
  Kernel &kernel = kernels[dispatch.code];
  if (!kernel.program)
    kernel.program = std::make_unique<Program>(*decoder, memory, *options.chip);
  Launch launch(options, memory, *kernel.program, dispatch, visibility, stop, finished);
  ROSSO_CHECK(launch.check());
  if (options.mode == Mode::Fast) {
    ROSSO_TRY(const Translation *host, translation(kernel, launch));
    launch.use(host);
  }
  auto counters = launch.run(*pool, launchThreads);
  if (counters)
    for (uint64_t count : counters->instructions)
      kernel.ran += count;
  return counters;
}

/// Translating costs as much as interpreting some hundred thousand instructions.
Result<const Translation *> KernelEngine::translation(Kernel &kernel, const Launch &launch) const {
  const auto key = std::pair(launch.startMode(), launch.hasFullWavesOnly());
  if (auto found = kernel.translations.find(key); found != kernel.translations.end())
    return static_cast<const Translation *>(found->second.get());
  const auto regions = kernel.program->regions();
  uint64_t steps = 0;
  for (const auto &region : regions)
    steps += region.size();
  constexpr uint64_t kMostSteps = 100'000; // beyond, translating takes minutes
  if (steps > kMostSteps || kernel.ran + launch.waves() * steps < options.translateAfter)
    return static_cast<const Translation *>(nullptr);
  ROSSO_TRY(auto translation, translateKernel({.regions = regions,
                                               .entry = launch.entry(),
                                               .program = kernel.program.get(),
                                               .mode = key.first,
                                               .fullWaves = key.second,
                                               .hostCpu = options.hostCpu}));
  const Translation *result = translation.get();
  kernel.translations[key] = std::move(translation);
  return result;
}

} // namespace

Result<std::unique_ptr<Engine>> Engine::create(const EngineOptions &options, Memory &memory) {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("x86-64-v3"))
    return unsupported("the emulator needs a processor with AVX2, FMA and F16C (x86-64-v3)");
#endif
  auto engine = std::make_unique<KernelEngine>(options, memory);
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
