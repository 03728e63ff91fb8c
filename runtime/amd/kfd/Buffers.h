// Memory of one GPU from KFD. An address is the same for host and GPU: a range of the host's
// address space is set aside, the kernel puts memory there for the GPU, and for the host too if it
// is to see it.
#pragma once

#include "runtime/amd/Transport.h"
#include "runtime/amd/kfd/Kernel.h"
#include "runtime/amd/kfd/Topology.h"

#include <map>
#include <string>
#include <string_view>

namespace rosso::amd::kfd {

/// Whether the kernel may give more than was asked for.
enum class Fit : uint8_t {
  Exact, // pages: what queues are made of must be of the very size
  Large, // big VRAM in units of 2 MiB, which take fewer entries in page tables and their caches
};

class Buffers {
public:
  Buffers(KernelInterface &kernel, int kfdFile, int renderFile, const Node &node, std::string where)
      : kernel_(kernel), kfdFile_(kfdFile), renderFile_(renderFile), node_(node),
        where_(std::move(where)) {}

  /// Errors: OutOfMemory, with what is free.
  Result<Memory> allocate(uint64_t bytes, MemoryKind kind, Fit fit, std::string_view purpose);
  void free(uint64_t handle);
  /// Lets another GPU see it.
  Status mapFor(uint64_t handle, uint32_t gpuId);

  /// How much VRAM is free; 0 if the kernel does not say.
  uint64_t availableVram();

  struct Record {
    uint64_t address = 0, bytes = 0; // as the kernel knows it
    MemoryKind kind = MemoryKind::Vram;
    std::string purpose;
  };
  /// Null if there is no such memory.
  const Record *find(uint64_t handle) const;
  const std::map<uint64_t, Record> &all() const { return records_; }

private:
  Result<uint64_t> reserve(uint64_t bytes, uint64_t alignment, std::string_view purpose);
  Error refused(int code, uint64_t bytes, MemoryKind kind, std::string_view purpose);

  KernelInterface &kernel_;
  int kfdFile_, renderFile_;
  Node node_;
  std::string where_;
  std::map<uint64_t, Record> records_; // by handle
};

/// "1.5 GiB".
std::string bytesText(uint64_t bytes);

/// An ioctl's failure, with what to do about it.
Error callFailed(const std::string &where, const char *call, int code, const std::string &what);

} // namespace rosso::amd::kfd
