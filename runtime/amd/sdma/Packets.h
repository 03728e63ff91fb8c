// Packets of the copy engine (SDMA 5.2, 6 and 7), as far as the driver sends them. A header of
// operation and sub-operation, then addresses. The ring counts bytes, and no packet may cross its
// end. Source: Linux amdgpu, sdma_v6_0_0_pkt_open.h and navi10_sdma_pkt_open.h.
#pragma once

#include "runtime/amd/Chip.h"

#include <array>
#include <cassert>
#include <cstdint>

namespace rosso::amd::sdma {

enum class Op : uint8_t { Nop = 0, Copy = 1, Fence = 5, Trap = 6, PollRegMem = 8, ConstFill = 11 };

constexpr uint32_t header(Op op, uint32_t subOp = 0) {
  return static_cast<uint32_t>(op) | subOp << 8;
}

constexpr uint32_t lo(uint64_t value) { return static_cast<uint32_t>(value); }
constexpr uint32_t hi(uint64_t value) { return static_cast<uint32_t>(value >> 32); }
constexpr bool isAddress(uint64_t address, uint64_t alignment) {
  return address % alignment == 0 && address >> 48 == 0;
}

/// The most bytes of one copy or fill. Version 5.2's header has a count of 22 bits, later 30; both
/// stay 32 bytes below, as AMD's runtime does.
constexpr uint32_t mostBytes(Isa isa) { return isa == Isa::Gfx10 ? 0x3FFFE0 : 0x3FFFFFE0; }

/// Copies bytes at any alignment; the ranges must not overlap.
struct CopyLinear {
  uint64_t from = 0, to = 0;
  uint32_t bytes = 0;
};

constexpr std::array<uint32_t, 7> encode(const CopyLinear &copy) {
  assert(isAddress(copy.from, 1) && isAddress(copy.to, 1));
  assert(copy.bytes >= 1 && copy.bytes <= mostBytes(Isa::Gfx12));
  return {header(Op::Copy), copy.bytes - 1, /*swap and cache policies=*/0,
          lo(copy.from),    hi(copy.from),  lo(copy.to),
          hi(copy.to)};
}

/// Fills with one dword.
struct ConstFill {
  uint64_t to = 0; // 4-byte aligned
  uint32_t value = 0;
  uint32_t bytes = 0; // a multiple of 4
};

constexpr std::array<uint32_t, 5> encode(const ConstFill &fill) {
  assert(isAddress(fill.to, 4));
  assert(fill.bytes >= 4 && fill.bytes % 4 == 0 && fill.bytes <= mostBytes(Isa::Gfx12));
  constexpr uint32_t kDwords = 2u << 30;
  return {header(Op::ConstFill) | kDwords, lo(fill.to), hi(fill.to), fill.value, fill.bytes - 4};
}

/// Writes 32 bits once everything before it is done.
struct Fence {
  uint64_t address = 0; // 4-byte aligned
  uint32_t value = 0;
};

constexpr std::array<uint32_t, 4> encode(const Fence &fence) {
  assert(isAddress(fence.address, 4));
  constexpr uint32_t kUncached = 3 << 16; // MTYPE
  return {header(Op::Fence) | kUncached, lo(fence.address), hi(fence.address), fence.value};
}

/// Stalls the queue until the dword at `address` is at least `value`, unsigned.
struct PollMem {
  uint64_t address = 0; // 4-byte aligned
  uint32_t value = 0;
};

constexpr std::array<uint32_t, 6> encode(const PollMem &poll) {
  assert(isAddress(poll.address, 4));
  constexpr uint32_t kGreaterOrEqual = 5u << 28, kMemory = 1u << 31, kEveryBit = ~0u;
  constexpr uint32_t kForeverEveryFourClocks = 0x0FFF0004;
  return {header(Op::PollRegMem) | kGreaterOrEqual | kMemory,
          lo(poll.address),
          hi(poll.address),
          poll.value,
          kEveryBit,
          kForeverEveryFourClocks};
}

/// Raises an interrupt.
struct Trap {
  uint32_t interrupt = 0; // its number, 28 bits
};

constexpr std::array<uint32_t, 2> encode(const Trap &trap) {
  assert(trap.interrupt >> 28 == 0);
  return {header(Op::Trap), trap.interrupt};
}

} // namespace rosso::amd::sdma
