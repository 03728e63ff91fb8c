// Strict mode: what hardware would not tell.
//
// - Registers: reads of what nobody wrote, and uses of a register whose load was not waited for.
// - Memory: reads of bytes nobody wrote, misaligned accesses, and reads and writes that race with
//   other dispatches, packets or copies or do not see them through the caches (Visibility).
// - LDS: reads of bytes nobody wrote, and accesses of two waves without a barrier between them.
#pragma once

#include "runtime/emulator/exec/WaveState.h"

#include <cstdint>
#include <deque>
#include <vector>

namespace rosso::emulator {

/// Who used a dword of LDS since the last barrier.
struct LdsWord {
  static constexpr uint16_t kNone = 0xFFFF;
  uint8_t written = 0;                                          // bytes that anybody ever wrote
  bool atomic = false;                                          // the last write was one
  uint16_t writer = kNone, reader = kNone, otherReader = kNone; // waves
  uint32_t writtenAt = ~0u, readAt = ~0u;                       // after how many barriers
};

class StrictGroup {
public:
  explicit StrictGroup(uint32_t ldsBytes) : lds(ldsBytes / 4 + 1) {}
  std::vector<LdsWord> lds;
};

class StrictWave {
public:
  /// `vectors` registers v0.. and the scalar registers in `scalars` hold values at the start.
  StrictWave(amd::Isa isa, uint32_t vectors, const std::vector<uint16_t> &scalars);

  /// Checks an instruction before it is executed; false: an error was recorded.
  bool before(Wave &wave, const Step &step);
  void after(Wave &wave, const Step &step);

  /// Accesses of a vector memory instruction to global memory, of an SMEM load, of a DS
  /// instruction.
  bool global(Wave &wave, const Step &step, const uint64_t (&at)[kLanes], uint32_t mask);
  bool scalar(Wave &wave, const Step &step, uint64_t address, uint64_t bytes);
  bool lds(Wave &wave, const Step &step, const uint64_t (&at)[kLanes], uint32_t mask);

private:
  enum Counter : uint8_t { kLoads, kLds, kScalar, kCounters };
  struct Event {
    uint64_t number = 0;
    const Instruction *instruction = nullptr;
    bool unordered = false; // may end before older ones
    bool writesLds = false;
  };

  bool checkRead(Wave &wave, const Step &step, const RegisterRange &range, uint32_t lanes);
  bool checkReads(Wave &wave, const Step &step);
  void copyDefined(const Instruction &instruction, uint32_t lanes);
  bool checkPending(Wave &wave, const Step &step, const RegisterRange &range, bool write);
  bool checkBarrier(Wave &wave, const Step &step);
  void wait(const Instruction &instruction);
  void complete(Counter counter, size_t left);
  void issue(const Instruction &instruction, Counter counter, bool unordered, bool writesLds);
  void issueMemory(const Instruction &instruction);
  uint64_t &pending(Counter counter, const RegisterRange &range, uint32_t i) {
    return range.vector ? pendingVector_[counter][(range.index + i) & 255]
                        : pendingScalar_[counter][(range.index + i) & 127];
  }
  const char *counterName(Counter counter) const;

  bool globalDword(Wave &wave, const Step &step, uint32_t lane, Mapping &mapping, uint64_t offset,
                   uint64_t bytes);
  bool seesWriter(Wave &wave, const Step &step, uint32_t lane, uint64_t address, uint32_t word,
                  bool scalarRead);

  amd::Isa isa_;
  uint64_t issued_ = 0;
  std::deque<Event> queues_[kCounters];
  uint32_t vector_[256] = {}; // lanes that hold a value
  bool scalar_[128] = {};     // holds a value
  bool scc_ = false;
  uint64_t pendingVector_[kCounters][256] = {}, pendingScalar_[kCounters][128] = {};
  uint32_t definedHigh_ = 0; // lanes of the high half that a 64-bit multiply and add was given
  bool usedFlatGlobal_ = false, usedFlatLds_ = false; // by the FLAT instruction that runs
};

LaneUse laneUse(const Instruction &instruction);
Undefined undefinedUse(const Instruction &instruction);

} // namespace rosso::emulator
