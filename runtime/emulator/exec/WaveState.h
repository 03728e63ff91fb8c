// A wave that runs, its work group, and the thread that runs them.
#pragma once

#include "runtime/emulator/Engine.h"
#include "runtime/emulator/exec/BufferTrace.h"
#include "runtime/emulator/exec/Step.h"
#include "runtime/emulator/exec/Wave.h"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace rosso::emulator {

class Program;
class StrictGroup;
class StrictWave;

/// How often a thread ran each segment of a program.
struct SegmentRuns {
  uint64_t runs = 0;
  uint64_t lanes = 0; // active ones, summed over runs
};

/// What all waves of a dispatch have in common.
struct DispatchState {
  const Dispatch *dispatch = nullptr;
  const Visibility *visibility = nullptr;
  const amd::Chip *chip = nullptr;
  Memory *memory = nullptr;
  Program *program = nullptr;
  const std::atomic<bool> *stop = nullptr;
  BufferTrace *trace = nullptr; // null: not traced
  bool strict = false;
  uint64_t mostInstructions = 0;
  uint32_t ldsBytes = 0, scratchBytesPerLane = 0;
  uint32_t threads = 0, waves = 0; // of a work group
  uint32_t vgprs = 0;              // given to a wave
};

struct Touched {
  uint32_t sectors = 0, lines = 0;
};

/// A mapping found last.
struct Window {
  uint64_t address = 0, bytes = 0;
  uint8_t *data = nullptr;
  Mapping *mapping = nullptr;
  BufferTrace::Sectors *trace = nullptr; // null: not traced
};

/// What the last execution of a memory instruction touched. Loops touch the same pattern again and
/// again, somewhere else: counting it anew would cost more than executing it.
struct alignas(64) AccessMemo {
  uint32_t offsets[kLanes] = {};
  uint32_t start = 0, mask = 0; // nothing remembered
  Touched touched;
  uint32_t ldsClocks = 0;
  Window window;     // where, of vector memory
  uint32_t span = 0; // bytes from the first to the last touched
  uint32_t stride =
      0; // bytes from a lane to the next, if all are active and that is always the same
};

/// What a thread counts and keeps while it runs work groups one after the other.
struct Worker {
  Counters counters; // without what segments count
  std::vector<SegmentRuns> segments;
  std::vector<AccessMemo> memos; // two for each MemoryOp::number

  AccessMemo &memo(uint32_t number) {
    if (number >= memos.size()) [[unlikely]]
      memos.resize(number + 64);
    return memos[number];
  }
};

struct Workgroup;

/// The waves of other threads never touch it.
struct Wave {
  Wave();
  ~Wave();

  Registers registers;
  const Step *pc = nullptr;
  const DispatchState *state = nullptr;
  Workgroup *group = nullptr;
  Worker *worker = nullptr;
  std::unique_ptr<StrictWave> strict; // null: not strict
  uint32_t index = 0;                 // in the work group
  enum class Status : uint8_t { Running, AtBarrier, Ended } status = Status::Running;
  bool signalled = false;        // gfx12: has signalled the barrier it has yet to wait for
  const Step *barrier = nullptr; // where it waits
  uint64_t jump = 0;             // StepKind::Indirect: address
  uint64_t instructions = 0, slots = 0;
  uint64_t yieldAt = 0;                // instructions after which others get their turn
  uint32_t loads = 0, loadsWaited = 0; // vector loads: issued, and known to have ended
  uint32_t barriers = 0;               // passed
  Window windows[2];                   // vector memory: the last one first
  Window scalarWindow;
  std::vector<uint8_t> scratch; // private memory, lane after lane

  uint32_t exec() const { return registers.exec(); }
  uint64_t scalar64(uint32_t first) const {
    return registers.s[first] | static_cast<uint64_t>(registers.s[first + 1]) << 32;
  }
};

struct Workgroup {
  Workgroup();
  ~Workgroup();

  std::vector<std::unique_ptr<Wave>> waves;
  std::vector<uint8_t> lds; // dispatch's ldsBytes, and a little more
  std::array<uint32_t, 3> id{};
  uint64_t number = 0; // in the dispatch
  std::unique_ptr<StrictGroup> strict;
  std::optional<Error> error; // the first
};

inline constexpr uint32_t kNoLane = 32;

/// The window of a mapping, for this dispatch.
Window windowOf(const DispatchState &state, Mapping &mapping);

/// Records "kernel NAME: INSTRUCTION at 0x...: work group (x, y, z), wave w[, lane l]: what" as the
/// group's error, and returns false.
bool fail(Wave &wave, const Step &step, uint32_t lane, std::string what,
          ErrorCode code = ErrorCode::DeviceLost);

/// "0x7f0012345678"
std::string hex(uint64_t value);

enum class Stopped : uint8_t { AtBarrier, Ended, Yielded, Failed };
/// Runs the wave until it stops.
Stopped runWave(Wave &wave);

} // namespace rosso::emulator
