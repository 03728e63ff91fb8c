// What all vector memory instructions share, once every lane knows where its bytes lie: moving data
// between registers and memory, atomics, and counting.
#pragma once

#include "runtime/emulator/exec/MemoryOp.h"
#include "runtime/emulator/exec/WaveState.h"

namespace rosso::emulator {

struct LanePointers {
  uint8_t *at[kLanes];
};

/// Lanes of `mask` only. Loads write the destination registers from `destination` on.
void loadLanes(Registers &registers, const MemoryOp &op, uint16_t destination,
               const LanePointers &from, uint32_t mask);
void storeLanes(const Registers &registers, const MemoryOp &op, uint16_t data,
                const LanePointers &to, uint32_t mask);
/// Lane after lane, each atomically for the other threads of the emulator.
void atomicLanes(Registers &registers, const MemoryOp &op, const LanePointers &at, uint32_t mask);

/// Distinct sectors of 64 bytes and lines of 128 bytes that lanes of `mask` touch.
Touched touched(const uint64_t (&at)[kLanes], uint32_t mask, uint32_t bytes);

using LaneWords = uint32_t __attribute__((vector_size(4 * kLanes)));

/// Bit i set: all ones in lane i.
inline LaneWords spread(uint32_t mask) {
  LaneWords bits;
  for (uint32_t lane = 0; lane < kLanes; ++lane)
    bits[lane] = 1u << lane;
  return static_cast<LaneWords>((bits & mask) == bits);
}

/// The same, remembered: `offsets` from an address whose lowest seven bits are `start`.
Touched touchedAgain(AccessMemo &memo, LaneWords offsets, uint32_t start, uint32_t mask,
                     uint32_t bytes);

bool executeLds(Wave &wave, const Step &step);
bool executeScalarLoad(Wave &wave, const Step &step);
/// Lanes of `mask` access LDS at these byte offsets; also for flat addresses.
bool accessLds(Wave &wave, const Step &step, const uint64_t (&at)[kLanes], uint32_t mask);
/// ds_swizzle, ds_permute and ds_bpermute: lanes exchange registers. False: it is none of them.
bool bindLanePermutation(const Instruction &instruction, Step &step, MemoryOp &memory);

/// Calls `visit(lane)` for every lane of `mask`, the lowest first.
template <typename Visit> void forLanes(uint32_t mask, Visit &&visit) {
  for (; mask; mask &= mask - 1)
    visit(static_cast<uint32_t>(__builtin_ctz(mask)));
}

} // namespace rosso::emulator
