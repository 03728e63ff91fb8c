#include "runtime/emulator/exec/LaneMemory.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>

namespace rosso::emulator {
namespace {

template <typename T> T read(const uint8_t *from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

using Quad = uint32_t __attribute__((vector_size(16)));

/// All lanes, 16 bytes each: four lanes at a time, turned by four shuffles and four more.
void loadFourAll(uint32_t (*to)[kLanes], const LanePointers &from) {
  for (uint32_t lane = 0; lane < kLanes; lane += 4) {
    const Quad a = read<Quad>(from.at[lane]), b = read<Quad>(from.at[lane + 1]);
    const Quad c = read<Quad>(from.at[lane + 2]), d = read<Quad>(from.at[lane + 3]);
    const Quad ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    const Quad ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const Quad cd0 = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const Quad cd2 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    const Quad rows[4] = {__builtin_shufflevector(ab0, cd0, 0, 1, 4, 5),
                          __builtin_shufflevector(ab0, cd0, 2, 3, 6, 7),
                          __builtin_shufflevector(ab2, cd2, 0, 1, 4, 5),
                          __builtin_shufflevector(ab2, cd2, 2, 3, 6, 7)};
    for (uint32_t i = 0; i < 4; ++i)
      std::memcpy(&to[i][lane], &rows[i], sizeof(Quad));
  }
}

template <uint32_t kDwords>
void loadDwords(uint32_t (*to)[kLanes], const LanePointers &from, uint32_t mask) {
  if (mask == ~0u) {
    if constexpr (kDwords == 4) {
      loadFourAll(to, from);
    } else {
      for (uint32_t lane = 0; lane < kLanes; ++lane)
        for (uint32_t i = 0; i < kDwords; ++i)
          to[i][lane] = read<uint32_t>(from.at[lane] + 4 * i);
    }
    return;
  }
  forLanes(mask, [&](uint32_t lane) {
    for (uint32_t i = 0; i < kDwords; ++i)
      to[i][lane] = read<uint32_t>(from.at[lane] + 4 * i);
  });
}

template <uint32_t kDwords>
void storeDwords(const uint32_t (*data)[kLanes], const LanePointers &to, uint32_t mask) {
  forLanes(mask, [&](uint32_t lane) {
    for (uint32_t i = 0; i < kDwords; ++i)
      std::memcpy(to.at[lane] + 4 * i, &data[i][lane], 4);
  });
}

uint32_t widened(const MemoryOp &op, const uint8_t *from) {
  if (op.bytes == 1)
    return op.signedValue ? static_cast<uint32_t>(read<int8_t>(from)) : read<uint8_t>(from);
  return op.signedValue ? static_cast<uint32_t>(read<int16_t>(from)) : read<uint16_t>(from);
}

/// Replaces `*at` by change(*at) at once; returns what was there.
template <typename T, typename Change> T exchange(uint8_t *at, Change &&change) {
  T *word = reinterpret_cast<T *>(at);
  T before = __atomic_load_n(word, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(word, &before, change(before), false, __ATOMIC_ACQ_REL,
                                      __ATOMIC_RELAXED)) {
  }
  return before;
}

template <typename T> struct FloatOf {
  using Type = std::conditional_t<sizeof(T) == 4, float, double>;
};

/// NaNs lose, as in IEEE's minNum.
template <typename F> F least(F a, F b) { return std::isnan(b) || a < b ? a : b; }
template <typename F> F greatest(F a, F b) { return std::isnan(b) || a > b ? a : b; }

uint32_t addHalves(uint32_t a, uint32_t b) {
  uint32_t sum = 0;
  for (uint32_t shift : {0u, 16u}) {
    const auto x = std::bit_cast<_Float16>(static_cast<uint16_t>(a >> shift));
    const auto y = std::bit_cast<_Float16>(static_cast<uint16_t>(b >> shift));
    const auto rounded = static_cast<_Float16>(static_cast<float>(x) + static_cast<float>(y));
    sum |= static_cast<uint32_t>(std::bit_cast<uint16_t>(rounded)) << shift;
  }
  return sum;
}

uint32_t addBfloats(uint32_t a, uint32_t b) {
  uint32_t sum = 0;
  for (uint32_t shift : {0u, 16u}) {
    const auto x = std::bit_cast<float>(a >> shift << 16),
               y = std::bit_cast<float>(b >> shift << 16);
    uint32_t bits = std::bit_cast<uint32_t>(x + y);
    if ((bits & 0x7FFFFFFF) <= 0x7F800000)
      bits += 0x7FFF + (bits >> 16 & 1); // to nearest, ties to even
    else
      bits |= 0x400000;
    sum |= bits >> 16 << shift;
  }
  return sum;
}

template <typename T> T changed(Atomic atomic, T old, T data, T data2) {
  using Signed = std::make_signed_t<T>;
  using Float = typename FloatOf<T>::Type;
  switch (atomic) {
  case Atomic::Swap:
    return data;
  case Atomic::CompareSwap:
    return old == data2 ? data : old;
  case Atomic::Add:
    return old + data;
  case Atomic::Sub:
    return old - data;
  case Atomic::ReverseSub:
    return data - old;
  case Atomic::MinSigned:
    return static_cast<Signed>(data) < static_cast<Signed>(old) ? data : old;
  case Atomic::MinUnsigned:
    return std::min(data, old);
  case Atomic::MaxSigned:
    return static_cast<Signed>(data) > static_cast<Signed>(old) ? data : old;
  case Atomic::MaxUnsigned:
    return std::max(data, old);
  case Atomic::And:
    return old & data;
  case Atomic::Or:
    return old | data;
  case Atomic::Xor:
    return old ^ data;
  case Atomic::Increment:
    return old >= data ? 0 : old + 1;
  case Atomic::Decrement:
    return old == 0 || old > data ? data : old - 1;
  case Atomic::ClampedSub:
    return old >= data ? old - data : 0;
  case Atomic::MaskedOr:
    return (old & ~data) | data2;
  case Atomic::AddFloat:
    return std::bit_cast<T>(std::bit_cast<Float>(old) + std::bit_cast<Float>(data));
  case Atomic::MinFloat:
    return std::bit_cast<T>(least(std::bit_cast<Float>(old), std::bit_cast<Float>(data)));
  case Atomic::MaxFloat:
    return std::bit_cast<T>(greatest(std::bit_cast<Float>(old), std::bit_cast<Float>(data)));
  case Atomic::AddHalves:
    return static_cast<T>(addHalves(static_cast<uint32_t>(old), static_cast<uint32_t>(data)));
  case Atomic::AddBfloats:
    return static_cast<T>(addBfloats(static_cast<uint32_t>(old), static_cast<uint32_t>(data)));
  case Atomic::None:
    break;
  }
  return old;
}

uint64_t wide(const Registers &registers, uint16_t index, uint32_t lane) {
  return registers.v[index][lane] | static_cast<uint64_t>(registers.v[index + 1][lane]) << 32;
}

} // namespace

Window windowOf(const DispatchState &state, Mapping &mapping) {
  return {mapping.address, mapping.bytes, mapping.data, &mapping,
          state.trace ? &state.trace->sectorsOf(mapping) : nullptr};
}

void loadLanes(Registers &registers, const MemoryOp &op, uint16_t destination,
               const LanePointers &from, uint32_t mask) {
  uint32_t (*to)[kLanes] = registers.v + destination;
  switch (op.bytes) {
  case 4:
    return loadDwords<1>(to, from, mask);
  case 8:
    return loadDwords<2>(to, from, mask);
  case 12:
    return loadDwords<3>(to, from, mask);
  case 16:
    return loadDwords<4>(to, from, mask);
  default:
    forLanes(mask, [&](uint32_t lane) {
      const uint32_t value = widened(op, from.at[lane]);
      uint32_t &all = (*to)[lane];
      if (!op.d16)
        all = value;
      else if (op.high)
        all = (all & 0xFFFF) | value << 16;
      else
        all = (all & 0xFFFF0000) | (value & 0xFFFF);
    });
  }
}

void storeLanes(const Registers &registers, const MemoryOp &op, uint16_t data,
                const LanePointers &to, uint32_t mask) {
  const uint32_t (*from)[kLanes] = registers.v + data;
  switch (op.bytes) {
  case 4:
    return storeDwords<1>(from, to, mask);
  case 8:
    return storeDwords<2>(from, to, mask);
  case 12:
    return storeDwords<3>(from, to, mask);
  case 16:
    return storeDwords<4>(from, to, mask);
  default:
    forLanes(mask, [&](uint32_t lane) {
      const uint32_t value = (*from)[lane] >> (op.high ? 16 : 0);
      std::memcpy(to.at[lane], &value, op.bytes);
    });
  }
}

void atomicLanes(Registers &registers, const MemoryOp &op, const LanePointers &at, uint32_t mask) {
  const bool two = op.data2 != kNoRegister;
  forLanes(mask, [&](uint32_t lane) {
    if (op.bytes == 4) {
      const uint32_t data = registers.v[op.data][lane];
      const uint32_t data2 = two ? registers.v[op.data2][lane] : 0;
      const auto old = exchange<uint32_t>(
          at.at[lane], [&](uint32_t before) { return changed(op.atomic, before, data, data2); });
      if (op.returns)
        registers.v[op.destination][lane] = old;
      return;
    }
    const uint64_t data = wide(registers, op.data, lane);
    const uint64_t data2 = two ? wide(registers, op.data2, lane) : 0;
    const auto old = exchange<uint64_t>(
        at.at[lane], [&](uint64_t before) { return changed(op.atomic, before, data, data2); });
    if (op.returns) {
      registers.v[op.destination][lane] = static_cast<uint32_t>(old);
      registers.v[op.destination + 1][lane] = static_cast<uint32_t>(old >> 32);
    }
  });
}

Touched touched(const uint64_t (&at)[kLanes], uint32_t mask, uint32_t bytes) {
  constexpr uint64_t kBits = 2048; // sectors that a small set on the stack covers
  Touched result;
  if (!mask)
    return result;
  // Most instructions walk upwards.
  uint64_t lastSector = ~uint64_t{0}, lastLine = ~uint64_t{0}; // plus 1 is 0: nothing yet
  uint64_t low = ~uint64_t{0}, high = 0;
  bool upwards = true;
  forLanes(mask, [&](uint32_t lane) {
    const uint64_t first = at[lane] >> 6, last = (at[lane] + bytes - 1) >> 6;
    low = std::min(low, first);
    high = std::max(high, last);
    if (lastSector != ~uint64_t{0} && first < lastSector)
      upwards = false;
    if (!upwards)
      return;
    const uint64_t fromSector = std::max(first, lastSector + 1);
    const uint64_t fromLine = std::max(first >> 1, lastLine + 1);
    result.sectors += static_cast<uint32_t>(last >= fromSector ? last - fromSector + 1 : 0);
    result.lines += static_cast<uint32_t>(last >> 1 >= fromLine ? (last >> 1) - fromLine + 1 : 0);
    lastSector = last;
    lastLine = last >> 1;
  });
  if (upwards)
    return result;
  low &= ~uint64_t{1}; // lines begin with even sectors
  if (high - low < kBits) {
    uint64_t set[kBits / 64] = {};
    const uint64_t words = (high - low) / 64 + 1;
    forLanes(mask, [&](uint32_t lane) {
      const uint64_t first = at[lane] >> 6, last = (at[lane] + bytes - 1) >> 6;
      for (uint64_t sector = first; sector <= last; ++sector)
        set[(sector - low) / 64] |= uint64_t{1} << ((sector - low) % 64);
    });
    result = {};
    for (uint64_t i = 0; i < words; ++i) {
      result.sectors += static_cast<uint32_t>(std::popcount(set[i]));
      result.lines +=
          static_cast<uint32_t>(std::popcount((set[i] | set[i] >> 1) & 0x5555555555555555));
    }
    return result;
  }
  uint64_t sectors[2 * kLanes];
  size_t count = 0;
  forLanes(mask, [&](uint32_t lane) {
    sectors[count++] = at[lane] >> 6;
    sectors[count++] = (at[lane] + bytes - 1) >> 6;
  });
  std::sort(sectors, sectors + count);
  result = {};
  for (size_t i = 0; i < count; ++i) {
    result.sectors += i == 0 || sectors[i] != sectors[i - 1];
    result.lines += i == 0 || sectors[i] >> 1 != sectors[i - 1] >> 1;
  }
  return result;
}

Touched touchedAgain(AccessMemo &memo, LaneWords offsets, uint32_t start, uint32_t mask,
                     uint32_t bytes) {
  LaneWords before;
  std::memcpy(&before, memo.offsets, sizeof before);
  if (memo.start == start && memo.mask == mask &&
      __builtin_reduce_or(static_cast<LaneWords>(before ^ offsets)) == 0)
    return memo.touched;
  std::memcpy(memo.offsets, &offsets, sizeof offsets);
  memo.start = start;
  memo.mask = mask;
  uint64_t at[kLanes];
  for (uint32_t lane = 0; lane < kLanes; ++lane)
    at[lane] = start + static_cast<uint64_t>(memo.offsets[lane]);
  return memo.touched = touched(at, mask, bytes);
}

} // namespace rosso::emulator
