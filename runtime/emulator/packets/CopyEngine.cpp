#include "runtime/emulator/packets/CopyEngine.h"

#include <algorithm>
#include <cstring>
#include <sys/mman.h>

namespace rosso::emulator {
namespace {

constexpr double kMemoryShare = 0.85; // of VRAM's bandwidth, that copying inside it reaches
constexpr uint32_t kHdpFlushDone = 0x389C, kHdpFlushRequest = 0x3898; // in bytes
constexpr uint64_t kFence = 4;

/// The whole pages of the host within a range.
std::span<uint8_t> wholePages(std::span<uint8_t> range) {
  constexpr uintptr_t kPage = 4096;
  const auto begin = reinterpret_cast<uintptr_t>(range.data());
  const uintptr_t first = (begin + kPage - 1) / kPage * kPage;
  const uintptr_t last = (begin + range.size()) / kPage * kPage;
  return first < last ? range.subspan(first - begin, last - first) : std::span<uint8_t>();
}

} // namespace

struct CopyEngine::Kind {
  uint32_t op, sub;
  const char *name;
  uint32_t dwords; // least
  Status (CopyEngine::*execute)(const Packet &);
};

const CopyEngine::Kind CopyEngine::kKinds[] = {
    {0, 0, "NOP", 1, &CopyEngine::nop},
    {1, 0, "COPY_LINEAR", 7, &CopyEngine::copyLinear},
    {2, 0, "WRITE", 5, &CopyEngine::write},
    {4, 0, "INDIRECT", 6, &CopyEngine::indirect},
    {5, 0, "FENCE", 4, &CopyEngine::fence},
    {6, 0, "TRAP", 2, &CopyEngine::trap},
    {7, 0, "SEM", 1, &CopyEngine::refuse},
    {8, 0, "POLL_REGMEM", 6, &CopyEngine::poll},
    {9, 0, "COND_EXE", 5, &CopyEngine::condition},
    {10, 0, "ATOMIC", 8, &CopyEngine::atomic},
    {11, 0, "CONST_FILL", 5, &CopyEngine::fill},
    {12, 0, "PTEPDE", 1, &CopyEngine::refuse},
    {13, 2, "TIMESTAMP", 3, &CopyEngine::timestamp},
    {14, 0, "SRBM_WRITE", 3, &CopyEngine::refuse},
    {16, 0, "GPUVM_INV", 1, &CopyEngine::refuse},
    {17, 0, "GCR_REQ", 5, &CopyEngine::cacheRequest},
    {17, 1, "GCR_REQ", 5, &CopyEngine::cacheRequest},
};

const CopyEngine::Kind *CopyEngine::kindOf(uint32_t header) {
  for (const Kind &kind : kKinds)
    if (kind.op == field(header, 7, 0) && kind.sub == field(header, 15, 8))
      return &kind;
  return nullptr;
}

CopyEngine::CopyEngine(Gpu &gpu, QueueHost &host, CopyQueueSetup setup)
    : gpu_(gpu), host_(host), setup_(std::move(setup)) {}

Result<QueueEnd> CopyEngine::run(uint64_t writePointer, double doorbell) {
  now_ = std::max(now_, doorbell);
  Source ring{setup_.ring, read_ / 4, writePointer / 4, "ring", false};
  while (ring.position < ring.end) {
    if (host_.stop())
      return QueueEnd::Stopped;
    Status status = step(ring);
    if (stopped_)
      return QueueEnd::Stopped;
    if (!status)
      return status.error();
    const uint64_t consumed = ring.position * 4 - read_;
    gpu_.log.count([&](Totals &totals) {
      totals.linkBytesToGpu += consumed;
      totals.seconds = std::max(totals.seconds, now_);
    });
    read_ = ring.position * 4;
    host_.consumed(read_);
  }
  return QueueEnd::Idle;
}

Error CopyEngine::at(const Source &source, const Error &error) const {
  std::string where =
      setup_.name + ": " + source.name + " byte " +
      hex(4 * (source.indirect ? source.position : source.position % source.stream.dwords()));
  if (!source.indirect)
    where += " (read pointer " + hex(4 * source.position) + ", write pointer " +
             hex(4 * source.end) + ")";
  return error.in(where);
}

Result<Packet> CopyEngine::fetch(const Source &source, const Kind *&kind) {
  const uint32_t header = source.stream[source.position];
  kind = kindOf(header);
  if (!kind)
    return malformed("header " + hex(header) + ": operation " +
                     std::to_string(field(header, 7, 0)) + " with sub-operation " +
                     std::to_string(field(header, 15, 8)) + " is not one of a copy queue");
  uint64_t dwords = kind->dwords;
  const uint64_t left = source.end - source.position;
  if (kind->execute == &CopyEngine::nop)
    dwords += field(header, 29, 16);
  else if (kind->execute == &CopyEngine::write && left >= 4)
    dwords = 4 + uint64_t{1} + field(source.stream[source.position + 3], 19, 0);
  if (dwords > left)
    return malformed(
        std::string(kind->name) + " of " + std::to_string(dwords) + " dwords ends after the " +
        std::to_string(left) +
        (source.indirect ? " that are left of the buffer" : " before the write pointer"));
  const uint64_t size = source.stream.dwords();
  if (source.position % size + dwords > size)
    return malformed(std::string(kind->name) + " of " + std::to_string(dwords) +
                     " dwords goes past the end of the ring, where there are " +
                     std::to_string(size - source.position % size) + "; fill it with NOPs");
  auto &buffer = packets_[source.indirect];
  buffer.resize(dwords);
  for (uint64_t i = 0; i < dwords; ++i)
    buffer[i] = source.stream[source.position + i];
  return Packet{buffer};
}

Status CopyEngine::step(Source &source) {
  const Kind *kind = nullptr;
  auto packet = fetch(source, kind);
  if (!packet)
    return at(source, packet.error());
  skip_ = 0;
  inIndirect_ = source.indirect;
  packetStart_ = source.position;
  last_ = !source.indirect && source.position + packet->dwords.size() == source.end;
  Status status = (this->*kind->execute)(*packet);
  if (stopped_)
    return {};
  if (!status) {
    if (status.error().message.starts_with(setup_.name)) // in an indirect buffer
      return status;
    return at(source,
              Error{status.error().code, std::string(kind->name) + ": " + status.error().message +
                                             "; packet " + packet->dump()});
  }
  source.position += packet->dwords.size();
  const std::string name = kind->name;
  while (skip_) {
    if (source.position == source.end)
      return at(source, malformed(name + " skips " + std::to_string(skip_) +
                                  " dwords more than there are"));
    auto skipped = fetch(source, kind);
    if (!skipped)
      return at(source, skipped.error());
    if (skipped->dwords.size() > skip_)
      return at(source, malformed(name + " skips to the middle of packet " + skipped->dump()));
    source.position += skipped->dwords.size();
    skip_ -= skipped->dwords.size();
  }
  return {};
}

Error CopyEngine::pageFault(const char *what, uint64_t address, uint64_t bytes) {
  faultAddress_ = address;
  return malformed(std::string("page fault: ") + what + " of " + std::to_string(bytes) +
                   " bytes at " + hex(address) + ", not mapped: " + gpu_.memory.describe(address));
}

Result<uint8_t *> CopyEngine::readable(uint64_t address, uint64_t bytes) {
  uint8_t *data = gpu_.memory.at(address, bytes);
  if (!data)
    return pageFault("read", address, bytes);
  ROSSO_CHECK(
      gpu_.hazards.reads("it", address, bytes, ordering_.visibility(), Hazards::Through::Memory));
  return data;
}

Result<uint8_t *> CopyEngine::writable(uint64_t address, uint64_t bytes) {
  uint8_t *data = gpu_.memory.at(address, bytes);
  if (!data)
    return pageFault("write", address, bytes);
  ROSSO_CHECK(gpu_.hazards.writes("it", address, bytes, ordering_.visibility()));
  return data;
}

bool CopyEngine::isHost(uint64_t address, uint64_t bytes) const {
  const Mapping *mapping = gpu_.memory.find(address, bytes);
  return mapping && mapping->region == Region::Host;
}

uint32_t CopyEngine::wrote(uint64_t address, uint64_t bytes) {
  const uint32_t number = ++gpu_.copies, id = writerId(WriterKind::Copy, number);
  ordering_.copiesEnded(number);
  gpu_.memory.wrote(address, bytes, id);
  if (const Mapping *mapping = gpu_.memory.find(address, bytes); mapping && mapping->executable)
    gpu_.code.wrote(address, bytes, id);
  return number;
}

/// A write that others wait for: copies before it have ended.
void CopyEngine::signal(uint64_t address, uint64_t value, uint32_t bytes) {
  const uint32_t number = wrote(address, bytes);
  const Visibility &seen = ordering_.visibility();
  gpu_.signals.publish(address, {.value = value,
                                 .seconds = now_,
                                 .dispatches = seen.dispatches.finished,
                                 .packets = seen.packets.finished,
                                 .copies = number,
                                 .caches = {}});
  host_.signals(now_, last_);
  storeMemory(gpu_.memory.at(address, bytes), value, bytes);
  if (isHost(address, bytes))
    gpu_.log.count([&](Totals &totals) { totals.linkBytesToHost += bytes; });
  host_.signalled();
}

Status CopyEngine::nop(const Packet &p) { return p.only(0, bits(29, 16), "header"); }

Status CopyEngine::refuse(const Packet &) {
  return malformed("is for the kernel driver's queues, not for a user's");
}

Status CopyEngine::copyLinear(const Packet &p) {
  ROSSO_CHECK(p.only(0, bits(15, 0), "header"));
  // gfx10 has 22 bits of count in its header, later chips 30.
  ROSSO_CHECK(p.only(1, gpu_.chip.isa == amd::Isa::Gfx10 ? bits(21, 0) : bits(29, 0), "count"));
  ROSSO_CHECK(p.only(2, bits(20, 18) | bits(28, 26), "parameter"));
  const uint64_t bytes = uint64_t{p[1]} + 1;
  ROSSO_TRY(uint64_t from, p.address(3, 1, "source"));
  ROSSO_TRY(uint64_t to, p.address(5, 1, "destination"));
  if (from < to + bytes && to < from + bytes)
    return malformed("source " + hex(from) + " and destination " + hex(to) + " of " +
                     std::to_string(bytes) + " bytes overlap");
  ROSSO_TRY(uint8_t *source, readable(from, bytes));
  ROSSO_TRY(uint8_t *target, writable(to, bytes));
  std::memcpy(target, source, bytes);
  wrote(to, bytes);

  const bool fromHost = isHost(from, bytes), toHost = isHost(to, bytes);
  now_ += fromHost || toHost
              ? gpu_.link.seconds(bytes)
              : 2 * static_cast<double>(bytes) / (kMemoryShare * gpu_.chip.vramGBps * 1e9);
  gpu_.log.count([&](Totals &totals) {
    ++totals.copies;
    totals.linkBytesToGpu += fromHost ? bytes : 0;
    totals.linkBytesToHost += toHost ? bytes : 0;
    totals.uploadBytes += fromHost && !toHost ? bytes : 0;
    totals.downloadBytes += toHost && !fromHost ? bytes : 0;
  });
  return {};
}

Status CopyEngine::write(const Packet &p) {
  ROSSO_CHECK(p.only(0, bits(15, 0), "header"));
  ROSSO_CHECK(p.only(3, bits(19, 0), "count"));
  ROSSO_TRY(uint64_t address, p.address(1, 4, "destination"));
  auto data = p.dwords.subspan(4);
  ROSSO_TRY(uint8_t *memory, writable(address, data.size_bytes()));
  std::memcpy(memory, data.data(), data.size_bytes());
  wrote(address, data.size_bytes());
  if (isHost(address, data.size_bytes()))
    gpu_.log.count([&](Totals &totals) { totals.linkBytesToHost += data.size_bytes(); });
  return {};
}

Status CopyEngine::fence(const Packet &p) {
  constexpr uint32_t kUncached = 3;
  ROSSO_CHECK(p.only(0, bits(15, 0) | bits(18, 16) | bit(20) | bit(22) | bits(25, 24), "header"));
  ROSSO_TRY(uint64_t address, p.address(1, kFence, "address"));
  ROSSO_TRY(uint8_t *memory, writable(address, kFence));
  if (gpu_.hazards.strict() && isHost(address, kFence) && field(p[0], 18, 16) != kUncached)
    return malformed("header " + hex(p[0]) + ": MTYPE " + std::to_string(field(p[0], 18, 16)) +
                     " for a fence in the host's memory, wanted 3 (uncached)");
  (void)memory;
  signal(address, p[3], kFence);
  return {};
}

Status CopyEngine::trap(const Packet &p) {
  ROSSO_CHECK(p.only(0, bits(15, 0), "header"));
  ROSSO_CHECK(p.only(1, bits(27, 0), "context"));
  host_.interrupt();
  return {};
}

Status CopyEngine::poll(const Packet &p) {
  constexpr uint32_t kHdpFlush = bit(26), kMemoryPoll = bit(31);
  ROSSO_CHECK(p.only(0, bits(15, 0) | kHdpFlush | bits(30, 28) | kMemoryPoll, "header"));
  ROSSO_CHECK(p.only(5, bits(27, 0), "interval"));
  const uint32_t function = field(p[0], 30, 28);
  if (function == 7)
    return malformed("header " + hex(p[0]) + ": function 7 is reserved");
  if (!(p[0] & kMemoryPoll)) {
    // The host sees no VRAM here, so there is nothing to flush: the request is done at once.
    if (!(p[0] & kHdpFlush) || p[1] != kHdpFlushDone || p[2] != kHdpFlushRequest)
      return malformed("polls a register; a user's queue polls memory, or flushes the host data "
                       "path (0x389c, 0x3898)");
    if (!p[3] || !compares(function, p[3] & p[4], p[3]))
      return malformed("waits for " + hex(p[3]) + " under mask " + hex(p[4]) +
                       ", which never comes");
    return {};
  }
  if (p[0] & kHdpFlush)
    return malformed("header " + hex(p[0]) + ": HDP_FLUSH is not for polls of memory");
  ROSSO_TRY(uint64_t address, p.address(1, 4, "address"));
  constexpr uint32_t kForever = 0xFFF;
  uint32_t tries = field(p[5], 27, 16);
  auto satisfied = [&](uint64_t value) { return compares(function, value & p[4], p[3]); };
  for (;;) {
    const uint8_t *memory = gpu_.memory.at(address, 4);
    if (!memory)
      return pageFault("read", address, 4);
    if (satisfied(loadMemory(memory, 4)))
      break;
    if (tries == 0)
      return malformed("polled " + hex(address) + " as often as it was told to, in vain");
    tries -= tries == kForever ? 0 : 1;
    if (!host_.keepWaiting()) {
      stopped_ = true;
      return {};
    }
  }
  if (auto published = gpu_.signals.firstThat(address, satisfied)) {
    ordering_.joinForCopies(*published);
    now_ = std::max(now_, published->seconds);
  }
  return {};
}

Status CopyEngine::timestamp(const Packet &p) {
  ROSSO_CHECK(p.only(0, bits(15, 0), "header"));
  ROSSO_TRY(uint64_t address, p.address(1, 8, "address"));
  ROSSO_TRY(uint8_t *memory, writable(address, 8));
  (void)memory;
  signal(address, Gpu::ticks(now_), 8);
  return {};
}

Status CopyEngine::fill(const Packet &p) {
  constexpr uint32_t kDwords = 2;
  ROSSO_CHECK(p.only(0, bits(15, 0) | bits(31, 30), "header"));
  ROSSO_CHECK(p.only(4, bits(29, 0), "count"));
  if (field(p[0], 31, 30) != kDwords)
    return malformed("header " + hex(p[0]) + ": fills of dwords (2) are emulated, not of size " +
                     std::to_string(field(p[0], 31, 30)));
  // Linux counts bytes - 1, ROCr bytes - 4; dwords are filled either way.
  const uint64_t bytes = (uint64_t{p[4]} & ~uint64_t{3}) + 4;
  if (p[4] % 4 != 0 && p[4] % 4 != 3)
    return malformed("count " + hex(p[4]) + " is not one of whole dwords");
  ROSSO_TRY(uint64_t address, p.address(1, 4, "destination"));
  ROSSO_TRY(uint8_t *memory, writable(address, bytes));
  const std::span<uint8_t> pages = p[3] == 0 ? wholePages({memory, bytes}) : std::span<uint8_t>();
  auto *rest = reinterpret_cast<uint32_t *>(memory);
  // Pages of zeros are given back to the system, which gives zeros: a KV cache takes gigabytes.
  if (!pages.empty() && madvise(pages.data(), pages.size(), MADV_DONTNEED) == 0) {
    auto *begin = reinterpret_cast<uint32_t *>(pages.data());
    std::fill(rest, begin, 0u);
    rest = begin + pages.size() / 4;
  }
  std::fill(rest, reinterpret_cast<uint32_t *>(memory + bytes), p[3]);
  wrote(address, bytes);
  now_ += static_cast<double>(bytes) / (kMemoryShare * gpu_.chip.vramGBps * 1e9);
  return {};
}

Status CopyEngine::indirect(const Packet &p) {
  constexpr uint64_t kGroup = 8; // dwords
  if (inIndirect_)
    return malformed("inside an indirect buffer: they go one level deep");
  ROSSO_CHECK(p.only(0, bits(15, 0), "header, with VMID and PRIV the kernel driver's"));
  ROSSO_CHECK(p.only(3, bits(19, 0), "size"));
  if ((packetStart_ + p.dwords.size()) % kGroup)
    return malformed("ends at dword " + hex(packetStart_ + p.dwords.size()) +
                     ", wanted a multiple of 8; put NOPs in front");
  ROSSO_TRY(uint64_t address, p.address(1, 32, "address"));
  const uint64_t dwords = p[3];
  if (!dwords || dwords % kGroup)
    return malformed("a buffer of " + std::to_string(dwords) + " dwords, wanted a multiple of 8");
  ROSSO_CHECK(p.only(4, 0, "context save area"));
  ROSSO_CHECK(p.only(5, 0, "context save area"));
  ROSSO_TRY(uint8_t *data, readable(address, dwords * 4));
  if (isHost(address, dwords * 4))
    gpu_.log.count([&](Totals &totals) { totals.linkBytesToGpu += dwords * 4; });
  Stream stream(data, dwords);
  Source source{stream, 0, dwords, "indirect buffer at " + hex(address), true};
  while (source.position < source.end) {
    ROSSO_CHECK(step(source));
    if (stopped_)
      return {};
    host_.consumed(read_);
    if (host_.stop()) {
      stopped_ = true;
      return {};
    }
    if (gpu_.memory.at(address, dwords * 4) != data)
      return pageFault("read", address, dwords * 4);
  }
  skip_ = 0;
  return {};
}

Status CopyEngine::condition(const Packet &p) {
  ROSSO_CHECK(p.only(0, bits(15, 0), "header"));
  ROSSO_CHECK(p.only(4, bits(13, 0), "count"));
  ROSSO_TRY(uint64_t address, p.address(1, 4, "address"));
  ROSSO_TRY(uint8_t *memory, readable(address, 4));
  if (loadMemory(memory, 4) != p[3])
    skip_ = p[4];
  return {};
}

Status CopyEngine::atomic(const Packet &p) {
  ROSSO_CHECK(p.only(0, bits(15, 0) | bits(31, 25), "header"));
  ROSSO_CHECK(p.only(7, bits(12, 0), "loop interval"));
  const uint32_t operation = field(p[0], 31, 25), bytes = atomicBytes(operation);
  if (!bytes)
    return malformed("operation " + std::to_string(operation) + " is not known");
  ROSSO_TRY(uint64_t address, p.address(1, bytes, "address"));
  ROSSO_TRY(uint8_t *memory, writable(address, bytes));
  applyAtomic(operation, memory, p.pair(3), p.pair(5));
  signal(address, loadMemory(memory, bytes), bytes);
  return {};
}

Status CopyEngine::cacheRequest(const Packet &p) {
  ROSSO_CHECK(p.only(0, bits(15, 0), "header"));
  ROSSO_CHECK(p.only(1, bits(31, 7), "base, low"));
  ROSSO_CHECK(p.only(3, bits(2, 0) | bits(31, 7), "limit, low"));
  ROSSO_CHECK(p.only(4, bits(15, 0), "limit, high"));
  const uint32_t gcr = field(p[2], 31, 16) | field(p[3], 2, 0) << 16;
  ROSSO_TRY(CacheControl caches, readCacheControl(gcr, false, gpu_.chip.isa));
  // L2 written back here: what had ended can be read from memory.
  if (caches.l2WrittenBack) {
    Published now{.dispatches = ordering_.visibility().dispatches.finished,
                  .packets = ordering_.visibility().packets.finished,
                  .copies = 0,
                  .caches = caches};
    ordering_.joinForCopies(now);
  }
  return {};
}

} // namespace rosso::emulator
