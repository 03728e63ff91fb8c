#include "frontend/Compile.h"

#include "frontend/CompileCache.h"
#include "frontend/CompilerLibrary.h"
#include "support/Sha256.h"

#include <chrono>
#include <fstream>

namespace rosso {
namespace {

std::string keyOf(const Graph &graph, const CompileOptions &options,
                  const CompilerLibrary &compiler) {
  Sha256 hash;
  auto add = [&](const std::string &part) {
    hash.add(std::to_string(part.size()) + ":"); // no two lists of parts run together alike
    hash.add(part);
  };
  add(print(graph));
  add(options.target == "host" ? hostTargetName() : options.target);
  add(options.exact ? "exact" : "int8");
  add(options.lentWeights ? "lent" : "own");
  add(compiler.build());
  return hex(hash.finish());
}

} // namespace

Result<Program> compile(const Graph &graph, const CompileOptions &options, CompileStats *stats) {
  const auto begin = std::chrono::steady_clock::now();
  ROSSO_CHECK(validate(graph));

  const CompilerLibrary compiler;
  const CompileCache cache;
  const std::string key = keyOf(graph, options, compiler);
  auto finish = [&](Program program, bool cached) {
    if (stats) {
      const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
      *stats = {.cached = cached, .seconds = elapsed.count(), .key = key};
    }
    return program;
  };

  if (!options.noCache && !options.dump && !options.listing)
    if (auto program = cache.find(key))
      return finish(*std::move(program), true);
  ROSSO_TRY(Program program, compiler.compile(graph, options));
  if (!options.noCache && !options.listing)
    cache.store(key, program);
  return finish(std::move(program), false);
}

std::string hostTargetName() {
  // The lines of the first processor that tell what it is (x86, then Arm) and what it can do.
  constexpr std::string_view kModel[] = {"vendor_id",       "cpu family", "model",
                                         "CPU implementer", "CPU part",   "CPU variant"};
  constexpr std::string_view kFeatures[] = {"flags", "Features"};
  std::string name = "host:";
  Sha256 features;
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line) && !line.empty();) {
    const size_t colon = line.find(':');
    const size_t keyEnd =
        line.find_last_not_of(" \t", colon == std::string::npos ? colon : colon - 1);
    if (colon == std::string::npos || keyEnd == std::string::npos || colon + 2 > line.size())
      continue;
    const std::string_view key = std::string_view(line).substr(0, keyEnd + 1);
    const std::string_view value = std::string_view(line).substr(colon + 2);
    for (std::string_view wanted : kModel)
      if (key == wanted)
        (name += value) += '-';
    for (std::string_view wanted : kFeatures)
      if (key == wanted)
        features.add(value);
  }
  return name + hex(features.finish()).substr(0, 16);
}

} // namespace rosso
