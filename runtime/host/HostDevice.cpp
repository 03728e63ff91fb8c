#include "runtime/host/HostDevice.h"

#include "support/Interrupt.h"

#include <algorithm>
#include <cstring>
#include <fstream>

namespace rosso {
namespace {

constexpr unsigned kMaxThreads = 1024;

/// "AMD EPYC" or whatever the system calls the processor.
std::string cpuName() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);)
    if (line.starts_with("model name"))
      if (size_t colon = line.find(": "); colon != std::string::npos)
        return line.substr(colon + 2);
  return "CPU";
}

} // namespace

Result<std::unique_ptr<Device>> HostDevice::open(const RunOptions &options) {
  if (options.threads < 0 || options.threads > static_cast<int>(kMaxThreads))
    return badInput("host: " + std::to_string(options.threads) + " threads; wanted 1 to " +
                    std::to_string(kMaxThreads) + ", or 0 for one per core");
  std::unique_ptr<HostDevice> device(new HostDevice);
  const size_t threads = options.threads ? static_cast<size_t>(options.threads)
                                         : std::min<size_t>(allowedCores().size(), kMaxThreads);
  ROSSO_TRY(device->pool_, ThreadPool::shared(static_cast<unsigned>(threads), options.pinThreads));
  return std::unique_ptr<Device>(std::move(device));
}

std::string HostDevice::describe() const {
  const unsigned threads = pool_->size();
  return "host, " + cpuName() + ", " + std::to_string(threads) +
         (threads == 1 ? " thread" : " threads");
}

Status HostDevice::load(const Program &program, const ArenaPlan &plan) {
  if (program.target != "host" && !program.target.starts_with("host:"))
    return badInput("device host: the program is for " + program.target +
                    "; compile it for this device");
  plan_ = &plan;
  ROSSO_TRY(code_, HostCode::load(program.code));

  const unsigned threads = pool_->size();
  uint64_t scratchPerThread = 0; // of the hungriest kernel, behind the arena
  for (const Kernel &kernel : program.kernels)
    scratchPerThread = std::max(scratchPerThread, kernel.scratchBytesPerThread);
  if (scratchPerThread > uint64_t{1} << 32)
    return Error{ErrorCode::Internal, "program: a kernel asks for " +
                                          std::to_string(scratchPerThread) +
                                          " bytes of scratch per thread"};
  scratchPerThread = (scratchPerThread + 4095) / 4096 * 4096;
  ROSSO_TRY(arena_, Arena::take(plan, scratchPerThread * threads));

  std::vector<HostKernel *> functions;
  for (const Kernel &kernel : program.kernels) {
    auto *function = reinterpret_cast<HostKernel *>(code_.find(kernel.symbol));
    if (!function)
      return Error{ErrorCode::Internal, "kernel " + kernel.name + ": no symbol '" + kernel.symbol +
                                            "' in the code object"};
    functions.push_back(function);
  }
  for (uint32_t e = 0; e < program.entries.size(); ++e) {
    auto list = std::make_unique<CommandList>(threads);
    for (const Launch &launch : program.entries[e].launches) {
      const bool ownScratch = program.kernels[launch.kernel].scratchBytesPerThread > 0;
      const unsigned lists = ownScratch ? threads : 1;
      std::vector<void *> buffers;
      for (unsigned t = 0; t < lists; ++t) {
        for (const BufferRef &ref : launch.buffers)
          buffers.push_back(arena_.bytes(plan.resolve(e, ref).offset, 0).data());
        if (ownScratch)
          buffers.push_back(arena_.bytes(plan.bytes + t * scratchPerThread, 0).data());
      }
      list->record(functions[launch.kernel], std::move(buffers), lists, launch, program.vars);
    }
    list->finish();
    entries_.push_back(std::move(list));
  }
  return {};
}

bool HostDevice::bind(uint32_t entry, const BufferRef &ref, void *memory) {
  const bool everywhere = ref.space == Space::Weight || ref.space == Space::State;
  for (uint32_t e = 0; e < entries_.size(); ++e)
    if (everywhere || e == entry)
      entries_[e]->bind(ref, memory);
  return true;
}

std::span<uint8_t> HostDevice::hostView(uint64_t offset, uint64_t bytes) {
  return arena_.bytes(offset, bytes);
}

Status HostDevice::upload(uint64_t offset, std::span<const uint8_t> bytes) {
  if (!bytes.empty())
    std::memcpy(arena_.bytes(offset, bytes.size()).data(), bytes.data(), bytes.size());
  return {};
}

Status HostDevice::download(uint64_t offset, std::span<uint8_t> bytes) {
  if (!bytes.empty())
    std::memcpy(bytes.data(), arena_.bytes(offset, bytes.size()).data(), bytes.size());
  return {};
}

Status HostDevice::clear(uint64_t offset, uint64_t bytes) {
  arena_.clear(offset, bytes);
  return {};
}

Result<Ticket> HostDevice::submit(uint32_t entry, std::span<const int64_t> vars) {
  if (!entries_[entry]->run(*pool_, 0, entries_[entry]->size(), vars, {}))
    return interruptedError();
  Kept &kept = kept_[++lastTicket_ % kRunsAhead];
  const ArenaSlot outputs = plan_->outputsOf(entry);
  kept.size = outputs.bytes <= kKeptBytes ? outputs.bytes : 0;
  std::ranges::copy(arena_.bytes(outputs.offset, kept.size), kept.bytes.begin());
  return lastTicket_;
}

std::span<const uint8_t> HostDevice::outputsOf(Ticket ticket) const {
  if (ticket == 0 || ticket > lastTicket_ || lastTicket_ - ticket >= kRunsAhead)
    return {};
  const Kept &kept = kept_[ticket % kRunsAhead];
  return std::span(kept.bytes).first(kept.size);
}

Status HostDevice::wait(Ticket ticket) {
  if (ticket > lastTicket_)
    return badInput("device host: no run " + std::to_string(ticket) + " was submitted");
  return {};
}

Status HostDevice::run(uint32_t entry, LaunchRange launches, std::span<const int64_t> vars,
                       std::span<uint64_t> nanoseconds) {
  if (!entries_[entry]->run(*pool_, launches.first, launches.last, vars, nanoseconds))
    return interruptedError();
  return {};
}

} // namespace rosso
