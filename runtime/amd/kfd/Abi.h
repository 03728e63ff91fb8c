// What Linux's /dev/kfd takes: argument records and request numbers of its ioctls.
//
// Definitions of our own, so that no kernel header is needed to build: distributions ship headers
// of different ages. A test holds them against <linux/kfd_ioctl.h> where that exists.
// Source: include/uapi/linux/kfd_ioctl.h of Linux 6.12.
#pragma once

#include <cstdint>

namespace rosso::amd::kfd {

enum class Direction : uint32_t { ToKernel = 1, FromKernel = 2, Both = 3 };

struct GetVersion {
  static constexpr const char *kName = "GET_VERSION";
  static constexpr uint32_t kNumber = 0x01;
  static constexpr Direction kDirection = Direction::FromKernel;
  uint32_t major = 0, minor = 0;
};
static_assert(sizeof(GetVersion) == 8);

enum class QueueType : uint32_t { Compute = 0, Sdma = 1 };

/// Without the two fields that version 1.17 added: kernels take the shorter record as well.
struct CreateQueue {
  static constexpr const char *kName = "CREATE_QUEUE";
  static constexpr uint32_t kNumber = 0x02;
  static constexpr Direction kDirection = Direction::Both;
  uint64_t ringBase = 0, writePointer = 0, readPointer = 0;
  uint64_t doorbellOffset = 0; // from the kernel: what to map
  uint32_t ringBytes = 0, gpuId = 0;
  QueueType type = QueueType::Compute;
  uint32_t percentage = 0, priority = 0;
  uint32_t queueId = 0; // from the kernel
  uint64_t endOfPipe = 0, endOfPipeBytes = 0;
  uint64_t saveArea = 0;
  uint32_t saveAreaBytes = 0, controlStackBytes = 0;
};
static_assert(sizeof(CreateQueue) == 88);

struct DestroyQueue {
  static constexpr const char *kName = "DESTROY_QUEUE";
  static constexpr uint32_t kNumber = 0x03;
  static constexpr Direction kDirection = Direction::Both;
  uint32_t queueId = 0, pad = 0;
};
static_assert(sizeof(DestroyQueue) == 8);

struct GetClockCounters {
  static constexpr const char *kName = "GET_CLOCK_COUNTERS";
  static constexpr uint32_t kNumber = 0x05;
  static constexpr Direction kDirection = Direction::Both;
  uint64_t gpuTicks = 0, cpuNs = 0, systemTicks = 0, systemHz = 0;
  uint32_t gpuId = 0, pad = 0;
};
static_assert(sizeof(GetClockCounters) == 40);

enum class EventType : uint32_t { Signal = 0, HwException = 3, Memory = 8 };

struct CreateEvent {
  static constexpr const char *kName = "CREATE_EVENT";
  static constexpr uint32_t kNumber = 0x08;
  static constexpr Direction kDirection = Direction::Both;
  uint64_t eventPage = 0;   // the first time: the handle of the event page
  uint32_t triggerData = 0; // from the kernel
  EventType type = EventType::Signal;
  uint32_t autoReset = 0, nodeId = 0;
  uint32_t eventId = 0, slot = 0; // from the kernel
};
static_assert(sizeof(CreateEvent) == 32);

struct DestroyEvent {
  static constexpr const char *kName = "DESTROY_EVENT";
  static constexpr uint32_t kNumber = 0x09;
  static constexpr Direction kDirection = Direction::ToKernel;
  uint32_t eventId = 0, pad = 0;
};
static_assert(sizeof(DestroyEvent) == 8);

struct MemoryException {
  uint32_t notPresent = 0, readOnly = 0, noExecute = 0, imprecise = 0;
  uint64_t address = 0;
  uint32_t gpuId = 0;
  uint32_t errorType = 0; // 0 none, 1 ECC of SRAM, 2 poisoned data, 3 hang
};
struct HwException {
  uint32_t resetType = 0;  // 0 whole GPU, 1 one engine
  uint32_t resetCause = 0; // 0 hang, 1 ECC
  uint32_t memoryLost = 0, gpuId = 0;
};

/// One element of what WAIT_EVENTS points at. The kernel fills in the union of those that
/// happened, and leaves the rest alone.
struct EventData {
  union {
    MemoryException memory{};
    HwException hardware;
    uint64_t lastAge; // of a signal; 0: do not compare
  };
  uint64_t extension = 0;
  uint32_t eventId = 0, pad = 0;
};
static_assert(sizeof(MemoryException) == 32 && sizeof(HwException) == 16);
static_assert(sizeof(EventData) == 48);

struct WaitEvents {
  static constexpr const char *kName = "WAIT_EVENTS";
  static constexpr uint32_t kNumber = 0x0C;
  static constexpr Direction kDirection = Direction::Both;
  uint64_t events = 0; // address of EventData[count]
  uint32_t count = 0, waitForAll = 0, timeoutMs = 0;
  uint32_t result = 0; // from the kernel: 0 complete, 1 timeout, 2 failed
};
static_assert(sizeof(WaitEvents) == 24);

struct AcquireVm {
  static constexpr const char *kName = "ACQUIRE_VM";
  static constexpr uint32_t kNumber = 0x15;
  static constexpr Direction kDirection = Direction::ToKernel;
  uint32_t renderFile = 0, gpuId = 0;
};
static_assert(sizeof(AcquireVm) == 8);

/// Bits of AllocMemory::flags.
inline constexpr uint32_t kAllocVram = 1u << 0, kAllocGtt = 1u << 1, kAllocUncached = 1u << 25,
                          kAllocCoherent = 1u << 26, kAllocNoSubstitute = 1u << 28,
                          kAllocPublic = 1u << 29, kAllocExecutable = 1u << 30,
                          kAllocWritable = 1u << 31;

struct AllocMemory {
  static constexpr const char *kName = "ALLOC_MEMORY_OF_GPU";
  static constexpr uint32_t kNumber = 0x16;
  static constexpr Direction kDirection = Direction::Both;
  uint64_t address = 0, bytes = 0;
  uint64_t handle = 0, mapOffset = 0; // from the kernel; the offset is for the render node
  uint32_t gpuId = 0, flags = 0;
};
static_assert(sizeof(AllocMemory) == 40);

struct FreeMemory {
  static constexpr const char *kName = "FREE_MEMORY_OF_GPU";
  static constexpr uint32_t kNumber = 0x17;
  static constexpr Direction kDirection = Direction::ToKernel;
  uint64_t handle = 0;
};
static_assert(sizeof(FreeMemory) == 8);

struct MapMemory {
  static constexpr const char *kName = "MAP_MEMORY_TO_GPU";
  static constexpr uint32_t kNumber = 0x18;
  static constexpr Direction kDirection = Direction::Both;
  uint64_t handle = 0;
  uint64_t gpuIds = 0; // address of uint32_t[count]
  uint32_t count = 0, succeeded = 0;
};
static_assert(sizeof(MapMemory) == 24);

struct UnmapMemory {
  static constexpr const char *kName = "UNMAP_MEMORY_FROM_GPU";
  static constexpr uint32_t kNumber = 0x19;
  static constexpr Direction kDirection = Direction::Both;
  uint64_t handle = 0;
  uint64_t gpuIds = 0;
  uint32_t count = 0, succeeded = 0;
};
static_assert(sizeof(UnmapMemory) == 24);

struct AvailableMemory {
  static constexpr const char *kName = "AVAILABLE_MEMORY";
  static constexpr uint32_t kNumber = 0x23;
  static constexpr Direction kDirection = Direction::Both;
  uint64_t bytes = 0; // from the kernel
  uint32_t gpuId = 0, pad = 0;
};
static_assert(sizeof(AvailableMemory) == 16);

/// The number of an ioctl: direction, size of the record, type 'K', number.
template <typename Record>
inline constexpr uint64_t kRequest = static_cast<uint64_t>(Record::kDirection) << 30 |
                                     sizeof(Record) << 16 | uint64_t{'K'} << 8 | Record::kNumber;

inline constexpr uint64_t kEventPageBytes = 0x8000; // 4096 slots of 8 bytes
inline constexpr uint64_t kDoorbellBytes = 0x2000;  // a process's doorbells of a GPU

} // namespace rosso::amd::kfd
