#include "runtime/amd/kfd/Events.h"

#include <array>
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
  for (EventType type : {EventType::Signal, EventType::Memory, EventType::HwException}) {
    ROSSO_TRY(const CreateEvent event, process.createEvent(gpu, type));
    events->events_.push_back(event);
  }
  return events;
}

Events::~Events() {
  for (const CreateEvent &event : events_) {
    DestroyEvent destroy{.eventId = event.eventId};
    call(process_.kernel(), gpu_.kfdFile, destroy);
  }
}

Interrupt Events::interrupt() const {
  return {process_.eventPage() + events_[0].slot * sizeof(uint64_t), events_[0].eventId};
}

Result<std::optional<Fault>> Events::wait(std::chrono::milliseconds atMost, const AddressMap &map) {
  std::array<EventData, 3> data{};
  for (size_t i = 0; i < data.size(); ++i)
    data[i].eventId = events_[i].eventId;
  WaitEvents wait{.events = reinterpret_cast<uint64_t>(data.data()),
                  .count = static_cast<uint32_t>(data.size()),
                  .timeoutMs = static_cast<uint32_t>(atMost.count())};
  const int code = process_.kernel().ioctl(gpu_.kfdFile, kRequest<WaitEvents>, &wait);
  if (code == -EINTR || code == -EAGAIN)
    return std::optional<Fault>(); // a Unix signal: the caller may have something to do
  if (code < 0)
    return callFailed(gpu_.where, WaitEvents::kName, code, "waiting for the GPU");
  if (wait.result == 2)
    return callFailed(gpu_.where, WaitEvents::kName, -EIO, "waiting for the GPU failed");
  // Records that the kernel did not fill in name no GPU. A reset explains a fault before it.
  if (const HwException &reset = data[2].hardware; reset.gpuId != 0)
    return std::optional<Fault>(decode(reset));
  if (const MemoryException &fault = data[1].memory; fault.gpuId != 0)
    return std::optional<Fault>(decode(fault, map));
  return std::optional<Fault>();
}

} // namespace rosso::amd::kfd
