#include "models/Engine.h"

#include "models/GgufWeights.h"
#include "models/WeightLoader.h"

#include <array>
#include <chrono>

namespace rosso {

namespace {

double secondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

int findSlot(const std::vector<BufferSlot> &slots, std::string_view name) {
  for (size_t i = 0; i < slots.size(); ++i)
    if (slots[i].name == name)
      return static_cast<int>(i);
  return -1;
}

} // namespace

Result<std::unique_ptr<DeviceEngine>> DeviceEngine::create(const GgufFile &file, const Graph &graph,
                                                           const EngineOptions &options) {
  auto engine = std::unique_ptr<DeviceEngine>(new DeviceEngine);
  ROSSO_TRY(std::unique_ptr<Device> device, openDevice(options.run)); // before what takes long
  CompileOptions compiling = options.compile;
  if (compiling.target == "host")
    compiling.target = device->target();
  if (options.progress)
    options.progress(LoadStage::Compile, 0, 0);
  ROSSO_TRY(Program program, compile(graph, compiling, &engine->compileStats_));
  const auto begin = std::chrono::steady_clock::now();
  ROSSO_TRY(engine->executable_, Executable::create(std::move(program), std::move(device)));
  WeightLoadOptions loading{.threads = options.run.threads};
  if (options.progress)
    loading.progress = [&](uint64_t done, uint64_t total) {
      options.progress(LoadStage::Load, done, total);
    };
  Status loaded = loadWeights(*engine->executable_, GgufWeights(file, graph), loading);
  if (!loaded)
    return loaded.error().in(file.path());
  engine->loadSeconds_ = secondsSince(begin);
  return engine;
}

std::span<uint8_t> DeviceEngine::input(int entry, std::string_view name) {
  const int index =
      findSlot(executable_->program().entries[static_cast<size_t>(entry)].inputs, name);
  return index < 0 ? std::span<uint8_t>() : executable_->input(entry, index);
}

std::span<const uint8_t> DeviceEngine::output(int entry, std::string_view name) {
  const int index =
      findSlot(executable_->program().entries[static_cast<size_t>(entry)].outputs, name);
  return index < 0 ? std::span<const uint8_t>() : executable_->output(entry, index);
}

Status DeviceEngine::run(int entry, int64_t start, int64_t count) {
  // In the order of the variables' names: P, T.
  const std::array<int64_t, 2> vars{start, count};
  return executable_->run(entry, vars);
}

Result<Ticket> DeviceEngine::submit(int entry, int64_t start, int64_t count) {
  const std::array<int64_t, 2> vars{start, count};
  return executable_->submit(entry, vars);
}

Result<std::span<const uint8_t>> DeviceEngine::outputOf(Ticket ticket, int entry,
                                                        std::string_view name) {
  ROSSO_CHECK(executable_->wait(ticket));
  const int index =
      findSlot(executable_->program().entries[static_cast<size_t>(entry)].outputs, name);
  return index < 0 ? std::span<const uint8_t>() : executable_->output(ticket, entry, index);
}

MemoryFacts DeviceEngine::memory() const {
  const ArenaPlan &plan = executable_->plan();
  return {.weights = plan.weights.bytes,
          .kv = plan.states.bytes,
          .activations = plan.inputs.bytes + plan.outputs.bytes + plan.scratch.bytes};
}

} // namespace rosso
