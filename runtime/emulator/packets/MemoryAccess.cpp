#include "runtime/emulator/packets/MemoryAccess.h"

#include <algorithm>
#include <atomic>

namespace rosso::emulator {
namespace {

// TC_OP_ATOMIC_*_RTN_32; those of 64 bits are 32 higher.
constexpr uint32_t kSwap = 7, kCompareSwap = 8, kAdd = 15, kSub = 16, kSmin = 17, kUmin = 18,
                   kSmax = 19, kUmax = 20, kAnd = 21, kOr = 22, kXor = 23, kInc = 24, kDec = 25,
                   kWide = 32;

template <typename T> T result(uint32_t operation, T value, T source, T compare) {
  using Signed = std::make_signed_t<T>;
  auto asSigned = [](T x) { return static_cast<Signed>(x); };
  switch (operation) {
  case kSwap:
    return source;
  case kCompareSwap:
    return value == compare ? source : value;
  case kAdd:
    return value + source;
  case kSub:
    return value - source;
  case kSmin:
    return asSigned(value) < asSigned(source) ? value : source;
  case kUmin:
    return std::min(value, source);
  case kSmax:
    return asSigned(value) > asSigned(source) ? value : source;
  case kUmax:
    return std::max(value, source);
  case kAnd:
    return value & source;
  case kOr:
    return value | source;
  case kXor:
    return value ^ source;
  case kInc:
    return value >= source ? 0 : value + 1;
  default: // kDec
    return value == 0 || value > source ? source : value - 1;
  }
}

template <typename T> void apply(uint32_t operation, uint8_t *memory, T source, T compare) {
  std::atomic_ref<T> cell(*reinterpret_cast<T *>(memory));
  T value = cell.load();
  while (!cell.compare_exchange_weak(value, result<T>(operation, value, source, compare)))
    ;
}

} // namespace

Result<CacheControl> readCacheControl(uint32_t gcr, bool everything, amd::Isa isa) {
  auto wrong = [&](const std::string &what) { return malformed("GCR " + hex(gcr) + ": " + what); };
  const bool glmWb = gcr & bit(4), glmInv = gcr & bit(5);
  if (gcr & ~bits(18, 0))
    return wrong("reserved bits " + hex(gcr & ~bits(18, 0)) + " are set");
  if (glmWb != glmInv)
    return wrong("GLM_WB and GLM_INV go together");
  if (gcr & bit(13))
    return wrong("GL2_DISCARD drops what was written and not yet written back");
  if (field(gcr, 3, 2) == 1)
    return wrong("GL1_RANGE 1 is reserved");
  if (field(gcr, 17, 16) == 3)
    return wrong("SEQ 3 is reserved");
  if (gcr & bit(18))
    return wrong("RANGE_IS_PA is the kernel driver's");
  // What is done to a part of the address space only counts for nothing here.
  auto covers = [&](uint32_t range) { return range == 0 || (range >= 2 && everything); };
  const uint32_t instruction = field(gcr, 1, 0);
  const bool l1 = covers(field(gcr, 3, 2)), l2 = covers(field(gcr, 12, 11));
  CacheControl caches;
  caches.instruction = instruction == 1 || (instruction > 1 && everything);
  // gfx12 has no cache between L0 and L2.
  caches.vector = (gcr & bit(8)) && (isa == amd::Isa::Gfx12 || (gcr & bit(9))) && l1;
  caches.scalar = (gcr & bit(7)) && l1;
  caches.l2Invalidated = (gcr & bit(14)) && l2;
  caches.l2WrittenBack = (gcr & bit(15)) && l2;
  return caches;
}

bool compares(uint32_t function, uint64_t value, uint64_t reference) {
  switch (function) {
  case 1:
    return value < reference;
  case 2:
    return value <= reference;
  case 3:
    return value == reference;
  case 4:
    return value != reference;
  case 5:
    return value >= reference;
  case 6:
    return value > reference;
  default:
    return true;
  }
}

uint32_t atomicBytes(uint32_t operation) {
  const uint32_t narrow = operation & ~kWide;
  if (operation >= 2 * kWide ||
      !(narrow == kSwap || narrow == kCompareSwap || (narrow >= kAdd && narrow <= kDec)))
    return 0;
  return operation & kWide ? 8 : 4;
}

void applyAtomic(uint32_t operation, uint8_t *memory, uint64_t source, uint64_t compare) {
  if (operation & kWide)
    apply<uint64_t>(operation - kWide, memory, source, compare);
  else
    apply<uint32_t>(operation, memory, static_cast<uint32_t>(source),
                    static_cast<uint32_t>(compare));
}

uint64_t loadMemory(const uint8_t *memory, uint32_t bytes) {
  auto *writable = const_cast<uint8_t *>(memory);
  if (bytes == 8)
    return std::atomic_ref<uint64_t>(*reinterpret_cast<uint64_t *>(writable)).load();
  return std::atomic_ref<uint32_t>(*reinterpret_cast<uint32_t *>(writable)).load();
}

void storeMemory(uint8_t *memory, uint64_t value, uint32_t bytes) {
  if (bytes == 8)
    std::atomic_ref<uint64_t>(*reinterpret_cast<uint64_t *>(memory)).store(value);
  else
    std::atomic_ref<uint32_t>(*reinterpret_cast<uint32_t *>(memory))
        .store(static_cast<uint32_t>(value));
}

} // namespace rosso::emulator
