// How packets of both kinds of queues reach memory: checked, counted, and with caches named.
#pragma once

#include "runtime/emulator/Hazards.h"
#include "runtime/emulator/packets/Stream.h"
#include "support/Result.h"

#include <cstdint>

namespace rosso::emulator {

/// Bits of GCR_CNTL [18:0]: what they ask for. Errors: combinations that hardware does not have.
/// `everything` says that the range given with them is the whole address space.
Result<CacheControl> readCacheControl(uint32_t gcr, bool everything, amd::Isa isa);

/// Functions of WAIT_REG_MEM and POLL_REGMEM: 0 always, 1 <, 2 <=, 3 ==, 4 !=, 5 >=, 6 >.
bool compares(uint32_t function, uint64_t value, uint64_t reference);

/// One atomic operation of ATOMIC_MEM and SDMA's ATOMIC; see TC_OP in vega10_enum.h of Linux'
/// amdgpu driver. Returns how many bytes the operation has: 4, 8, or 0 if it is not known.
uint32_t atomicBytes(uint32_t operation);
void applyAtomic(uint32_t operation, uint8_t *memory, uint64_t source, uint64_t compare);

uint64_t loadMemory(const uint8_t *memory, uint32_t bytes);        // acquires
void storeMemory(uint8_t *memory, uint64_t value, uint32_t bytes); // releases

} // namespace rosso::emulator
