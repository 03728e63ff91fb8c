#include "runtime/Device.h"

#include "runtime/amd/AmdDevice.h"
#include "runtime/amd/kfd/Kfd.h"
#include "runtime/emulator/EmulatorLibrary.h"
#include "runtime/host/HostDevice.h"

#include <charconv>
#include <cstdlib>

namespace rosso {

std::string defaultDevice() {
  const char *named = std::getenv("ROSSO_DEVICE");
  return named && *named ? named : "host";
}
namespace {

Result<std::unique_ptr<Device>> openEmulated(const RunOptions &options) {
  ROSSO_TRY(emulator::EmulatorOptions wanted, emulator::parseEmulatorDevice(options.device));
  if (wanted.threads == 0 && options.threads > 0)
    wanted.threads = static_cast<unsigned>(options.threads);
  ROSSO_TRY(std::unique_ptr<amd::Transport> transport, emulator::openEmulator(wanted));
  // Kernels are translated before they run, on a machine that may be busy.
  return amd::AmdDevice::open(std::move(transport),
                              {.name = "emu", .patience = std::chrono::minutes(2)});
}

Result<std::unique_ptr<Device>> openAmd(const std::string &device) {
  unsigned index = 0;
  if (device != "amd") {
    const char *begin = device.data() + 4, *end = device.data() + device.size();
    if (auto [last, error] = std::from_chars(begin, end, index);
        error != std::errc() || last != end)
      return badInput("device '" + device + "': expected amd or amd:N, where N counts from 0");
  }
  auto transport = amd::openKfd(index);
  if (!transport)
    return transport.error().in("device " + device);
  ROSSO_TRY(amd::DeviceLock lock, amd::DeviceLock::take((*transport)->gpu().path));
  return amd::AmdDevice::open(std::move(*transport), {.name = "amd:" + std::to_string(index)},
                              std::move(lock));
}

} // namespace

Result<std::unique_ptr<Device>> openDevice(const RunOptions &options) {
  const std::string &device = options.device;
  if (device == "host")
    return HostDevice::open(options);
  if (device == "emu" || device.starts_with("emu:"))
    return openEmulated(options);
  if (device == "amd" || device.starts_with("amd:"))
    return openAmd(device);
  return badInput("device '" + device + "': expected host, emu[:CHIP,...] or amd[:N]");
}

} // namespace rosso
