#include "runtime/Device.h"

#include "runtime/host/HostDevice.h"

namespace rosso {

Result<std::unique_ptr<Device>> openDevice(const RunOptions &options) {
  if (options.device == "host")
    return HostDevice::open(options);
  if (options.device == "emu" || options.device == "amd" || options.device.starts_with("amd:"))
    return unsupported("device " + options.device + ": this build has no driver for it; use host");
  return badInput("device '" + options.device + "': expected host, emu or amd[:N]");
}

} // namespace rosso
