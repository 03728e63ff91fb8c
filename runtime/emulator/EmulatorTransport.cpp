#include "runtime/emulator/EmulatorTransport.h"

#include "runtime/emulator/packets/CommandProcessor.h"
#include "runtime/emulator/packets/CopyEngine.h"

#include <bit>
#include <sys/mman.h>
#include <thread>

namespace rosso::emulator {
namespace {

using namespace std::chrono_literals;

// Where addresses begin: far from each other, and from what pointers of a process look like.
constexpr uint64_t kVramBase = 0x6000'0000'0000, kHostBase = 0x2000'0000'0000;
// Between blocks lies what is mapped to nothing: who runs past a block gets a fault.
constexpr uint64_t kBlockAlign = 2 << 20;
constexpr uint64_t kLeastRing = 1024;
constexpr auto kPatience = 2s; // of free() with kernels that run

uint64_t roundUp(uint64_t value, uint64_t to) { return (value + to - 1) / to * to; }

std::string mebibytes(uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

} // namespace

/// A queue and the thread that executes it.
class EmulatorTransport::Queue final : public QueueHost {
public:
  Queue(EmulatorTransport &transport, uint32_t number, amd::QueueKind kind,
        const amd::QueueMemory &memory)
      : memory_(memory), transport_(transport), kind_(kind),
        name_((kind == amd::QueueKind::Compute ? "compute queue " : "copy queue ") +
              std::to_string(number)) {
    Stream ring(memory.ring.host, memory.ring.bytes / 4);
    if (kind == amd::QueueKind::Compute)
      processor_ = std::make_unique<CommandProcessor>(
          *transport.gpu_, *this, ComputeQueueSetup{name_, ring, memory.endOfPipe.address});
    else
      copier_ = std::make_unique<CopyEngine>(*transport.gpu_, *this, CopyQueueSetup{name_, ring});
    thread_ = std::thread([this] { loop(); });
  }

  ~Queue() override {
    halt();
    thread_.join();
  }

  void cease() { stop_ = true; }
  void halt() {
    cease();
    std::lock_guard lock(transport_.mutex_);
    transport_.changed_.notify_all();
  }

  /// The host wrote `writePointer` to the doorbell. Under the transport's mutex. Errors: what the
  /// driver did wrong.
  Status ring(uint64_t writePointer, double when) {
    const bool compute = kind_ == amd::QueueKind::Compute;
    const uint64_t unit = compute ? 4 : 1; // bytes
    const uint64_t inMemory = loadMemory(memory_.pointers.host + amd::kWritePointerOffset, 8);
    auto wrong = [&](const std::string &what) { return malformed(name_ + ": doorbell " + what); };
    if (writePointer != inMemory)
      return wrong(hex(writePointer) + ", but the write pointer in memory is " + hex(inMemory));
    if (writePointer < writePointer_)
      return wrong(hex(writePointer) + " after " + hex(writePointer_) + "; pointers only grow");
    if (!compute && writePointer % 4)
      return wrong(hex(writePointer) + " is not a multiple of 4 bytes");
    const uint64_t ahead = (writePointer - readPointer_) * unit;
    const uint64_t room = memory_.ring.bytes - (compute ? 0 : 4);
    if (ahead > room)
      return wrong(hex(writePointer) + ": " + std::to_string(ahead) +
                   " bytes ahead of the read pointer in a ring of " +
                   std::to_string(memory_.ring.bytes));
    writePointer_ = writePointer;
    rang_ = when;
    quiet_ = false;
    return {};
  }

  // The queue's host.
  void consumed(uint64_t readPointer) override {
    readPointer_ = readPointer;
    storeMemory(memory_.pointers.host + amd::kReadPointerOffset, readPointer, 8);
    if (transport_.frees_ > 0) {
      transport_.inUse_.unlock_shared();
      std::this_thread::yield();
      transport_.inUse_.lock_shared();
    }
  }
  bool keepWaiting() override {
    transport_.inUse_.unlock_shared();
    {
      std::unique_lock lock(transport_.mutex_);
      if (!stop_)
        transport_.changed_.wait_for(lock, 100us);
    }
    transport_.inUse_.lock_shared();
    return !stop_;
  }
  void signals(double seconds, bool last) override {
    std::lock_guard lock(transport_.mutex_);
    transport_.lastSignal_ = std::max(transport_.lastSignal_, seconds);
    quiet_ = last && executing_ == writePointer_;
  }
  void signalled() override { interrupt(); }
  void interrupt() override {
    std::lock_guard lock(transport_.mutex_);
    ++transport_.events_;
    transport_.changed_.notify_all();
  }
  const std::atomic<bool> &stop() const override { return stop_; }

  // Under the transport's mutex. What the queue has not done yet, or the host could not tell to be
  // undone, since it may have seen the last signal.
  bool hasWork() const { return readPointer_ != writePointer_; }
  bool looksIdle() const { return !hasWork() || quiet_; }

  const amd::QueueMemory &memory() const { return memory_; }

private:
  void loop() {
    for (;;) {
      uint64_t until;
      double when;
      {
        std::unique_lock lock(transport_.mutex_);
        transport_.changed_.wait(lock, [&] { return stop_ || hasWork(); });
        if (stop_)
          return;
        until = executing_ = writePointer_;
        when = rang_;
      }
      transport_.inUse_.lock_shared();
      auto end = processor_ ? processor_->run(until, when) : copier_->run(until, when);
      transport_.inUse_.unlock_shared();
      if (!end) {
        transport_.raise({processor_ ? processor_->faultAddress() : copier_->faultAddress(),
                          end.error().message});
        return;
      }
      if (*end == QueueEnd::Stopped)
        return;
    }
  }

  const amd::QueueMemory memory_;
  EmulatorTransport &transport_;
  const amd::QueueKind kind_;
  const std::string name_;
  std::unique_ptr<CommandProcessor> processor_;
  std::unique_ptr<CopyEngine> copier_;
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> readPointer_{0};
  // Under the transport's mutex.
  uint64_t writePointer_ = 0, executing_ = 0; // as it is, and up to where packets are executed
  double rang_ = 0;
  bool quiet_ = false; // the last packet before `executing_` has signalled
  std::thread thread_;
};

Result<std::unique_ptr<EmulatorTransport>> EmulatorTransport::open(const EmulatorOptions &options,
                                                                   const MakeEngine &makeEngine) {
  const amd::Chip *chip = amd::findChip(options.chip);
  const Link *link = findLink(options.link);
  if (!chip || !link)
    return badInput("emulator: unknown " +
                    (chip ? "link " + options.link : "chip " + options.chip));
  std::unique_ptr<EmulatorTransport> transport(new EmulatorTransport);
  EmulatorTransport &t = *transport;
  t.memory_ = std::make_unique<Memory>(options.mode == Mode::Strict);
  ROSSO_TRY(t.engine_, makeEngine(*t.memory_));
  t.gpu_ = std::make_unique<Gpu>(*chip, *link, options.mode, *t.memory_, *t.engine_);
  t.info_.chip = chip;
  t.info_.name = "emulated " + std::string(chip->name) + " (" + std::string(chip->board) + ")";
  constexpr std::string_view kModes[] = {"fast", "interpreted", "strict"};
  t.info_.path = "emulator, " + std::string(kModes[static_cast<size_t>(options.mode)]) +
                 ", behind " + std::string(link->title);
  t.info_.computeUnits = chip->computeUnits;
  t.info_.shaderEngines = chip->shaderEngines;
  t.info_.vramBytes = options.vramBytes ? options.vramBytes : chip->vramBytes;
  t.vramFree_ = t.info_.vramBytes;
  t.nextVram_ = kVramBase;
  t.nextHost_ = kHostBase;
  return transport;
}

EmulatorTransport::~EmulatorTransport() {
  for (auto &[number, queue] : queues_)
    queue->halt();
  queues_.clear();
  for (auto &[address, block] : blocks_)
    munmap(block.data, block.memory.bytes);
}

Result<amd::Memory> EmulatorTransport::allocate(uint64_t bytes, amd::MemoryKind kind,
                                                std::string_view purpose) {
  std::lock_guard lock(mutex_);
  if (fault_)
    return Error{ErrorCode::DeviceLost, fault_->message};
  const std::string what(purpose);
  if (bytes == 0 || bytes > uint64_t{1} << 46)
    return badInput(what + ": cannot allocate " + std::to_string(bytes) + " bytes");
  const bool host = kind == amd::MemoryKind::Host;
  Block block{.memory = {.bytes = roundUp(bytes, amd::kPageBytes)}, .kind = kind};
  if (!host && block.memory.bytes > vramFree_)
    return outOfMemory(what + ": wanted " + mebibytes(block.memory.bytes) + " of VRAM, " +
                       mebibytes(vramFree_) + " of " + mebibytes(info_.vramBytes) + " are free");
  void *data = mmap(nullptr, block.memory.bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED)
    return outOfMemory(what + ": this machine has no room for " + mebibytes(block.memory.bytes));
  block.data = static_cast<uint8_t *>(data);
  uint64_t &next = host ? nextHost_ : nextVram_;
  block.memory.address = block.memory.handle = next;
  block.memory.host = host ? block.data : nullptr;
  next += roundUp(block.memory.bytes, kBlockAlign) + kBlockAlign;
  vramFree_ -= host ? 0 : block.memory.bytes;
  memory_->add({.address = block.memory.address,
                .bytes = block.memory.bytes,
                .data = block.data,
                .region = host ? Region::Host : Region::Vram,
                .executable = kind == amd::MemoryKind::VramCode,
                .purpose = what,
                .shadow = {},
                .readers = {}});
  blocks_[block.memory.address] = block;
  gpu_->log.count([&](Totals &totals) {
    ++totals.allocations;
    totals.allocatedBytes += block.memory.bytes;
    totals.vramBytes = info_.vramBytes - vramFree_;
    totals.vramPeakBytes = std::max(totals.vramPeakBytes, totals.vramBytes);
  });
  return block.memory;
}

EmulatorTransport::Block *EmulatorTransport::blockOf(const amd::Memory &memory) {
  auto found = blocks_.find(memory.address);
  return found != blocks_.end() && found->second.memory.bytes == memory.bytes ? &found->second
                                                                              : nullptr;
}

void EmulatorTransport::free(const amd::Memory &memory) {
  {
    std::lock_guard lock(mutex_);
    Block *block = blockOf(memory);
    const char *wrong = !block         ? "is not what was allocated"
                        : block->users ? "is still used by a queue"
                                       : nullptr;
    if (wrong) {
      if (!fault_)
        fault_ = amd::Fault{memory.address, "free of " + hex(memory.address) + ", which " + wrong};
      return;
    }
  }
  ++frees_;
  if (!inUse_.try_lock_for(kPatience)) {
    raise({memory.address, "memory at " + hex(memory.address) + " (" +
                               memory_->describe(memory.address) +
                               ") was freed while a kernel ran that does not end"});
    inUse_.lock();
  }
  --frees_;
  std::lock_guard lock(mutex_);
  Block *block = blockOf(memory);
  if (block) {
    if (block->kind == amd::MemoryKind::VramCode)
      engine_->invalidateCode();
    memory_->remove(memory.address);
    munmap(block->data, block->memory.bytes);
    vramFree_ += block->kind == amd::MemoryKind::Host ? 0 : block->memory.bytes;
    blocks_.erase(memory.address);
    gpu_->log.count([&](Totals &totals) {
      ++totals.frees;
      totals.vramBytes = info_.vramBytes - vramFree_;
    });
  }
  inUse_.unlock();
}

Status EmulatorTransport::checkQueueMemory(amd::QueueKind kind, const amd::QueueMemory &memory) {
  auto lies = [&](const amd::Memory &part, amd::MemoryKind where) {
    const Block *block = blockOf(part);
    return block && block->kind == where && part.host == block->memory.host;
  };
  if (!lies(memory.ring, amd::MemoryKind::Host) || !lies(memory.pointers, amd::MemoryKind::Host))
    return badInput("queue: ring and pointers must be the host's memory from this transport");
  if (!std::has_single_bit(memory.ring.bytes) || memory.ring.bytes < kLeastRing)
    return badInput("queue: ring of " + std::to_string(memory.ring.bytes) +
                    " bytes, wanted a power of two from 1024");
  if (kind == amd::QueueKind::Compute &&
      (!lies(memory.endOfPipe, amd::MemoryKind::Vram) || memory.endOfPipe.bytes < amd::kEopBytes))
    return badInput("queue: wanted an end-of-pipe buffer of 4096 bytes in VRAM");
  return {};
}

void EmulatorTransport::use(const amd::QueueMemory &memory, int users) {
  for (const amd::Memory *part : {&memory.ring, &memory.pointers, &memory.endOfPipe})
    if (Block *block = blockOf(*part))
      block->users += static_cast<uint32_t>(users);
}

Result<uint32_t> EmulatorTransport::createQueue(amd::QueueKind kind,
                                                const amd::QueueMemory &memory) {
  std::lock_guard lock(mutex_);
  if (fault_)
    return Error{ErrorCode::DeviceLost, fault_->message};
  ROSSO_CHECK(checkQueueMemory(kind, memory));
  use(memory, 1);
  for (uint64_t offset : {amd::kWritePointerOffset, amd::kReadPointerOffset})
    storeMemory(memory.pointers.host + offset, 0, 8);
  const uint32_t number = nextQueue_++;
  queues_[number] = std::make_unique<Queue>(*this, number, kind, memory);
  return number;
}

void EmulatorTransport::destroyQueue(uint32_t number) {
  std::unique_ptr<Queue> queue;
  {
    std::lock_guard lock(mutex_);
    auto found = queues_.find(number);
    if (found == queues_.end())
      return;
    queue = std::move(found->second);
    queues_.erase(found);
  }
  queue->halt();
  const amd::QueueMemory memory = queue->memory();
  queue.reset();
  std::lock_guard lock(mutex_);
  use(memory, -1);
}

void EmulatorTransport::ringDoorbell(uint32_t number, uint64_t writePointer) {
  std::unique_lock lock(mutex_);
  auto found = queues_.find(number);
  if (fault_ || found == queues_.end())
    return;
  // A GPU without work got its next only after the host had seen the end of the last.
  const bool idle = std::all_of(queues_.begin(), queues_.end(),
                                [](const auto &queue) { return queue.second->looksIdle(); });
  if (idle && lastSignal_ > 0)
    hostNow_ = std::max(hostNow_, lastSignal_ + gpu_->link.writeSeconds);
  const bool compute = found->second->memory().endOfPipe.bytes != 0;
  gpu_->log.count([&](Totals &totals) { ++(compute ? totals.doorbells : totals.copyDoorbells); });
  rang_ = true;
  Status status = found->second->ring(writePointer, hostNow_ + gpu_->link.writeSeconds);
  if (status) {
    changed_.notify_all();
    return;
  }
  lock.unlock();
  raise({0, status.error().message});
}

void EmulatorTransport::waitForEvent(std::chrono::milliseconds atMost) {
  std::unique_lock lock(mutex_);
  if (std::exchange(rang_, false))
    gpu_->log.count([](Totals &totals) { ++totals.roundTrips; });
  changed_.wait_for(lock, std::min(atMost, 1ms), [&] { return events_ != eventsSeen_ || fault_; });
  eventsSeen_ = events_;
}

std::optional<amd::Fault> EmulatorTransport::fault() {
  std::lock_guard lock(mutex_);
  return fault_;
}

void EmulatorTransport::raise(amd::Fault fault) {
  std::lock_guard lock(mutex_);
  if (!fault_)
    fault_ = std::move(fault);
  ++events_;
  // After a fault nothing works any more: all queues stand still.
  for (auto &[number, queue] : queues_)
    queue->cease();
  changed_.notify_all();
}

uint64_t EmulatorTransport::heartbeat() { return engine_->heartbeat(); }

void EmulatorTransport::label(uint64_t address, uint64_t bytes, std::string_view name, bool code) {
  memory_->label({address, bytes, std::string(name), code});
}

} // namespace rosso::emulator
