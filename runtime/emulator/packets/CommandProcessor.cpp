#include "runtime/emulator/packets/CommandProcessor.h"

namespace rosso::emulator {
namespace {

constexpr uint32_t kMostBody = 0x4000;
constexpr uint32_t kOneDwordNop = 0xFFFF1000; // a NOP whose count field is all ones
constexpr uint32_t kType2 = 0x80000000;       // filler of one dword
constexpr uint32_t kPredicate = bit(0), kComputeShader = bit(1);

} // namespace

struct CommandProcessor::Kind {
  uint32_t opcode;
  const char *name;
  uint32_t least, most; // dwords of the body
  Status (CommandProcessor::*execute)(const Packet &);
};

const CommandProcessor::Kind CommandProcessor::kKinds[] = {
    {0x10, "NOP", 1, kMostBody, &CommandProcessor::nop},
    {0x15, "DISPATCH_DIRECT", 4, 4, &CommandProcessor::dispatchDirect},
    {0x16, "DISPATCH_INDIRECT", 3, 3, &CommandProcessor::dispatchIndirect},
    {0x1E, "ATOMIC_MEM", 8, 8, &CommandProcessor::atomicMem},
    {0x22, "COND_EXEC", 4, 4, &CommandProcessor::condExec},
    {0x23, "PRED_EXEC", 1, 1, &CommandProcessor::predExec},
    {0x37, "WRITE_DATA", 4, kMostBody, &CommandProcessor::writeData},
    {0x3C, "WAIT_REG_MEM", 6, 6, &CommandProcessor::waitRegMem},
    {0x3F, "INDIRECT_BUFFER", 3, 3, &CommandProcessor::indirectBuffer},
    {0x40, "COPY_DATA", 5, 5, &CommandProcessor::copyData},
    {0x46, "EVENT_WRITE", 1, 1, &CommandProcessor::eventWrite},
    {0x49, "RELEASE_MEM", 7, 7, &CommandProcessor::releaseMem},
    {0x50, "DMA_DATA", 6, 6, &CommandProcessor::dmaData},
    {0x58, "ACQUIRE_MEM", 7, 7, &CommandProcessor::acquireMem},
    {0x68, "SET_CONFIG_REG", 2, kMostBody, &CommandProcessor::refuse},
    {0x76, "SET_SH_REG", 2, kMostBody, &CommandProcessor::setShRegisters},
    {0x79, "SET_UCONFIG_REG", 2, kMostBody, &CommandProcessor::setUserConfig},
    {0x93, "WAIT_REG_MEM64", 8, 8, &CommandProcessor::waitRegMem64},
    {0x95, "HDP_FLUSH", 1, kMostBody, &CommandProcessor::refuse},
    {0x98, "INVALIDATE_TLBS", 1, kMostBody, &CommandProcessor::refuse},
    {0x9B, "SET_SH_REG_INDEX", 2, kMostBody, &CommandProcessor::refuse},
    {0xA0, "SET_RESOURCES", 1, kMostBody, &CommandProcessor::refuse},
    {0xA2, "MAP_QUEUES", 1, kMostBody, &CommandProcessor::refuse},
    {0xA3, "UNMAP_QUEUES", 1, kMostBody, &CommandProcessor::refuse},
};

const CommandProcessor::Kind *CommandProcessor::kindOf(uint32_t opcode) {
  for (const Kind &kind : kKinds)
    if (kind.opcode == opcode)
      return &kind;
  return nullptr;
}

CommandProcessor::CommandProcessor(Gpu &gpu, QueueHost &host, ComputeQueueSetup setup)
    : gpu_(gpu), host_(host), setup_(std::move(setup)), registers_(gpu.chip) {}

Result<QueueEnd> CommandProcessor::run(uint64_t writePointer, double doorbell) {
  front_ = std::max(front_, doorbell);
  Source ring{setup_.ring, read_, writePointer, "ring", false};
  while (ring.position < ring.end) {
    if (host_.stop())
      return QueueEnd::Stopped;
    Status status = step(ring);
    if (stopped_)
      return QueueEnd::Stopped;
    if (!status)
      return status.error();
    const uint64_t consumed = ring.position - read_;
    gpu_.log.count([&](Totals &totals) {
      totals.linkBytesToGpu += consumed * 4;
      totals.seconds = std::max({totals.seconds, front_, drained_});
    });
    read_ = ring.position;
    host_.consumed(read_);
  }
  return QueueEnd::Idle;
}

/// One packet, and what it says to leave out after it.
Status CommandProcessor::step(Source &source) {
  auto packet = fetch(source);
  if (!packet)
    return at(source, packet.error());
  skip_ = 0;
  last_ = !source.indirect && source.position + packet->dwords.size() == source.end;
  Status status = execute(source, *packet);
  if (stopped_)
    return {};
  if (!status) {
    // Packets of an indirect buffer have said already where they are.
    if (status.error().message.starts_with(setup_.name))
      return status;
    return at(source, Error{status.error().code, packetName_ + ": " + status.error().message +
                                                     "; packet " + packet->dump()});
  }
  source.position += packet->dwords.size();
  if (skip_)
    if (auto skipped = skip(source, skip_); !skipped)
      return at(source, skipped.error());
  gpu_.log.count([](Totals &totals) { ++totals.packets; });
  return {};
}

Error CommandProcessor::at(const Source &source, const Error &error) const {
  std::string where =
      setup_.name + ": " + source.name + " dword " +
      hex(source.indirect ? source.position : source.position % source.stream.dwords());
  if (!source.indirect)
    where += " (read pointer " + hex(source.position) + ", write pointer " + hex(source.end) + ")";
  return error.in(where);
}

Result<Packet> CommandProcessor::fetch(const Source &source) {
  const uint32_t header = source.stream[source.position];
  uint64_t dwords = 1;
  if (header != kOneDwordNop && header != kType2) {
    if (header >> 30 != 3)
      return malformed("header " + hex(header) + " is of type " + std::to_string(header >> 30) +
                       ", wanted type 3");
    dwords = 2 + uint64_t{field(header, 29, 16)};
  }
  if (dwords > source.end - source.position)
    return malformed(
        "header " + hex(header) + ": packet of " + std::to_string(dwords) +
        " dwords ends after the " + std::to_string(source.end - source.position) +
        (source.indirect ? " that are left of the buffer" : " before the write pointer"));
  auto &buffer = packets_[source.indirect];
  buffer.resize(dwords);
  for (uint64_t i = 0; i < dwords; ++i)
    buffer[i] = source.stream[source.position + i];
  return Packet{buffer};
}

Status CommandProcessor::execute(Source &source, const Packet &packet) {
  const uint32_t header = packet[0];
  packetName_ = "packet";
  if (header == kOneDwordNop || header == kType2)
    return {};
  const uint32_t opcode = field(header, 15, 8);
  const Kind *kind = kindOf(opcode);
  if (!kind)
    return malformed("opcode " + hex(opcode) + " is not one of a compute queue");
  packetName_ = kind->name;
  if (header & kPredicate)
    return malformed("header " + hex(header) + ": predication is not for compute queues");
  if (uint32_t others = header & bits(7, 0) & ~kComputeShader)
    return malformed("header " + hex(header) + ": reserved bits " + hex(others) + " are set");
  if (packet.bodyDwords() < kind->least || packet.bodyDwords() > kind->most)
    return malformed("body of " + std::to_string(packet.bodyDwords()) + " dwords, wanted " +
                     std::to_string(kind->least) + (kind->most > kind->least ? " or more" : ""));
  inIndirect_ = source.indirect;
  return (this->*kind->execute)(packet);
}

/// Leaves out whole packets.
Status CommandProcessor::skip(Source &source, uint64_t dwords) {
  const std::string name = packetName_;
  while (dwords) {
    if (source.position == source.end)
      return malformed(name + " skips " + std::to_string(dwords) + " dwords more than there are");
    auto packet = fetch(source);
    if (!packet)
      return packet.error();
    if (packet->dwords.size() > dwords)
      return malformed(name + " skips to the middle of packet " + packet->dump());
    source.position += packet->dwords.size();
    dwords -= packet->dwords.size();
  }
  return {};
}

Status CommandProcessor::nop(const Packet &) { return {}; }

Status CommandProcessor::refuse(const Packet &) {
  return malformed("is for the kernel driver's queues, not for a user's");
}

Status CommandProcessor::indirectBuffer(const Packet &p) {
  if (inIndirect_)
    return malformed("inside an indirect buffer: they go one level deep");
  ROSSO_TRY(uint64_t address, p.address(1, 4, "address"));
  constexpr uint32_t kValid = bit(23), kInheritVmid = bit(30);
  ROSSO_CHECK(p.only(3, bits(19, 0) | kValid | bits(29, 24) | kInheritVmid, "control"));
  if (!(p[3] & kValid))
    return malformed("control " + hex(p[3]) + ": VALID (bit 23) is not set");
  if (field(p[3], 27, 24))
    return malformed("control " + hex(p[3]) + ": VMID is the kernel driver's, wanted 0");
  const uint64_t dwords = field(p[3], 19, 0);
  if (!dwords)
    return malformed("an empty buffer");
  ROSSO_TRY(uint8_t *data, readable(address, dwords * 4, Hazards::Through::L2));
  if (const Mapping *mapping = gpu_.memory.find(address, dwords * 4);
      mapping && mapping->region == Region::Host)
    gpu_.log.count([&](Totals &totals) { totals.linkBytesToGpu += dwords * 4; });
  Stream stream(data, dwords);
  Source source{stream, 0, dwords, "indirect buffer at " + hex(address), true};
  while (source.position < source.end) {
    ROSSO_CHECK(step(source));
    if (stopped_)
      return {};
    host_.consumed(read_); // a chance for others; the read pointer is still before this packet
    if (host_.stop()) {
      stopped_ = true;
      return {};
    }
    if (gpu_.memory.at(address, dwords * 4) != data)
      return pageFault("read", address, dwords * 4);
  }
  skip_ = 0;
  packetName_ = "INDIRECT_BUFFER";
  return {};
}

Status CommandProcessor::condExec(const Packet &p) {
  ROSSO_TRY(uint64_t address, p.address(1, 4, "address"));
  ROSSO_CHECK(p.only(3, 0, "reserved"));
  ROSSO_CHECK(p.only(4, bits(13, 0), "count"));
  ROSSO_TRY(uint8_t *condition, readable(address, 4, Hazards::Through::L2));
  if (loadMemory(condition, 4) == 0)
    skip_ = p[4];
  return {};
}

Status CommandProcessor::predExec(const Packet &p) {
  if (!inIndirect_)
    return malformed("is for indirect buffers only");
  ROSSO_CHECK(p.only(1, bits(13, 0) | bits(31, 24), "control"));
  if (!(p[1] & bit(24))) // we are the first of its dies
    skip_ = field(p[1], 13, 0);
  return {};
}

} // namespace rosso::emulator
