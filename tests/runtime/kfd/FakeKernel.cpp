// Files and memory maps of the fake kernel; FakeIoctls.cpp has the ioctls.
#include "tests/runtime/kfd/FakeKernel.h"

#include <algorithm>
#include <fcntl.h>
#include <sys/mman.h>

namespace rosso::amd::kfd {
namespace {

constexpr uint64_t kPage = 0x1000;
constexpr uint64_t kDoorbellRange = 0x2000;
constexpr uint64_t kDoorbellType = uint64_t{3} << 62;

std::string hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

} // namespace

FakeKernel::FakeKernel(std::vector<FakeGpu> gpus) : gpus_(std::move(gpus)) {
  sysfs.addProcessor();
  for (const FakeGpu &gpu : gpus_)
    sysfs.add(gpu);
}

FakeKernel::~FakeKernel() {
  for (const auto &[address, bytes] : mappings_)
    ::munmap(reinterpret_cast<void *>(address), bytes);
}

int FakeKernel::complain(std::string what, int code) {
  std::lock_guard lock(news_);
  complaints_.push_back(std::move(what));
  return code;
}

uint64_t FakeKernel::doorbellValue(uint64_t offset) const {
  uint64_t value = 0;
  if (doorbells_)
    std::memcpy(&value, reinterpret_cast<const void *>(doorbells_ + offset), sizeof value);
  return value;
}

uint64_t FakeKernel::eventPageAddress() const {
  const auto found = allocations_.find(eventPage_);
  return found == allocations_.end() ? 0 : found->second.address;
}

void FakeKernel::raisePageFault(PageFault fault) {
  std::lock_guard lock(news_);
  pageFault = fault;
}

void FakeKernel::raiseReset(Reset what) {
  std::lock_guard lock(news_);
  reset = what;
}

void FakeKernel::raiseInterrupt() {
  bool written = false;
  for (const auto &[id, event] : events_) {
    uint64_t slot = ~uint64_t{0};
    if (event.type == 0 && eventPage_)
      std::memcpy(&slot, reinterpret_cast<const void *>(eventPageAddress() + size_t{8} * id), 8);
    written |= slot != ~uint64_t{0};
  }
  if (!written)
    complain("an interrupt, and no event's slot was written");
  std::lock_guard lock(news_);
  interrupted = true;
}

int FakeKernel::open(const std::string &path, int flags) {
  const bool isKfd = path == "/dev/kfd";
  const bool isRender = path.starts_with("/dev/dri/renderD");
  if (!isKfd && !isRender)
    return complain("open of " + path, -ENOENT);
  if (isKfd && kfdOpenError)
    return kfdOpenError;
  if (isRender && renderOpenError)
    return renderOpenError;
  if ((flags & O_ACCMODE) != O_RDWR || !(flags & O_CLOEXEC))
    complain("open of " + path + " without O_RDWR | O_CLOEXEC");
  if (isRender && std::none_of(gpus_.begin(), gpus_.end(), [&](const FakeGpu &gpu) {
        return path == "/dev/dri/renderD" + std::to_string(gpu.renderMinor);
      }))
    return -ENOENT;
  files_[nextFile_] = path;
  return nextFile_++;
}

int FakeKernel::close(int file) {
  const auto found = files_.find(file);
  if (found == files_.end())
    return complain("close of a file that is not open", -EBADF);
  if (found->second == "/dev/kfd" && !foreign_.contains(file))
    checkClosing();
  files_.erase(found);
  foreign_.erase(file);
  return 0;
}

void FakeKernel::checkClosing() {
  for (const auto &[id, queue] : queues_)
    complain("queue " + std::to_string(id) + " was never destroyed");
  for (const auto &[id, event] : events_)
    complain("event " + std::to_string(id) + " was never destroyed");
  for (const auto &[handle, allocation] : allocations_)
    if (handle != eventPage_)
      complain("memory at " + hex(allocation.address) + " was never freed");
  if (doorbells_)
    complain("doorbells are still mapped");
  for (const auto &[address, bytes] : mappings_)
    if (address != eventPageAddress())
      complain("host addresses at " + hex(address) + " are still mapped");
}

int64_t FakeKernel::mmap(uint64_t address, uint64_t bytes, int protection, int flags, int file,
                         uint64_t offset) {
  auto really = [&](void *at, int how) -> int64_t {
    void *got = ::mmap(at, bytes, protection, how, -1, 0);
    return got == MAP_FAILED ? -errno : static_cast<int64_t>(reinterpret_cast<uintptr_t>(got));
  };
  if (bytes == 0 || offset % kPage != 0)
    return -EINVAL;
  if (file < 0) {
    if (flags != (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE) || protection != PROT_NONE)
      complain("addresses set aside must be private, without reserve and without access");
    const int64_t got = really(nullptr, flags);
    if (got > 0)
      mappings_[static_cast<uint64_t>(got)] = bytes;
    return got;
  }
  const auto found = files_.find(file);
  if (found == files_.end())
    return -EBADF;
  if (!(flags & MAP_SHARED) || protection != (PROT_READ | PROT_WRITE))
    return complain("a device must be mapped shared, to read and write", -EINVAL);

  if (found->second == "/dev/kfd") {
    // Doorbells: the type in the topmost bits, then the GPU, then an offset we do not add.
    const bool known = std::any_of(gpus_.begin(), gpus_.end(), [&](const FakeGpu &candidate) {
      return offset == (kDoorbellType | uint64_t{candidate.gpuId} << 46);
    });
    if (!known || bytes != kDoorbellRange)
      return -EINVAL;
    if (doorbells_)
      complain("doorbells are mapped twice");
    const int64_t got = really(nullptr, MAP_SHARED | MAP_ANONYMOUS);
    doorbells_ = static_cast<uint64_t>(got);
    mappings_[doorbells_] = bytes;
    if (behind)
      behind->doorbellsMapped(doorbells_);
    return got;
  }
  for (auto &[handle, allocation] : allocations_) {
    if (allocation.mapOffset != offset)
      continue;
    if (vms_[allocation.gpuId] != file)
      return complain("memory mapped through another GPU's render node", -EINVAL);
    if (allocation.bytes != bytes)
      return -EINVAL;
    if (address != allocation.address || !(flags & MAP_FIXED))
      complain("host and GPU see memory at different addresses");
    if ((allocation.flags & 1) && !(allocation.flags & 1u << 29))
      return -EPERM; // VRAM that is not public
    allocation.hostMapped = true;
    return really(reinterpret_cast<void *>(address), MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED);
  }
  return -EINVAL;
}

int FakeKernel::munmap(uint64_t address, uint64_t bytes) {
  if (address % kPage || bytes % kPage || bytes == 0)
    return complain("munmap of no whole pages", -EINVAL);
  auto found = mappings_.upper_bound(address);
  if (found == mappings_.begin())
    return complain("munmap of addresses that are not ours", 0);
  --found;
  const auto [begin, size] = *found;
  if (address + bytes > begin + size)
    return complain("munmap of addresses that are not ours", 0);
  for (auto &[handle, allocation] : allocations_) {
    if (allocation.address + allocation.bytes <= address || allocation.address >= address + bytes)
      continue;
    if (isUsed(handle))
      complain("munmap of memory of a live queue");
    if (!allocation.mappedTo.empty())
      complain("munmap of memory that a GPU still sees");
    allocation.hostMapped = false;
  }
  if (begin == doorbells_) {
    if (!queues_.empty())
      complain("doorbells unmapped under a live queue");
    doorbells_ = 0;
  }
  mappings_.erase(found);
  if (address > begin)
    mappings_[begin] = address - begin;
  if (address + bytes < begin + size)
    mappings_[address + bytes] = begin + size - (address + bytes);
  return ::munmap(reinterpret_cast<void *>(address), bytes) < 0 ? -errno : 0;
}

int FakeKernel::readFile(const std::string &path, std::string &text) {
  if (const auto error = sysfs.errors.find(path); error != sysfs.errors.end())
    return error->second;
  const auto found = sysfs.files.find(path);
  if (found == sysfs.files.end())
    return -ENOENT;
  text = found->second;
  return 0;
}

int FakeKernel::listDir(const std::string &path, std::vector<std::string> &names) {
  std::set<std::string> found;
  const std::string prefix = path + "/";
  for (const auto &[file, text] : sysfs.files)
    if (file.starts_with(prefix))
      found.insert(file.substr(prefix.size(), file.find('/', prefix.size()) - prefix.size()));
  names.assign(found.rbegin(), found.rend()); // folders have no order
  return found.empty() ? -ENOENT : 0;
}

int FakeKernel::readLink(const std::string &path, std::string &target) {
  const auto found = sysfs.links.find(path);
  if (found == sysfs.links.end())
    return -ENOENT;
  target = found->second;
  return 0;
}

} // namespace rosso::amd::kfd
