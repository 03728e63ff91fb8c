// How fast a model reads and writes here: tokens per second, compile and load times, memory.
//
// Prefill is measured from an empty context, decode after the longest prefill. A cold compile is
// that of a process of its own with an empty cache, a warm one what this process then finds there;
// so the peak memory is that of a process that has loaded no compiler.
//
// On the emulated GPU the rates are those of the emulation. Beside them stand what the GPU would
// reach by the emulator's time model, and what bounds it.
#include "runtime/emulator/Forecast.h"
#include "tools/cli/Child.h"
#include "tools/cli/ModelFlags.h"
#include "tools/cli/Progress.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>

using namespace rosso;
using namespace rosso::cli;

namespace {

struct Flags {
  ModelFlags model;
  std::vector<int32_t> prefill{512}, decode{64};
  int64_t repeat = 3, depth = -1;
  bool json = false, compileOnly = false, keepCache = false;
  std::string link;

  Result<bool> parse(int argc, char **argv) {
    Arguments arguments("rosso-bench", "Measures a model: tokens per second, times and memory.");
    model.declareModel(arguments);
    arguments.integers("--prefill", "lengths of prompts (512)", prefill);
    arguments.integers("--decode", "numbers of tokens to generate (64)", decode);
    arguments.integer("--repeat", "measurements of each, after one that warms up (3)", repeat, 1,
                      1000);
    arguments.integer("--at", "decode from position N on, of a context nobody has read; no prefill",
                      depth, 0, int64_t{1} << 31);
    model.declareContext(arguments);
    model.declareDevice(arguments);
    arguments.text("--link", "NAME",
                   "between host and emulated GPU: pcie4x16, tb3, tb4, usb4 (pcie4x16)", link);
    arguments.flag("--json", "print JSON", json);
    arguments.flag("--keep-cache", "use the usual program cache; a cold compile is not measured",
                   keepCache);
    arguments.flag("--compile-only", "print the seconds it takes to compile, nothing else",
                   compileOnly);
    ROSSO_TRY(const bool go, arguments.parse(argc, argv));
    for (const auto *lengths : {&prefill, &decode})
      for (int32_t length : *lengths)
        if (length < 1)
          return badInput("lengths of " + std::to_string(length) + " tokens; wanted 1 or more");
    const bool emulated = model.device == "emu" || model.device.starts_with("emu:");
    if (!link.empty() && !emulated)
      return badInput("--link is for --device emu");
    if (emulated) { // predictions want to know which bytes are distinct
      model.device += (model.device == "emu" ? ":trace" : ",trace") +
                      (link.empty() ? std::string() : ",link=" + link);
    }
    return go;
  }

  LlmOptions options() const {
    LlmOptions llm = model.options();
    if (!llm.context)
      llm.context = (depth < 0 ? std::ranges::max(prefill) : depth) + std::ranges::max(decode) + 8;
    return llm;
  }
};

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// What the emulated GPU would take for one measurement.
struct Prediction {
  int64_t tokens = 0;
  double seconds = 0; // with the ways over the link
  emulator::Forecast dispatches;
  std::string link;

  double rate() const { return static_cast<double>(tokens) / seconds; }
  double perToken(uint64_t count) const {
    return static_cast<double>(count) / static_cast<double>(tokens);
  }
  std::string toJson() const {
    std::string shares;
    for (size_t i = 0; i < emulator::kBounds; ++i)
      shares += (i ? ", " : "") + json(emulator::boundName(static_cast<emulator::Bound>(i))) +
                ": " + json(dispatches.bound[i] / dispatches.seconds);
    return "{\"tok_s\": " + json(rate()) +
           ", \"bound\": " + json(emulator::boundName(dispatches.mostly())) + ", \"shares\": {" +
           shares + "}, \"launches_per_token\": " + json(perToken(dispatches.dispatches)) +
           ", \"vram_bytes_per_token\": " + json(perToken(dispatches.vramBytes)) +
           ", \"link\": " + json(link) + "}";
  }
  std::string toText() const {
    char rates[64];
    std::snprintf(rates, sizeof rates, "predicted %16.1f tokens/s  ", rate());
    char counts[64];
    std::snprintf(counts, sizeof counts, "; %.4g launches, ", perToken(dispatches.dispatches));
    return rates + dispatches.shares() + counts +
           formatBytes(static_cast<uint64_t>(perToken(dispatches.vramBytes))) + " a token; " + link;
  }
};

struct Measurement {
  const char *kind;
  std::string device; // that ran
  int64_t tokens = 0;
  std::vector<double> rates; // tokens/s, ascending
  std::optional<Prediction> predicted = std::nullopt;

  double median() const {
    const size_t middle = rates.size() / 2;
    return rates.size() % 2 ? rates[middle] : (rates[middle - 1] + rates[middle]) / 2;
  }
  std::string toJson() const {
    return "{\"device\": " + json(device) + ", \"tokens\": " + std::to_string(tokens) +
           ", \"tok_s\": " + json(median()) + ", \"least\": " + json(rates.front()) +
           ", \"most\": " + json(rates.back()) +
           (predicted ? ", \"predicted\": " + predicted->toJson() : "") + "}";
  }
};

class Bench {
public:
  explicit Bench(Llm &llm, int64_t repeat) : llm_(llm), repeat_(repeat) {}

  Result<Measurement> prefill(int64_t tokens) {
    const std::vector<TokenId> ids = prompt(tokens);
    return measure("prefill", tokens, [&]() -> Result<double> {
      llm_.rewind(0);
      const double begin = seconds();
      ROSSO_TRY(TokenId next, llm_.prefill(ids));
      static_cast<void>(next);
      return seconds() - begin;
    });
  }

  /// After a prompt of `depth` tokens, or one that nobody has read.
  Result<Measurement> decode(int64_t tokens, int64_t depth, bool isRead) {
    if (isRead) {
      llm_.rewind(0);
      ROSSO_TRY(TokenId next, llm_.prefill(prompt(depth)));
      static_cast<void>(next);
    }
    return measure("decode", tokens, [&]() -> Result<double> {
      llm_.skipTo(depth);
      const double begin = seconds();
      for (int64_t i = 0; i < tokens; ++i) {
        ROSSO_TRY(TokenId next, llm_.decode());
        static_cast<void>(next);
      }
      return seconds() - begin;
    });
  }

private:
  /// Arbitrary tokens: the time does not depend on them.
  std::vector<TokenId> prompt(int64_t tokens) const {
    std::vector<TokenId> ids;
    for (int64_t i = 0; i < tokens; ++i)
      ids.push_back(static_cast<TokenId>((10 + i * 37) % llm_.config().vocabulary));
    return ids;
  }

  template <typename Once>
  Result<Measurement> measure(const char *kind, int64_t tokens, const Once &once) const {
    Measurement measurement{kind, std::string(llm_.engine().name()), tokens, {}};
    emulator::Counting *counting = llm_.deviceEngine()->executable().device().counting();
    emulator::Totals before;
    for (int64_t i = 0; i <= repeat_; ++i) {
      if (counting && i == repeat_) {
        counting->keepDispatches(true);
        before = counting->totals();
      }
      ROSSO_TRY(const double elapsed, once());
      if (i > 0) // the first warms up
        measurement.rates.push_back(static_cast<double>(tokens) / elapsed);
    }
    if (counting) {
      counting->keepDispatches(false);
      measurement.predicted = Prediction{.tokens = tokens,
                                         .seconds = counting->totals().seconds - before.seconds,
                                         .dispatches = emulator::addUp(counting->takeDispatches()),
                                         .link = std::string(counting->link().title)};
    }
    std::ranges::sort(measurement.rates);
    return measurement;
  }

  Llm &llm_;
  int64_t repeat_;
};

void printJson(const Flags &flags, Llm &llm, const std::vector<Measurement> &prefill,
               const std::vector<Measurement> &decode, double cold) {
  std::printf("{\"model\": %s, \"device\": %s,\n", json(fileName(flags.model.path)).c_str(),
              json(llm.engine().describe()).c_str());
  std::printf(" \"prefill\": %s, \"decode\": %s,\n",
              prefill.empty() ? "null" : prefill.back().toJson().c_str(),
              decode.back().toJson().c_str());
  for (const auto &[name, list] :
       {std::pair{"prefill_lengths", &prefill}, std::pair{"decode_lengths", &decode}}) {
    if (list->size() < 2)
      continue;
    std::printf(" \"%s\": [", name);
    for (const Measurement &one : *list)
      std::printf("%s%s", &one == list->data() ? "" : ", ", one.toJson().c_str());
    std::printf("],\n");
  }
  const DeviceEngine &engine = *llm.deviceEngine();
  const MemoryFacts memory = llm.engine().memory();
  std::printf(" \"compile_s\": {\"cold\": %s, \"warm\": %s}, \"load_s\": %s,\n",
              flags.keepCache ? "null" : json(cold).c_str(),
              json(engine.compileStats().seconds).c_str(), json(engine.loadSeconds()).c_str());
  if (emulator::Counting *counting = llm.deviceEngine()->executable().device().counting())
    std::printf(" \"arena_bytes\": %llu, \"vram_peak_bytes\": %llu,\n",
                static_cast<unsigned long long>(llm.deviceEngine()->executable().arenaBytes()),
                static_cast<unsigned long long>(counting->totals().vramPeakBytes));
  std::printf(" \"weights_bytes\": %llu, \"kv_bytes\": %llu, \"activation_bytes\": %llu, "
              "\"peak_bytes\": %llu}\n",
              static_cast<unsigned long long>(memory.weights),
              static_cast<unsigned long long>(memory.kv),
              static_cast<unsigned long long>(memory.activations),
              static_cast<unsigned long long>(peakResidentBytes()));
}

void printText(const Flags &flags, Llm &llm, const std::vector<Measurement> &prefill,
               const std::vector<Measurement> &decode, double cold) {
  std::printf("%s on %s\n", fileName(flags.model.path).c_str(), llm.engine().describe().c_str());
  for (const auto *list : {&prefill, &decode})
    for (const Measurement &one : *list) {
      std::printf("%-8s %6lld tokens  %9.1f tokens/s  (%.1f to %.1f) on %s\n", one.kind,
                  static_cast<long long>(one.tokens), one.median(), one.rates.front(),
                  one.rates.back(), one.device.c_str());
      if (one.predicted)
        std::printf("  %s\n", one.predicted->toText().c_str());
    }
  const DeviceEngine &engine = *llm.deviceEngine();
  if (!flags.keepCache)
    std::printf("compile  %.2f s cold, %.3f s warm\n", cold, engine.compileStats().seconds);
  const MemoryFacts memory = llm.engine().memory();
  std::printf("load     %.2f s\n", engine.loadSeconds());
  std::printf("memory   weights %s, KV cache %s, activations %s; peak %s\n",
              formatBytes(memory.weights).c_str(), formatBytes(memory.kv).c_str(),
              formatBytes(memory.activations).c_str(), formatBytes(peakResidentBytes()).c_str());
}

Status compileOnly(const Flags &flags) {
  ROSSO_TRY(const GgufFile file, GgufFile::open(flags.model.path));
  ROSSO_TRY(const Graph graph, Llm::graph(file, flags.options()));
  CompileStats stats;
  ROSSO_TRY(const Program program, compile(graph, {.exact = flags.model.exact}, &stats));
  std::printf("%.6f\n", stats.seconds);
  return {};
}

Status run(const Flags &flags, int argc, char **argv) {
  if (flags.model.device == kReferenceDevice)
    return badInput("device reference: too slow to measure; use host");
  if (flags.compileOnly)
    return compileOnly(flags);
  ROSSO_TRY(const GgufFile file, GgufFile::open(flags.model.path));
  TemporaryFolder cache; // gone at the end
  double cold = 0;
  if (!flags.keepCache && flags.model.device == "host") {
    ROSSO_TRY(cache, TemporaryFolder::make());
    setenv("ROSSO_CACHE_DIR", cache.path().c_str(), 1);
    std::vector<std::string> arguments(argv + 1, argv + argc);
    arguments.emplace_back("--compile-only");
    ROSSO_TRY(const std::string output, runSelf(arguments));
    cold = std::strtod(output.c_str(), nullptr);
  }
  Progress progress(false);
  LlmOptions options = flags.options();
  options.progress = [&](LoadStage stage, uint64_t done, uint64_t total) {
    progress.update(stage, done, total);
  };
  ROSSO_TRY(const auto llm, Llm::load(file, options));
  progress.clear();

  Bench bench(*llm, flags.repeat);
  std::vector<Measurement> prefill, decode;
  const bool isRead = flags.depth < 0;
  for (int32_t tokens : isRead ? flags.prefill : std::vector<int32_t>()) {
    ROSSO_TRY(auto measurement, bench.prefill(tokens));
    prefill.push_back(std::move(measurement));
  }
  for (int32_t tokens : flags.decode) {
    const int64_t depth = isRead ? std::ranges::max(flags.prefill) : flags.depth;
    ROSSO_TRY(auto measurement, bench.decode(tokens, depth, isRead));
    decode.push_back(std::move(measurement));
  }
  (flags.json ? printJson : printText)(flags, *llm, prefill, decode, cold);
  return {};
}

} // namespace

int main(int argc, char **argv) {
  Flags flags;
  auto parsed = flags.parse(argc, argv);
  if (!parsed || !*parsed)
    return finish(parsed ? Status() : parsed.error());
  return finish(run(flags, argc, argv));
}
