#include "tools/dump/Commands.h"

#include "runtime/amd/CommandBuffer.h"
#include "runtime/amd/Layout.h"

#include <cstring>

namespace rosso::dump {

using namespace amd;

namespace {

/// Names of made-up addresses.
class Places {
public:
  Places(const Subject &subject, const Layout &layout, const CodeObject &code)
      : subject_(subject), layout_(layout), code_(code) {}

  std::string operator()(uint64_t address) const {
    if (address >= kCommandsAddress)
      return "commands";
    if (address >= kControlAddress)
      return controlName(address - kControlAddress);
    if (address >= kCodeAddress && address < kHostAddress) {
      for (const KernelCode &kernel : code_.kernels())
        if (address - kCodeAddress >= kernel.entry &&
            address - kCodeAddress < kernel.entry + kernel.bytes)
          return "code of " + kernel.name;
    }
    if (address < kVramAddress || address >= kCodeAddress)
      return "";
    const uint64_t offset = address - kVramAddress;
    if (offset == layout_.variables && layout_.variableBytes)
      return "variables";
    for (size_t e = 0; e < layout_.launchArguments.size(); ++e)
      for (size_t i = 0; i < layout_.launchArguments[e].size(); ++i)
        if (offset == layout_.arguments + layout_.launchArguments[e][i])
          return "arguments of " + subject_.program.entries[e].name + " launch " +
                 std::to_string(i);
    return "";
  }

private:
  static std::string controlName(uint64_t offset) {
    switch (offset) {
    case kSignal:
      return "timeline";
    case kMarkRun:
      return "mark: run";
    case kMarkLaunch:
      return "mark: launch";
    default:
      return "control page";
    }
  }

public:
  static constexpr uint64_t kSignal = 0, kMarkRun = 128, kMarkLaunch = 132;

private:
  const Subject &subject_;
  const Layout &layout_;
  const CodeObject &code_;
};

/// What AmdDevice::submit puts into the ring for the first run of an entry.
pm4::Stream ringOf(const Subject &subject, const Layout &layout, const CommandBuffer &commands) {
  pm4::Stream stream;
  pm4::append(stream, pm4::WaitForWaves{});
  if (!subject.listing.at.empty()) {
    std::vector<uint32_t> dwords;
    for (const auto &[name, value] : subject.listing.at) {
      dwords.push_back(pm4::lo(static_cast<uint64_t>(value)));
      dwords.push_back(pm4::hi(static_cast<uint64_t>(value)));
    }
    pm4::appendWriteData(stream, kVramAddress + layout.variables, dwords, pm4::Confirm::Yes);
  }
  pm4::appendWriteData(stream, kControlAddress + Places::kMarkRun, std::array<uint32_t, 2>{1, 0},
                       pm4::Confirm::No);
  pm4::append(stream, pm4::AcquireMem{pm4::kAfterOthersWrote});
  if (commands.dwords())
    pm4::append(stream, commands.lane(0));
  pm4::append(stream, pm4::ReleaseMem{.address = kControlAddress + Places::kSignal,
                                      .value = 1,
                                      .hasMetadataCache = subject.chip->isa != Isa::Gfx12});
  return stream;
}

} // namespace

Result<std::vector<CommandStream>> recordCommands(const Subject &subject) {
  const Program &program = subject.program;
  ROSSO_TRY(const CodeObject code, CodeObject::parse(program.code, *subject.chip));
  const Layout layout = Layout::of(program, subject.plan);
  const Places places(subject, layout, code);
  std::vector<int64_t> vars;
  for (const auto &[name, bounds] : program.vars)
    vars.push_back(subject.listing.at.at(name));

  std::vector<CommandStream> streams;
  for (size_t e = 0; e < program.entries.size(); ++e) {
    const Entry &entry = program.entries[e];
    std::vector<RecordedLaunch> launches;
    for (size_t i = 0; i < entry.launches.size(); ++i) {
      const Launch &launch = entry.launches[i];
      const Kernel &kernel = subject.kernel(launch);
      const KernelCode *descriptor = code.find(kernel.symbol);
      if (!descriptor)
        return Error{ErrorCode::Internal, "kernel " + kernel.name + ": not in the code object"};
      ROSSO_TRY(LaunchState state,
                launchState(*descriptor, *subject.chip, kCodeAddress, kernel.threads,
                            kVramAddress + layout.arguments + layout.launchArguments[e][i], {}));
      launches.push_back({.state = state,
                          .grid = LaunchGrid(launch, program.vars),
                          .barrierBefore = launch.barrierBefore});
    }
    CommandBuffer commands(launches, kControlAddress + Places::kMarkLaunch, 1);
    std::vector<uint32_t> memory(commands.bytes() / 4);
    commands.place(reinterpret_cast<uint8_t *>(memory.data()), kCommandsAddress);
    commands.patch(0, launches, vars);
    memory.resize(commands.dwords());

    CommandStream stream;
    stream.entry = entry.name;
    const pm4::Stream ring = ringOf(subject, layout, commands);
    stream.ring = decodePackets(ring, places);
    stream.buffer = decodePackets(memory, places);
    stream.ringDwords = ring.size();
    stream.bufferDwords = memory.size();
    size_t next = 0; // dispatches come in the order of launches; one of no groups is a NOP
    for (const PacketText &packet : stream.buffer)
      if ((packet.name == "DISPATCH_DIRECT" || packet.name == "NOP") &&
          next < entry.launches.size())
        stream.launches.emplace_back(packet.at, subject.kernel(entry.launches[next++]).name);
    streams.push_back(std::move(stream));
  }
  return streams;
}

std::string commandsText(const Subject &subject, const std::vector<CommandStream> &streams) {
  std::string text;
  for (const CommandStream &stream : streams) {
    text += "entry " + stream.entry + ": ring " + std::to_string(stream.ringDwords) +
            " dwords, indirect buffer " + std::to_string(stream.bufferDwords) + " dwords, " +
            std::to_string(stream.launches.size()) + " launches, " + str(subject.listing.at) +
            "\n ring\n";
    for (const PacketText &packet : stream.ring)
      text += str(packet);
    text += " indirect buffer\n";
    size_t next = 0;
    bool named = false;
    for (const PacketText &packet : stream.buffer) {
      if (!named && next < stream.launches.size()) {
        text += " launch " + std::to_string(next) + " " + stream.launches[next].second + "\n";
        named = true;
      }
      text += str(packet);
      if (next < stream.launches.size() && packet.at == stream.launches[next].first) {
        ++next;
        named = false;
      }
    }
    text += "\n";
  }
  return text;
}

} // namespace rosso::dump
