// How the kernel tells a process about its GPU: interrupts that the GPU sends on request, a memory
// fault, and a reset. One call waits for all of them.
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

  /// Waits until one of them happens, at most so long. Errors: DeviceLost, if the kernel no longer
  /// wants to talk about this GPU.
  Result<std::optional<Fault>> wait(std::chrono::milliseconds atMost, const AddressMap &map);

  /// A new event, and what makes the GPU raise it: its number written to its address.
  Result<Interrupt> addInterrupt();

private:
  Events(Process &process, BoundGpu &gpu) : process_(process), gpu_(gpu) {}
  Result<CreateEvent> add(EventType type);

  Process &process_;
  BoundGpu &gpu_;
  std::vector<EventData> events_; // of memory, of hardware, and interrupts
};

/// What the kernel's record of a fault means.
Fault decode(const MemoryException &exception, const AddressMap &map);
Fault decode(const HwException &exception);

} // namespace rosso::amd::kfd
