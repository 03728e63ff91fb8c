// PM4 packets of a compute queue (MEC), type 3: a header that says how many dwords follow, and the
// body. Each packet is a struct in the caller's terms; `encode` is a pure function. This is what
// the driver sends, not all that exists: no graphics, no privileged registers, no type 0 to 2.
//
// The layouts are those of gfx10.3 to gfx12; what differs is named at its packet. Source: Linux
// amdgpu, nvd.h and gfx_v11_0.c; Mesa, src/amd/common/sid.h.
#pragma once

#include <array>
#include <cassert>
#include <cstdint>
#include <span>
#include <vector>

namespace rosso::amd::pm4 {

enum class Op : uint8_t {
  Nop = 0x10,
  DispatchDirect = 0x15,
  WriteData = 0x37,
  WaitRegMem = 0x3C,
  IndirectBuffer = 0x3F,
  CopyData = 0x40,
  EventWrite = 0x46,
  ReleaseMem = 0x49,
  AcquireMem = 0x58,
  SetShReg = 0x76,
};

inline constexpr uint32_t kMostBodyDwords = 0x4000;

constexpr uint32_t header(Op op, uint32_t bodyDwords) {
  assert(bodyDwords >= 1 && bodyDwords <= kMostBodyDwords);
  return 3u << 30 | (bodyDwords - 1) << 16 | static_cast<uint32_t>(op) << 8;
}

/// Skips its own header and no more: the count field 0x3FFF says so.
inline constexpr uint32_t kOneDwordNop = 0xFFFF1000;

constexpr uint32_t lo(uint64_t value) { return static_cast<uint32_t>(value); }
constexpr uint32_t hi(uint64_t value) { return static_cast<uint32_t>(value >> 32); }

/// Addresses have 48 bits.
constexpr bool isAddress(uint64_t address, uint64_t alignment) {
  return address % alignment == 0 && address >> 48 == 0;
}

/// Starts work groups with the state that the SH registers hold.
struct DispatchDirect {
  std::array<uint32_t, 3> groups{1, 1, 1}; // each at least one: hardware hangs on none
  bool wave32 = true;
};
inline constexpr uint32_t kDispatchDwords = 5;

constexpr std::array<uint32_t, kDispatchDwords> encode(const DispatchDirect &dispatch) {
  assert(dispatch.groups[0] && dispatch.groups[1] && dispatch.groups[2]);
  constexpr uint32_t kComputeShaderEnable = 1 << 0, kForceStartAt000 = 1 << 2, kWave32 = 1 << 15;
  return {header(Op::DispatchDirect, 4), dispatch.groups[0], dispatch.groups[1], dispatch.groups[2],
          kComputeShaderEnable | kForceStartAt000 | (dispatch.wave32 ? kWave32 : 0)};
}

/// What to do with the caches between the shaders and memory (GCR_CNTL). "Write back" makes what
/// was written visible further out, "invalidate" makes reads look further out.
struct CacheControl {
  bool invalidateCode = false;   // GLI
  bool metadata = false;         // GLM: write back and invalidate; hardware wants both or none
  bool writeBackScalar = false;  // GLK
  bool invalidateScalar = false; //
  bool invalidateVector = false; // GLV, the L0 of a CU
  bool invalidateL1 = false;     // GL1, of a shader array
  bool writeBackL2 = false;      // GL2
  bool invalidateL2 = false;     //
};

constexpr uint32_t encode(const CacheControl &cache) {
  return uint32_t{cache.invalidateCode} << 0 | (cache.metadata ? 3u << 4 : 0) |
         uint32_t{cache.writeBackScalar} << 6 | uint32_t{cache.invalidateScalar} << 7 |
         uint32_t{cache.invalidateVector} << 8 | uint32_t{cache.invalidateL1} << 9 |
         uint32_t{cache.invalidateL2} << 14 | uint32_t{cache.writeBackL2} << 15;
}

/// Between dispatches of one queue: they share L2, so that only what lies before it is stale.
inline constexpr CacheControl kBetweenDispatches{.metadata = true,
                                                 .writeBackScalar = true,
                                                 .invalidateScalar = true,
                                                 .invalidateVector = true,
                                                 .invalidateL1 = true};
/// After others (the host, the copy engine, the command processor) wrote memory.
inline constexpr CacheControl kAfterOthersWrote{.metadata = true,
                                                .writeBackScalar = true,
                                                .invalidateScalar = true,
                                                .invalidateVector = true,
                                                .invalidateL1 = true,
                                                .writeBackL2 = true,
                                                .invalidateL2 = true};
/// The same after code was written.
inline constexpr CacheControl kAfterCodeWasWritten{.invalidateCode = true,
                                                   .metadata = true,
                                                   .writeBackScalar = true,
                                                   .invalidateScalar = true,
                                                   .invalidateVector = true,
                                                   .invalidateL1 = true,
                                                   .writeBackL2 = true,
                                                   .invalidateL2 = true};

/// Caches, for all addresses; the queue goes on when it is done.
struct AcquireMem {
  CacheControl cache;
};

constexpr std::array<uint32_t, 8> encode(const AcquireMem &acquire) {
  constexpr uint32_t kPollInterval = 0x0A; // as Linux
  return {header(Op::AcquireMem, 7), 0, 0xFFFFFFFF, 0x00FFFFFF, 0, 0, kPollInterval,
          encode(acquire.cache)};
}

/// Waits until every wave that this queue started has ended (CS_PARTIAL_FLUSH).
struct WaitForWaves {};

constexpr std::array<uint32_t, 2> encode(const WaitForWaves &) {
  constexpr uint32_t kCsPartialFlush = 7, kEventIndex = 4;
  return {header(Op::EventWrite, 1), kEventIndex << 8 | kCsPartialFlush};
}

/// Writes once every wave before it has ended and its writes have left L2. The queue goes on at
/// once. Needs the queue's end-of-pipe buffer.
struct ReleaseMem {
  enum class Data : uint8_t { Low32 = 1, All64 = 2, Clock = 3 }; // the clock: 64 bits
  uint64_t address = 0;                                          // aligned to what is written
  Data data = Data::Low32;
  uint64_t value = 0;           // not of the clock
  bool flush = true;            // write L2 back before; not needed for time stamps
  bool hasMetadataCache = true; // no GLM bits from gfx12 on
  uint32_t interrupt = 0;       // its number, raised once the write is confirmed; 0: none
};

constexpr std::array<uint32_t, 8> encode(const ReleaseMem &release) {
  assert(isAddress(release.address, release.data == ReleaseMem::Data::Low32 ? 4 : 8));
  constexpr uint32_t kCacheFlushAndInvTs = 0x14, kEndOfPipe = 5 << 8;
  constexpr uint32_t kMetadata = 3 << 12, kWriteBackL2 = 1 << 21, kInOrder = 1 << 22,
                     kBypass = 3 << 25, kInterruptAfterWrite = 2 << 24;
  uint32_t event = kCacheFlushAndInvTs | kEndOfPipe;
  if (release.flush)
    event |= kWriteBackL2 | kInOrder | kBypass | (release.hasMetadataCache ? kMetadata : 0);
  return {header(Op::ReleaseMem, 7),
          event,
          static_cast<uint32_t>(release.data) << 29 |
              (release.interrupt ? kInterruptAfterWrite : 0),
          lo(release.address),
          hi(release.address),
          lo(release.value),
          hi(release.value),
          release.interrupt};
}

/// Stalls the queue until the dword at `address` is at least `value`, unsigned.
struct WaitMem {
  uint64_t address = 0; // 4-byte aligned
  uint32_t value = 0;
};

constexpr std::array<uint32_t, 7> encode(const WaitMem &wait) {
  assert(isAddress(wait.address, 4));
  constexpr uint32_t kGreaterOrEqual = 5, kMemory = 1 << 4, kEveryBit = ~0u, kPollInterval = 4;
  return {header(Op::WaitRegMem, 6),
          kGreaterOrEqual | kMemory,
          lo(wait.address),
          hi(wait.address),
          wait.value,
          kEveryBit,
          kPollInterval};
}

/// The command processor copies 4 or 8 bytes of memory; the queue goes on when they have arrived.
struct CopyData {
  uint64_t from = 0, to = 0; // aligned to `bytes`
  uint32_t bytes = 4;
};

constexpr std::array<uint32_t, 6> encode(const CopyData &copy) {
  assert(copy.bytes == 4 || copy.bytes == 8);
  assert(isAddress(copy.from, copy.bytes) && isAddress(copy.to, copy.bytes));
  constexpr uint32_t kFromMemory = 1, kToMemory = 5 << 8, kEightBytes = 1 << 16, kConfirm = 1 << 20;
  return {header(Op::CopyData, 5),
          kFromMemory | kToMemory | kConfirm | (copy.bytes == 8 ? kEightBytes : 0),
          lo(copy.from),
          hi(copy.from),
          lo(copy.to),
          hi(copy.to)};
}

/// Runs other packets and comes back. One level deep: those must hold no such packet.
struct IndirectBuffer {
  uint64_t address = 0; // 4-byte aligned
  uint32_t dwords = 0;
};
inline constexpr uint32_t kMostIndirectDwords = (1 << 20) - 1;

constexpr std::array<uint32_t, 4> encode(const IndirectBuffer &buffer) {
  assert(isAddress(buffer.address, 4));
  assert(buffer.dwords >= 1 && buffer.dwords <= kMostIndirectDwords);
  constexpr uint32_t kValid = 1 << 23;
  return {header(Op::IndirectBuffer, 3), lo(buffer.address), hi(buffer.address),
          buffer.dwords | kValid};
}

/// Packets one after the other. Capacity is taken when it is made; the hot path only clears it.
using Stream = std::vector<uint32_t>;

template <typename Packet> void append(Stream &stream, const Packet &packet) {
  const auto dwords = encode(packet);
  stream.insert(stream.end(), dwords.begin(), dwords.end());
}

/// Whether the queue goes on before the write has arrived.
enum class Confirm : bool { No, Yes };

/// The command processor writes dwords to memory, as soon as it meets the packet.
inline void appendWriteData(Stream &stream, uint64_t address, std::span<const uint32_t> data,
                            Confirm confirm) {
  assert(isAddress(address, 4));
  assert(!data.empty() && data.size() + 3 <= kMostBodyDwords);
  constexpr uint32_t kToMemory = 5 << 8, kConfirm = 1 << 20;
  stream.push_back(header(Op::WriteData, 3 + static_cast<uint32_t>(data.size())));
  stream.push_back(kToMemory | (confirm == Confirm::Yes ? kConfirm : 0));
  stream.push_back(lo(address));
  stream.push_back(hi(address));
  stream.insert(stream.end(), data.begin(), data.end());
}

/// Sets neighbouring SH registers; `first` is an index of pm4/Registers.h.
inline void appendSetShReg(Stream &stream, uint32_t first, std::span<const uint32_t> values) {
  assert(!values.empty() && first + values.size() <= 0x400); // the window of SH registers
  stream.push_back(header(Op::SetShReg, 1 + static_cast<uint32_t>(values.size())));
  stream.push_back(first);
  stream.insert(stream.end(), values.begin(), values.end());
}

} // namespace rosso::amd::pm4
