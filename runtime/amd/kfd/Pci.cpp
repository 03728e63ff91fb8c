#include "runtime/amd/kfd/Pci.h"

#include <algorithm>

namespace rosso::amd::kfd {
namespace {

constexpr uint64_t kAmd = 0x1002;
constexpr uint64_t kDisplayClass = 0x03; // 0x0300 VGA, 0x0380 other displays; compute boards: 0x12
constexpr uint64_t kAcceleratorClass = 0x12;

std::string readText(KernelInterface &kernel, const std::string &path) {
  std::string text;
  if (kernel.readFile(path, text) < 0)
    text.clear();
  return text;
}

uint64_t readNumber(KernelInterface &kernel, const std::string &path) {
  return parseNumber(readText(kernel, path)).value_or(0);
}

PciLink readLink(KernelInterface &kernel, const std::string &folder, const std::string &which) {
  return {parseLinkSpeed(readText(kernel, folder + "/" + which + "_link_speed")),
          static_cast<uint32_t>(
              std::min<uint64_t>(readNumber(kernel, folder + "/" + which + "_link_width"), 64))};
}

/// The slowest link on the way from the processor, over all bridges that lead to the device.
PciLink narrowestLink(KernelInterface &kernel, const std::string &address, PciLink link) {
  std::string way; // "../../../devices/pci0000:00/0000:00:01.1/0000:01:00.0/0000:03:00.0"
  if (kernel.readLink(kPciPath + ("/" + address), way) < 0)
    return link;
  for (size_t begin = 0, end; begin < way.size(); begin = end + 1) {
    end = std::min(way.find('/', begin), way.size());
    const std::string bridge = way.substr(begin, end - begin);
    if (std::count(bridge.begin(), bridge.end(), ':') != 2 || bridge == address)
      continue;
    const PciLink other = readLink(kernel, kPciPath + ("/" + bridge), "current");
    const double speed = other.bytesPerSecond();
    if (speed > 0 && (!(link.bytesPerSecond() > 0) || speed < link.bytesPerSecond()))
      link = other;
  }
  return link;
}

} // namespace

double PciLink::bytesPerSecond() const {
  const double payload = gigaTransfers > 5.5 ? 128.0 / 130 : 8.0 / 10;
  return gigaTransfers * 1e9 * payload * lanes / 8;
}

const Chip *chipOfDevice(uint32_t deviceId) {
  static constexpr struct {
    uint32_t deviceId;
    const char *chip;
  } kDevices[] = {{0x744C, "gfx1100"}, {0x747E, "gfx1101"}, {0x7480, "gfx1102"},
                  {0x7550, "gfx1201"}, {0x7551, "gfx1201"}, {0x7590, "gfx1200"}};
  for (const auto &device : kDevices)
    if (device.deviceId == deviceId)
      return findChip(device.chip);
  return nullptr;
}

std::vector<PciGpu> listPciGpus(KernelInterface &kernel) {
  std::vector<std::string> addresses;
  kernel.listDir(kPciPath, addresses);
  std::sort(addresses.begin(), addresses.end());
  std::vector<PciGpu> gpus;
  for (const std::string &address : addresses) {
    const std::string folder = kPciPath + ("/" + address);
    if (readNumber(kernel, folder + "/vendor") != kAmd)
      continue;
    const uint64_t kind = readNumber(kernel, folder + "/class") >> 16;
    if (kind != kDisplayClass && kind != kAcceleratorClass)
      continue;
    PciGpu gpu{.address = address,
               .deviceId = static_cast<uint32_t>(readNumber(kernel, folder + "/device")),
               .driver = {},
               .barBytes = readRegionBytes(kernel, address, 0),
               .vramBytes = readNumber(kernel, folder + "/mem_info_vram_total"),
               .link = readLink(kernel, folder, "current"),
               .mostLink = readLink(kernel, folder, "max"),
               .narrowest = {}};
    gpu.narrowest = narrowestLink(kernel, address, gpu.link);
    if (std::string target; kernel.readLink(folder + "/driver", target) >= 0)
      gpu.driver = target.substr(target.rfind('/') + 1);
    gpus.push_back(std::move(gpu));
  }
  return gpus;
}

uint64_t readRegionBytes(KernelInterface &kernel, const std::string &address, unsigned region) {
  return parseRegionBytes(readText(kernel, kPciPath + ("/" + address + "/resource")), region);
}

} // namespace rosso::amd::kfd
