#include "runtime/amd/AmdDevice.h"

#include <algorithm>
#include <cstring>

namespace rosso::amd {
namespace {

uint32_t wordAt(const Memory &memory, uint64_t offset) {
  return *reinterpret_cast<const volatile uint32_t *>(memory.host + offset);
}

std::string sizeText(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f GiB", static_cast<double>(bytes) / (1 << 30));
  return text;
}

} // namespace

AmdDevice::AmdDevice(std::unique_ptr<Transport> transport, AmdOptions options, DeviceLock lock)
    : lock_(std::move(lock)), transport_(std::move(transport)), options_(std::move(options)),
      health_(*transport_, options_.name + " (" + std::string(transport_->gpu().chip->name) + ")",
              options_.patience) {
  health_.explainWith([this] { return explain(); });
}

Result<std::unique_ptr<Device>> AmdDevice::open(std::unique_ptr<Transport> transport,
                                                AmdOptions options, DeviceLock lock) {
  std::unique_ptr<AmdDevice> device(
      new AmdDevice(std::move(transport), std::move(options), std::move(lock)));
  Transport &gpu = *device->transport_;
  ROSSO_TRY(device->control_, device->allocate(kPageBytes, MemoryKind::Host, "control page"));
  const Memory &control = device->control_;
  std::memset(control.host, 0, kPageBytes);
  auto signal = [&](uint64_t offset) {
    return Signal(reinterpret_cast<uint32_t *>(control.host + offset), control.address + offset);
  };
  ROSSO_TRY(device->compute_,
            Queue::create(gpu, device->health_, QueueKind::Compute, device->options_.ringBytes,
                          signal(kComputeSignal), gpu.useInterrupts()));
  device->compute_->watch(reinterpret_cast<const uint64_t *>(control.host + kMark));
  ROSSO_TRY(device->copies_, Copies::create(gpu, device->health_, signal(kCopySignal),
                                            device->options_.staging, gpu.useInterrupts()));
  return std::unique_ptr<Device>(std::move(device));
}

AmdDevice::~AmdDevice() {
  compute_.reset();
  copies_.reset();
  for (auto memory = memory_.rbegin(); memory != memory_.rend(); ++memory)
    transport_->free(*memory);
}

std::string AmdDevice::describe() const {
  const GpuInfo &gpu = transport_->gpu();
  return options_.name + ", " + gpu.name + ", " + std::to_string(gpu.computeUnits) + " CUs, " +
         sizeText(gpu.vramBytes) + (gpu.path.empty() ? "" : ", " + gpu.path);
}

std::string AmdDevice::target() const {
  return "amdgpu:" + std::string(transport_->gpu().chip->name);
}

Result<Memory> AmdDevice::allocate(uint64_t bytes, MemoryKind kind, std::string_view purpose) {
  auto memory = transport_->allocate(bytes, kind, purpose);
  if (!memory)
    return memory.error().in(options_.name);
  memory_.push_back(*memory);
  return memory;
}

uint64_t AmdDevice::address(uint64_t planOffset) const {
  return layout_.inHostMemory(planOffset) ? host_.address + planOffset - layout_.hostBegin
                                          : vram_.address + layout_.inVram(planOffset);
}

std::span<uint8_t> AmdDevice::hostView(uint64_t offset, uint64_t bytes) {
  if (!layout_.inHostMemory(offset))
    return {};
  return {host_.host + offset - layout_.hostBegin, bytes};
}

Status AmdDevice::upload(uint64_t offset, std::span<const uint8_t> bytes) {
  if (bytes.empty())
    return health_.check();
  if (!layout_.inHostMemory(offset)) {
    ROSSO_CHECK(copies_->queue().follow(*compute_));
    return copies_->upload(address(offset), bytes);
  }
  ROSSO_CHECK(compute_->drain());
  std::memcpy(hostView(offset, bytes.size()).data(), bytes.data(), bytes.size());
  return {};
}

Status AmdDevice::download(uint64_t offset, std::span<uint8_t> bytes) {
  if (bytes.empty())
    return health_.check();
  if (!layout_.inHostMemory(offset)) {
    ROSSO_CHECK(copies_->queue().follow(*compute_));
    return copies_->download(address(offset), bytes);
  }
  ROSSO_CHECK(compute_->drain());
  std::memcpy(bytes.data(), hostView(offset, bytes.size()).data(), bytes.size());
  return {};
}

Status AmdDevice::clear(uint64_t offset, uint64_t bytes) {
  if (bytes == 0)
    return health_.check();
  if (!layout_.inHostMemory(offset)) {
    ROSSO_CHECK(copies_->queue().follow(*compute_));
    return copies_->clear(address(offset), bytes);
  }
  ROSSO_CHECK(compute_->drain());
  std::memset(hostView(offset, bytes).data(), 0, bytes);
  return {};
}

Result<uint32_t> AmdDevice::begin(uint32_t entry, LaunchRange launches, Pace pace,
                                  std::span<const int64_t> vars) {
  const uint64_t point = compute_->timeline().last() + 1;
  if (point > kRunsAhead)
    ROSSO_CHECK(compute_->wait(point - kRunsAhead));
  const auto place = static_cast<uint32_t>(point % kRunsAhead);
  Run &noted = runs_[place];
  noted.point = point;
  noted.entry = entry;
  noted.launches = launches;
  noted.pace = pace;
  std::ranges::copy(vars, noted.vars.begin());

  ROSSO_CHECK(compute_->follow(copies_->queue()));
  stream_.clear();
  pm4::append(stream_, pm4::WaitForWaves{});
  if (!vars.empty()) {
    std::memcpy(variableDwords_.data(), vars.data(), vars.size_bytes());
    pm4::appendWriteData(stream_, vram_.address + layout_.variables, variableDwords_,
                         pm4::Confirm::Yes);
  }
  pm4::appendWriteData(stream_, control_.address + kMarkRun,
                       std::array{static_cast<uint32_t>(point), launches.first}, pm4::Confirm::No);
  pm4::append(stream_, pm4::AcquireMem{pm4::kAfterOthersWrote});
  return place;
}

Result<Ticket> AmdDevice::submit(uint32_t entry, std::span<const int64_t> vars) {
  EntryCommands &commands = entries_[entry];
  const auto count = static_cast<uint32_t>(commands.launches.size());
  ROSSO_TRY(const uint32_t place, begin(entry, {0, count}, Pace::Free, vars));
  if (count) {
    commands.commands.patch(place, commands.launches, vars);
    pm4::append(stream_, commands.commands.lane(place));
    appendKeep(entry, place);
  }
  ROSSO_CHECK(compute_->write(stream_));
  return compute_->signal();
}

void AmdDevice::appendKeep(uint32_t entry, uint32_t place) {
  const ArenaSlot all = plan_->outputsOf(entry);
  if (all.bytes == 0 || all.bytes > kKeptBytes)
    return;
  pm4::append(stream_, pm4::WaitForWaves{});
  for (const ArenaSlot &slot : plan_->outputSlots[entry]) // each begins at a multiple of 64
    for (uint64_t at = 0; at < slot.bytes; at += 8)
      pm4::append(stream_, pm4::CopyData{.from = address(slot.offset) + at,
                                         .to = kept_.address + place * kKeptBytes + slot.offset -
                                               all.offset + at,
                                         .bytes = slot.bytes - at > 4 ? 8u : 4u});
}

std::span<const uint8_t> AmdDevice::outputsOf(Ticket ticket) const {
  const Run &run = runs_[ticket % kRunsAhead];
  if (ticket == 0 || run.point != ticket || run.pace != Pace::Free)
    return {};
  const ArenaSlot outputs = plan_->outputsOf(run.entry);
  return {kept_.host + ticket % kRunsAhead * kKeptBytes,
          outputs.bytes <= kKeptBytes ? outputs.bytes : 0};
}

Status AmdDevice::wait(Ticket ticket) {
  if (ticket > compute_->timeline().last())
    return badInput("device " + options_.name + ": no run " + std::to_string(ticket) +
                    " was submitted");
  return compute_->wait(ticket);
}

Status AmdDevice::run(uint32_t entry, LaunchRange launches, std::span<const int64_t> vars,
                      std::span<uint64_t> nanoseconds) {
  if (nanoseconds.empty() && launches.first == 0 &&
      launches.last == entries_[entry].launches.size()) {
    ROSSO_TRY(const Ticket ticket, submit(entry, vars));
    return wait(ticket);
  }
  return runOneByOne(entry, launches, vars, nanoseconds);
}

Status AmdDevice::runOneByOne(uint32_t entry, LaunchRange range, std::span<const int64_t> vars,
                              std::span<uint64_t> nanoseconds) {
  ROSSO_TRY([[maybe_unused]] const uint32_t place, begin(entry, range, Pace::OneByOne, vars));
  ShState registers;
  auto stamp = [&](uint32_t index) {
    if (!nanoseconds.empty())
      pm4::append(stream_, pm4::ReleaseMem{.address = stamps_.address + uint64_t{8} * index,
                                           .data = pm4::ReleaseMem::Data::Clock,
                                           .flush = false});
  };
  stamp(0);
  for (uint32_t i = range.first; i < range.last; ++i) {
    const RecordedLaunch &launch = entries_[entry].launches[i];
    if (i > range.first)
      appendBarrier(stream_, control_.address + kMarkLaunch, i);
    appendLaunch(stream_, registers, launch.state, static_cast<uint32_t>(launch.grid.items(vars)));
    stamp(i - range.first + 1);
    ROSSO_CHECK(compute_->write(stream_));
    stream_.clear();
  }
  ROSSO_CHECK(compute_->write(stream_));
  ROSSO_TRY(const uint64_t point, compute_->signal());
  ROSSO_CHECK(compute_->wait(point));
  if (nanoseconds.empty())
    return {};
  const auto *ticks = reinterpret_cast<const uint64_t *>(stamps_.host);
  for (uint32_t i = 0; i < range.last - range.first; ++i)
    nanoseconds[i] = static_cast<uint64_t>(static_cast<double>(ticks[i + 1] - ticks[i]) * 1e9 /
                                           transport_->gpu().gpuClockHz);
  return {};
}

std::string AmdDevice::describeLaunch(const Run &run, uint32_t index) const {
  const RecordedLaunch &launch = entries_[run.entry].launches[index];
  const Kernel &kernel = program_->kernels[program_->entries[run.entry].launches[index].kernel];
  const uint64_t groups = launch.grid.items(run.vars);
  return kernel.name + " (launch " + std::to_string(index + 1) + " of " +
         std::to_string(entries_[run.entry].launches.size()) + ", " + std::to_string(groups) +
         (groups == 1 ? " group of " : " groups of ") + std::to_string(launch.state.threads) +
         " threads)";
}

std::string AmdDevice::explain() const {
  if (!compute_ || !program_)
    return "";
  const Signal &timeline = compute_->timeline();
  const uint64_t point = timeline.reached() + 1;
  const Run &run = runs_[point % kRunsAhead];
  if (point > timeline.last() || run.point != point || run.launches.first >= run.launches.last)
    return "";
  const std::string entry = "entry " + program_->entries[run.entry].name;
  if (wordAt(control_, kMarkRun) != static_cast<uint32_t>(point))
    return entry + ": had not begun";

  // All launches before the marked one are done; it, or one that may run beside it, is not.
  const auto &launches = entries_[run.entry].launches;
  const uint32_t first =
      std::clamp(wordAt(control_, kMarkLaunch), run.launches.first, run.launches.last - 1);
  uint32_t end = first + 1;
  while (run.pace == Pace::Free && end < run.launches.last && !launches[end].barrierBefore)
    ++end;
  std::string text = entry + ": failed in " + describeLaunch(run, first);
  for (uint32_t i = first + 1; i < end; ++i)
    text += " or " + describeLaunch(run, i);
  return text + (first > run.launches.first ? "; last good was " + describeLaunch(run, first - 1)
                                            : "; it was the first");
}

} // namespace rosso::amd
