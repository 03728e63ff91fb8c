// What runs the entries of a decoder's graph: a device with a compiled program, or the reference
// evaluator, which is slow and defines what is correct.
#pragma once

#include "frontend/Compile.h"
#include "frontend/Graph.h"
#include "models/io/Gguf.h"
#include "runtime/Executable.h"

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace rosso {

/// Bytes of the memory that a loaded model takes.
struct MemoryFacts {
  uint64_t weights = 0, kv = 0, activations = 0;
  uint64_t total() const { return weights + kv + activations; }
};

class Engine {
public:
  virtual ~Engine() = default;

  virtual std::string_view name() const = 0; // "host": what ran
  virtual std::string describe() const = 0;  // "host, AMD EPYC 9555, 2 threads"
  /// -1 where there is none.
  virtual int findEntry(std::string_view name) const = 0;
  /// Memory the caller writes before a run, for the largest extents; empty if the entry has no such
  /// input.
  virtual std::span<uint8_t> input(int entry, std::string_view name) = 0;
  /// `count` tokens at positions from `start` on.
  virtual Status run(int entry, int64_t start, int64_t count) = 0;
  /// What the last run of the entry gave.
  virtual std::span<const uint8_t> output(int entry, std::string_view name) = 0;
  virtual MemoryFacts memory() const = 0;
};

/// What a model does before it can run. `total` is 0 while compiling.
enum class LoadStage { Compile, Load };
using LoadProgress = std::function<void(LoadStage stage, uint64_t done, uint64_t total)>;

struct EngineOptions {
  RunOptions run;
  CompileOptions compile;
  LoadProgress progress = {};
};

/// Compiles the graph, takes the memory and streams the weights from `file` into it.
class DeviceEngine final : public Engine {
public:
  static Result<std::unique_ptr<DeviceEngine>> create(const GgufFile &file, const Graph &graph,
                                                      const EngineOptions &options);

  std::string_view name() const override { return executable_->device().name(); }
  std::string describe() const override { return executable_->device().describe(); }
  int findEntry(std::string_view name) const override { return executable_->findEntry(name); }
  std::span<uint8_t> input(int entry, std::string_view name) override;
  Status run(int entry, int64_t start, int64_t count) override;
  std::span<const uint8_t> output(int entry, std::string_view name) override;
  MemoryFacts memory() const override;

  /// `run` and `output` in steps, so that several runs can be queued; see Device::submit.
  Result<Ticket> submit(int entry, int64_t start, int64_t count);
  Result<std::span<const uint8_t>> outputOf(Ticket ticket, int entry, std::string_view name);

  Executable &executable() { return *executable_; }
  const CompileStats &compileStats() const { return compileStats_; }
  double loadSeconds() const { return loadSeconds_; }

private:
  std::unique_ptr<Executable> executable_;
  CompileStats compileStats_;
  double loadSeconds_ = 0;
};

/// `file` and `graph` must outlive the result.
std::unique_ptr<Engine> makeReferenceEngine(const GgufFile &file, const Graph &graph);

/// The name of the reference as a device.
inline constexpr std::string_view kReferenceDevice = "reference";

} // namespace rosso
