// Memory instructions of all kinds, taken apart.
#pragma once

#include "runtime/amd/Chip.h"
#include "runtime/emulator/decode/Instruction.h"
#include "support/Result.h"

#include <cstdint>

namespace rosso::emulator {

enum class Atomic : uint8_t {
  None,
  Swap,
  CompareSwap,
  Add,
  Sub,
  ReverseSub,
  MinSigned,
  MinUnsigned,
  MaxSigned,
  MaxUnsigned,
  And,
  Or,
  Xor,
  Increment, // wraps to 0 above the operand
  Decrement, // wraps to the operand below 0 and above it
  ClampedSub,
  MaskedOr, // (old & ~data) | data2
  AddFloat,
  MinFloat,
  MaxFloat,
  AddHalves, // two f16
  AddBfloats // two bf16
};

enum class Access : uint8_t { Load, Store, Atomic };

inline constexpr uint16_t kNoRegister = 0xFFFF;

struct MemoryOp {
  uint32_t number = 0; // in its program
  Access access = Access::Load;
  // A lane's data: `dwords` registers of 4 bytes, or less than a register: 1 or 2 bytes.
  uint8_t bytes = 4; // of a lane's access (of each of the two of ds_*_2addr)
  bool signedValue = false;
  bool d16 = false, high = false; // one half of the register; loads keep the other
  Atomic atomic = Atomic::None;
  bool returns = false;
  uint16_t destination = kNoRegister, data = kNoRegister, data2 = kNoRegister;
  uint16_t vectorAddress = kNoRegister; // first register of the lane's address or offset
  bool wideAddress = false;             // 64 bits of it
  uint16_t scalarAddress = kNoRegister; // SGPR: base (64 bits), scratch offset, buffer descriptor
  uint16_t scalarOffset = kNoRegister;  // SGPR: SMEM, buffers
  int64_t offset = 0;                   // bytes, with constants of scalarOffset added
  // Two accesses of ds_*_2addr: byte offsets.
  bool two = false;
  uint32_t offset0 = 0, offset1 = 0;
  bool offen = false, idxen = false; // buffers

  uint32_t dwords() const { return bytes < 4 ? 1u : bytes / 4u; }
};

/// Loads, stores and atomics of SMEM, GLOBAL, FLAT, SCRATCH, BUFFER and DS. Errors: an instruction
/// we do not model.
Result<MemoryOp> parseMemoryOp(const Instruction &instruction, amd::Isa isa);

} // namespace rosso::emulator
