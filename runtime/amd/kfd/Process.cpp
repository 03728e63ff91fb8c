#include "runtime/amd/kfd/Process.h"

#include <fcntl.h>

namespace rosso::amd::kfd {
namespace {

// Version 1.9 brought AVAILABLE_MEMORY; Linux 6.1, the first with all we need of gfx11, has 1.11.
constexpr uint32_t kMajor = 1, kLeastMinor = 9;

} // namespace

Error openFailed(const std::string &path, int code) {
  const std::string what = "amd: " + path + ": " + errnoText(code);
  switch (-code) {
  case ENOENT:
  case ENODEV:
  case ENXIO:
    return unsupported(what + "; load the driver (modprobe amdgpu), and in a container pass "
                              "/dev/kfd and /dev/dri through");
  case EACCES:
  case EPERM:
    return {ErrorCode::DeviceLost,
            what + "; add this user to the groups render and video (usermod -aG render,video "
                   "USER) and log in again, and in a container pass these groups on"};
  default:
    return {ErrorCode::DeviceLost, what + "; the kernel's log (dmesg) may say more"};
  }
}

Status checkVersion(const GetVersion &version) {
  if (version.major == kMajor && version.minor >= kLeastMinor)
    return {};
  return unsupported("amd: /dev/kfd: interface version " + std::to_string(version.major) + "." +
                     std::to_string(version.minor) + ", wanted " + std::to_string(kMajor) + "." +
                     std::to_string(kLeastMinor) + " or a later minor; use Linux 6.1 or newer");
}

Process::~Process() {
  // Once the kernel has the event page, it frees it with the process, and nobody else may.
  if (page_.bytes && !pageGiven_)
    pageOwner_->free(page_.handle);
  closeAll();
}

void Process::closeAll() {
  for (const auto &gpu : gpus_)
    kernel_.close(gpu->renderFile);
  gpus_.clear();
  page_ = {};
  pageOwner_ = nullptr;
  pageGiven_ = false;
  if (kfdFile_ >= 0)
    kernel_.close(kfdFile_);
  kfdFile_ = -1;
}

Status Process::open() {
  for (bool again = false;; again = true) {
    if (kfdFile_ < 0)
      kfdFile_ = kernel_.open("/dev/kfd", O_RDWR | O_CLOEXEC);
    if (kfdFile_ < 0)
      return openFailed("/dev/kfd", kfdFile_);
    GetVersion version;
    const int code = call(kernel_, kfdFile_, version);
    if (code == -EBADF && !again) { // forked since: this process has nothing yet
      closeAll();
      continue;
    }
    if (code < 0)
      return callFailed("amd: /dev/kfd", GetVersion::kName, code, "asking for the version");
    return checkVersion(version);
  }
}

Result<BoundGpu *> Process::bind(unsigned index) {
  std::lock_guard lock(mutex_);
  ROSSO_CHECK(open());
  ROSSO_TRY(const Topology topology, Topology::read(kernel_));
  const size_t count = topology.gpus.size();
  if (index >= count) {
    std::string found = "found " + std::to_string(count) + (count == 1 ? " GPU" : " GPUs");
    if (topology.hidden)
      found += " and " + std::to_string(topology.hidden) +
               " that this process's cgroup hides; pass their render nodes into the container";
    else if (count == 0)
      found += "; no AMD GPU is bound to the amdgpu driver";
    else
      found += "; the last is amd:" + std::to_string(count - 1);
    return unsupported("amd:" + std::to_string(index) + ": no such GPU, " + found);
  }
  const Node &node = topology.gpus[index];
  if (!node.chip) {
    std::string known;
    for (const Chip &chip : chips())
      if (known.find(chip.name) == std::string::npos)
        known += (known.empty() ? "" : ", ") + std::string(chip.name);
    return unsupported("amd:" + std::to_string(index) + " (" + node.pciAddress() + "): it is a " +
                       node.gfxName() + ", wanted one of " + known);
  }
  return bindNode(node);
}

Result<BoundGpu *> Process::bindNode(const Node &node) {
  for (const auto &gpu : gpus_)
    if (gpu->node.gpuId == node.gpuId)
      return gpu.get();

  auto gpu = std::make_unique<BoundGpu>();
  gpu->node = node;
  gpu->where = "amd " + node.pciAddress();
  gpu->kfdFile = kfdFile_;
  gpu->renderFile = kernel_.open(node.renderPath(), O_RDWR | O_CLOEXEC);
  if (gpu->renderFile < 0)
    return openFailed(node.renderPath(), gpu->renderFile);
  AcquireVm acquire{.renderFile = static_cast<uint32_t>(gpu->renderFile), .gpuId = node.gpuId};
  if (const int code = call(kernel_, kfdFile_, acquire); code < 0) {
    kernel_.close(gpu->renderFile);
    if (code == -EBUSY)
      return Error{ErrorCode::DeviceLost,
                   gpu->where + ": " + AcquireVm::kName + ": " + errnoText(code) +
                       "; another GPU runtime in this process has bound it: use one of them"};
    return callFailed(gpu->where, AcquireVm::kName, code, "binding the GPU to this process");
  }
  gpu->buffers = std::make_unique<Buffers>(kernel_, kfdFile_, gpu->renderFile, node, gpu->where);
  if (auto shared = shareEventPage(*gpu); !shared) {
    // Bound it stays: a later try finds it here.
    gpus_.push_back(std::move(gpu));
    return shared.error();
  }
  gpus_.push_back(std::move(gpu));
  return gpus_.back().get();
}

Status Process::shareEventPage(BoundGpu &gpu) {
  if (page_.bytes)
    return pageOwner_->mapFor(page_.handle, gpu.node.gpuId);
  ROSSO_TRY(page_,
            gpu.buffers->allocate(kEventPageBytes, MemoryKind::Host, Fit::Exact, "event page"));
  pageOwner_ = gpu.buffers.get();
  return {};
}

Result<CreateEvent> Process::createEvent(BoundGpu &gpu, EventType type) {
  std::lock_guard lock(mutex_);
  if (!page_.bytes)
    ROSSO_CHECK(shareEventPage(gpu));
  CreateEvent event{.eventPage = pageGiven_ ? 0 : page_.handle,
                    .type = type,
                    // Faults stay until they are seen; a signal is for one waiter.
                    .autoReset = type == EventType::Signal ? 1u : 0u};
  if (const int code = call(kernel_, kfdFile_, event); code < 0)
    return callFailed(gpu.where, CreateEvent::kName, code, "events of the GPU");
  pageGiven_ = true;
  return event;
}

} // namespace rosso::amd::kfd
