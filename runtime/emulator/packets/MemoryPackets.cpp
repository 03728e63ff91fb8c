// Packets of the command processor that wait, order, read and write.
#include "runtime/emulator/packets/CommandProcessor.h"

namespace rosso::emulator {
namespace {

// Kinds of destinations and sources of WRITE_DATA and COPY_DATA.
constexpr uint32_t kRegister = 0, kMemorySource = 1, kL2 = 2, kMemory = 5, kImmediate = 5,
                   kClock = 9;

// Registers of the host data path: the one way a user's queue may write a register and poll
// another.
constexpr uint32_t kHdpFlushRequest = 0x0E26, kHdpFlushDone = 0x0E27;

constexpr uint32_t kWholeSizeLow = ~0u, kWholeSizeHigh = bits(7, 0);

} // namespace

Error CommandProcessor::pageFault(const char *what, uint64_t address, uint64_t bytes) {
  faultAddress_ = address;
  return malformed(std::string("page fault: ") + what + " of " + std::to_string(bytes) +
                   " bytes at " + hex(address) + ", not mapped: " + gpu_.memory.describe(address));
}

Visibility CommandProcessor::seenByPackets() const {
  Visibility seen = ordering_.visibility();
  seen.packets.finished = gpu_.packetWrites;
  return seen;
}

Result<uint8_t *> CommandProcessor::readable(uint64_t address, uint64_t bytes,
                                             Hazards::Through through) {
  uint8_t *data = gpu_.memory.at(address, bytes);
  if (!data)
    return pageFault("read", address, bytes);
  ROSSO_CHECK(gpu_.hazards.reads("it", address, bytes, seenByPackets(), through));
  return data;
}

Result<uint8_t *> CommandProcessor::writable(uint64_t address, uint64_t bytes) {
  uint8_t *data = gpu_.memory.at(address, bytes);
  if (!data)
    return pageFault("write", address, bytes);
  ROSSO_CHECK(gpu_.hazards.writes("it", address, bytes, seenByPackets()));
  return data;
}

void CommandProcessor::wrote(uint64_t address, uint64_t bytes, Confirm confirm) {
  const uint32_t number = ++gpu_.packetWrites;
  const uint32_t id = writerId(WriterKind::Packet, number);
  if (confirm == Confirm::Yes)
    ordering_.packetsArrived(number);
  gpu_.memory.wrote(address, bytes, id);
  const Mapping *mapping = gpu_.memory.find(address, bytes);
  if (mapping && mapping->executable)
    gpu_.code.wrote(address, bytes, id);
  if (mapping && mapping->region == Region::Host)
    gpu_.log.count([&](Totals &totals) { totals.linkBytesToHost += bytes; });
  // Whoever waits for this knows what this queue had waited for.
  const Visibility &seen = ordering_.visibility();
  if ((bytes == 4 || bytes == 8) && address % bytes == 0)
    gpu_.signals.publish(
        address, {.value = loadMemory(gpu_.memory.at(address, bytes), static_cast<uint32_t>(bytes)),
                  .seconds = front_,
                  .dispatches = seen.dispatches.finished,
                  .packets = number,
                  .copies = seen.copies.finished,
                  .caches = {}});
  host_.signals(front_, false);
  host_.signalled();
}

Status CommandProcessor::acquireMem(const Packet &p) {
  ROSSO_CHECK(p.only(1, 0, "coherence control, of older chips"));
  ROSSO_CHECK(p.only(5, bits(23, 0), "base, high"));
  ROSSO_CHECK(p.only(6, bits(15, 0), "poll interval"));
  if (p[3] != ~0u)
    ROSSO_CHECK(p.only(3, bits(23, 0), "size, high"));
  const bool everything = p[2] == kWholeSizeLow && p[3] >= kWholeSizeHigh && p.pair(4) == 0;
  ROSSO_TRY(CacheControl caches, readCacheControl(p[7], everything, gpu_.chip.isa));
  ordering_.acquire(caches);
  if (caches.instruction)
    invalidateCode();
  return {};
}

Status CommandProcessor::releaseMem(const Packet &p) {
  constexpr uint32_t kFlushTs = 0x14, kBottomOfPipe = 0x28, kShaderDone = 0x2F;
  constexpr uint32_t kNothing = 0, kLow32 = 1, kGpuClock = 3, kSystemClock = 4;
  ROSSO_CHECK(p.only(1, bits(5, 0) | bits(22, 8) | bits(26, 25) | bit(28), "event"));
  ROSSO_CHECK(p.only(2, bits(17, 16) | bits(26, 24) | bits(31, 29), "destination"));
  const uint32_t type = field(p[1], 5, 0), index = field(p[1], 11, 8);
  if (!((type == kFlushTs || type == kBottomOfPipe) && index == 5) &&
      !(type == kShaderDone && index == 6))
    return malformed("event type " + hex(type) + " with index " + std::to_string(index) +
                     ", wanted 0x14 or 0x28 with 5, or 0x2f with 6");
  if (bool(p[1] & bit(12)) != bool(p[1] & bit(13)))
    return malformed("event " + hex(p[1]) + ": GLM_WB and GLM_INV go together");
  if (p[1] & bit(19))
    return malformed("event " + hex(p[1]) +
                     ": GL2_DISCARD drops what was written and not yet written back");
  if (field(p[2], 17, 16) > 1)
    return malformed("destination " + hex(p[2]) + ": DST_SEL is 0 or 1");
  const uint32_t interrupt = field(p[2], 26, 24), data = field(p[2], 31, 29);
  if (interrupt > 3 || data > kSystemClock)
    return malformed("destination " + hex(p[2]) + ": INT_SEL or DATA_SEL is reserved");
  if (!setup_.endOfPipe || !gpu_.memory.at(setup_.endOfPipe, 8))
    return malformed("the queue has no end-of-pipe buffer");

  // Everything before it in this queue has ended, though packets after it do not know.
  drained_ = std::max(front_, drained_);
  const uint32_t bytes = data == kNothing ? 0 : data == kLow32 ? 4 : 8;
  if (bytes) {
    ROSSO_TRY(uint64_t address, p.address(3, bytes, "address"));
    uint8_t *memory = gpu_.memory.at(address, bytes);
    if (!memory)
      return pageFault("write", address, bytes);
    const uint64_t value = data >= kGpuClock ? Gpu::ticks(drained_) : bytes == 4 ? p[5] : p.pair(5);
    const uint32_t number = ++gpu_.packetWrites;
    Published published{.value = value,
                        .seconds = drained_,
                        .dispatches = lastDispatch_,
                        .packets = number,
                        .copies = ordering_.visibility().copies.finished,
                        .caches = {}};
    published.dispatches =
        std::max(published.dispatches, ordering_.visibility().dispatches.finished);
    published.caches.vector =
        (p[1] & bit(14)) && (gpu_.chip.isa == amd::Isa::Gfx12 || (p[1] & bit(15)));
    published.caches.l2Invalidated = p[1] & bit(20);
    published.caches.l2WrittenBack = p[1] & bit(21);
    gpu_.signals.publish(address, published);
    host_.signals(drained_, last_);
    storeMemory(memory, value, bytes);
    gpu_.memory.wrote(address, bytes, writerId(WriterKind::Packet, number));
    const Mapping *mapping = gpu_.memory.find(address, bytes);
    if (mapping && mapping->region == Region::Host)
      gpu_.log.count([&](Totals &totals) { totals.linkBytesToHost += bytes; });
    host_.signalled();
  }
  if (interrupt)
    host_.interrupt();
  return {};
}

Status CommandProcessor::waitFor(uint64_t address, uint32_t bytes, uint32_t function,
                                 uint64_t reference, uint64_t mask) {
  auto satisfied = [&](uint64_t value) { return compares(function, value & mask, reference); };
  for (;;) {
    const uint8_t *memory = gpu_.memory.at(address, bytes);
    if (!memory)
      return pageFault("read", address, bytes);
    if (satisfied(loadMemory(memory, bytes)))
      break;
    if (!host_.keepWaiting()) {
      stopped_ = true;
      return {};
    }
  }
  if (auto published = gpu_.signals.firstThat(address, satisfied)) {
    ordering_.join(*published);
    front_ = std::max(front_, published->seconds);
    waited_ = true;
  }
  return {};
}

Status CommandProcessor::waitRegMem(const Packet &p) {
  constexpr uint32_t kInMemory = bit(4);
  constexpr uint32_t kWriteThenWait = 1; // 0: just wait
  ROSSO_CHECK(p.only(1, bits(2, 0) | kInMemory | bits(7, 6), "control"));
  ROSSO_CHECK(p.only(6, bits(15, 0), "poll interval"));
  const uint32_t function = field(p[1], 2, 0), operation = field(p[1], 7, 6);
  if (function == 7 || operation > kWriteThenWait)
    return malformed("control " + hex(p[1]) + ": function or operation is reserved");
  if (operation == kWriteThenWait) {
    // The host sees no VRAM here, so there is nothing to flush: the request is done at once.
    if ((p[1] & kInMemory) || p[2] != kHdpFlushRequest || p[3] != kHdpFlushDone)
      return malformed("writes register " + hex(p[2]) + " and waits for " + hex(p[3]) +
                       ": a user's queue may do so for a flush of the host data path (0xe26, " +
                       "0xe27) only");
    if (!p[4] || !compares(function, p[4] & p[5], p[4]))
      return malformed("waits for " + hex(p[4]) + " under mask " + hex(p[5]) +
                       ", which never comes");
    return {};
  }
  if (!(p[1] & kInMemory))
    return malformed("waits for register " + hex(p[2]) +
                     ": a user's queue waits for memory, or flushes the host data path");
  ROSSO_TRY(uint64_t address, p.address(2, 4, "address"));
  return waitFor(address, 4, function, p[4], p[5]);
}

Status CommandProcessor::waitRegMem64(const Packet &p) {
  ROSSO_CHECK(p.only(1, bits(2, 0) | bit(4), "control"));
  ROSSO_CHECK(p.only(8, bits(15, 0), "poll interval"));
  if (field(p[1], 2, 0) == 7 || !(p[1] & bit(4)))
    return malformed("control " + hex(p[1]) + ": wanted a function below 7, on memory");
  ROSSO_TRY(uint64_t address, p.address(2, 8, "address"));
  return waitFor(address, 8, field(p[1], 2, 0), p.pair(4), p.pair(6));
}

Status CommandProcessor::writeData(const Packet &p) {
  constexpr uint32_t kOneAddress = bit(16), kConfirm = bit(20);
  ROSSO_CHECK(p.only(1, bits(11, 8) | kOneAddress | kConfirm | bits(26, 25), "control"));
  const uint32_t destination = field(p[1], 11, 8);
  if (destination == kRegister)
    return malformed("writes register " + hex(p[2]) + ": not for a user's queue");
  if (destination != kL2 && destination != kMemory)
    return malformed("control " + hex(p[1]) + ": DST_SEL " + std::to_string(destination) +
                     ", wanted 5 (memory) or 2 (L2)");
  ROSSO_TRY(uint64_t address, p.address(2, 4, "address"));
  auto data = p.dwords.subspan(4);
  if (p[1] & kOneAddress)
    data = data.last(1);
  ROSSO_TRY(uint8_t *memory, writable(address, data.size_bytes()));
  for (size_t i = 0; i < data.size(); ++i)
    storeMemory(memory + 4 * i, data[i], 4);
  wrote(address, data.size_bytes(), p[1] & kConfirm ? Confirm::Yes : Confirm::No);
  return {};
}

Status CommandProcessor::copyData(const Packet &p) {
  constexpr uint32_t kWide = bit(16), kConfirm = bit(20);
  ROSSO_CHECK(p.only(1, bits(3, 0) | bits(11, 8) | bits(14, 13) | kWide | kConfirm | bits(26, 25),
                     "control"));
  const uint32_t source = field(p[1], 3, 0), destination = field(p[1], 11, 8);
  const uint32_t bytes = p[1] & kWide ? 8 : 4;
  uint64_t value = 0;
  if (source == kClock) {
    value = Gpu::ticks(front_);
  } else if (source == kImmediate) {
    value = p.pair(2);
  } else if (source == kMemorySource || source == kL2) {
    ROSSO_TRY(uint64_t from, p.address(2, bytes, "source"));
    ROSSO_TRY(uint8_t *memory, readable(from, bytes, Hazards::Through::L2));
    value = loadMemory(memory, bytes);
  } else {
    return malformed("control " + hex(p[1]) + ": SRC_SEL " + std::to_string(source) +
                     ", wanted 1 or 2 (memory), 5 (immediate) or 9 (clock)");
  }
  if (destination != kL2 && destination != kMemory)
    return malformed("control " + hex(p[1]) + ": DST_SEL " + std::to_string(destination) +
                     ", wanted 5 (memory) or 2 (L2)");
  ROSSO_TRY(uint64_t to, p.address(4, bytes, "destination"));
  ROSSO_TRY(uint8_t *memory, writable(to, bytes));
  storeMemory(memory, value, bytes);
  wrote(to, bytes, p[1] & kConfirm ? Confirm::Yes : Confirm::No);
  return {};
}

Status CommandProcessor::eventWrite(const Packet &p) {
  constexpr uint32_t kComputeFlush = 0x07, kTraceMarker = 0x35, kTraceFinish = 0x37;
  ROSSO_CHECK(p.only(1, bits(5, 0) | bits(11, 8), "event"));
  const uint32_t type = field(p[1], 5, 0), index = field(p[1], 11, 8);
  if (type == kComputeFlush && index == 4) {
    ordering_.drained(lastDispatch_);
    front_ = std::max(front_, drained_);
    waited_ = true;
    return {};
  }
  if ((type == kTraceMarker || type == kTraceFinish) && index == 0)
    return {};
  return malformed("event type " + hex(type) + " with index " + std::to_string(index) +
                   ", wanted CS_PARTIAL_FLUSH, 7 with 4");
}

Status CommandProcessor::atomicMem(const Packet &p) {
  constexpr uint32_t kLoop = 1;
  ROSSO_CHECK(p.only(1, bits(6, 0) | bits(11, 8) | bits(26, 25), "control"));
  ROSSO_CHECK(p.only(8, bits(12, 0), "loop interval"));
  const uint32_t operation = field(p[1], 6, 0), command = field(p[1], 11, 8);
  const uint32_t bytes = atomicBytes(operation);
  if (!bytes)
    return malformed("operation " + std::to_string(operation) + " is not one that returns a value");
  if (command > kLoop)
    return malformed("control " + hex(p[1]) + ": COMMAND is 0 (once) or 1 (loop)");
  ROSSO_TRY(uint64_t address, p.address(2, bytes, "address"));
  if (command == kLoop) { // until the comparison holds
    ROSSO_CHECK(waitFor(address, bytes, 3, p.pair(6) & (bytes == 4 ? 0xffffffff : ~uint64_t{0}),
                        ~uint64_t{0}));
    if (stopped_)
      return {};
  }
  ROSSO_TRY(uint8_t *memory, writable(address, bytes));
  applyAtomic(operation, memory, p.pair(4), p.pair(6));
  wrote(address, bytes, Confirm::Yes);
  return {};
}

Status CommandProcessor::dmaData(const Packet &p) {
  constexpr uint32_t kAddress = 0, kData = 2, kThroughL2 = 3;
  constexpr uint32_t kSync = bit(31), kNoWriteConfirm = bit(31), kRawWait = bit(30);
  ROSSO_CHECK(
      p.only(1, bits(14, 13) | bits(21, 20) | bits(26, 25) | bits(30, 29) | kSync, "control"));
  ROSSO_CHECK(p.only(6, bits(25, 0) | kRawWait | kNoWriteConfirm, "command"));
  const uint32_t source = field(p[1], 30, 29), destination = field(p[1], 21, 20);
  const uint64_t bytes = field(p[6], 25, 0);
  if (!bytes)
    return malformed("copies 0 bytes");
  if (destination != kAddress && destination != kThroughL2)
    return malformed("control " + hex(p[1]) + ": DST_SEL " + std::to_string(destination) +
                     ", wanted 0 or 3 (memory)");
  ROSSO_TRY(uint64_t to, p.address(4, source == kData ? 4 : 1, "destination"));
  ROSSO_TRY(uint8_t *target, writable(to, bytes));
  if (source == kData) {
    if (bytes % 4)
      return malformed("fills " + std::to_string(bytes) + " bytes, wanted a multiple of 4");
    for (uint64_t i = 0; i < bytes; i += 4)
      storeMemory(target + i, p[2], 4);
  } else if (source == kAddress || source == kThroughL2) {
    ROSSO_TRY(uint64_t from, p.address(2, 1, "source"));
    if (from < to + bytes && to < from + bytes)
      return malformed("source " + hex(from) + " and destination " + hex(to) + " overlap");
    ROSSO_TRY(uint8_t *data, readable(from, bytes, Hazards::Through::L2));
    std::memcpy(target, data, bytes);
  } else {
    return malformed("control " + hex(p[1]) + ": SRC_SEL 1 is for chips with GDS");
  }
  wrote(to, bytes, p[1] & kSync ? Confirm::Yes : Confirm::No);
  return {};
}

} // namespace rosso::emulator
