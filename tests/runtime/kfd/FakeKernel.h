// A kernel side for tests: takes the calls of the KFD transport and holds every one against what
// Linux 6.12 accepts.
//
// It knows none of the driver's records: requests are the numbers of the kernel's headers, written
// out, and fields are read at their byte offsets. What Linux refuses is refused with the same
// errno. What it would let pass although it is wrong (a leak, a queue whose memory goes first)
// becomes a complaint; a test without complaints is a clean run.
#pragma once

#include "runtime/amd/kfd/Kernel.h"
#include "tests/runtime/kfd/FakeMachine.h"

#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace rosso::amd::kfd {

class FakeKernel final : public KernelInterface {
public:
  struct Allocation {
    uint64_t address = 0, bytes = 0, mapOffset = 0;
    uint32_t gpuId = 0, flags = 0;
    std::set<uint32_t> mappedTo;
    bool hostMapped = false;
  };
  struct Queue {
    uint32_t gpuId = 0, type = 0;
    std::set<uint64_t> uses; // handles
    uint64_t ringBase = 0, writePointer = 0, readPointer = 0, endOfPipe = 0;
    uint32_t ringBytes = 0;
    uint64_t doorbell = 0; // offset in the doorbell range
  };

  /// A GPU behind this kernel. Without one, queues take packets and nothing happens.
  class Gpu {
  public:
    virtual ~Gpu() = default;
    virtual void mapped(const Allocation &allocation) = 0;
    virtual void unmapped(const Allocation &allocation) = 0;
    virtual void queueCreated(uint32_t id, const Queue &queue) = 0;
    virtual void queueDestroyed(uint32_t id) = 0;
    virtual void doorbellsMapped(uint64_t address) = 0;
  };
  Gpu *behind = nullptr;

  explicit FakeKernel(std::vector<FakeGpu> gpus = {fakeXtx()});
  ~FakeKernel() override;

  // What is wrong with this machine.
  int kfdOpenError = 0, renderOpenError = 0; // -errno
  uint32_t major = 1, minor = 17;
  uint64_t freeVram = uint64_t{23} << 30;
  bool busyVm = false;                      // another runtime of this process was first
  bool forked = false;                      // the open file is the parent's
  std::map<uint32_t, std::deque<int>> fail; // of an ioctl's number: -errno of its next calls
  double gpuHertz = 100e6;
  FakeFiles sysfs;

  // What happens to the GPU.
  struct PageFault {
    uint64_t address = 0;
    bool notPresent = false, readOnly = false, noExecute = false, imprecise = false;
    uint32_t errorType = 0;
  };
  std::optional<PageFault> pageFault;
  struct Reset {
    uint32_t type = 0, cause = 0, memoryLost = 0;
  };
  std::optional<Reset> reset; // most calls fail with EIO from then on
  bool interrupted = false;   // the signal event is there

  // The same from the GPU's own threads.
  void raisePageFault(PageFault fault);
  void raiseReset(Reset what);
  /// An interrupt, after the GPU wrote to an event's slot.
  void raiseInterrupt();

  // What it saw.
  const std::vector<std::string> &complaints() const { return complaints_; }
  const std::vector<std::string> &log() const { return log_; } // names of ioctls, in order
  const std::map<uint64_t, Allocation> &allocations() const { return allocations_; }
  const std::map<uint32_t, Queue> &queues() const { return queues_; }
  size_t events() const { return events_.size(); }
  size_t openFiles() const { return files_.size(); }
  uint32_t lastWaitMs() const { return lastWaitMs_; }
  uint64_t doorbellValue(uint64_t offset) const;
  /// Address of an event's slot; 0 if there is no page.
  uint64_t eventPageAddress() const;

  int open(const std::string &path, int flags) override;
  int close(int file) override;
  int ioctl(int file, uint64_t request, void *record) override;
  int64_t mmap(uint64_t address, uint64_t bytes, int protection, int flags, int file,
               uint64_t offset) override;
  int munmap(uint64_t address, uint64_t bytes) override;
  int readFile(const std::string &path, std::string &text) override;
  int listDir(const std::string &path, std::vector<std::string> &names) override;
  int readLink(const std::string &path, std::string &target) override;

private:
  /// An ioctl's record as bytes.
  struct Record {
    uint8_t *bytes;
    uint32_t u32(size_t at) const;
    uint64_t u64(size_t at) const;
    void put32(size_t at, uint32_t value) { std::memcpy(bytes + at, &value, sizeof value); }
    void put64(size_t at, uint64_t value) { std::memcpy(bytes + at, &value, sizeof value); }
  };
  struct Event {
    uint32_t type = 0;
  };

  int complain(std::string what, int code = 0);
  const FakeGpu *gpu(uint32_t gpuId) const;
  /// The memory that begins there and has that size, on that GPU; 0 if there is none.
  uint64_t mappingAt(uint64_t address, uint64_t bytes, uint32_t gpuId) const;
  bool isUsed(uint64_t handle) const;

  int dispatch(uint64_t request, Record record);
  int createQueue(Record record);
  int destroyQueue(Record record);
  int clockCounters(Record record);
  int createEvent(Record record);
  int destroyEvent(Record record);
  int waitEvents(Record record);
  bool collectNews(Record record, std::string &wrong);
  int acquireVm(Record record);
  int allocMemory(Record record);
  int freeMemory(Record record);
  int mapMemory(Record record, bool map);
  int availableMemory(Record record);
  void checkClosing();

  std::vector<FakeGpu> gpus_;
  std::map<int, std::string> files_;
  std::set<int> foreign_; // files of the process that forked us
  int nextFile_ = 100;
  std::map<uint32_t, int> vms_;                // render file by GPU
  std::map<uint64_t, uint64_t> mappings_;      // of the host's address space: bytes by address
  std::map<uint64_t, Allocation> allocations_; // by handle
  std::map<uint32_t, Queue> queues_;
  std::map<uint32_t, Event> events_;
  uint64_t eventPage_ = 0; // handle
  uint64_t doorbells_ = 0; // address
  uint32_t nextHandle_ = 1, nextQueue_ = 0, nextOtherEvent_ = 0x40000000;
  uint32_t lastWaitMs_ = 0;
  std::mutex news_; // pageFault, interrupted and complaints, with a GPU behind
  std::vector<std::string> complaints_, log_;
};

} // namespace rosso::amd::kfd
