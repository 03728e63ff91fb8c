// What Linux keeps for a process and not for an open file: the GPUs it has bound to its address
// space, each through one render node, and one page of event slots. A second render node for a
// bound GPU is refused (EBUSY), and so is a second page; so they stay until the process ends.
#pragma once

#include "runtime/amd/kfd/Buffers.h"
#include "runtime/amd/kfd/Topology.h"

#include <memory>
#include <mutex>
#include <vector>

namespace rosso::amd::kfd {

/// Why a device file cannot be opened, and what to do.
Error openFailed(const std::string &path, int code);
/// Errors: Unsupported, for kernels that lack what we need.
Status checkVersion(const GetVersion &version);

/// A GPU that this process may use.
struct BoundGpu {
  Node node;
  std::string where; // for messages: "amd 0000:03:00.0"
  int kfdFile = -1, renderFile = -1;
  std::unique_ptr<Buffers> buffers;
};

class Process {
public:
  explicit Process(KernelInterface &kernel) : kernel_(kernel) {}
  ~Process();
  Process(const Process &) = delete;
  Process &operator=(const Process &) = delete;

  KernelInterface &kernel() const { return kernel_; }

  /// Binds the N-th GPU of the topology. Lives as long as this object.
  Result<BoundGpu *> bind(unsigned index);

  /// Creates an event; the first one takes the event page along.
  Result<CreateEvent> createEvent(BoundGpu &gpu, EventType type);
  uint64_t eventPage() const { return page_.address; }

private:
  Status open();
  Result<BoundGpu *> bindNode(const Node &node);
  Status shareEventPage(BoundGpu &gpu);
  void closeAll();

  KernelInterface &kernel_;
  std::mutex mutex_;
  int kfdFile_ = -1;
  std::vector<std::unique_ptr<BoundGpu>> gpus_;
  Memory page_;
  Buffers *pageOwner_ = nullptr;
  bool pageGiven_ = false;
};

} // namespace rosso::amd::kfd
