#include "tools/dump/Packets.h"

#include <algorithm>
#include <cstdio>

namespace rosso::dump {

namespace {

constexpr uint32_t kOneDwordNop = 0xFFFF1000;

uint32_t bits(uint32_t value, unsigned high, unsigned low) {
  return value >> low & ((uint64_t{1} << (high - low + 1)) - 1);
}

std::string hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

std::string number(uint64_t value) { return std::to_string(value); }

/// The names of the bits that are set.
struct Flag {
  uint32_t mask;
  const char *name;
};
template <size_t N> std::string flags(uint32_t value, const Flag (&known)[N]) {
  std::string text;
  for (const Flag &flag : known)
    if ((value & flag.mask) == flag.mask) {
      text += (text.empty() ? "" : " | ") + std::string(flag.name);
      value &= ~flag.mask;
    }
  if (value || text.empty())
    text += (text.empty() ? "" : " | ") + hex(value);
  return text;
}

struct ShRegister {
  uint32_t index;
  const char *name;
};
constexpr ShRegister kShRegisters[] = {
    {0x200, "COMPUTE_DISPATCH_INITIATOR"},
    {0x201, "COMPUTE_DIM_X"},
    {0x202, "COMPUTE_DIM_Y"},
    {0x203, "COMPUTE_DIM_Z"},
    {0x204, "COMPUTE_START_X"},
    {0x205, "COMPUTE_START_Y"},
    {0x206, "COMPUTE_START_Z"},
    {0x207, "COMPUTE_NUM_THREAD_X"},
    {0x208, "COMPUTE_NUM_THREAD_Y"},
    {0x209, "COMPUTE_NUM_THREAD_Z"},
    {0x20A, "COMPUTE_PIPELINESTAT_ENABLE"},
    {0x20B, "COMPUTE_PERFCOUNT_ENABLE"},
    {0x20C, "COMPUTE_PGM_LO"},
    {0x20D, "COMPUTE_PGM_HI"},
    {0x210, "COMPUTE_DISPATCH_SCRATCH_BASE_LO"},
    {0x211, "COMPUTE_DISPATCH_SCRATCH_BASE_HI"},
    {0x212, "COMPUTE_PGM_RSRC1"},
    {0x213, "COMPUTE_PGM_RSRC2"},
    {0x214, "COMPUTE_VMID"},
    {0x215, "COMPUTE_RESOURCE_LIMITS"},
    {0x216, "COMPUTE_STATIC_THREAD_MGMT_SE0"},
    {0x217, "COMPUTE_STATIC_THREAD_MGMT_SE1"},
    {0x218, "COMPUTE_TMPRING_SIZE"},
    {0x219, "COMPUTE_STATIC_THREAD_MGMT_SE2"},
    {0x21A, "COMPUTE_STATIC_THREAD_MGMT_SE3"},
    {0x21B, "COMPUTE_RESTART_X"},
    {0x21C, "COMPUTE_RESTART_Y"},
    {0x21D, "COMPUTE_RESTART_Z"},
    {0x228, "COMPUTE_PGM_RSRC3"},
};

std::string shRegisterName(uint32_t index) {
  for (const ShRegister &known : kShRegisters)
    if (known.index == index)
      return known.name;
  if (index >= 0x240 && index < 0x250)
    return "COMPUTE_USER_DATA_" + number(index - 0x240);
  return "SH register " + hex(index);
}

/// What a value of a register says besides its number.
std::string shRegisterText(uint32_t index, uint32_t value) {
  switch (index) {
  case 0x212:
    return " (VGPRS " + number(bits(value, 5, 0)) + ", FLOAT_MODE " + hex(bits(value, 19, 12)) +
           (bits(value, 29, 29) ? ", WGP_MODE" : "") +
           (bits(value, 30, 30) ? ", MEM_ORDERED" : "") +
           (bits(value, 31, 31) ? ", FWD_PROGRESS" : "") + ")";
  case 0x213:
    return " (USER_SGPR " + number(bits(value, 5, 1)) + ", LDS_SIZE " +
           number(bits(value, 23, 15) * 512) + " B" + (value & 1 ? ", SCRATCH_EN" : "") +
           (bits(value, 7, 7) ? ", TGID_X" : "") + (bits(value, 8, 8) ? ", TGID_Y" : "") +
           (bits(value, 9, 9) ? ", TGID_Z" : "") + ")";
  case 0x218:
    return " (WAVES " + number(bits(value, 11, 0)) + ", WAVESIZE " +
           number(uint64_t{bits(value, 26, 12)} * 256) + " B)";
  default:
    return "";
  }
}

class Decoder {
public:
  Decoder(std::span<const uint32_t> stream, const AddressNames &names)
      : stream_(stream), names_(names) {}

  std::vector<PacketText> run() {
    for (size_t at = 0; at < stream_.size();) {
      PacketText packet;
      packet.at = at;
      const uint32_t header = stream_[at];
      size_t length = 1;
      if (header == kOneDwordNop || header >> 30 == 2) {
        packet.name = "NOP (one dword)";
      } else if (header >> 30 != 3) {
        packet.name = "not a packet of type 3";
        length = stream_.size() - at;
      } else {
        length = 2 + size_t{bits(header, 29, 16)};
        if (length > stream_.size() - at) {
          packet.name = "a packet of " + number(length) + " dwords that ends behind the stream";
          length = stream_.size() - at;
        }
      }
      const auto dwords = stream_.subspan(at, length);
      packet.dwords.assign(dwords.begin(), dwords.end());
      if (packet.name.empty())
        decode(packet);
      packets_.push_back(std::move(packet));
      at += length;
    }
    return std::move(packets_);
  }

private:
  std::string address(uint64_t value) const {
    const std::string known = names_ ? names_(value) : "";
    return hex(value) + (known.empty() ? "" : " (" + known + ")");
  }

  void decode(PacketText &packet) {
    const auto &p = packet.dwords;
    auto pair = [&](size_t low) { return uint64_t{p[low + 1]} << 32 | p[low]; };
    auto field = [&](const std::string &name, const std::string &value) {
      packet.fields.push_back(name + " = " + value);
    };
    struct Known {
      uint32_t opcode;
      const char *name;
      size_t body; // dwords at least
    };
    constexpr Known kKnown[] = {
        {0x10, "NOP", 1},          {0x15, "DISPATCH_DIRECT", 4}, {0x37, "WRITE_DATA", 4},
        {0x3C, "WAIT_REG_MEM", 6}, {0x3F, "INDIRECT_BUFFER", 3}, {0x40, "COPY_DATA", 5},
        {0x46, "EVENT_WRITE", 1},  {0x49, "RELEASE_MEM", 7},     {0x58, "ACQUIRE_MEM", 7},
        {0x76, "SET_SH_REG", 2},   {0x79, "SET_UCONFIG_REG", 2}, {0x16, "DISPATCH_INDIRECT", 3},
        {0x1E, "ATOMIC_MEM", 8},   {0x50, "DMA_DATA", 6},
    };
    const uint32_t opcode = bits(p[0], 15, 8);
    const Known *known = std::find_if(std::begin(kKnown), std::end(kKnown),
                                      [&](const Known &each) { return each.opcode == opcode; });
    if (known == std::end(kKnown)) {
      packet.name = "opcode " + hex(opcode);
      return;
    }
    packet.name = known->name;
    if (p.size() - 1 < known->body) {
      packet.name +=
          " (body of " + number(p.size() - 1) + " dwords, wanted " + number(known->body) + ")";
      return;
    }
    switch (opcode) {
    case 0x15: {
      constexpr Flag kInitiator[] = {
          {1 << 0, "COMPUTE_SHADER_EN"}, {1 << 2, "FORCE_START_AT_000"}, {1 << 15, "CS_W32_EN"}};
      field("groups", number(p[1]) + " x " + number(p[2]) + " x " + number(p[3]));
      field("initiator", flags(p[4], kInitiator));
      break;
    }
    case 0x37: {
      constexpr const char *kTargets[] = {"register", "memory (sync)", "L2",
                                          "GDS",      "reserved",      "memory"};
      const uint32_t target = bits(p[1], 11, 8);
      field("to", std::string(target < std::size(kTargets) ? kTargets[target] : "reserved") + " " +
                      address(pair(2)) + (bits(p[1], 20, 20) ? ", confirmed" : ""));
      std::string data;
      for (size_t i = 4; i < p.size(); ++i)
        data += (i > 4 ? " " : "") + hex(p[i]);
      field("data", data);
      break;
    }
    case 0x3C: {
      constexpr const char *kFunctions[] = {"always", "<", "<=", "==", "!=", ">=", ">", "reserved"};
      field("wait", std::string(bits(p[1], 4, 4) ? "memory " : "register ") + address(pair(2)) +
                        " & " + hex(p[5]) + " " + kFunctions[bits(p[1], 2, 0)] + " " + hex(p[4]));
      break;
    }
    case 0x3F:
      field("buffer", address(pair(1)) + ", " + number(bits(p[3], 19, 0)) + " dwords");
      break;
    case 0x46: {
      const uint32_t event = bits(p[1], 5, 0), index = bits(p[1], 11, 8);
      field("event", (event == 7 ? std::string("CS_PARTIAL_FLUSH") : number(event)) + ", index " +
                         number(index));
      break;
    }
    case 0x49: {
      constexpr const char *kData[] = {"nothing", "32 bits", "64 bits", "GPU clock"};
      const uint32_t what = bits(p[2], 31, 29);
      field("event", number(bits(p[1], 5, 0)) + ", GCR " + hex(bits(p[1], 24, 12)));
      field("write", std::string(what < std::size(kData) ? kData[what] : "reserved") + " to " +
                         address(pair(3)) + (what == 1 || what == 2 ? " = " + hex(pair(5)) : ""));
      if (const uint32_t interrupt = bits(p[2], 26, 24))
        field("interrupt", number(interrupt) + ", context " + hex(p[7]));
      break;
    }
    case 0x58: {
      constexpr Flag kCaches[] = {{1 << 0, "GLI_INV"},  {3 << 4, "GLM_WB_INV"}, {1 << 6, "GLK_WB"},
                                  {1 << 7, "GLK_INV"},  {1 << 8, "GLV_INV"},    {1 << 9, "GL1_INV"},
                                  {1 << 14, "GL2_INV"}, {1 << 15, "GL2_WB"}};
      field("caches", flags(p[7], kCaches));
      if (pair(2) != 0x00FFFFFF'FFFFFFFF)
        field("range", hex(pair(4) << 8) + ", " + hex(pair(2)) + " units");
      break;
    }
    case 0x76:
      for (size_t i = 2; i < p.size(); ++i) {
        const uint32_t index = bits(p[1], 15, 0) + static_cast<uint32_t>(i - 2);
        std::string text = hex(p[i]) + shRegisterText(index, p[i]);
        // The low half of an address tells what it is.
        if ((index == 0x20C || index == 0x240) && i + 1 < p.size()) {
          const uint64_t whole = pair(i) << (index == 0x20C ? 8 : 0);
          const std::string what = names_ ? names_(whole) : "";
          text += what.empty() ? "" : " (" + what + ")";
        }
        field(shRegisterName(index), text);
      }
      break;
    default:
      break;
    }
  }

  std::span<const uint32_t> stream_;
  const AddressNames &names_;
  std::vector<PacketText> packets_;
};

} // namespace

std::vector<PacketText> decodePackets(std::span<const uint32_t> stream, const AddressNames &names) {
  return Decoder(stream, names).run();
}

std::string str(const PacketText &packet) {
  char place[16];
  std::snprintf(place, sizeof place, "  %05zx ", packet.at);
  std::string text = place;
  for (const uint32_t dword : packet.dwords) {
    char word[12];
    std::snprintf(word, sizeof word, " %08x", dword);
    text += word;
  }
  text += "\n         " + packet.name + "\n";
  for (const std::string &field : packet.fields)
    text += "           " + field + "\n";
  return text;
}

} // namespace rosso::dump
