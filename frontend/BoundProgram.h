// A compiled graph whose leaves and results are tensors in memory: other ones in each run.
//
// On the host the program reads and writes that memory itself. Other devices get a copy of what has
// changed since the last run, and give back what they wrote.
#pragma once

#include "frontend/Compile.h"
#include "frontend/RunVariables.h"
#include "runtime/Executable.h"

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace rosso {

/// What bound programs have run in this process.
struct RunCounters {
  uint64_t kernels = 0;
  uint64_t bytesMoved = 0, operations = 0; // variables at their maximum
  uint64_t nanoseconds = 0;
};
RunCounters runCounters();

class BoundProgram {
public:
  /// Of a graph with one entry. A buffer leaf is bound as "buffer:<n>".
  static Result<std::shared_ptr<BoundProgram>> create(const Graph &graph,
                                                      const std::string &device);

  /// A place for memory; negative where the program does not use it.
  int weightPlace(const std::string &name) const; // a weight, or a buffer
  int inputPlace(const std::string &name) const;
  int statePlace(const std::string &name) const;
  int outputPlace(const std::string &name) const;

  /// Binds, runs and waits; one thread at a time, the others queue up. `bound` and their storages
  /// are used during the call only. Errors: BadInput where a variable has no value or a wrong one.
  struct Binding {
    int place = -1;
    Storage *storage = nullptr;
  };
  Status run(std::span<const Binding> bound, const VarValues &values);

  const Program &program() const { return executable_->program(); }
  uint64_t memoryBytes() const { return executable_->plan().scratch.bytes; }
  std::string deviceDescription() { return executable_->device().describe(); }

private:
  struct Place {
    BufferRef ref;
    const Storage *storage = nullptr; // whose content the device has, as of that version
    uint64_t version = 0;
  };
  int addPlace(Space space, int index);
  Status writeBefore(Place &place, Storage &storage);
  Status readAfter(Place &place, Storage &storage);

  std::mutex mutex_;
  std::unique_ptr<Executable> executable_;
  std::vector<Place> places_; // weights, states, inputs, outputs, in this order
  RunCounters each_;          // what one run adds
  RunVariables variables_;
  std::vector<int64_t> values_; // of the variables, in the program's order
  bool sharesMemory_ = true;
};

/// The program of a graph on a device, from those kept in memory. Errors as of `compile`.
Result<std::shared_ptr<BoundProgram>> findProgram(const Graph &graph, const std::string &device);

/// How many programs are kept in memory, and the most there may be.
struct ProgramsKept {
  size_t count = 0, most = 0;
};
ProgramsKept programsKept();

} // namespace rosso
