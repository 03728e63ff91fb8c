#include "runtime/host/Arena.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <string>
#include <sys/mman.h>

namespace rosso {
namespace {

constexpr uint64_t kHugePage = uint64_t{2} << 20;
constexpr uint64_t kPage = 4096;

/// What the system says it can still give: asked beforehand, since Linux grants more than it has
/// and kills later.
uint64_t availableBytes() {
  uint64_t available = std::numeric_limits<uint64_t>::max();
  std::ifstream meminfo("/proc/meminfo");
  std::string key, unit;
  uint64_t kibibytes, ram = 0, swap = 0;
  while (meminfo >> key >> kibibytes && std::getline(meminfo, unit)) {
    if (key == "MemAvailable:")
      ram = kibibytes << 10;
    else if (key == "SwapFree:")
      swap = kibibytes << 10;
  }
  if (ram)
    available = ram + swap;
  uint64_t limit; // of the container, if there is one; "max" does not parse
  if (std::ifstream("/sys/fs/cgroup/memory.max") >> limit)
    available = std::min(available, limit);
  return available;
}

} // namespace

Result<Arena> Arena::take(const ArenaPlan &plan, uint64_t extraBytes) {
  auto refused = [&](const std::string &why) {
    return outOfMemory("host memory: " + why + "; wanted: " + plan.describe() +
                       "; use a shorter context, a smaller model or a stronger quantisation");
  };
  const uint64_t needed = plan.bytes + extraBytes;
  if (const uint64_t available = availableBytes(); needed > available)
    return refused("only " + std::to_string(available >> 20) + " MiB are available");

  // Rounded up to huge pages, and placed on one, so that the arena can sit in huge pages
  // throughout.
  const uint64_t size = (needed + kHugePage - 1) / kHugePage * kHugePage;
  void *mapped = mmap(nullptr, size + kHugePage, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED)
    return refused(std::string("mmap: ") + std::strerror(errno));
  const auto start = reinterpret_cast<uintptr_t>(mapped);
  const uintptr_t aligned = (start + kHugePage - 1) / kHugePage * kHugePage;
  if (aligned > start)
    munmap(mapped, aligned - start);
  if (const uint64_t tail = start + kHugePage - aligned)
    munmap(reinterpret_cast<void *>(aligned + size), tail);

  Arena arena;
  arena.base_ = reinterpret_cast<uint8_t *>(aligned);
  arena.bytes_ = size;
  madvise(arena.base_, size, MADV_HUGEPAGE); // a wish: without it, translation misses cost time
  return arena;
}

Arena::~Arena() {
  if (base_)
    munmap(base_, bytes_);
}

void Arena::clear(uint64_t offset, uint64_t size) {
  const uint64_t end = offset + size;
  const uint64_t firstPage = std::min(end, (offset + kPage - 1) / kPage * kPage);
  const uint64_t lastPage = std::max(firstPage, end / kPage * kPage);
  std::memset(base_ + offset, 0, firstPage - offset);
  if (lastPage > firstPage && madvise(base_ + firstPage, lastPage - firstPage, MADV_DONTNEED) != 0)
    std::memset(base_ + firstPage, 0, lastPage - firstPage);
  std::memset(base_ + lastPage, 0, end - lastPage);
}

} // namespace rosso
