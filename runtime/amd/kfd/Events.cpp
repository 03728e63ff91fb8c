#include "runtime/amd/kfd/Events.h"

#include <cstdio>

namespace rosso::amd::kfd {

Fault decode(const MemoryException &exception, const AddressMap &map) {
  if (exception.errorType == 3)
    return {0, "the GPU hangs, says the kernel; its log (dmesg) has more"};
  if (exception.errorType == 1 || exception.errorType == 2)
    return {0, exception.errorType == 1 ? "uncorrectable memory error (ECC of SRAM)"
                                        : "uncorrectable memory error (poisoned data was read)"};
  char at[64];
  std::snprintf(at, sizeof at, "page fault at %s0x%llx", exception.imprecise ? "about " : "",
                static_cast<unsigned long long>(exception.address));
  std::string why;
  auto add = [&](uint32_t applies, const char *reason) {
    if (applies)
      why += (why.empty() ? "" : ", ") + std::string(reason);
  };
  add(exception.notPresent, "page not present");
  add(exception.readOnly, "write to a read-only page");
  add(exception.noExecute, "page not executable");
  Fault fault{exception.address, at + (": " + (why.empty() ? "no reason given" : why)) + "; " +
                                     map.describe(exception.address)};
  if (exception.address < kPageBytes)
    fault.message += " (address 0: a null pointer, or private memory that was not set up)";
  return fault;
}

Fault decode(const HwException &exception) {
  std::string text = exception.resetType == 0 ? "the GPU was reset" : "an engine was reset";
  text += exception.resetCause == 0 ? " after a hang" : " after an uncorrectable memory error";
  text += exception.memoryLost ? ", VRAM is lost" : ", VRAM is kept";
  return {0, text};
}

Result<std::unique_ptr<Events>> Events::create(Process &process, BoundGpu &gpu) {
  std::unique_ptr<Events> events(new Events(process, gpu));
  for (EventType type : {EventType::Memory, EventType::HwException}) {
    ROSSO_TRY(const CreateEvent event, events->add(type));
    static_cast<void>(event);
  }
  return events;
}

Events::~Events() {
  for (const EventData &event : events_) {
    DestroyEvent destroy{.eventId = event.eventId};
    call(process_.kernel(), gpu_.kfdFile, destroy);
  }
}

Result<CreateEvent> Events::add(EventType type) {
  ROSSO_TRY(const CreateEvent event, process_.createEvent(gpu_, type));
  events_.push_back({.memory = {}, .eventId = event.eventId});
  return event;
}

Result<Interrupt> Events::addInterrupt() {
  ROSSO_TRY(const CreateEvent event, add(EventType::Signal));
  return Interrupt{process_.eventPage() + event.slot * sizeof(uint64_t), event.eventId};
}

Result<std::optional<Fault>> Events::wait(std::chrono::milliseconds atMost, const AddressMap &map) {
  for (EventData &event : events_)
    event.memory = {};
  WaitEvents wait{.events = reinterpret_cast<uint64_t>(events_.data()),
                  .count = static_cast<uint32_t>(events_.size()),
                  .timeoutMs = static_cast<uint32_t>(atMost.count())};
  const int code = process_.kernel().ioctl(gpu_.kfdFile, kRequest<WaitEvents>, &wait);
  if (code == -EINTR || code == -EAGAIN)
    return std::optional<Fault>(); // a Unix signal: the caller may have something to do
  if (code < 0)
    return callFailed(gpu_.where, WaitEvents::kName, code, "waiting for the GPU");
  if (wait.result == 2)
    return callFailed(gpu_.where, WaitEvents::kName, -EIO, "waiting for the GPU failed");
  // Records that the kernel did not fill in name no GPU. A reset explains a fault before it.
  if (const HwException &reset = events_[1].hardware; reset.gpuId != 0)
    return std::optional<Fault>(decode(reset));
  if (const MemoryException &fault = events_[0].memory; fault.gpuId != 0)
    return std::optional<Fault>(decode(fault, map));
  return std::optional<Fault>();
}

} // namespace rosso::amd::kfd
