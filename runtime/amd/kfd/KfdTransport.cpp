#include "runtime/amd/kfd/KfdTransport.h"

#include "runtime/amd/kfd/Pci.h"
#include "runtime/amd/kfd/SaveArea.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdio>
#include <sys/mman.h>
#include <thread>

namespace rosso::amd::kfd {
namespace {

using namespace std::chrono_literals;

constexpr uint32_t kWholeQueue = 100, kNormalPriority = 7; // of 100 percent, of 0 to 15
constexpr uint64_t kLeastRingBytes = 1024;
constexpr auto kLookInterval = 1ms; // between questions for faults that nobody waits on
constexpr auto kNap = 50us;         // of a wait without interrupts
constexpr auto kClockMeasurement = 2ms;

} // namespace

Result<std::unique_ptr<KfdTransport>> KfdTransport::create(Process &process, unsigned index) {
  ROSSO_TRY(BoundGpu *const gpu, process.bind(index));
  std::unique_ptr<KfdTransport> transport(new KfdTransport(process, *gpu));
  GetClockCounters first{.gpuId = gpu->node.gpuId};
  if (const int code = call(process.kernel(), gpu->kfdFile, first); code < 0)
    return callFailed(gpu->where, GetClockCounters::kName, code, "reading the GPU's clock");
  const auto began = Clock::now();
  ROSSO_TRY(transport->events_, Events::create(process, *gpu));
  transport->describe();
  ROSSO_CHECK(transport->measureClock(began, first));
  return transport;
}

KfdTransport::~KfdTransport() {
  while (!queues_.empty())
    destroyQueue(queues_.begin()->first);
  while (!handles_.empty())
    free(Memory{.handle = handles_.back()});
  events_.reset();
  if (doorbells_)
    process_.kernel().munmap(reinterpret_cast<uint64_t>(doorbells_), kDoorbellBytes);
}

void KfdTransport::describe() {
  const Node &node = gpu_.node;
  info_.chip = node.chip;
  const bool isBoard = node.chip->computeUnits == node.computeUnits();
  char ids[64];
  std::snprintf(ids, sizeof ids, "AMD GPU %04x:%04x", node.vendorId, node.deviceId);
  info_.name = (isBoard ? "AMD Radeon " + std::string(node.chip->board.substr(
                                              node.chip->board.starts_with("Radeon ") ? 7 : 0))
                        : std::string(ids)) +
               ", " + node.gfxName();
  info_.path = "kfd node " + std::to_string(node.number) + ", " + node.pciAddress() + ", " +
               node.renderPath();
  info_.computeUnits = node.computeUnits();
  info_.shaderEngines = node.shaderEngines();
  if (node.scratchSlotsPerCu)
    info_.scratchSlotsPerCu = node.scratchSlotsPerCu;
  info_.vramBytes = node.vramBytes();
  // A bank the host cannot map is seen through a window as large as the first region.
  const uint64_t window = readRegionBytes(process_.kernel(), node.pciAddress(), 0);
  info_.visibleVramBytes = node.publicVram ? node.publicVram : std::min(window, node.vramBytes());
}

Status KfdTransport::measureClock(Clock::time_point began, const GetClockCounters &first) {
  std::this_thread::sleep_until(began + kClockMeasurement);
  GetClockCounters second{.gpuId = gpu_.node.gpuId};
  if (const int code = call(process_.kernel(), gpu_.kfdFile, second); code < 0)
    return callFailed(gpu_.where, GetClockCounters::kName, code, "reading the GPU's clock");
  const double seconds = static_cast<double>(second.cpuNs - first.cpuNs) * 1e-9;
  const double hertz =
      seconds > 0 ? static_cast<double>(second.gpuTicks - first.gpuTicks) / seconds : 0;
  // 100 MHz on all boards; processors with a GPU inside have other crystals.
  if (std::isfinite(hertz) && hertz > 1e6 && std::fabs(hertz / kGpuClockHz - 1) > 0.01)
    info_.gpuClockHz = hertz;
  return {};
}

Result<Memory> KfdTransport::take(uint64_t bytes, MemoryKind kind, Fit fit,
                                  std::string_view purpose) {
  if (fault_)
    return Error{ErrorCode::DeviceLost, gpu_.where + ": " + fault_->message + "; start again"};
  ROSSO_TRY(const Memory memory, gpu_.buffers->allocate(bytes, kind, fit, purpose));
  handles_.push_back(memory.handle);
  map_.add(memory.address, memory.bytes, purpose);
  return memory;
}

Result<Memory> KfdTransport::allocate(uint64_t bytes, MemoryKind kind, std::string_view purpose) {
  return take(bytes, kind, Fit::Large, purpose);
}

void KfdTransport::free(const Memory &memory) {
  const auto found = std::find(handles_.begin(), handles_.end(), memory.handle);
  if (found == handles_.end())
    return;
  handles_.erase(found);
  if (const Buffers::Record *record = gpu_.buffers->find(memory.handle))
    map_.remove(record->address, record->bytes);
  gpu_.buffers->free(memory.handle);
}

/// The kernel would say EINVAL, and not why.
Status KfdTransport::checkQueueMemory(QueueKind kind, const QueueMemory &memory) const {
  auto check = [&](const char *name, const Memory &part, MemoryKind wanted, uint64_t bytes) {
    const Buffers::Record *record = gpu_.buffers->find(part.handle);
    if (record && record->address == part.address && record->bytes == bytes &&
        record->kind == wanted)
      return Status();
    return Status(Error{ErrorCode::Internal,
                        gpu_.where + ": queue: its " + name + " is " +
                            (record ? bytesText(record->bytes) : "no memory of this GPU") +
                            ", wanted " + bytesText(bytes) + " of its own"});
  };
  if (!std::has_single_bit(memory.ring.bytes) || memory.ring.bytes < kPageBytes ||
      memory.ring.bytes < kLeastRingBytes || memory.ring.bytes > UINT32_MAX)
    return Error{ErrorCode::Internal, gpu_.where + ": queue: ring of " +
                                          std::to_string(memory.ring.bytes) +
                                          " bytes, wanted a power of two of at least a page"};
  ROSSO_CHECK(check("ring", memory.ring, MemoryKind::Host, memory.ring.bytes));
  ROSSO_CHECK(check("page of pointers", memory.pointers, MemoryKind::Host, kPageBytes));
  if (kind == QueueKind::Compute)
    ROSSO_CHECK(check("end-of-pipe buffer", memory.endOfPipe, MemoryKind::Vram, kEopBytes));
  return {};
}

Result<uint32_t> KfdTransport::createQueue(QueueKind kind, const QueueMemory &memory) {
  ROSSO_CHECK(checkQueueMemory(kind, memory));
  const bool compute = kind == QueueKind::Compute;
  CreateQueue create{.ringBase = memory.ring.address,
                     .writePointer = memory.pointers.address + kWritePointerOffset,
                     .readPointer = memory.pointers.address + kReadPointerOffset,
                     .ringBytes = static_cast<uint32_t>(memory.ring.bytes),
                     .gpuId = gpu_.node.gpuId,
                     .type = compute ? QueueType::Compute : QueueType::Sdma,
                     .percentage = kWholeQueue,
                     .priority = kNormalPriority};
  OpenQueue queue;
  if (compute) {
    const SaveArea area = SaveArea::of(gpu_.node);
    ROSSO_TRY(queue.saveArea,
              take(area.mappedBytes, MemoryKind::Vram, Fit::Exact, "save area of a queue"));
    create.endOfPipe = memory.endOfPipe.address;
    create.endOfPipeBytes = kEopBytes;
    create.saveArea = queue.saveArea.address;
    create.saveAreaBytes = area.saveBytes;
    create.controlStackBytes = area.controlStackBytes;
  }
  const std::string what = compute ? "compute queue" : "copy queue";
  if (const int code = call(process_.kernel(), gpu_.kfdFile, create); code < 0) {
    if (queue.saveArea.bytes)
      free(queue.saveArea);
    if (code == -ENOMEM || code == -ENOSPC)
      return outOfMemory(gpu_.where + ": " + what + ": " + CreateQueue::kName + ": " +
                         errnoText(code) +
                         "; the GPU has no queue left: end other programs that use it");
    return callFailed(gpu_.where, CreateQueue::kName, code, what);
  }
  if (auto mapped = mapDoorbells(create.doorbellOffset); !mapped) {
    DestroyQueue destroy{.queueId = create.queueId};
    call(process_.kernel(), gpu_.kfdFile, destroy);
    if (queue.saveArea.bytes)
      free(queue.saveArea);
    return mapped.error();
  }
  queue.doorbell =
      reinterpret_cast<uint64_t *>(doorbells_ + create.doorbellOffset % kDoorbellBytes);
  queues_[create.queueId] = queue;
  return create.queueId;
}

/// All queues of a process on a GPU share a range of doorbells; it is mapped once.
Status KfdTransport::mapDoorbells(uint64_t offset) {
  const uint64_t base = offset - offset % kDoorbellBytes;
  if (doorbells_) {
    if (base == doorbellOffset_)
      return {};
    return Error{ErrorCode::Internal, gpu_.where + ": the doorbells of two queues lie apart"};
  }
  const int64_t mapped = process_.kernel().mmap(0, kDoorbellBytes, PROT_READ | PROT_WRITE,
                                                MAP_SHARED, gpu_.kfdFile, base);
  if (mapped < 0)
    return callFailed(gpu_.where, "mmap", static_cast<int>(mapped), "doorbells");
  doorbells_ = reinterpret_cast<uint8_t *>(mapped);
  doorbellOffset_ = base;
  return {};
}

void KfdTransport::destroyQueue(uint32_t queue) {
  const auto found = queues_.find(queue);
  if (found == queues_.end())
    return;
  DestroyQueue destroy{.queueId = queue};
  call(process_.kernel(), gpu_.kfdFile, destroy);
  if (found->second.saveArea.bytes)
    free(found->second.saveArea);
  queues_.erase(found);
}

void KfdTransport::ringDoorbell(uint32_t queue, uint64_t writePointer) {
  const auto found = queues_.find(queue);
  if (found == queues_.end())
    return;
  // Ring and pointer must be in memory before the GPU is told.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  *static_cast<volatile uint64_t *>(found->second.doorbell) = writePointer;
}

void KfdTransport::look(std::chrono::milliseconds atMost) {
  auto seen = events_->wait(atMost, map_);
  if (!seen)
    fault_ = Fault{0, seen.error().message};
  else if (*seen)
    fault_ = **seen;
  nextLook_ = Clock::now() + kLookInterval;
}

void KfdTransport::waitForEvent(std::chrono::milliseconds atMost) {
  if (fault_)
    return;
  look(interrupts_ ? atMost : 0ms);
  if (!interrupts_ && !fault_)
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(kNap, atMost));
}

std::optional<Fault> KfdTransport::fault() {
  if (!fault_ && Clock::now() >= nextLook_)
    look(0ms);
  return fault_;
}

void KfdTransport::label(uint64_t address, uint64_t bytes, std::string_view name, bool code) {
  map_.add(address, bytes, code ? "code of " + std::string(name) : std::string(name));
}

std::optional<Interrupt> KfdTransport::useInterrupts() {
  auto interrupt = events_->addInterrupt();
  if (!interrupt)
    return std::nullopt; // naps will do
  interrupts_ = true;
  return *interrupt;
}

} // namespace rosso::amd::kfd
