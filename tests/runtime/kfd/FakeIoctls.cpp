// The ioctls of the fake kernel. Source of numbers, sizes, offsets and rules: the kernel's
// include/uapi/linux/kfd_ioctl.h, amdkfd/kfd_chardev.c, kfd_queue.c and kfd_events.c, Linux 6.12.
#include "tests/runtime/kfd/FakeKernel.h"

#include <bit>
#include <chrono>
#include <thread>

namespace rosso::amd::kfd {
namespace {

constexpr uint64_t kPage = 0x1000;
constexpr int kNotSupported = 524; // ENOTSUPP: the kernel's own
constexpr uint32_t kVram = 1u << 0, kGtt = 1u << 1, kUserPointer = 1u << 2, kUncached = 1u << 25,
                   kCoherent = 1u << 26, kPublic = 1u << 29;
constexpr uint32_t kKnownFlags = 0xFF80001F; // bits 0-4 and 23-31

} // namespace

uint32_t FakeKernel::Record::u32(size_t at) const {
  uint32_t value;
  std::memcpy(&value, bytes + at, sizeof value);
  return value;
}

uint64_t FakeKernel::Record::u64(size_t at) const {
  uint64_t value;
  std::memcpy(&value, bytes + at, sizeof value);
  return value;
}

const FakeGpu *FakeKernel::gpu(uint32_t gpuId) const {
  for (const FakeGpu &candidate : gpus_)
    if (candidate.gpuId == gpuId)
      return &candidate;
  return nullptr;
}

uint64_t FakeKernel::mappingAt(uint64_t address, uint64_t bytes, uint32_t gpuId) const {
  for (const auto &[handle, allocation] : allocations_)
    if (allocation.address == address && allocation.bytes == bytes &&
        allocation.mappedTo.contains(gpuId))
      return handle;
  return 0;
}

bool FakeKernel::isUsed(uint64_t handle) const {
  for (const auto &[id, queue] : queues_)
    if (queue.uses.contains(handle))
      return true;
  return false;
}

int FakeKernel::ioctl(int file, uint64_t request, void *record) {
  const auto found = files_.find(file);
  if (found == files_.end())
    return -EBADF;
  if (found->second != "/dev/kfd")
    return complain("a KFD ioctl on " + found->second, -ENOTTY);
  if (forked) { // every file that is open now belongs to the parent
    for (const auto &[number, path] : files_)
      foreign_.insert(number);
    vms_.clear(), allocations_.clear(), events_.clear(), queues_.clear(), mappings_.clear();
    eventPage_ = doorbells_ = 0;
    forked = false;
  }
  if (foreign_.contains(file))
    return -EBADF;
  return dispatch(request, {static_cast<uint8_t *>(record)});
}

int FakeKernel::dispatch(uint64_t request, Record record) {
  if (auto planned = fail.find(request & 0xFF); planned != fail.end() && !planned->second.empty()) {
    const int code = planned->second.front();
    planned->second.pop_front();
    return code;
  }
  auto named = [&](const char *name) { log_.push_back(name); };
  switch (request) {
  case 0x80084B01:
    named("GET_VERSION");
    record.put32(0, major);
    record.put32(4, minor);
    return 0;
  case 0xC0584B02: // before version 1.17
  case 0xC0604B02:
    named("CREATE_QUEUE");
    return reset ? -EIO : createQueue(record);
  case 0xC0084B03:
    named("DESTROY_QUEUE");
    return destroyQueue(record);
  case 0xC0284B05:
    named("GET_CLOCK_COUNTERS");
    return clockCounters(record);
  case 0xC0204B08:
    named("CREATE_EVENT");
    return createEvent(record);
  case 0x40084B09:
    named("DESTROY_EVENT");
    return destroyEvent(record);
  case 0xC0184B0C:
    named("WAIT_EVENTS");
    return waitEvents(record);
  case 0x40084B15:
    named("ACQUIRE_VM");
    return acquireVm(record);
  case 0xC0284B16:
    named("ALLOC_MEMORY_OF_GPU");
    return reset ? -EIO : allocMemory(record);
  case 0x40084B17:
    named("FREE_MEMORY_OF_GPU");
    return freeMemory(record);
  case 0xC0184B18:
    named("MAP_MEMORY_TO_GPU");
    return mapMemory(record, true);
  case 0xC0184B19:
    named("UNMAP_MEMORY_FROM_GPU");
    return mapMemory(record, false);
  case 0xC0104B23:
    named("AVAILABLE_MEMORY");
    return availableMemory(record);
  default:
    return complain("unknown ioctl", -ENOTTY);
  }
}

int FakeKernel::createQueue(Record record) {
  const uint64_t ring = record.u64(0), writePointer = record.u64(8), readPointer = record.u64(16);
  const uint32_t ringBytes = record.u32(32), gpuId = record.u32(36), type = record.u32(40);
  const uint32_t percentage = record.u32(44), priority = record.u32(48);
  const uint64_t eop = record.u64(56), eopBytes = record.u64(64), save = record.u64(72);
  const uint32_t saveBytes = record.u32(80), controlStack = record.u32(84);
  const FakeGpu *on = gpu(gpuId);
  if (!on || !vms_.contains(gpuId))
    return -EINVAL;
  if (type > 4)
    return -kNotSupported;
  if (type > 1)
    complain("a queue that is neither PM4 nor SDMA");
  if (percentage > 100 || priority > 15 || !std::has_single_bit(ringBytes))
    return -EINVAL;
  if (percentage == 0)
    complain("a queue with no share of the GPU");
  if (ring % 256 || writePointer % 8 || readPointer % 8 || writePointer == readPointer)
    complain("ring or pointers are not aligned, or lie on each other");

  Queue queue{.gpuId = gpuId,
              .type = type,
              .uses = {},
              .ringBase = ring,
              .writePointer = writePointer,
              .readPointer = readPointer,
              .endOfPipe = eop,
              .ringBytes = ringBytes};
  // Each must be a mapping of its own, of exactly this size.
  auto use = [&](uint64_t address, uint64_t bytes) -> const Allocation * {
    const uint64_t handle = mappingAt(address, bytes, gpuId);
    if (!handle)
      return nullptr;
    queue.uses.insert(handle);
    return &allocations_[handle];
  };
  for (uint64_t pointer : {writePointer, readPointer}) {
    const Allocation *page = use(pointer & ~(kPage - 1), kPage);
    if (!page)
      return -EINVAL;
    if (!(page->flags & kGtt) || !(page->flags & kUncached))
      complain("a queue's pointers are not in uncached host memory");
  }
  const Allocation *ringMemory = use(ring, ringBytes < 1024 ? 1024 : ringBytes);
  if (!ringMemory)
    return -EINVAL;
  if (!(ringMemory->flags & kUncached))
    complain("a ring that the GPU may cache");
  if (type == 0) {
    if (!eop)
      complain("a compute queue without an EOP buffer");
    const Allocation *eopMemory = use(eop, (eopBytes + kPage - 1) & ~(kPage - 1));
    if (eopBytes < 4096 || !eopMemory)
      return -EINVAL;
    if (!(eopMemory->flags & kVram))
      complain("an EOP buffer outside VRAM");
    if (controlStack != on->controlStackBytes || saveBytes < on->saveBytes ||
        !use(save, on->saveAreaBytes))
      return -EINVAL;
  } else if (eop || eopBytes || save || saveBytes || controlStack) {
    complain("an SDMA queue with an EOP buffer or a save area");
  }
  const uint32_t id = nextQueue_++;
  queue.doorbell = type == 0 ? 0x800 + id * 8 : 0x1E00 + id * 8;
  record.put32(52, id);
  record.put64(24, uint64_t{3} << 62 | uint64_t{gpuId} << 46 | queue.doorbell);
  queues_[id] = queue;
  if (behind)
    behind->queueCreated(id, queue);
  return 0;
}

int FakeKernel::destroyQueue(Record record) {
  const auto found = queues_.find(record.u32(0));
  if (found == queues_.end())
    return complain("DESTROY_QUEUE of a queue that is not there", -EINVAL);
  if (behind)
    behind->queueDestroyed(found->first);
  queues_.erase(found);
  return 0;
}

int FakeKernel::clockCounters(Record record) {
  if (!gpu(record.u32(32)))
    return -EINVAL;
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  record.put64(0, static_cast<uint64_t>(static_cast<double>(ns) * gpuHertz * 1e-9));
  record.put64(8, static_cast<uint64_t>(ns));
  record.put64(16, static_cast<uint64_t>(ns));
  record.put64(24, 1000000000);
  return 0;
}

int FakeKernel::createEvent(Record record) {
  const uint64_t page = record.u64(0);
  const uint32_t type = record.u32(12), autoReset = record.u32(16);
  if (page) {
    const auto memory = allocations_.find(page);
    if (eventPage_ || memory == allocations_.end() || !(memory->second.flags & kGtt))
      return -EINVAL; // a process has one page, and it is host memory
    if (memory->second.bytes != 0x8000 || !memory->second.hostMapped ||
        memory->second.mappedTo.empty())
      complain("an event page that is not 0x8000 bytes both sides see");
    eventPage_ = page;
    if (memory->second.hostMapped) // no event has happened
      std::memset(reinterpret_cast<void *>(memory->second.address), 0xFF, memory->second.bytes);
  }
  if (type != 0 && type != 3 && type != 8)
    return complain("an event of type " + std::to_string(type), -EINVAL);
  if (!eventPage_)
    complain("an event before the event page");
  if (autoReset != (type == 0 ? 1u : 0u))
    complain("a signal resets itself, a fault does not");
  uint32_t slot = 0; // the first that is free
  while (events_.contains(slot))
    ++slot;
  const uint32_t id = type == 0 ? slot : nextOtherEvent_++;
  record.put32(8, id);
  record.put32(24, id);
  record.put32(28, type == 0 ? slot : 0);
  events_[id] = {type};
  return 0;
}

int FakeKernel::destroyEvent(Record record) {
  if (events_.erase(record.u32(0)) == 0)
    return complain("DESTROY_EVENT of an event that is not there", -EINVAL);
  return 0;
}

int FakeKernel::waitEvents(Record record) {
  const uint32_t count = record.u32(8), timeout = record.u32(16);
  lastWaitMs_ = timeout;
  if (!record.u64(0) || count == 0 || record.u32(12) != 0)
    return complain("WAIT_EVENTS for nothing, or for all", -EINVAL);
  for (uint32_t waitedMs = 0;; ++waitedMs) {
    std::string wrong;
    const bool any = collectNews(record, wrong);
    if (!wrong.empty()) {
      record.put32(20, 2);
      return complain(wrong, -EINVAL);
    }
    record.put32(20, any ? 0 : 1);
    if (any || waitedMs == timeout)
      return 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

/// Fills in the elements of events that have happened.
bool FakeKernel::collectNews(Record record, std::string &wrong) {
  std::lock_guard lock(news_);
  auto *data = reinterpret_cast<uint8_t *>(record.u64(0));
  bool any = false;
  for (uint32_t i = 0; i < record.u32(8); ++i) {
    Record element{data + size_t{48} * i};
    const auto event = events_.find(element.u32(40));
    if (event == events_.end() || element.u64(32) != 0) {
      wrong = "WAIT_EVENTS for an event that is not there";
      return false;
    }
    const uint32_t gpuId = gpus_.front().gpuId;
    if (event->second.type == 0 && interrupted) {
      if (const uint64_t page = eventPageAddress()) // it resets itself, and its slot
        std::memset(reinterpret_cast<void *>(page + size_t{8} * event->first), 0xFF, 8);
      any = true;
    } else if (event->second.type == 8 && pageFault) {
      element.put32(0, pageFault->notPresent);
      element.put32(4, pageFault->readOnly);
      element.put32(8, pageFault->noExecute);
      element.put32(12, pageFault->imprecise);
      element.put64(16, pageFault->address);
      element.put32(24, gpuId);
      element.put32(28, pageFault->errorType);
      any = true;
    } else if (event->second.type == 3 && reset) {
      element.put32(0, reset->type);
      element.put32(4, reset->cause);
      element.put32(8, reset->memoryLost);
      element.put32(12, gpuId);
      any = true;
    }
  }
  interrupted = false;
  return any;
}

int FakeKernel::acquireVm(Record record) {
  const auto file = files_.find(static_cast<int>(record.u32(0)));
  const FakeGpu *on = gpu(record.u32(4));
  if (!on || file == files_.end() || foreign_.contains(file->first) ||
      file->second != "/dev/dri/renderD" + std::to_string(on->renderMinor))
    return -EINVAL;
  if (busyVm || (vms_.contains(on->gpuId) && vms_[on->gpuId] != file->first))
    return -EBUSY;
  vms_[on->gpuId] = file->first;
  return 0;
}

int FakeKernel::allocMemory(Record record) {
  const uint64_t address = record.u64(0), bytes = record.u64(8);
  const uint32_t gpuId = record.u32(32), flags = record.u32(36);
  const FakeGpu *on = gpu(gpuId);
  if (!on || !vms_.contains(gpuId) || bytes == 0 || address % kPage || bytes % kPage)
    return -EINVAL;
  if (flags & ~kKnownFlags)
    complain("unknown flags of memory");
  if ((flags & (kVram | kGtt | kUserPointer)) != kVram &&
      (flags & (kVram | kGtt | kUserPointer)) != kGtt)
    return complain("memory that is not either VRAM or GTT", -EINVAL);
  if (flags & kPublic && !on->hostSeesVram)
    return -EINVAL;
  if (flags & kGtt && (flags & (kCoherent | kUncached)) != (kCoherent | kUncached))
    complain("host memory must be coherent and uncached, or gfx12 caches it");
  if (record.u64(24) != 0)
    complain("an address to map with no user pointer");
  auto reserved = mappings_.upper_bound(address);
  const bool before = reserved != mappings_.begin();
  if (before)
    --reserved;
  if (!before || address + bytes > reserved->first + reserved->second)
    complain("memory at addresses that were not set aside");
  for (const auto &[handle, other] : allocations_)
    if (address < other.address + other.bytes && other.address < address + bytes)
      return -EADDRINUSE;
  if (flags & kVram) {
    if (bytes > freeVram)
      return -ENOMEM;
    freeVram -= bytes;
  }
  const uint64_t handle = uint64_t{gpuId} << 32 | nextHandle_++;
  const uint64_t mapOffset = uint64_t{nextHandle_} << 32;
  allocations_[handle] = {address, bytes, mapOffset, gpuId, flags, {}, false};
  record.put64(16, handle);
  record.put64(24, mapOffset);
  return 0;
}

int FakeKernel::freeMemory(Record record) {
  const auto found = allocations_.find(record.u64(0));
  if (found == allocations_.end())
    return complain("FREE_MEMORY_OF_GPU of memory that is not there", -EINVAL);
  if (found->first == eventPage_)
    return complain("the event page is freed", -EPERM);
  if (!found->second.mappedTo.empty())
    return complain("memory is freed while a GPU sees it", -EBUSY);
  if (found->second.hostMapped)
    complain("memory is freed while the host sees it");
  if (found->second.flags & kVram)
    freeVram += found->second.bytes;
  allocations_.erase(found);
  return 0;
}

int FakeKernel::mapMemory(Record record, bool map) {
  const auto found = allocations_.find(record.u64(0));
  const auto *ids = reinterpret_cast<const uint32_t *>(record.u64(8));
  const uint32_t count = record.u32(16);
  if (found == allocations_.end() || !ids || count == 0 || record.u32(20) > count)
    return complain(std::string(map ? "" : "UN") + "MAP of what is not there", -EINVAL);
  if (!map && isUsed(found->first))
    return complain("memory of a live queue is unmapped", -EBUSY);
  for (uint32_t i = record.u32(20); i < count; ++i) {
    if (!gpu(ids[i]) || !vms_.contains(ids[i]))
      return -EINVAL;
    std::set<uint32_t> &mappedTo = found->second.mappedTo;
    const bool wasMapped = !mappedTo.empty();
    if (map)
      mappedTo.insert(ids[i]);
    else
      mappedTo.erase(ids[i]);
    if (behind && map && !wasMapped)
      behind->mapped(found->second);
    if (behind && wasMapped && mappedTo.empty())
      behind->unmapped(found->second);
    record.put32(20, i + 1);
  }
  return 0;
}

int FakeKernel::availableMemory(Record record) {
  if (!gpu(record.u32(8)))
    return -EINVAL;
  record.put64(0, freeVram);
  return 0;
}

} // namespace rosso::amd::kfd
