#include "runtime/host/MemoryPool.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace rosso {
namespace {

constexpr uint64_t kAlign = 64;
constexpr uint64_t kLeastKept = 4096; // smaller blocks are the C library's business
constexpr uint64_t kHugePage = uint64_t{2} << 20;

uint64_t roundedSize(uint64_t bytes) {
  if (bytes < kLeastKept)
    return std::max(kAlign, (bytes + kAlign - 1) / kAlign * kAlign);
  const uint64_t step = std::bit_floor(bytes - 1) / 8;
  return (bytes + step - 1) / step * step;
}

uint8_t *fromSystem(uint64_t size) {
  auto *block = static_cast<uint8_t *>(std::aligned_alloc(
      size >= kHugePage ? kHugePage : kAlign,
      size >= kHugePage ? (size + kHugePage - 1) / kHugePage * kHugePage : size));
  if (block && size >= kHugePage)
    madvise(block, size, MADV_HUGEPAGE); // a wish
  return block;
}

class Pool {
public:
  static Pool &instance() {
    static Pool *pool = new Pool; // outlives tensors of static objects
    return *pool;
  }

  uint8_t *take(uint64_t size) {
    {
      const std::lock_guard lock(mutex_);
      if (auto found = kept_.find(size); found != kept_.end() && !found->second.empty()) {
        uint8_t *block = found->second.back();
        found->second.pop_back();
        use_.kept -= size;
        use_.used += size;
        return block;
      }
    }
    uint8_t *block = fromSystem(size);
    if (!block) { // what is kept in other sizes may make room
      trim();
      block = fromSystem(size);
    }
    const std::lock_guard lock(mutex_);
    use_.used += block ? size : 0;
    return block;
  }

  void give(uint8_t *block, uint64_t size) {
    {
      const std::lock_guard lock(mutex_);
      use_.used -= size;
      if (size >= kLeastKept && use_.kept + size <= most_) {
        kept_[size].push_back(block);
        use_.kept += size;
        return;
      }
    }
    std::free(block);
  }

  void trim() {
    const std::lock_guard lock(mutex_);
    for (auto &[size, blocks] : kept_)
      for (uint8_t *block : blocks)
        std::free(block);
    kept_.clear();
    use_.kept = 0;
  }

  HostMemoryUse use() {
    const std::lock_guard lock(mutex_);
    return use_;
  }

private:
  std::mutex mutex_;
  std::map<uint64_t, std::vector<uint8_t *>> kept_; // by size
  HostMemoryUse use_;
  /// An eighth of the machine's memory.
  const uint64_t most_ = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                         static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) / 8;
};

} // namespace

Result<std::shared_ptr<uint8_t>> takeHostMemory(uint64_t bytes) {
  const uint64_t size = bytes < (uint64_t{1} << 46) ? roundedSize(bytes) : bytes;
  uint8_t *block = bytes < (uint64_t{1} << 46) ? Pool::instance().take(size) : nullptr;
  if (!block)
    return outOfMemory("host memory: no " + std::to_string(bytes) + " bytes for a tensor; free " +
                       "others, or compute in smaller parts");
  return std::shared_ptr<uint8_t>(block, [size](uint8_t *p) { Pool::instance().give(p, size); });
}

HostMemoryUse hostMemoryUse() { return Pool::instance().use(); }

void trimHostMemory() { Pool::instance().trim(); }

} // namespace rosso
