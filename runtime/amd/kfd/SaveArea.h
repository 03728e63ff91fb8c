// Where a compute queue's waves are saved when the kernel takes the GPU away from them ("CWSR").
// We give the memory; what is in it is the kernel's and the firmware's.
#pragma once

#include "runtime/amd/kfd/Topology.h"

namespace rosso::amd::kfd {

struct SaveArea {
  uint32_t controlStackBytes = 0; // must be the kernel's own number
  uint32_t saveBytes = 0;         // control stack and the waves' registers and LDS
  uint64_t debugBytes = 0;
  uint64_t mappedBytes = 0; // of the memory to allocate: no more and no less

  /// What the kernel says, where it does, else what it works out from the same properties.
  /// Source: Linux 6.12, amdkfd/kfd_queue.c, kfd_queue_ctx_save_restore_size.
  static SaveArea of(const Node &node);
};

} // namespace rosso::amd::kfd
