// Memory and LDS in strict mode.
#include "runtime/emulator/exec/LaneMemory.h"
#include "runtime/emulator/exec/Strict.h"

#include <algorithm>
#include <bit>
#include <string>

namespace rosso::emulator {
namespace {

constexpr uint32_t kNumberMask = 0xFFFFFF, kKindShift = 24, kKindMask = 3;

uint32_t load(const uint32_t &word) { return __atomic_load_n(&word, __ATOMIC_RELAXED); }
void store(uint32_t &word, uint32_t value) { __atomic_store_n(&word, value, __ATOMIC_RELAXED); }

const char *kindName(uint32_t kind) {
  constexpr const char *kNames[] = {"dispatch ", "packet ", "copy "};
  return kNames[std::min<uint32_t>(kind, 2)];
}

const Seen &seenOf(const Visibility &visibility, uint32_t kind) {
  return kind == 0 ? visibility.dispatches : kind == 1 ? visibility.packets : visibility.copies;
}

/// Bytes [begin, end) of the dword at `dword`.
uint32_t byteMask(uint64_t dword, uint64_t begin, uint64_t end) {
  uint32_t mask = 0;
  for (uint64_t byte = 0; byte < 4; ++byte)
    mask |= static_cast<uint32_t>(dword + byte >= begin && dword + byte < end) << byte;
  return mask;
}

} // namespace

bool StrictWave::seesWriter(Wave &wave, const Step &step, uint32_t lane, uint64_t address,
                            uint32_t word, bool scalarRead) {
  const uint32_t writer = word & ~kMissingBytes;
  if (!writer)
    return true; // the host
  const uint32_t kind = writer >> kKindShift & kKindMask, number = writer & kNumberMask;
  const uint32_t self = wave.state->dispatch->serial & kNumberMask;
  const bool own = kind == static_cast<uint32_t>(WriterKind::Dispatch) && number == self;
  const Seen &seen = seenOf(*wave.state->visibility, kind);
  const uint32_t visible = scalarRead ? seen.scalarSees : seen.vectorSees;
  if (own ? !scalarRead : number <= seen.finished && number <= visible)
    return true;
  const std::string what =
      "reads " + hex(address) + " (" + wave.state->memory->describe(address) + "), which " +
      (own ? "this dispatch" : kindName(kind) + std::to_string(number)) + " wrote: ";
  if (own)
    return fail(wave, step, lane, what + "scalar loads do not see it");
  if (number > seen.finished)
    return fail(wave, step, lane, what + "nothing waited for it to end before this dispatch");
  return fail(wave, step, lane,
              what + "the " + (scalarRead ? "scalar" : "vector") +
                  " caches have not been invalidated since it ended");
}

bool StrictWave::globalDword(Wave &wave, const Step &step, uint32_t lane, Mapping &mapping,
                             uint64_t offset, uint64_t bytes) {
  const Access access = step.memory->access;
  const uint32_t self = wave.state->dispatch->serial & kNumberMask;
  for (uint64_t dword = offset & ~uint64_t{3}; dword < offset + bytes; dword += 4) {
    uint32_t &shadow = mapping.shadow[dword / 4], &reader = mapping.readers[dword / 4];
    const uint32_t word = load(shadow), wanted = byteMask(dword, offset, offset + bytes);
    const uint64_t address = mapping.address + std::max(dword, offset);
    uint32_t missing = word >> kMissingBytesShift & 15;
    if (!(word & ~kMissingBytes))
      missing = mapping.region == Region::Vram ? 15 : 0;
    if (access != Access::Store) {
      if (missing & wanted)
        return fail(wave, step, lane,
                    "reads " + hex(address) + " (" + wave.state->memory->describe(address) +
                        "), which nothing has written");
      if (!seesWriter(wave, step, lane, address, word, false))
        return false;
      store(reader, self);
    }
    if (access == Access::Load)
      continue;
    const uint32_t kind = word >> kKindShift & kKindMask, number = word & kNumberMask;
    const bool mine = kind == 0 && number == self;
    const Seen &seen = seenOf(*wave.state->visibility, kind);
    if (!mine && (word & ~kMissingBytes) && number > seen.finished)
      return fail(wave, step, lane,
                  "writes " + hex(address) + " (" + wave.state->memory->describe(address) +
                      "), which " + kindName(kind) + std::to_string(number) +
                      " writes: nothing waited for it to end before this dispatch");
    if (const uint32_t last = load(reader);
        last && last != self && last > wave.state->visibility->dispatches.finished)
      return fail(wave, step, lane,
                  "writes " + hex(address) + " (" + wave.state->memory->describe(address) +
                      "), which dispatch " + std::to_string(last) +
                      " reads: nothing waited for it to end before this dispatch");
    store(shadow, writerId(WriterKind::Dispatch, self) | (missing & ~wanted) << kMissingBytesShift);
  }
  return true;
}

bool StrictWave::global(Wave &wave, const Step &step, const uint64_t (&at)[kLanes], uint32_t mask) {
  const uint64_t bytes = step.memory->bytes, alignment = std::min<uint64_t>(bytes, 4);
  usedFlatGlobal_ = true;
  for (; mask; mask &= mask - 1) {
    const auto lane = static_cast<uint32_t>(std::countr_zero(mask));
    if (at[lane] % alignment)
      return fail(wave, step, lane,
                  "accesses " + std::to_string(bytes) + " bytes at " + hex(at[lane]) + " (" +
                      wave.state->memory->describe(at[lane]) + "), which is not aligned to " +
                      std::to_string(alignment));
    Mapping *mapping = wave.windows[0].mapping;
    if (at[lane] - mapping->address >= mapping->bytes ||
        bytes > mapping->bytes - (at[lane] - mapping->address))
      mapping = wave.state->memory->find(at[lane], bytes);
    if (mapping && mapping->shadow &&
        !globalDword(wave, step, lane, *mapping, at[lane] - mapping->address, bytes))
      return false;
  }
  return true;
}

bool StrictWave::scalar(Wave &wave, const Step &step, uint64_t address, uint64_t bytes) {
  Mapping &mapping = *wave.scalarWindow.mapping;
  if (!mapping.shadow)
    return true;
  const uint64_t begin = address - mapping.address;
  for (uint64_t dword = begin & ~uint64_t{3}; dword < begin + bytes; dword += 4) {
    const uint32_t word = load(mapping.shadow[dword / 4]);
    const uint64_t at = mapping.address + std::max(dword, begin);
    const uint32_t missing = word & ~kMissingBytes            ? word >> kMissingBytesShift & 15
                             : mapping.region == Region::Vram ? 15
                                                              : 0;
    if (missing & byteMask(dword, begin, begin + bytes))
      return fail(wave, step, kNoLane,
                  "reads " + hex(at) + " (" + wave.state->memory->describe(at) +
                      "), which nothing has written");
    if (!seesWriter(wave, step, kNoLane, at, word, true))
      return false;
    store(mapping.readers[dword / 4], wave.state->dispatch->serial & kNumberMask);
  }
  return true;
}

bool StrictWave::lds(Wave &wave, const Step &step, const uint64_t (&at)[kLanes], uint32_t mask) {
  const Access access = step.memory->access;
  const uint64_t bytes = step.memory->bytes, alignment = std::min<uint64_t>(bytes, 4);
  const uint32_t now = wave.barriers;
  const auto self = static_cast<uint16_t>(wave.index);
  usedFlatLds_ = true;
  for (; mask; mask &= mask - 1) {
    const auto lane = static_cast<uint32_t>(std::countr_zero(mask));
    if (at[lane] % alignment)
      return fail(wave, step, lane,
                  "accesses " + std::to_string(bytes) + " bytes at LDS offset " + hex(at[lane]) +
                      ", which is not aligned to " + std::to_string(alignment));
    for (uint64_t dword = at[lane] & ~uint64_t{3}; dword < at[lane] + bytes; dword += 4) {
      LdsWord &word = wave.group->strict->lds[dword / 4];
      const uint32_t wanted = byteMask(dword, at[lane], at[lane] + bytes);
      auto where = [&] { return "LDS offset " + hex(std::max(dword, at[lane])); };
      const bool bothAtomic = access == Access::Atomic && word.atomic;
      if (word.writtenAt == now && word.writer != self && !bothAtomic)
        return fail(wave, step, lane,
                    (access == Access::Load ? "reads " : "writes ") + where() + ", which wave " +
                        std::to_string(word.writer) + " has written since the last barrier");
      const uint16_t reader = word.reader != self ? word.reader : word.otherReader;
      if (access != Access::Load && word.readAt == now && reader != LdsWord::kNone && !bothAtomic)
        return fail(wave, step, lane,
                    "writes " + where() + ", which wave " + std::to_string(reader) +
                        " has read since the last barrier");
      if (access != Access::Store) {
        if (wanted & ~word.written)
          return fail(wave, step, lane, "reads " + where() + ", which nothing has written");
        if (word.readAt != now)
          word.reader = word.otherReader = LdsWord::kNone;
        if (word.reader == LdsWord::kNone)
          word.reader = self;
        else if (word.reader != self)
          word.otherReader = self;
        word.readAt = now;
      }
      if (access != Access::Load) {
        word.written |= static_cast<uint8_t>(wanted);
        word.writer = self;
        word.writtenAt = now;
        word.atomic = access == Access::Atomic;
      }
    }
  }
  return true;
}

} // namespace rosso::emulator
