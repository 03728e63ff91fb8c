#include "runtime/Executable.h"

#include <sys/resource.h>

namespace rosso {
namespace {

template <typename T> int findByName(const std::vector<T> &list, std::string_view name) {
  for (size_t i = 0; i < list.size(); ++i)
    if (list[i].name == name)
      return static_cast<int>(i);
  return -1;
}

} // namespace

Result<std::unique_ptr<Executable>> Executable::create(Program program, const RunOptions &options) {
  ROSSO_TRY(std::unique_ptr<Device> device, openDevice(options));
  return create(std::move(program), std::move(device));
}

Result<std::unique_ptr<Executable>> Executable::create(Program program,
                                                       std::unique_ptr<Device> device) {
  std::unique_ptr<Executable> executable(new Executable);
  executable->program_ = std::move(program);
  executable->device_ = std::move(device);
  ROSSO_TRY(executable->plan_, planArena(executable->program_));
  ROSSO_CHECK(executable->device_->load(executable->program_, executable->plan_));
  return executable;
}

int Executable::findEntry(std::string_view name) const {
  return findByName(program_.entries, name);
}
int Executable::findWeight(std::string_view name) const {
  return findByName(program_.weights, name);
}
int Executable::findState(std::string_view name) const { return findByName(program_.states, name); }

std::span<uint8_t> Executable::weight(int index) {
  const ArenaSlot slot = plan_.weightSlots[index];
  return device_->hostView(slot.offset, slot.bytes);
}

std::span<uint8_t> Executable::state(int index) {
  const ArenaSlot slot = plan_.stateSlots[index];
  return device_->hostView(slot.offset, slot.bytes);
}

std::span<uint8_t> Executable::input(int entry, int index) {
  const ArenaSlot slot = plan_.inputSlots[entry][index];
  return device_->hostView(slot.offset, slot.bytes);
}

std::span<const uint8_t> Executable::output(int entry, int index) {
  const ArenaSlot slot = plan_.outputSlots[entry][index];
  return device_->hostView(slot.offset, slot.bytes);
}

std::span<const uint8_t> Executable::output(Ticket ticket, int entry, int index) const {
  const ArenaSlot slot = plan_.outputSlots[entry][index];
  const uint64_t begin = slot.offset - plan_.outputsOf(static_cast<uint32_t>(entry)).offset;
  const auto kept = device_->outputsOf(ticket);
  return kept.size() < begin + slot.bytes ? std::span<const uint8_t>()
                                          : kept.subspan(begin, slot.bytes);
}

Status Executable::uploadWeight(int index, uint64_t offset, std::span<const uint8_t> bytes) {
  const ArenaSlot slot = plan_.weightSlots[index];
  if (offset > slot.bytes || bytes.size() > slot.bytes - offset)
    return badInput("weight " + program_.weights[index].name + ": " + std::to_string(bytes.size()) +
                    " bytes at " + std::to_string(offset) + ", it has " +
                    std::to_string(slot.bytes));
  return device_->upload(slot.offset + offset, bytes);
}

Status Executable::upload(int entry, const BufferRef &ref, std::span<const uint8_t> bytes) {
  const ArenaSlot slot = plan_.resolve(static_cast<uint32_t>(entry), ref);
  if (bytes.size() > slot.bytes)
    return badInput("upload of " + std::to_string(bytes.size()) + " bytes to a buffer of " +
                    std::to_string(slot.bytes));
  return device_->upload(slot.offset, bytes);
}

Status Executable::download(int entry, const BufferRef &ref, std::span<uint8_t> bytes) {
  const ArenaSlot slot = plan_.resolve(static_cast<uint32_t>(entry), ref);
  if (bytes.size() > slot.bytes)
    return badInput("download of " + std::to_string(bytes.size()) + " bytes from a buffer of " +
                    std::to_string(slot.bytes));
  return device_->download(slot.offset, bytes);
}

Status Executable::clearStates() { return device_->clear(plan_.states.offset, plan_.states.bytes); }

Status Executable::check(int entry, std::span<const int64_t> vars) const {
  if (entry < 0 || static_cast<size_t>(entry) >= program_.entries.size())
    return badInput("program has no entry " + std::to_string(entry));
  if (vars.size() != program_.vars.size())
    return badInput("entry " + program_.entries[entry].name + ": " + std::to_string(vars.size()) +
                    " variables given, " + std::to_string(program_.vars.size()) + " wanted");
  size_t i = 0;
  for (const auto &[name, bounds] : program_.vars) {
    if (vars[i] < bounds.min || vars[i] > bounds.max)
      return badInput("entry " + program_.entries[entry].name + ": variable " + name + " is " +
                      std::to_string(vars[i]) + "; wanted " + std::to_string(bounds.min) + " to " +
                      std::to_string(bounds.max));
    ++i;
  }
  for (const Dim &room : program_.entries[entry].rooms) {
    int64_t left = room.constant();
    for (const auto &[name, coefficient] : room.terms())
      left +=
          coefficient *
          vars[static_cast<size_t>(std::distance(program_.vars.begin(), program_.vars.find(name)))];
    if (left < 0)
      return badInput("entry " + program_.entries[entry].name + ": " + room.str() +
                      " must not be negative, but is " + std::to_string(left) +
                      ": the sequence is longer than its buffer");
  }
  return {};
}

Status Executable::run(int entry, std::span<const int64_t> vars, std::span<uint64_t> nanoseconds) {
  ROSSO_CHECK(check(entry, vars));
  const auto count = static_cast<uint32_t>(program_.entries[entry].launches.size());
  if (!nanoseconds.empty() && nanoseconds.size() < count)
    return badInput("room for the times of " + std::to_string(nanoseconds.size()) + " launches, " +
                    std::to_string(count) + " run");
  if (!nanoseconds.empty())
    return device_->run(static_cast<uint32_t>(entry), {0, count}, vars, nanoseconds);
  ROSSO_TRY(const Ticket ticket, device_->submit(static_cast<uint32_t>(entry), vars));
  return device_->wait(ticket);
}

Result<Ticket> Executable::submit(int entry, std::span<const int64_t> vars) {
  ROSSO_CHECK(check(entry, vars));
  return device_->submit(static_cast<uint32_t>(entry), vars);
}

Status Executable::runLaunch(int entry, int launch, std::span<const int64_t> vars) {
  ROSSO_CHECK(check(entry, vars));
  if (launch < 0 || static_cast<size_t>(launch) >= program_.entries[entry].launches.size())
    return badInput("entry " + program_.entries[entry].name + " has no launch " +
                    std::to_string(launch));
  const auto index = static_cast<uint32_t>(launch);
  return device_->run(static_cast<uint32_t>(entry), {index, index + 1}, vars, {});
}

uint64_t peakResidentBytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) << 10;
}

} // namespace rosso
