#include "frontend/BoundProgram.h"

#include "frontend/Jit.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <list>
#include <unordered_map>

namespace rosso {

namespace {

template <typename Slots> int find(const Slots &slots, const std::string &name) {
  for (size_t i = 0; i < slots.size(); ++i)
    if (slots[i].name == name)
      return static_cast<int>(i);
  return -1;
}

std::atomic<uint64_t> kernelsRun, bytesMoved, operationsRun, nanosecondsRun;

void count(const RunCounters &run, uint64_t nanoseconds) {
  kernelsRun.fetch_add(run.kernels, std::memory_order_relaxed);
  bytesMoved.fetch_add(run.bytesMoved, std::memory_order_relaxed);
  operationsRun.fetch_add(run.operations, std::memory_order_relaxed);
  nanosecondsRun.fetch_add(nanoseconds, std::memory_order_relaxed);
}

} // namespace

RunCounters runCounters() { return {kernelsRun, bytesMoved, operationsRun, nanosecondsRun}; }

Result<std::shared_ptr<BoundProgram>> BoundProgram::create(const Graph &graph,
                                                           const std::string &device) {
  auto bound = std::make_shared<BoundProgram>();
  RunOptions run;
  run.device = device;
  ROSSO_TRY(std::unique_ptr<Device> opened, openDevice(run));
  CompileOptions options;
  options.target = opened->target();
  options.lentWeights = true;
  ROSSO_TRY(Program program, compile(graph, options));
  ROSSO_TRY(bound->executable_, Executable::create(std::move(program), std::move(opened)));
  bound->variables_ = RunVariables(graph);
  const Program &made = bound->program();
  for (const Launch &launch : made.entries[0].launches) {
    ++bound->each_.kernels;
    bound->each_.bytesMoved += launch.bytesMoved;
    bound->each_.operations += launch.operations;
  }
  for (size_t i = 0; i < made.weights.size(); ++i)
    bound->addPlace(Space::Weight, static_cast<int>(i));
  for (size_t i = 0; i < made.states.size(); ++i)
    bound->addPlace(Space::State, static_cast<int>(i));
  for (size_t i = 0; i < made.entries[0].inputs.size(); ++i)
    bound->addPlace(Space::Input, static_cast<int>(i));
  for (size_t i = 0; i < made.entries[0].outputs.size(); ++i)
    bound->addPlace(Space::Output, static_cast<int>(i));
  return bound;
}

int BoundProgram::addPlace(Space space, int index) {
  places_.push_back({{space, static_cast<uint32_t>(index), 0}, nullptr, 0});
  return static_cast<int>(places_.size()) - 1;
}

int BoundProgram::weightPlace(const std::string &name) const {
  const int index = find(program().weights, name);
  return index < 0 ? inputPlace(name) : index; // a buffer of variable extents is an input
}

int BoundProgram::statePlace(const std::string &name) const {
  const int index = find(program().states, name);
  return index < 0 ? -1 : static_cast<int>(program().weights.size()) + index;
}

int BoundProgram::inputPlace(const std::string &name) const {
  const int index = find(program().entries[0].inputs, name);
  return index < 0 ? -1
                   : static_cast<int>(program().weights.size() + program().states.size()) + index;
}

int BoundProgram::outputPlace(const std::string &name) const {
  const Program &made = program();
  const int index = find(made.entries[0].outputs, name);
  return index < 0 ? -1
                   : static_cast<int>(made.weights.size() + made.states.size() +
                                      made.entries[0].inputs.size()) +
                         index;
}

Status BoundProgram::writeBefore(Place &place, Storage &storage) {
  if (place.ref.space == Space::Output)
    return {};
  if (place.storage == &storage && place.version == storage.version())
    return {}; // it is there already
  place.storage = &storage;
  place.version = storage.version();
  return place.ref.space == Space::Weight
             ? loadWeight(*executable_, static_cast<int>(place.ref.index), storage.bytes())
             : executable_->upload(0, place.ref, storage.bytes());
}

Status BoundProgram::readAfter(Place &place, Storage &storage) {
  if (place.ref.space != Space::Output && place.ref.space != Space::State)
    return {};
  ROSSO_TRY(std::span<uint8_t> memory, storage.writable());
  ROSSO_CHECK(executable_->download(0, place.ref, memory));
  place.storage = &storage;
  place.version = storage.version();
  return {};
}

Status BoundProgram::run(std::span<const Binding> bound, const VarValues &values) {
  const std::lock_guard lock(mutex_);
  ROSSO_CHECK(variables_.inOrder(program().vars, values, values_));
  for (const auto &[index, storage] : bound) {
    if (index < 0)
      continue; // simplified away
    Place &place = places_[static_cast<size_t>(index)];
    const bool writes = place.ref.space == Space::Output || place.ref.space == Space::State;
    // Blocks that a kernel reads in tiles get a place of their own.
    const bool regroups =
        place.ref.space == Space::Weight && program().weights[place.ref.index].layout != "rows";
    if (sharesMemory_ && !regroups) {
      uint8_t *memory = const_cast<uint8_t *>(storage->bytes().data()); // read, unless it is ours
      if (writes) {
        ROSSO_TRY(std::span<uint8_t> own, storage->writable());
        memory = own.data();
      }
      sharesMemory_ = executable_->device().bind(0, place.ref, memory);
    }
    if (!sharesMemory_ || regroups)
      ROSSO_CHECK(writeBefore(place, *storage));
  }
  const auto begin = std::chrono::steady_clock::now();
  ROSSO_CHECK(executable_->run(0, values_));
  const std::chrono::nanoseconds elapsed = std::chrono::steady_clock::now() - begin;
  count(each_, static_cast<uint64_t>(elapsed.count()));
  if (!sharesMemory_)
    for (const auto &[index, storage] : bound)
      if (index >= 0)
        ROSSO_CHECK(readAfter(places_[static_cast<size_t>(index)], *storage));
  return {};
}

namespace {

/// Programs in memory, the one used last in front.
class Kept {
public:
  Result<std::shared_ptr<BoundProgram>> find(const Graph &graph, const std::string &device) {
    std::string key = device + "\n" + print(graph);
    if (auto found = byKey_.find(key); found != byKey_.end()) {
      list_.splice(list_.begin(), list_, found->second);
      return list_.front().program;
    }
    // A GPU is there once, and belongs to one program at a time.
    if (device.starts_with("amd"))
      drop([](const Item &item) { return item.device.starts_with("amd"); });
    ROSSO_TRY(std::shared_ptr<BoundProgram> program, BoundProgram::create(graph, device));
    list_.push_front({key, device, program});
    byKey_.emplace(std::move(key), list_.begin());
    shrink();
    return program;
  }
  size_t count() const { return list_.size(); }

  static constexpr size_t kMost = 256;

private:
  struct Item {
    std::string key, device;
    std::shared_ptr<BoundProgram> program;
  };

  template <typename Wanted> void drop(const Wanted &wanted) {
    for (auto item = list_.begin(); item != list_.end();) {
      if (wanted(*item)) {
        byKey_.erase(item->key);
        item = list_.erase(item);
      } else {
        ++item;
      }
    }
  }

  /// Scratch memory and emulated GPUs are dear; the host's code is not.
  void shrink() {
    constexpr uint64_t kMostBytes = uint64_t{1} << 30;
    constexpr size_t kMostGpus = 4;
    size_t count = 0, gpus = 0;
    uint64_t bytes = 0;
    drop([&](const Item &item) {
      bytes += item.program->memoryBytes();
      gpus += item.device != "host";
      ++count;
      return count > kMost || (count > 1 && bytes > kMostBytes) ||
             (item.device != "host" && gpus > kMostGpus);
    });
  }

  std::list<Item> list_;
  std::unordered_map<std::string, std::list<Item>::iterator> byKey_;
};

std::mutex keptMutex;
Kept &kept() {
  static Kept *programs = new Kept; // its devices may need other statics until the end
  return *programs;
}

} // namespace

Result<std::shared_ptr<BoundProgram>> findProgram(const Graph &graph, const std::string &device) {
  const std::lock_guard lock(keptMutex);
  return kept().find(graph, device);
}

ProgramsKept programsKept() {
  const std::lock_guard lock(keptMutex);
  return {kept().count(), Kept::kMost};
}

} // namespace rosso
