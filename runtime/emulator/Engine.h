// Executes the machine code of one dispatch: what the shader processors do. The command processor
// calls it with the state its registers hold.
#pragma once

#include "runtime/amd/Chip.h"
#include "runtime/emulator/Memory.h"
#include "support/Result.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace rosso::emulator {

enum class Mode : uint8_t {
  Fast,        // translated to host code; addresses are checked, the rest is trusted
  Interpreted, // one instruction after the other; the same checks; the cross-check of Fast
  Strict       // interpreted, with everything checked that hardware would not tell
};

/// One dispatch as the registers say it.
struct Dispatch {
  uint64_t code = 0; // address of the first instruction
  uint32_t rsrc1 = 0, rsrc2 = 0, rsrc3 = 0;
  std::array<uint32_t, 3> groups{1, 1, 1};    // work groups in each direction
  std::array<uint32_t, 3> groupSize{1, 1, 1}; // threads of one in each direction
  std::array<uint32_t, 16> userData{};
  bool wave32 = true;
  uint64_t scratchBase = 0;         // private memory
  uint32_t scratchBytesPerWave = 0; // 0: none
  uint32_t serial = 0;              // counts dispatches from 1; names them in errors and in shadows
};

/// Of one kind of writer: those numbered up to `finished` have ended; what those up to `vectorSees`
/// (`scalarSees`) wrote is seen by vector (scalar) reads.
struct Seen {
  uint32_t finished = 0, vectorSees = 0, scalarSees = 0;
};

/// What a dispatch may rely on to be visible: set by the command processor from waits and cache
/// invalidations it has seen. Each kind of writer counts for itself; see WriterKind in Memory.h.
struct Visibility {
  Seen dispatches, packets, copies;
};

/// Classes of instructions, for counting and for the time model's slots.
enum class InstructionClass : uint8_t {
  Salu,
  Smem,
  Valu,
  ValuTrans,
  ValuDot,
  ValuDouble,
  ValuQuarterRate,
  Vopd,
  Wmma,
  Lds,
  LdsAtomic,
  GlobalLoad,
  GlobalStore,
  GlobalAtomic,
  Scratch,
  Branch,
  Barrier,
  Wait,
  Message,
  Nop,
  Count
};

struct Counters {
  uint64_t instructions[static_cast<size_t>(InstructionClass::Count)] = {}; // by wave
  uint64_t slots = 0; // issue slots of the time model, see docs/emulator.md
  uint64_t waves = 0, workgroups = 0;
  uint64_t activeLanes = 0,
           laneSlots = 0; // of vector instructions: executed lanes, 32 x instructions
  uint64_t loadBytes = 0, storeBytes = 0; // requested by lanes, global memory
  uint64_t sectorsRead = 0,
           sectorsWritten = 0; // distinct 64-byte sectors, summed over instructions
  uint64_t lines = 0;          // 128-byte lines touched, summed over vector instructions
  uint64_t scalarBytes = 0;
  uint64_t ldsBytes = 0, ldsConflictClocks = 0, ldsClocks = 0;
  uint64_t wideLoadBytes = 0; // of loadBytes, by loads of 16 bytes a lane
  uint64_t longestWaveSlots = 0;
  /// Waits for vector loads (or, on gfx12, their like) with a load before them that no earlier wait
  /// saw; of these, the ones that leave younger loads in flight, as double buffering does.
  uint64_t loadRounds = 0, prefetchedRounds = 0;
  uint64_t hostLoadBytes = 0, hostStoreBytes = 0; // of all accesses, those to Region::Host
  /// Distinct bytes (64-byte sectors times 64) read and written by the whole dispatch in each
  /// mapping label: only filled when the engine was asked to trace buffers.
  std::vector<std::pair<std::string, std::pair<uint64_t, uint64_t>>> perBuffer;
  Counters &operator+=(const Counters &other);
};

struct EngineOptions {
  const amd::Chip *chip = nullptr;
  Mode mode = Mode::Fast;
  unsigned threads = 0; // 0: one per core
  bool traceBuffers = false;
  /// Mode::Fast: a kernel is translated once its waves have run, or are about to run, about this
  /// many instructions; until then it is interpreted.
  uint64_t translateAfter = 1'000'000;
  std::string hostCpu; // whose instructions translated code may use, as LLVM calls it: "x86-64-v3";
                       // empty: this one's
  uint64_t mostInstructions = uint64_t{1} << 40; // of one wave: beyond, the kernel hangs
};

class Engine {
public:
  static Result<std::unique_ptr<Engine>> create(const EngineOptions &options, Memory &memory);
  virtual ~Engine() = default;

  /// Runs all work groups, and returns what was counted. Errors name the kernel, the instruction
  /// with its address, work group, wave and lane. `stop` becoming true ends a hanging dispatch.
  virtual Result<Counters> run(const Dispatch &dispatch, const Visibility &visibility,
                               const std::atomic<bool> &stop) = 0;
  /// Forget translated code: the instruction cache was invalidated, or code memory was freed.
  virtual void invalidateCode() = 0;
  /// Work groups finished so far, of all dispatches: it changes while a long launch gets on. Any
  /// thread may ask.
  virtual uint64_t heartbeat() const { return 0; }
};

} // namespace rosso::emulator
