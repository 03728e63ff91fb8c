#include "runtime/emulator/exec/Launch.h"

#include "runtime/emulator/exec/Program.h"
#include "runtime/emulator/exec/Strict.h"
#include "runtime/emulator/translate/Translator.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace rosso::emulator {
namespace {

constexpr uint64_t kTurn = 1 << 16;         // instructions of a wave's turn
constexpr uint32_t kLdsGranule = 512;       // bytes of RSRC2's LDS_SIZE
constexpr uint32_t kMostThreads = 1024;     // of a work group
constexpr uint32_t kRegisterGranule = 8;    // VGPRs of RSRC1's field, wave32
constexpr uint32_t kMostUserRegisters = 16; // COMPUTE_USER_DATA

uint32_t field(uint32_t word, uint32_t high, uint32_t low) {
  return word >> low & static_cast<uint32_t>((uint64_t{2} << (high - low)) - 1);
}

/// RSRC2, "COMPUTE_PGM_RSRC2".
struct Rsrc2 {
  explicit Rsrc2(uint32_t word)
      : scratch(word & 1), userRegisters(field(word, 5, 1)), idX(field(word, 7, 7)),
        idY(field(word, 8, 8)), idZ(field(word, 9, 9)), groupInfo(field(word, 10, 10)),
        threadIds(field(word, 12, 11)), ldsBytes(field(word, 23, 15) * kLdsGranule) {}
  bool scratch;
  uint32_t userRegisters;
  bool idX, idY, idZ, groupInfo;
  uint32_t threadIds; // 0 x, 1 x and y, 2 all
  uint32_t ldsBytes;
};

/// The MODE register at the start, from RSRC1: FLOAT_MODE, DX10_CLAMP, IEEE_MODE, FP16_OVFL. gfx12
/// has neither of the two in the middle; it clamps always.
uint32_t modeAtStart(uint32_t rsrc1, amd::Isa isa) {
  const uint32_t floatMode = field(rsrc1, 19, 12), overflow = field(rsrc1, 26, 26) << 23;
  if (isa == amd::Isa::Gfx12)
    return floatMode | 1u << 8 | overflow;
  return floatMode | field(rsrc1, 21, 21) << 8 | field(rsrc1, 23, 23) << 9 | overflow;
}

} // namespace

Launch::Launch(const EngineOptions &options, Memory &memory, Program &program,
               const Dispatch &dispatch, const Visibility &visibility,
               const std::atomic<bool> &stop, std::atomic<uint64_t> &heartbeat)
    : options_(options), dispatch_(dispatch), trace_(memory), heartbeat_(heartbeat) {
  const Rsrc2 rsrc2(dispatch.rsrc2);
  state_.dispatch = &dispatch;
  state_.visibility = &visibility;
  state_.chip = options.chip;
  state_.memory = &memory;
  state_.program = &program;
  state_.stop = &stop;
  state_.trace = options.traceBuffers ? &trace_ : nullptr;
  state_.strict = options.mode == Mode::Strict;
  state_.mostInstructions = options.mostInstructions;
  state_.ldsBytes = rsrc2.ldsBytes;
  state_.scratchBytesPerLane = rsrc2.scratch ? dispatch.scratchBytesPerWave / kLanes : 0;
  state_.vgprs = (field(dispatch.rsrc1, 5, 0) + 1) * kRegisterGranule;
}

Error Launch::named(Error error) const {
  const std::string kernel = state_.memory->kernelAt(dispatch_.code);
  return error.in(kernel.empty() ? "code at " + hex(dispatch_.code) : "kernel " + kernel);
}

uint32_t Launch::startMode() const { return modeAtStart(dispatch_.rsrc1, options_.chip->isa); }

Status Launch::check() {
  const auto &size = dispatch_.groupSize;
  const uint64_t threads = static_cast<uint64_t>(size[0]) * size[1] * size[2];
  if (threads == 0 || threads > kMostThreads || size[0] > kMostThreads || size[1] > kMostThreads)
    return named(badInput("work group of " + std::to_string(size[0]) + " x " +
                          std::to_string(size[1]) + " x " + std::to_string(size[2]) +
                          " threads, wanted 1 to 1024"));
  state_.threads = static_cast<uint32_t>(threads);
  state_.waves = (state_.threads + kLanes - 1) / kLanes;
  groups_ = static_cast<uint64_t>(dispatch_.groups[0]) * dispatch_.groups[1] * dispatch_.groups[2];
  if (!dispatch_.wave32)
    return named(unsupported("waves of 64 lanes are not modelled; dispatch with CS_W32_EN"));
  if (state_.ldsBytes > amd::kLdsBytesPerGroup)
    return named(badInput("LDS of " + std::to_string(state_.ldsBytes) +
                          " bytes in RSRC2, a work group has at most " +
                          std::to_string(amd::kLdsBytesPerGroup)));
  const Rsrc2 rsrc2(dispatch_.rsrc2);
  if (rsrc2.userRegisters > 32)
    return named(badInput("RSRC2 wants " + std::to_string(rsrc2.userRegisters) +
                          " user registers, there are 32"));
  if (rsrc2.scratch && !dispatch_.scratchBytesPerWave)
    return named(badInput("uses private memory, but COMPUTE_TMPRING_SIZE gives it none"));
  if (rsrc2.scratch && !state_.memory->find(dispatch_.scratchBase, dispatch_.scratchBytesPerWave))
    return named(badInput("COMPUTE_DISPATCH_SCRATCH_BASE " + hex(dispatch_.scratchBase) +
                          " is not mapped: " + state_.memory->describe(dispatch_.scratchBase)));
  if (dispatch_.code % 256)
    return named(badInput("the first instruction is not aligned to 256 bytes"));
  entry_ = state_.program->at(dispatch_.code);
  if (state_.program->vgprs() > state_.vgprs)
    return named(badInput("uses v" + std::to_string(state_.program->vgprs() - 1) +
                          ", but RSRC1 gives a wave " + std::to_string(state_.vgprs) +
                          " vector registers"));
  return {};
}

std::vector<uint16_t> Launch::startScalars(Wave &wave) const {
  const Rsrc2 rsrc2(dispatch_.rsrc2);
  const amd::Isa isa = options_.chip->isa;
  std::vector<uint16_t> written;
  uint32_t *s = wave.registers.s;
  uint32_t next = 0;
  auto put = [&](uint32_t index, uint32_t value) {
    s[index] = value;
    written.push_back(static_cast<uint16_t>(index));
  };
  for (; next < rsrc2.userRegisters; ++next)
    put(next, next < kMostUserRegisters ? dispatch_.userData[next] : 0);
  const auto &id = wave.group->id;
  if (isa == amd::Isa::Gfx12) { // in trap temporaries instead
    put(kTtmp0 + 9, id[0]);
    put(kTtmp0 + 7, id[1] | id[2] << 16);
    put(kTtmp0 + 8, wave.index << 25);
  } else {
    if (rsrc2.idX)
      put(next++, id[0]);
    if (rsrc2.idY)
      put(next++, id[1]);
    if (rsrc2.idZ)
      put(next++, id[2]);
    if (rsrc2.groupInfo)
      put(next++, state_.waves | wave.index << 6 | static_cast<uint32_t>(wave.index == 0) << 31);
    if (rsrc2.scratch && isa == amd::Isa::Gfx10)
      put(next++, 0); // offset of the wave's private memory: its own already
  }
  return written;
}

void Launch::start(Wave &wave, LaunchThread &thread, uint32_t index) const {
  Registers &registers = wave.registers;
  std::memset(registers.v, 0, state_.vgprs * sizeof registers.v[0]);
  std::memset(registers.s, 0, sizeof registers.s);
  registers.scc = false;
  registers.mode = startMode();
  const uint32_t first = index * kLanes, threads = std::min(state_.threads - first, kLanes);
  registers.s[kExecLo] = static_cast<uint32_t>((uint64_t{1} << threads) - 1);

  const Rsrc2 rsrc2(dispatch_.rsrc2);
  const bool packed = options_.chip->isa != amd::Isa::Gfx10;
  const auto &size = dispatch_.groupSize;
  for (uint32_t i = 0; i < threads; ++i) {
    const uint32_t item = first + i;
    const uint32_t ids[3] = {item % size[0], item / size[0] % size[1], item / size[0] / size[1]};
    for (uint32_t d = 0; d <= rsrc2.threadIds && d < 3; ++d)
      if (packed)
        registers.v[0][i] |= ids[d] << 10 * d;
      else
        registers.v[d][i] = ids[d];
  }

  wave.pc = entry_;
  wave.state = &state_;
  wave.group = &thread.group;
  wave.worker = &thread.worker;
  wave.index = index;
  wave.status = Wave::Status::Running;
  wave.signalled = false;
  wave.instructions = wave.slots = 0;
  wave.loads = wave.loadsWaited = wave.barriers = 0;
  wave.windows[0] = wave.windows[1] = wave.scalarWindow = {};
  wave.scratch.clear();
  const std::vector<uint16_t> scalars = startScalars(wave);
  wave.strict.reset();
  if (state_.strict)
    wave.strict =
        std::make_unique<StrictWave>(options_.chip->isa, packed ? 1 : rsrc2.threadIds + 1, scalars);
}

bool Launch::releaseBarrier(Workgroup &group) const {
  const Wave *first = nullptr;
  for (const auto &wave : group.waves)
    if (wave->status == Wave::Status::AtBarrier) {
      if (wave->barrier->instruction->name == "s_barrier_wait" && !wave->signalled)
        return fail(*wave, *wave->barrier, kNoLane,
                    "waits for a barrier that it has not signalled: the work group hangs");
      if (!first)
        first = wave.get();
    }
  if (state_.strict)
    for (const auto &wave : group.waves) {
      if (wave->status == Wave::Status::Ended)
        return fail(*group.waves[first->index], *first->barrier, kNoLane,
                    "divergent barrier: wave " + std::to_string(wave->index) + " has ended after " +
                        std::to_string(wave->barriers) + " barriers, this is number " +
                        std::to_string(first->barriers + 1));
      if (wave->barrier != first->barrier)
        return fail(*group.waves[first->index], *first->barrier, kNoLane,
                    "divergent barrier: wave " + std::to_string(wave->index) +
                        " waits at another one, at " + hex(wave->barrier->instruction->address));
    }
  for (const auto &wave : group.waves)
    if (wave->status == Wave::Status::AtBarrier) {
      wave->status = Wave::Status::Running;
      wave->signalled = false;
      ++wave->barriers;
    }
  return true;
}

bool Launch::runGroup(LaunchThread &thread, uint64_t number) {
  Workgroup &group = thread.group;
  group.number = number;
  group.id = {static_cast<uint32_t>(number % dispatch_.groups[0]),
              static_cast<uint32_t>(number / dispatch_.groups[0] % dispatch_.groups[1]),
              static_cast<uint32_t>(number / dispatch_.groups[0] / dispatch_.groups[1])};
  group.error.reset();
  group.lds.assign(state_.ldsBytes, 0);
  group.strict.reset();
  if (state_.strict)
    group.strict = std::make_unique<StrictGroup>(state_.ldsBytes);
  while (group.waves.size() < state_.waves)
    group.waves.push_back(std::make_unique<Wave>());
  group.waves.resize(state_.waves);
  for (uint32_t i = 0; i < state_.waves; ++i)
    start(*group.waves[i], thread, i);

  for (size_t ended = 0; ended < group.waves.size();) {
    bool ran = false;
    for (const auto &each : group.waves) {
      Wave &wave = *each;
      if (wave.status != Wave::Status::Running)
        continue;
      ran = true;
      wave.yieldAt = std::min(wave.instructions + kTurn, state_.mostInstructions);
      switch (translation_ ? translation_->run(wave) : runWave(wave)) {
      case Stopped::Failed:
        return false;
      case Stopped::Ended:
        ++ended;
        thread.worker.counters.longestWaveSlots =
            std::max(thread.worker.counters.longestWaveSlots, wave.slots);
        break;
      case Stopped::Yielded:
        if (wave.instructions >= state_.mostInstructions)
          return fail(wave, *wave.pc, kNoLane,
                      "hangs: " + std::to_string(wave.instructions) + " instructions so far",
                      ErrorCode::Timeout);
        if (state_.stop->load(std::memory_order_relaxed))
          return fail(wave, *wave.pc, kNoLane,
                      "stopped after " + std::to_string(wave.instructions) + " instructions",
                      ErrorCode::Timeout);
        if (number > failedGroup_.load(std::memory_order_relaxed))
          return true; // nobody will ask
        break;
      case Stopped::AtBarrier:
        break;
      }
    }
    if (!ran && !releaseBarrier(group))
      return false;
  }
  thread.worker.counters.waves += state_.waves;
  ++thread.worker.counters.workgroups;
  return true;
}

void Launch::record(uint64_t group, Error error) {
  std::lock_guard lock(mutex_);
  if (group < failedGroup_.load()) {
    failedGroup_ = group;
    error_ = std::move(error);
  }
}

void Launch::work(unsigned number) {
  LaunchThread &thread = *(*threads_)[number];
  for (;;) {
    const uint64_t group = nextGroup_.fetch_add(1, std::memory_order_relaxed);
    if (group >= groups_ || group > failedGroup_.load(std::memory_order_relaxed))
      return;
    if (!runGroup(thread, group))
      record(group, *thread.group.error);
    heartbeat_.fetch_add(1, std::memory_order_relaxed);
  }
}

Result<Counters> Launch::run(ThreadPool &pool,
                             std::vector<std::unique_ptr<LaunchThread>> &threads) {
  threads_ = &threads;
  for (auto &thread : threads) {
    thread->worker.counters = {};
    thread->worker.segments.assign(state_.program->segments(), {});
    thread->worker.memos.clear();
  }
  if (groups_ == 1)
    work(0);
  else if (groups_ > 1)
    pool.run(*this);
  if (failedGroup_ != kNobody)
    return error_;

  Counters total;
  for (const auto &thread : threads) {
    total += thread->worker.counters;
    for (size_t i = 0; i < thread->worker.segments.size(); ++i) {
      const SegmentRuns &runs = thread->worker.segments[i];
      const Segment &segment = state_.program->segment(i);
      for (size_t c = 0; c < std::size(segment.byClass); ++c)
        total.instructions[c] += runs.runs * segment.byClass[c];
      total.slots += runs.runs * segment.slots;
      total.laneSlots += runs.runs * segment.vector * kLanes;
      total.activeLanes += runs.lanes * segment.vector;
    }
  }
  if (state_.trace)
    total.perBuffer = trace_.perBuffer();
  return total;
}

} // namespace rosso::emulator
