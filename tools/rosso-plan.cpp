// How much memory a model takes, and whether that fits: from the file's metadata alone.
#include "models/MemoryPlan.h"
#include "tools/cli/ModelFlags.h"
#include "tools/cli/Progress.h"

#include <cstdio>
#include <unistd.h>

using namespace rosso;
using namespace rosso::cli;

namespace {

struct Flags {
  ModelFlags model;
  int64_t chunk = 512;
  uint64_t vram = 0; // 0: this machine's memory
  bool json = false;

  Result<bool> parse(int argc, char **argv) {
    Arguments arguments("rosso-plan",
                        "Shows how much memory a model takes; loads and compiles nothing.");
    model.declareModel(arguments);
    model.declareContext(arguments);
    arguments.integer("--chunk", "tokens of one prefill (512)", chunk, 1, 1 << 16);
    arguments.bytes("--vram", "memory to fit into (that of this machine)", vram);
    arguments.flag("--json", "print JSON", json);
    return arguments.parse(argc, argv);
  }
};

uint64_t machineBytes() {
  return static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

Status run(const Flags &flags) {
  ROSSO_TRY(const GgufFile file, GgufFile::open(flags.model.path));
  ROSSO_TRY(const DecoderConfig config, DecoderConfig::read(file));
  LlmOptions options = flags.model.options();
  options.chunk = flags.chunk;
  const GraphOptions graph = graphOptions(config, options);
  const uint64_t room = flags.vram ? flags.vram : machineBytes();
  ROSSO_TRY(const MemoryFacts facts, planMemory(file, config, graph));
  ROSSO_TRY(const int64_t most, findMaxContext(file, config, graph, room));
  const bool fits = facts.total() <= room;

  if (flags.json) {
    std::printf("{\"model\": %s, \"architecture\": %s, \"ctx\": %lld, \"kv\": %s, \"fits\": %s, "
                "\"vram_bytes\": %llu, \"total_bytes\": %llu, \"weights_bytes\": %llu, "
                "\"kv_bytes\": %llu, \"activation_bytes\": %llu, \"max_ctx\": %lld, "
                "\"trained_ctx\": %lld}\n",
                json(fileName(flags.model.path)).c_str(), json(config.architecture).c_str(),
                static_cast<long long>(graph.decoder.context), json(flags.model.kv).c_str(),
                fits ? "true" : "false", static_cast<unsigned long long>(room),
                static_cast<unsigned long long>(facts.total()),
                static_cast<unsigned long long>(facts.weights),
                static_cast<unsigned long long>(facts.kv),
                static_cast<unsigned long long>(facts.activations), static_cast<long long>(most),
                static_cast<long long>(config.trainedContext));
    return {};
  }
  std::printf("model        %s (%s, %lld layers)\n", config.name.c_str(),
              config.architecture.c_str(), static_cast<long long>(config.layers));
  std::printf("weights      %12s\n", formatBytes(facts.weights).c_str());
  std::printf("KV cache     %12s  %s, context %lld\n", formatBytes(facts.kv).c_str(),
              flags.model.kv.c_str(), static_cast<long long>(graph.decoder.context));
  std::printf("activations  %12s  at most, %lld tokens at once\n",
              formatBytes(facts.activations).c_str(),
              static_cast<long long>(std::min(graph.chunk, graph.decoder.context)));
  std::printf("total        %12s  %s %s\n", formatBytes(facts.total()).c_str(),
              fits ? "fits into" : "does not fit into", formatBytes(room).c_str());
  std::printf("context      %12lld  at most, of %lld trained\n", static_cast<long long>(most),
              static_cast<long long>(config.trainedContext));
  return {};
}

} // namespace

int main(int argc, char **argv) {
  Flags flags;
  auto parsed = flags.parse(argc, argv);
  if (!parsed || !*parsed)
    return finish(parsed ? Status() : parsed.error());
  return finish(run(flags));
}
