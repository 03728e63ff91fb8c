// Our records of KFD's ioctls against the kernel's own header, where one is installed. Headers of
// different ages differ in what they lack and in the tail of CREATE_QUEUE.
#include "runtime/amd/kfd/Abi.h"

#include <gtest/gtest.h>

#include <cstddef>

#if __has_include(<linux/kfd_ioctl.h>)
#include <linux/kfd_ioctl.h>
#define HAS_KFD_HEADER 1
#endif

namespace rosso::amd::kfd {
namespace {

// The numbers as the header's macros expand, written out.
TEST(KfdAbi, RequestsAreThoseOfTheKernel) {
  EXPECT_EQ(kRequest<GetVersion>, 0x80084B01u);
  EXPECT_EQ(kRequest<CreateQueue>, 0xC0584B02u);
  EXPECT_EQ(kRequest<DestroyQueue>, 0xC0084B03u);
  EXPECT_EQ(kRequest<GetClockCounters>, 0xC0284B05u);
  EXPECT_EQ(kRequest<CreateEvent>, 0xC0204B08u);
  EXPECT_EQ(kRequest<DestroyEvent>, 0x40084B09u);
  EXPECT_EQ(kRequest<WaitEvents>, 0xC0184B0Cu);
  EXPECT_EQ(kRequest<AcquireVm>, 0x40084B15u);
  EXPECT_EQ(kRequest<AllocMemory>, 0xC0284B16u);
  EXPECT_EQ(kRequest<FreeMemory>, 0x40084B17u);
  EXPECT_EQ(kRequest<MapMemory>, 0xC0184B18u);
  EXPECT_EQ(kRequest<UnmapMemory>, 0xC0184B19u);
  EXPECT_EQ(kRequest<AvailableMemory>, 0xC0104B23u);
}

#ifdef HAS_KFD_HEADER

#define EXPECT_FIELD(Ours, ours, theirs, field)                                                    \
  EXPECT_EQ(offsetof(Ours, ours), offsetof(theirs, field)) << #Ours "::" #ours;                    \
  EXPECT_EQ(sizeof(Ours::ours), sizeof(theirs::field)) << #Ours "::" #ours

TEST(KfdAbi, RequestsAgreeWithTheInstalledHeader) {
  EXPECT_EQ(kRequest<GetVersion>, AMDKFD_IOC_GET_VERSION);
  EXPECT_EQ(kRequest<DestroyQueue>, AMDKFD_IOC_DESTROY_QUEUE);
  EXPECT_EQ(kRequest<GetClockCounters>, AMDKFD_IOC_GET_CLOCK_COUNTERS);
  EXPECT_EQ(kRequest<CreateEvent>, AMDKFD_IOC_CREATE_EVENT);
  EXPECT_EQ(kRequest<DestroyEvent>, AMDKFD_IOC_DESTROY_EVENT);
  EXPECT_EQ(kRequest<WaitEvents>, AMDKFD_IOC_WAIT_EVENTS);
  EXPECT_EQ(kRequest<AcquireVm>, AMDKFD_IOC_ACQUIRE_VM);
  EXPECT_EQ(kRequest<AllocMemory>, AMDKFD_IOC_ALLOC_MEMORY_OF_GPU);
  EXPECT_EQ(kRequest<FreeMemory>, AMDKFD_IOC_FREE_MEMORY_OF_GPU);
  EXPECT_EQ(kRequest<MapMemory>, AMDKFD_IOC_MAP_MEMORY_TO_GPU);
  EXPECT_EQ(kRequest<UnmapMemory>, AMDKFD_IOC_UNMAP_MEMORY_FROM_GPU);
#ifdef AMDKFD_IOC_AVAILABLE_MEMORY
  EXPECT_EQ(kRequest<AvailableMemory>, AMDKFD_IOC_AVAILABLE_MEMORY);
#endif
  // Same number and direction; the size grew with version 1.17.
  EXPECT_EQ(kRequest<CreateQueue> & 0xC000FFFF, AMDKFD_IOC_CREATE_QUEUE & 0xC000FFFF);
  EXPECT_LE(sizeof(CreateQueue), sizeof(kfd_ioctl_create_queue_args));
}

TEST(KfdAbi, FieldsAgreeWithTheInstalledHeader) {
  EXPECT_FIELD(CreateQueue, ringBase, kfd_ioctl_create_queue_args, ring_base_address);
  EXPECT_FIELD(CreateQueue, writePointer, kfd_ioctl_create_queue_args, write_pointer_address);
  EXPECT_FIELD(CreateQueue, readPointer, kfd_ioctl_create_queue_args, read_pointer_address);
  EXPECT_FIELD(CreateQueue, doorbellOffset, kfd_ioctl_create_queue_args, doorbell_offset);
  EXPECT_FIELD(CreateQueue, ringBytes, kfd_ioctl_create_queue_args, ring_size);
  EXPECT_FIELD(CreateQueue, gpuId, kfd_ioctl_create_queue_args, gpu_id);
  EXPECT_FIELD(CreateQueue, type, kfd_ioctl_create_queue_args, queue_type);
  EXPECT_FIELD(CreateQueue, percentage, kfd_ioctl_create_queue_args, queue_percentage);
  EXPECT_FIELD(CreateQueue, priority, kfd_ioctl_create_queue_args, queue_priority);
  EXPECT_FIELD(CreateQueue, queueId, kfd_ioctl_create_queue_args, queue_id);
  EXPECT_FIELD(CreateQueue, endOfPipe, kfd_ioctl_create_queue_args, eop_buffer_address);
  EXPECT_FIELD(CreateQueue, endOfPipeBytes, kfd_ioctl_create_queue_args, eop_buffer_size);
  EXPECT_FIELD(CreateQueue, saveArea, kfd_ioctl_create_queue_args, ctx_save_restore_address);
  EXPECT_FIELD(CreateQueue, saveAreaBytes, kfd_ioctl_create_queue_args, ctx_save_restore_size);
  EXPECT_FIELD(CreateQueue, controlStackBytes, kfd_ioctl_create_queue_args, ctl_stack_size);

  EXPECT_FIELD(GetClockCounters, gpuTicks, kfd_ioctl_get_clock_counters_args, gpu_clock_counter);
  EXPECT_FIELD(GetClockCounters, cpuNs, kfd_ioctl_get_clock_counters_args, cpu_clock_counter);
  EXPECT_FIELD(GetClockCounters, gpuId, kfd_ioctl_get_clock_counters_args, gpu_id);

  EXPECT_FIELD(CreateEvent, eventPage, kfd_ioctl_create_event_args, event_page_offset);
  EXPECT_FIELD(CreateEvent, type, kfd_ioctl_create_event_args, event_type);
  EXPECT_FIELD(CreateEvent, autoReset, kfd_ioctl_create_event_args, auto_reset);
  EXPECT_FIELD(CreateEvent, eventId, kfd_ioctl_create_event_args, event_id);
  EXPECT_FIELD(CreateEvent, slot, kfd_ioctl_create_event_args, event_slot_index);

  EXPECT_FIELD(EventData, memory, kfd_event_data, memory_exception_data);
  EXPECT_FIELD(EventData, hardware, kfd_event_data, hw_exception_data);
  EXPECT_FIELD(EventData, extension, kfd_event_data, kfd_event_data_ext);
  EXPECT_FIELD(EventData, eventId, kfd_event_data, event_id);
  EXPECT_EQ(sizeof(EventData), sizeof(kfd_event_data));
  EXPECT_FIELD(MemoryException, notPresent, kfd_hsa_memory_exception_data, failure.NotPresent);
  EXPECT_FIELD(MemoryException, readOnly, kfd_hsa_memory_exception_data, failure.ReadOnly);
  EXPECT_FIELD(MemoryException, noExecute, kfd_hsa_memory_exception_data, failure.NoExecute);
  EXPECT_FIELD(MemoryException, imprecise, kfd_hsa_memory_exception_data, failure.imprecise);
  EXPECT_FIELD(MemoryException, address, kfd_hsa_memory_exception_data, va);
  EXPECT_FIELD(MemoryException, gpuId, kfd_hsa_memory_exception_data, gpu_id);
  EXPECT_FIELD(MemoryException, errorType, kfd_hsa_memory_exception_data, ErrorType);
  EXPECT_FIELD(HwException, resetType, kfd_hsa_hw_exception_data, reset_type);
  EXPECT_FIELD(HwException, resetCause, kfd_hsa_hw_exception_data, reset_cause);
  EXPECT_FIELD(HwException, memoryLost, kfd_hsa_hw_exception_data, memory_lost);
  EXPECT_FIELD(HwException, gpuId, kfd_hsa_hw_exception_data, gpu_id);

  EXPECT_FIELD(WaitEvents, events, kfd_ioctl_wait_events_args, events_ptr);
  EXPECT_FIELD(WaitEvents, count, kfd_ioctl_wait_events_args, num_events);
  EXPECT_FIELD(WaitEvents, waitForAll, kfd_ioctl_wait_events_args, wait_for_all);
  EXPECT_FIELD(WaitEvents, timeoutMs, kfd_ioctl_wait_events_args, timeout);
  EXPECT_FIELD(WaitEvents, result, kfd_ioctl_wait_events_args, wait_result);

  EXPECT_FIELD(AcquireVm, renderFile, kfd_ioctl_acquire_vm_args, drm_fd);
  EXPECT_FIELD(AcquireVm, gpuId, kfd_ioctl_acquire_vm_args, gpu_id);
  EXPECT_FIELD(AllocMemory, address, kfd_ioctl_alloc_memory_of_gpu_args, va_addr);
  EXPECT_FIELD(AllocMemory, bytes, kfd_ioctl_alloc_memory_of_gpu_args, size);
  EXPECT_FIELD(AllocMemory, handle, kfd_ioctl_alloc_memory_of_gpu_args, handle);
  EXPECT_FIELD(AllocMemory, mapOffset, kfd_ioctl_alloc_memory_of_gpu_args, mmap_offset);
  EXPECT_FIELD(AllocMemory, gpuId, kfd_ioctl_alloc_memory_of_gpu_args, gpu_id);
  EXPECT_FIELD(AllocMemory, flags, kfd_ioctl_alloc_memory_of_gpu_args, flags);
  EXPECT_FIELD(FreeMemory, handle, kfd_ioctl_free_memory_of_gpu_args, handle);
  EXPECT_FIELD(MapMemory, handle, kfd_ioctl_map_memory_to_gpu_args, handle);
  EXPECT_FIELD(MapMemory, gpuIds, kfd_ioctl_map_memory_to_gpu_args, device_ids_array_ptr);
  EXPECT_FIELD(MapMemory, count, kfd_ioctl_map_memory_to_gpu_args, n_devices);
  EXPECT_FIELD(MapMemory, succeeded, kfd_ioctl_map_memory_to_gpu_args, n_success);
  EXPECT_FIELD(UnmapMemory, gpuIds, kfd_ioctl_unmap_memory_from_gpu_args, device_ids_array_ptr);
}

TEST(KfdAbi, ValuesAgreeWithTheInstalledHeader) {
  EXPECT_EQ(static_cast<uint32_t>(QueueType::Compute), KFD_IOC_QUEUE_TYPE_COMPUTE);
  EXPECT_EQ(static_cast<uint32_t>(QueueType::Sdma), KFD_IOC_QUEUE_TYPE_SDMA);
  EXPECT_EQ(static_cast<uint32_t>(EventType::Signal), KFD_IOC_EVENT_SIGNAL);
  EXPECT_EQ(static_cast<uint32_t>(EventType::HwException), KFD_IOC_EVENT_HW_EXCEPTION);
  EXPECT_EQ(static_cast<uint32_t>(EventType::Memory), KFD_IOC_EVENT_MEMORY);
  auto flag = [](long long value) { return static_cast<uint32_t>(value); };
  EXPECT_EQ(kAllocVram, flag(KFD_IOC_ALLOC_MEM_FLAGS_VRAM));
  EXPECT_EQ(kAllocGtt, flag(KFD_IOC_ALLOC_MEM_FLAGS_GTT));
  EXPECT_EQ(kAllocUncached, flag(KFD_IOC_ALLOC_MEM_FLAGS_UNCACHED));
  EXPECT_EQ(kAllocCoherent, flag(KFD_IOC_ALLOC_MEM_FLAGS_COHERENT));
  EXPECT_EQ(kAllocNoSubstitute, flag(KFD_IOC_ALLOC_MEM_FLAGS_NO_SUBSTITUTE));
  EXPECT_EQ(kAllocPublic, flag(KFD_IOC_ALLOC_MEM_FLAGS_PUBLIC));
  EXPECT_EQ(kAllocExecutable, flag(KFD_IOC_ALLOC_MEM_FLAGS_EXECUTABLE));
  EXPECT_EQ(kAllocWritable, static_cast<uint32_t>(KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE));
  EXPECT_EQ(kEventPageBytes, KFD_SIGNAL_EVENT_LIMIT * 8u);
}

#endif

} // namespace
} // namespace rosso::amd::kfd
