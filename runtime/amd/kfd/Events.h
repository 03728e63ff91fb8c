// How the kernel tells a process about its GPU: an interrupt the GPU sends on request, a memory
// fault, and a reset. One call waits for all three.
#pragma once

#include "runtime/amd/kfd/AddressMap.h"
#include "runtime/amd/kfd/Process.h"

#include <chrono>
#include <optional>

namespace rosso::amd::kfd {

class Events {
public:
  static Result<std::unique_ptr<Events>> create(Process &process, BoundGpu &gpu);
  ~Events();
  Events(const Events &) = delete;
  Events &operator=(const Events &) = delete;

  /// Waits until one of the three happens, at most so long. Errors: DeviceLost, if the kernel no
  /// longer wants to talk about this GPU.
  Result<std::optional<Fault>> wait(std::chrono::milliseconds atMost, const AddressMap &map);

  /// What makes the GPU send an interrupt: the number written to this address.
  Interrupt interrupt() const;

private:
  Events(Process &process, BoundGpu &gpu) : process_(process), gpu_(gpu) {}

  Process &process_;
  BoundGpu &gpu_;
  std::vector<CreateEvent> events_; // signal, memory, hardware
};

/// What the kernel's record of a fault means.
Fault decode(const MemoryException &exception, const AddressMap &map);
Fault decode(const HwException &exception);

} // namespace rosso::amd::kfd
