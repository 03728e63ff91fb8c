// DS instructions: loads, stores and atomics of a work group's memory, and exchanges between lanes.
#include "runtime/emulator/exec/LaneMemory.h"
#include "runtime/emulator/exec/Program.h"
#include "runtime/emulator/exec/Strict.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>

namespace rosso::emulator {
namespace {

constexpr uint32_t kBanks = 32; // of 4 bytes, that a compute unit reaches in a clock

/// Clocks that these lanes need: 32 banks deliver a dword each and clock, the same one to any
/// number of lanes. Lanes with 8 bytes go in two halves, with 12 and 16 bytes in four quarters.
uint32_t ldsClocks(const uint64_t (&at)[kLanes], uint32_t mask, uint32_t bytes) {
  const uint32_t dwords = bytes < 4 ? 1 : bytes / 4;
  const uint32_t parts = dwords <= 1 ? 1 : dwords == 2 ? 2 : 4;
  const uint32_t lanesOfPart = kLanes / parts;
  uint32_t clocks = 0;
  for (uint32_t part = 0; part < parts; ++part) {
    std::array<uint64_t, kLanes * 2> wanted;
    size_t count = 0;
    const uint32_t lanes =
        parts == 1 ? mask : mask >> part * lanesOfPart & ((1u << lanesOfPart) - 1);
    bool rising = true;
    forLanes(lanes, [&](uint32_t lane) {
      const uint64_t first = at[lane + part * lanesOfPart] / 4;
      for (uint32_t i = 0; i < dwords; ++i) {
        if (count && first + i == wanted[count - 1])
          continue;
        rising &= count == 0 || first + i == wanted[count - 1] + 1;
        wanted[count++] = first + i;
      }
    });
    if (count == 0)
      continue;
    if (rising && count <= kBanks) { // dwords in a row: no two in one bank
      ++clocks;
      continue;
    }
    std::sort(wanted.begin(), wanted.begin() + count);
    const size_t distinct =
        static_cast<size_t>(std::unique(wanted.begin(), wanted.begin() + count) - wanted.begin());
    std::array<uint8_t, kBanks> inBank{};
    uint8_t most = 0;
    for (size_t i = 0; i < distinct; ++i)
      most = std::max(most, ++inBank[wanted[i] % kBanks]);
    clocks += most;
  }
  return clocks;
}

/// Counts an access of `lanes` at these offsets. Conflicts stay the same when all lanes move by a
/// whole row of banks.
void count(Wave &wave, LaneWords offsets, uint32_t mask, uint32_t bytes, AccessMemo &memo) {
  const auto first = static_cast<uint32_t>(std::countr_zero(mask));
  const uint32_t row = offsets[first] / (4 * kBanks) * (4 * kBanks);
  const LaneWords relative = (offsets - row) & spread(mask);
  LaneWords before;
  std::memcpy(&before, memo.offsets, sizeof before);
  if (memo.mask != mask || memo.start != bytes ||
      __builtin_reduce_or(static_cast<LaneWords>(before ^ relative))) {
    std::memcpy(memo.offsets, &relative, sizeof relative);
    memo.mask = mask;
    memo.start = bytes;
    uint64_t at[kLanes];
    for (uint32_t lane = 0; lane < kLanes; ++lane)
      at[lane] = offsets[lane];
    memo.ldsClocks = ldsClocks(at, mask, bytes);
  }
  Counters &counters = wave.worker->counters;
  const uint32_t least = bytes <= 4 ? 1 : bytes == 8 ? 2 : 4;
  counters.ldsBytes += static_cast<uint64_t>(std::popcount(mask)) * bytes;
  counters.ldsClocks += memo.ldsClocks;
  counters.ldsConflictClocks += memo.ldsClocks > least ? memo.ldsClocks - least : 0;
}

/// Pointers of the lanes; errors are offsets beyond the work group's LDS.
bool resolve(Wave &wave, const Step &step, const uint64_t (&at)[kLanes], uint32_t mask,
             LanePointers &pointers) {
  const uint64_t size = wave.state->ldsBytes, bytes = step.memory->bytes;
  uint8_t *lds = wave.group->lds.data();
  for (; mask; mask &= mask - 1) {
    const auto lane = static_cast<uint32_t>(std::countr_zero(mask));
    if (at[lane] > size || bytes > size - at[lane])
      return fail(wave, step, lane,
                  "LDS offset " + hex(at[lane]) + " with " + std::to_string(bytes) +
                      " bytes lies beyond the work group's " + std::to_string(size) + " bytes");
    if (step.memory->access == Access::Atomic && at[lane] % bytes)
      return fail(wave, step, lane, "LDS offset " + hex(at[lane]) + " is not aligned to its size");
    pointers.at[lane] = lds + at[lane];
  }
  return true;
}

/// One access of each lane; ds_*_2addr make two, which count for themselves.
bool accessOnce(Wave &wave, const Step &step, LaneWords offsets, uint32_t mask,
                uint16_t destination, uint16_t data, uint32_t part) {
  const MemoryOp &op = *step.memory;
  LanePointers pointers;
  const uint32_t most = __builtin_reduce_max(static_cast<LaneWords>(offsets & spread(mask)));
  const bool fits = static_cast<uint64_t>(most) + op.bytes <= wave.state->ldsBytes;
  if (fits && !wave.strict && op.access != Access::Atomic) [[likely]] {
    uint8_t *lds = wave.group->lds.data();
    for (uint32_t lane = 0; lane < kLanes; ++lane) // those that are not active are never used
      pointers.at[lane] = lds + offsets[lane];
  } else {
    uint64_t at[kLanes];
    for (uint32_t lane = 0; lane < kLanes; ++lane)
      at[lane] = offsets[lane];
    if (!resolve(wave, step, at, mask, pointers))
      return false;
    if (wave.strict && !wave.strict->lds(wave, step, at, mask))
      return false;
  }
  count(wave, offsets, mask, op.bytes, wave.worker->memo(2 * op.number + part));
  switch (op.access) {
  case Access::Load:
    loadLanes(wave.registers, op, destination, pointers, mask);
    break;
  case Access::Store:
    storeLanes(wave.registers, op, data, pointers, mask);
    break;
  case Access::Atomic:
    atomicLanes(wave.registers, op, pointers, mask);
    break;
  }
  return true;
}

LaneWords offsetsOf(const Wave &wave, const MemoryOp &op) {
  LaneWords offsets;
  std::memcpy(&offsets, wave.registers.v[op.vectorAddress], sizeof offsets);
  return offsets;
}

bool executeTwo(Wave &wave, const Step &step) {
  const MemoryOp &op = *step.memory;
  const uint32_t mask = wave.exec();
  if (!mask)
    return true;
  // The first load may overwrite the register of the addresses.
  const LaneWords offsets = offsetsOf(wave, op);
  const auto dwords = static_cast<uint16_t>(op.dwords());
  return accessOnce(wave, step, offsets + op.offset0, mask, op.destination, op.data, 0) &&
         accessOnce(wave, step, offsets + op.offset1, mask,
                    static_cast<uint16_t>(op.destination + dwords), op.data2, 1);
}

/// vdst[i] = data[lane that address i names]; inactive lanes deliver 0, or with `fi` their value.
template <bool kFetchInactive> bool backwardPermute(Wave &wave, const Step &step) {
  const MemoryOp &op = *step.memory;
  const uint32_t exec = wave.exec();
  const uint32_t *address = wave.registers.v[op.vectorAddress];
  const uint32_t *data = wave.registers.v[op.data];
  uint32_t result[kLanes];
  forLanes(exec, [&](uint32_t lane) {
    const uint32_t from = (address[lane] + static_cast<uint32_t>(op.offset)) / 4 % kLanes;
    result[lane] = kFetchInactive || exec >> from & 1 ? data[from] : 0;
  });
  forLanes(exec, [&](uint32_t lane) { wave.registers.v[op.destination][lane] = result[lane]; });
  return true;
}

/// vdst[lane that address i names] = data[i]; the highest lane wins, and who gets nothing gets 0.
bool forwardPermute(Wave &wave, const Step &step) {
  const MemoryOp &op = *step.memory;
  const uint32_t exec = wave.exec();
  uint32_t result[kLanes] = {};
  forLanes(exec, [&](uint32_t lane) {
    const uint32_t to =
        (wave.registers.v[op.vectorAddress][lane] + static_cast<uint32_t>(op.offset)) / 4 % kLanes;
    result[to] = wave.registers.v[op.data][lane];
  });
  forLanes(exec, [&](uint32_t lane) { wave.registers.v[op.destination][lane] = result[lane]; });
  return true;
}

/// Bit 15 set: any lane of four; the mode with 0xE000 (FFT) and 0xC000 (rotate) are of no use to
/// compute. Else lane' = ((lane & and) | or) ^ xor of 5 bits each.
uint32_t swizzledLane(uint32_t pattern, uint32_t lane) {
  if (pattern & 0x8000)
    return (lane & ~3u) | (pattern >> 2 * (lane & 3) & 3);
  return ((lane & pattern & 31) | (pattern >> 5 & 31)) ^ (pattern >> 10 & 31);
}

bool swizzle(Wave &wave, const Step &step) {
  const MemoryOp &op = *step.memory;
  const uint32_t exec = wave.exec();
  uint32_t result[kLanes];
  forLanes(exec, [&](uint32_t lane) {
    const uint32_t from = swizzledLane(static_cast<uint32_t>(op.offset), lane);
    result[lane] = exec >> from & 1 ? wave.registers.v[op.data][from] : 0;
  });
  forLanes(exec, [&](uint32_t lane) { wave.registers.v[op.destination][lane] = result[lane]; });
  return true;
}

} // namespace

bool accessLds(Wave &wave, const Step &step, const uint64_t (&at)[kLanes], uint32_t mask) {
  LaneWords offsets;
  for (uint32_t lane = 0; lane < kLanes; ++lane)
    offsets[lane] = static_cast<uint32_t>(at[lane]);
  return accessOnce(wave, step, offsets, mask, step.memory->destination, step.memory->data, 0);
}

bool executeLds(Wave &wave, const Step &step) {
  const MemoryOp &op = *step.memory;
  if (op.two)
    return executeTwo(wave, step);
  const uint32_t mask = wave.exec();
  return !mask || accessOnce(wave, step, offsetsOf(wave, op) + static_cast<uint32_t>(op.offset),
                             mask, op.destination, op.data, 0);
}

bool bindLanePermutation(const Instruction &instruction, Step &step, MemoryOp &memory) {
  struct Permutation {
    std::string_view name;
    Execute execute;
  };
  constexpr Permutation kPermutations[] = {{"ds_bpermute_b32", backwardPermute<false>},
                                           {"ds_bpermute_fi_b32", backwardPermute<true>},
                                           {"ds_permute_b32", forwardPermute},
                                           {"ds_swizzle_b32", swizzle}};
  for (const Permutation &permutation : kPermutations) {
    if (permutation.name != instruction.name)
      continue;
    const auto &operands = instruction.operands;
    const bool isSwizzle = permutation.execute == swizzle;
    if (operands.size() < (isSwizzle ? 2u : 3u) ||
        (isSwizzle && (instruction.modifiers.offset & 0xFFFF) >= 0xC000))
      return false;
    memory.destination = operands[0].index;
    memory.vectorAddress = operands[1].index;
    memory.data = operands[isSwizzle ? 1 : 2].index;
    memory.offset = instruction.modifiers.offset;
    memory.returns = true;
    step.execute = permutation.execute;
    step.instructionClass = InstructionClass::Lds;
    return true;
  }
  return false;
}

} // namespace rosso::emulator
