// GLOBAL, FLAT, SCRATCH and BUFFER instructions.
#include "runtime/emulator/exec/LaneMemory.h"
#include "runtime/emulator/exec/Program.h"
#include "runtime/emulator/exec/Strict.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

namespace rosso::emulator {
namespace {

struct LaneAddresses {
  uint64_t at[kLanes];
};

/// "load of 4 bytes from", "store of 16 bytes to"
std::string accessText(const MemoryOp &op) {
  const std::string bytes = " of " + std::to_string(op.bytes) + " bytes ";
  switch (op.access) {
  case Access::Load:
    return "load" + bytes + "from ";
  case Access::Store:
    return "store" + bytes + "to ";
  case Access::Atomic:
    break;
  }
  return "atomic" + bytes + "at ";
}

bool failAt(Wave &wave, const Step &step, uint32_t lane, uint64_t address, const char *what) {
  return fail(wave, step, lane,
              accessText(*step.memory) + hex(address) + ": " + what + ": " +
                  wave.state->memory->describe(address));
}

/// Brings the mapping of one lane's bytes to the front of the wave's windows.
bool findWindow(Wave &wave, const Step &step, uint32_t lane, uint64_t address) {
  const uint64_t bytes = step.memory->bytes;
  Window &front = wave.windows[0];
  std::swap(front, wave.windows[1]);
  const uint64_t offset = address - front.address;
  if (offset <= front.bytes && bytes <= front.bytes - offset)
    return true;
  Mapping *mapping = wave.state->memory->find(address, bytes);
  if (!mapping)
    return failAt(wave, step, lane, address, "not mapped");
  front = windowOf(*wave.state, *mapping);
  return true;
}

/// Host pointers of all lanes of `mask`; counts bytes of host memory.
bool resolve(Wave &wave, const Step &step, const LaneAddresses &addresses, uint32_t mask,
             LanePointers &pointers) {
  const uint64_t bytes = step.memory->bytes;
  const bool atomic = step.memory->access == Access::Atomic;
  uint64_t hostBytes = 0;
  for (; mask; mask &= mask - 1) {
    const auto lane = static_cast<uint32_t>(std::countr_zero(mask));
    const uint64_t address = addresses.at[lane];
    uint64_t offset = address - wave.windows[0].address;
    if (offset > wave.windows[0].bytes || bytes > wave.windows[0].bytes - offset) [[unlikely]] {
      if (!findWindow(wave, step, lane, address))
        return false;
      offset = address - wave.windows[0].address;
    }
    if (atomic && address % bytes) [[unlikely]]
      return failAt(wave, step, lane, address, "not aligned to its size");
    pointers.at[lane] = wave.windows[0].data + offset;
    if (wave.windows[0].trace)
      wave.windows[0].trace->touch(offset, bytes, step.memory->access != Access::Store,
                                   step.memory->access != Access::Load);
    hostBytes += wave.windows[0].mapping->region == Region::Host ? bytes : 0;
  }
  Counters &counters = wave.worker->counters;
  if (step.memory->access != Access::Store)
    counters.hostLoadBytes += hostBytes;
  if (step.memory->access != Access::Load)
    counters.hostStoreBytes += hostBytes;
  return true;
}

void count(Wave &wave, const MemoryOp &op, const LaneAddresses &addresses, uint32_t mask) {
  Counters &counters = wave.worker->counters;
  const uint64_t bytes = static_cast<uint64_t>(std::popcount(mask)) * op.bytes;
  const Touched all = touched(addresses.at, mask, op.bytes);
  counters.lines += all.lines;
  if (op.access != Access::Store) {
    counters.loadBytes += bytes;
    counters.sectorsRead += all.sectors;
    counters.wideLoadBytes += op.bytes == 16 ? bytes : 0;
  }
  if (op.access != Access::Load) {
    counters.storeBytes += bytes;
    counters.sectorsWritten += all.sectors;
  }
}

void move(Wave &wave, const MemoryOp &op, const LanePointers &pointers, uint32_t mask) {
  switch (op.access) {
  case Access::Load:
    return loadLanes(wave.registers, op, op.destination, pointers, mask);
  case Access::Store:
    return storeLanes(wave.registers, op, op.data, pointers, mask);
  case Access::Atomic:
    return atomicLanes(wave.registers, op, pointers, mask);
  }
}

/// Everything for lanes whose addresses are global memory.
bool accessGlobal(Wave &wave, const Step &step, const LaneAddresses &addresses, uint32_t mask) {
  const MemoryOp &op = *step.memory;
  LanePointers pointers;
  if (!resolve(wave, step, addresses, mask, pointers))
    return false;
  if (wave.strict && !wave.strict->global(wave, step, addresses.at, mask))
    return false;
  count(wave, op, addresses, mask);
  move(wave, op, pointers, mask);
  return true;
}

void countAccess(Wave &wave, const MemoryOp &op, const Window &window, Touched all, uint32_t mask) {
  Counters &counters = wave.worker->counters;
  const uint64_t bytes = static_cast<uint64_t>(std::popcount(mask)) * op.bytes;
  const uint64_t hostBytes = window.mapping->region == Region::Host ? bytes : 0;
  counters.lines += all.lines;
  if (op.access == Access::Load) {
    counters.loadBytes += bytes;
    counters.sectorsRead += all.sectors;
    counters.wideLoadBytes += op.bytes == 16 ? bytes : 0;
    counters.hostLoadBytes += hostBytes;
  } else {
    counters.storeBytes += bytes;
    counters.sectorsWritten += all.sectors;
    counters.hostStoreBytes += hostBytes;
  }
}

/// The most usual case: a load of all lanes with the distances of the last time, in the same
/// mapping and the same place in a line. False: it is not, and nothing has happened.
bool loadAgain(Wave &wave, const MemoryOp &op, AccessMemo &memo, uint64_t base, LaneWords offsets) {
  LaneWords before;
  std::memcpy(&before, memo.offsets, sizeof before);
  const auto moved = static_cast<LaneWords>(offsets - before);
  const uint32_t least = moved[0];
  if (__builtin_reduce_or(static_cast<LaneWords>(moved ^ least)) != 0)
    return false;
  const Window &window = memo.window;
  const uint64_t begin = base + least - window.address;
  if (begin > window.bytes || memo.span > window.bytes - begin ||
      (static_cast<uint32_t>(base + least) & 127) != memo.start ||
      uint64_t{least} + memo.span > 0xFFFFFFFF || window.trace)
    return false;
  countAccess(wave, op, window, memo.touched, ~0u);
  const uint8_t *data = window.data + begin;
  if (memo.stride == 4 && op.bytes == 4) {
    std::memcpy(wave.registers.v[op.destination], data, kLanes * 4);
    return true;
  }
  LanePointers pointers;
  for (uint32_t lane = 0; lane < kLanes; ++lane)
    pointers.at[lane] = const_cast<uint8_t *>(data) + before[lane];
  loadLanes(wave.registers, op, op.destination, pointers, ~0u);
  return true;
}

/// What loadAgain() wants to know, after a load of all lanes.
void remember(AccessMemo &memo, LaneWords relative, uint64_t span) {
  memo.span = static_cast<uint32_t>(span);
  memo.stride = relative[1] - relative[0];
  for (uint32_t lane = 1; lane < kLanes; ++lane)
    if (relative[lane] != lane * memo.stride)
      memo.stride = 0;
}

/// The usual case: all lanes of a load or store within 2 GiB from `base` on, in one mapping. False:
/// it is not, and nothing has happened.
bool accessNearby(Wave &wave, const MemoryOp &op, uint64_t base, LaneWords offsets, uint32_t mask) {
  if (op.access == Access::Atomic || wave.strict)
    return false;
  AccessMemo &memo = wave.worker->memo(2 * op.number);
  Window &window = memo.window;
  const bool loadsAll = op.access == Access::Load && mask == ~0u;
  if (loadsAll && memo.mask == ~0u && loadAgain(wave, op, memo, base, offsets))
    return true;
  const LaneWords active = spread(mask);
  const uint32_t least = __builtin_reduce_min(static_cast<LaneWords>(offsets | ~active));
  const uint32_t most = __builtin_reduce_max(static_cast<LaneWords>(offsets & active));
  uint64_t begin = base + least - window.address;
  const uint64_t span = static_cast<uint64_t>(most) - least + op.bytes;
  if (span > 0x7FFFFFFF)
    return false;
  if (begin > window.bytes || span > window.bytes - begin) [[unlikely]] {
    Mapping *mapping = wave.state->memory->find(base + least, span);
    if (!mapping)
      return false;
    window = windowOf(*wave.state, *mapping);
    begin = base + least - window.address;
  }
  const LaneWords relative = (offsets - least) & active;
  uint8_t *data = window.data + begin;
  LanePointers pointers;
  for (uint32_t lane = 0; lane < kLanes; ++lane)
    pointers.at[lane] = data + relative[lane];

  if (window.trace) [[unlikely]] {
    const bool load = op.access == Access::Load;
    uint64_t last = ~uint64_t{0}; // lanes often share a sector
    forLanes(mask, [&](uint32_t lane) {
      const uint64_t offset = begin + relative[lane], sector = offset / 64;
      if (sector != last || (offset + op.bytes - 1) / 64 != last)
        window.trace->touch(offset, op.bytes, load, !load);
      last = sector;
    });
  }
  const Touched all =
      touchedAgain(memo, relative, static_cast<uint32_t>(base + least) & 127, mask, op.bytes);
  countAccess(wave, op, window, all, mask);
  if (loadsAll)
    remember(memo, relative, span);
  if (op.access == Access::Load)
    loadLanes(wave.registers, op, op.destination, pointers, mask);
  else
    storeLanes(wave.registers, op, op.data, pointers, mask);
  return true;
}

/// 64-bit addresses of lanes, as offsets from the first one's surroundings. False: too far apart.
bool nearby(const Wave &wave, const MemoryOp &op, uint32_t mask, uint64_t &base,
            LaneWords &offsets) {
  LaneWords low, high;
  std::memcpy(&low, wave.registers.v[op.vectorAddress], sizeof low);
  std::memcpy(&high, wave.registers.v[op.vectorAddress + 1], sizeof high);
  const auto first = static_cast<uint32_t>(std::countr_zero(mask));
  if (__builtin_reduce_or(static_cast<LaneWords>((high ^ high[first]) & spread(mask))))
    return false;
  base = (static_cast<uint64_t>(high[first]) << 32) + static_cast<uint64_t>(op.offset);
  offsets = low;
  return true;
}

/// Loads and atomics that return count for waits, whatever lanes take part.
void countIssue(Wave &wave, const MemoryOp &op) { wave.loads += op.returns; }

void wideAddresses(const Wave &wave, const MemoryOp &op, LaneAddresses &addresses) {
  const uint32_t *low = wave.registers.v[op.vectorAddress];
  const uint32_t *high = wave.registers.v[op.vectorAddress + 1];
  for (uint32_t lane = 0; lane < kLanes; ++lane)
    addresses.at[lane] =
        (low[lane] | static_cast<uint64_t>(high[lane]) << 32) + static_cast<uint64_t>(op.offset);
}

bool executeGlobal(Wave &wave, const Step &step) {
  const MemoryOp &op = *step.memory;
  const uint32_t mask = wave.exec();
  countIssue(wave, op);
  if (!mask)
    return true;
  uint64_t base = 0;
  LaneWords offsets;
  LaneAddresses addresses;
  if (op.scalarAddress == kNoRegister) {
    if (nearby(wave, op, mask, base, offsets) && accessNearby(wave, op, base, offsets, mask))
      return true;
    wideAddresses(wave, op, addresses);
  } else {
    base = wave.scalar64(op.scalarAddress) + static_cast<uint64_t>(op.offset);
    std::memcpy(&offsets, wave.registers.v[op.vectorAddress], sizeof offsets);
    if (accessNearby(wave, op, base, offsets, mask))
      return true;
    for (uint32_t lane = 0; lane < kLanes; ++lane)
      addresses.at[lane] = base + offsets[lane];
  }
  return accessGlobal(wave, step, addresses, mask);
}

/// Private memory of a lane is one piece here; hardware interleaves it by dwords.
bool accessScratch(Wave &wave, const Step &step, const LaneAddresses &offsets, uint32_t mask) {
  const MemoryOp &op = *step.memory;
  const uint64_t size = wave.state->scratchBytesPerLane;
  LanePointers pointers;
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    const auto lane = static_cast<uint32_t>(std::countr_zero(rest));
    const uint64_t offset = offsets.at[lane];
    if (offset > size || op.bytes > size - offset)
      return fail(wave, step, lane,
                  accessText(op) + "private memory at " + hex(offset) + ": a lane has " +
                      std::to_string(size) + " bytes");
    if (wave.scratch.empty())
      wave.scratch.resize(size * kLanes);
    pointers.at[lane] = wave.scratch.data() + lane * size + offset;
  }
  move(wave, op, pointers, mask);
  return true;
}

bool executeScratch(Wave &wave, const Step &step) {
  const MemoryOp &op = *step.memory;
  countIssue(wave, op);
  const int64_t base = op.offset + (op.scalarAddress == kNoRegister
                                        ? 0
                                        : static_cast<int32_t>(wave.registers.s[op.scalarAddress]));
  LaneAddresses offsets;
  for (uint32_t lane = 0; lane < kLanes; ++lane)
    offsets.at[lane] = static_cast<uint64_t>(
        base + (op.vectorAddress == kNoRegister
                    ? 0
                    : static_cast<int32_t>(wave.registers.v[op.vectorAddress][lane])));
  return accessScratch(wave, step, offsets, wave.exec());
}

bool executeFlat(Wave &wave, const Step &step) {
  const MemoryOp &op = *step.memory;
  const uint32_t mask = wave.exec();
  countIssue(wave, op);
  LaneAddresses addresses, inApertures;
  wideAddresses(wave, op, addresses);
  uint32_t lds = 0, scratch = 0;
  forLanes(mask, [&](uint32_t lane) {
    const uint64_t aperture = addresses.at[lane] >> 32 << 32;
    lds |= static_cast<uint32_t>(aperture == kSharedAperture) << lane;
    scratch |= static_cast<uint32_t>(aperture == kPrivateAperture) << lane;
    inApertures.at[lane] = addresses.at[lane] & 0xFFFFFFFF;
  });
  if (const uint32_t global = mask & ~(lds | scratch);
      global && !accessGlobal(wave, step, addresses, global))
    return false;
  if (scratch && !accessScratch(wave, step, inApertures, scratch))
    return false;
  return !lds || accessLds(wave, step, inApertures.at, lds);
}

/// A buffer descriptor: base, stride and size. Sources: ISA, "Buffer resource descriptor".
struct Descriptor {
  uint64_t base;
  uint32_t stride, records;
  uint32_t bounds; // how accesses are checked: 3 raw, 2 only emptiness, 1 index, 0 index and stride
  bool swizzled;
};
Descriptor descriptor(const Wave &wave, uint16_t first) {
  const uint32_t *words = wave.registers.s + first;
  return {.base = words[0] | static_cast<uint64_t>(words[1] & 0xFFFF) << 32,
          .stride = words[1] >> 16 & 0x3FFF,
          .records = words[2],
          .bounds = words[3] >> 28 & 3,
          .swizzled = (words[1] >> 30) != 0};
}

bool inBounds(const Descriptor &buffer, const MemoryOp &op, uint64_t index, uint64_t offset,
              uint64_t scalarOffset) {
  switch (buffer.bounds) {
  case 0:
    return index < buffer.records && offset + op.bytes <= buffer.stride;
  case 1:
    return index < buffer.records;
  case 2:
    return buffer.records != 0;
  default:
    return index * buffer.stride + offset + scalarOffset + op.bytes <= buffer.records;
  }
}

bool executeBuffer(Wave &wave, const Step &step) {
  const MemoryOp &op = *step.memory;
  const uint32_t mask = wave.exec();
  countIssue(wave, op);
  const Descriptor buffer = descriptor(wave, op.scalarAddress);
  if (buffer.swizzled)
    return fail(wave, step, kNoLane, "swizzled buffers are not modelled", ErrorCode::Unsupported);
  const uint64_t scalarOffset =
      op.scalarOffset == kNoRegister ? 0 : wave.registers.s[op.scalarOffset];
  LaneAddresses addresses;
  uint32_t inside = 0;
  forLanes(mask, [&](uint32_t lane) {
    const uint64_t index = op.idxen ? wave.registers.v[op.vectorAddress][lane] : 0;
    const uint64_t offset =
        static_cast<uint64_t>(op.offset) +
        (op.offen ? wave.registers.v[op.vectorAddress + (op.idxen ? 1 : 0)][lane] : 0);
    inside |= static_cast<uint32_t>(inBounds(buffer, op, index, offset, scalarOffset)) << lane;
    addresses.at[lane] = buffer.base + index * buffer.stride + offset + scalarOffset;
  });
  // Outside of the buffer loads read 0 and nothing is stored.
  if (op.returns)
    forLanes(mask & ~inside, [&](uint32_t lane) {
      for (uint32_t i = 0; i < op.dwords(); ++i)
        wave.registers.v[op.destination + i][lane] = 0;
    });
  return !inside || accessGlobal(wave, step, addresses, inside);
}

InstructionClass globalClass(const MemoryOp &op) {
  switch (op.access) {
  case Access::Load:
    return InstructionClass::GlobalLoad;
  case Access::Store:
    return InstructionClass::GlobalStore;
  case Access::Atomic:
    break;
  }
  return InstructionClass::GlobalAtomic;
}

/// Cache controls, prefetches and the clock have their encodings, too.
bool touchesNothing(const Instruction &instruction) {
  const std::string &name = instruction.name;
  return name.ends_with("_inv") || name.ends_with("_wb") || name.ends_with("_wbinv") ||
         name.find("prefetch") != std::string::npos || name == "ds_nop" || name == "s_memrealtime";
}

} // namespace

bool isMemoryInstruction(const Instruction &instruction) {
  switch (instruction.encoding) {
  case Encoding::Global:
  case Encoding::Flat:
  case Encoding::Scratch:
  case Encoding::Buffer:
  case Encoding::Smem:
  case Encoding::Ds:
    return !touchesNothing(instruction);
  default:
    return false;
  }
}

Status bindMemory(const Instruction &instruction, amd::Isa isa, Step &step, MemoryOp &memory) {
  step.kind = StepKind::Execute;
  if (instruction.encoding == Encoding::Ds && bindLanePermutation(instruction, step, memory))
    return {};
  ROSSO_TRY(memory, parseMemoryOp(instruction, isa));
  switch (instruction.encoding) {
  case Encoding::Global:
    step.execute = executeGlobal;
    step.instructionClass = globalClass(memory);
    break;
  case Encoding::Flat:
    step.execute = executeFlat;
    step.instructionClass = globalClass(memory);
    break;
  case Encoding::Buffer:
    step.execute = executeBuffer;
    step.instructionClass = globalClass(memory);
    break;
  case Encoding::Scratch:
    step.execute = executeScratch;
    step.instructionClass = InstructionClass::Scratch;
    break;
  case Encoding::Smem:
    step.execute = executeScalarLoad;
    step.instructionClass = InstructionClass::Smem;
    break;
  default:
    step.execute = executeLds;
    step.instructionClass =
        memory.access == Access::Atomic ? InstructionClass::LdsAtomic : InstructionClass::Lds;
    break;
  }
  return {};
}

} // namespace rosso::emulator
