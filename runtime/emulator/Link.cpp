#include "runtime/emulator/Link.h"

namespace rosso::emulator {
namespace {

// Payload rates follow from the standards. PCIe carries 128 bits in 130; a packet of 256 bytes has
// 24 bytes around it (PCIe base specification: header, sequence, check, framing). 16 lanes of
// 16 GT/s: 31.5 GB/s, 28.8 of it payload; engines of GPUs reach about nine tenths of that.
//
// Thunderbolt and USB4 tunnel PCIe 3.0 x4, 32 GT/s, with 128 bytes to a packet. Thunderbolt 3 gives
// it 22 Gbit/s of its 40 (Intel's technology brief); Thunderbolt 4 asks for the 32 Gbit/s of PCIe,
// 31.5 after coding, of which 84 % is payload; a USB4 host may carry 40 Gbit/s in all, of which a
// GPU sees about the same as behind Thunderbolt 4 and a little more where PCIe 4.0 is tunnelled.
//
// Latencies are planning values: 0.5 us for a posted write and 1 us for a read behind a root port
// (published round trips: 0.9 to 1.2 us), and 0.75 us more each way through a tunnel's two routers.
constexpr Link kLinks[] = {
    {"pcie4x16", "PCIe 4.0 x16", 26.0, 0.5e-6, 1.0e-6},
    {"tb3", "Thunderbolt 3", 2.75, 1.25e-6, 2.5e-6},
    {"tb4", "Thunderbolt 4", 3.3, 1.25e-6, 2.5e-6},
    {"usb4", "USB4, 40 Gbit/s", 3.8, 1.25e-6, 2.5e-6},
};

} // namespace

std::span<const Link> links() { return kLinks; }

const Link *findLink(std::string_view name) {
  for (const Link &link : kLinks)
    if (link.name == name)
      return &link;
  return nullptr;
}

} // namespace rosso::emulator
