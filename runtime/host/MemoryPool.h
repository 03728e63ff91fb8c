// Host memory for tensors that come and go: blocks are kept when they are freed, since fresh pages
// cost more than most kernels that fill them.
//
// Sizes are rounded up to one of eight steps between powers of two, so that what is kept fits what
// is asked for next. Blocks begin on 64 bytes, large ones on a huge page. Safe on any thread.
#pragma once

#include "support/Result.h"

#include <cstdint>
#include <memory>

namespace rosso {

/// At least `bytes` bytes of unspecified content, aligned to 64. Errors: OutOfMemory.
Result<std::shared_ptr<uint8_t>> takeHostMemory(uint64_t bytes);

/// Bytes of tensors alive, and of blocks kept for later ones.
struct HostMemoryUse {
  uint64_t used = 0, kept = 0;
};
HostMemoryUse hostMemoryUse();

/// Gives back to the system what is kept.
void trimHostMemory();

} // namespace rosso
