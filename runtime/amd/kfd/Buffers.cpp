#include "runtime/amd/kfd/Buffers.h"

#include <cstdio>
#include <sys/mman.h>

namespace rosso::amd::kfd {
namespace {

constexpr uint64_t kLargePage = uint64_t{2} << 20;

constexpr uint64_t roundUp(uint64_t value, uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

uint32_t flagsOf(MemoryKind kind) {
  switch (kind) {
  case MemoryKind::Vram:
    return kAllocVram | kAllocWritable | kAllocNoSubstitute;
  case MemoryKind::VramCode:
    return kAllocVram | kAllocWritable | kAllocNoSubstitute | kAllocExecutable;
  case MemoryKind::Host:
    // Not cached by the GPU: coherence does that on gfx10 and gfx11, only the other flag on gfx12.
    return kAllocGtt | kAllocWritable | kAllocNoSubstitute | kAllocCoherent | kAllocUncached;
  }
  return 0;
}

std::string nameOf(MemoryKind kind) { return kind == MemoryKind::Host ? "host memory" : "VRAM"; }

} // namespace

std::string bytesText(uint64_t bytes) {
  static constexpr const char *kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(kUnits); ++unit)
    value /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.2f %s", value, kUnits[unit]);
  return text;
}

Error callFailed(const std::string &where, const char *call, int code, const std::string &what) {
  std::string next;
  switch (-code) {
  case EBADF:
    next = "; a process cannot use a GPU that was opened before it was forked: open it there";
    break;
  case EIO:
  case ENODEV:
    next = "; the GPU was reset or is gone: see the kernel's log, then start again";
    break;
  case ENOTTY:
    next = "; this kernel is too old: use Linux 6.1 or newer";
    break;
  default:
    next = "; the kernel's log (dmesg) may say more";
  }
  return {ErrorCode::DeviceLost, where + ": " + what + ": " + call + ": " + errnoText(code) + next};
}

const Buffers::Record *Buffers::find(uint64_t handle) const {
  const auto found = records_.find(handle);
  return found == records_.end() ? nullptr : &found->second;
}

uint64_t Buffers::availableVram() {
  AvailableMemory available{.gpuId = node_.gpuId};
  return call(kernel_, kfdFile_, available) < 0 ? 0 : available.bytes;
}

Result<uint64_t> Buffers::reserve(uint64_t bytes, uint64_t alignment, std::string_view purpose) {
  // Room to move to an aligned address; what is over goes back.
  const uint64_t room = bytes + (alignment > kPageBytes ? alignment : 0);
  const int64_t got =
      kernel_.mmap(0, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (got < 0)
    return outOfMemory(where_ + ": " + std::string(purpose) + ": mmap of " + bytesText(room) +
                       " of addresses: " + errnoText(static_cast<int>(got)) +
                       "; raise the limit of address space (ulimit -v)");
  const auto begin = static_cast<uint64_t>(got);
  const uint64_t aligned = roundUp(begin, alignment);
  if (aligned > begin)
    kernel_.munmap(begin, aligned - begin);
  if (const uint64_t behind = begin + room - (aligned + bytes); behind > 0)
    kernel_.munmap(aligned + bytes, behind);
  return aligned;
}

Error Buffers::refused(int code, uint64_t bytes, MemoryKind kind, std::string_view purpose) {
  const std::string what =
      where_ + ": " + bytesText(bytes) + " of " + nameOf(kind) + " for " + std::string(purpose);
  if (code != -ENOMEM)
    return callFailed(where_, AllocMemory::kName, code,
                      bytesText(bytes) + " of " + nameOf(kind) + " for " + std::string(purpose));
  if (kind == MemoryKind::Host)
    return outOfMemory(what + ": the kernel has no more for GPUs (" + errnoText(code) +
                       "); end other programs, or use a shorter context");
  const uint64_t available = availableVram();
  return outOfMemory(
      what + ": " +
      (available ? bytesText(available) + " of " + bytesText(node_.vramBytes()) + " are free"
                 : "not enough is free") +
      "; use a smaller model or context, or end other programs on this GPU");
}

Result<Memory> Buffers::allocate(uint64_t bytes, MemoryKind kind, Fit fit,
                                 std::string_view purpose) {
  if (bytes == 0 || bytes > uint64_t{1} << 46)
    return badInput(where_ + ": " + std::string(purpose) + ": asked for " + std::to_string(bytes) +
                    " bytes, wanted at least one and at most 64 TiB");
  const bool large = fit == Fit::Large && kind != MemoryKind::Host && bytes >= kLargePage;
  const uint64_t unit = large ? kLargePage : kPageBytes;
  const uint64_t size = roundUp(bytes, unit);
  ROSSO_TRY(const uint64_t address, reserve(size, unit, purpose));

  AllocMemory alloc{
      .address = address, .bytes = size, .gpuId = node_.gpuId, .flags = flagsOf(kind)};
  if (const int code = call(kernel_, kfdFile_, alloc); code < 0) {
    kernel_.munmap(address, size);
    return refused(code, size, kind, purpose);
  }
  auto undo = [&](Error error) {
    kernel_.munmap(address, size);
    FreeMemory release{.handle = alloc.handle};
    call(kernel_, kfdFile_, release);
    return error;
  };
  if (kind == MemoryKind::Host) {
    const int64_t seen = kernel_.mmap(address, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                                      renderFile_, alloc.mapOffset);
    if (seen < 0)
      return undo(callFailed(where_, "mmap", static_cast<int>(seen), std::string(purpose)));
  }
  if (auto mapped = mapFor(alloc.handle, node_.gpuId); !mapped)
    return undo(mapped.error().in(std::string(purpose)));

  records_[alloc.handle] = {address, size, kind, std::string(purpose)};
  return Memory{.address = address,
                .bytes = roundUp(bytes, kPageBytes),
                .host = kind == MemoryKind::Host ? reinterpret_cast<uint8_t *>(address) : nullptr,
                .handle = alloc.handle};
}

Status Buffers::mapFor(uint64_t handle, uint32_t gpuId) {
  const uint32_t gpuIds[] = {gpuId};
  MapMemory map{.handle = handle, .gpuIds = reinterpret_cast<uint64_t>(gpuIds), .count = 1};
  const int code = call(kernel_, kfdFile_, map);
  if (code == -ENOMEM)
    return outOfMemory(where_ + ": " + MapMemory::kName + ": no memory for page tables (" +
                       errnoText(code) + "); end other programs on this GPU");
  if (code < 0)
    return callFailed(where_, MapMemory::kName, code, "memory for the GPU");
  if (map.succeeded != 1)
    return callFailed(where_, MapMemory::kName, -EIO, "memory for the GPU, none was mapped");
  return {};
}

void Buffers::free(uint64_t handle) {
  const auto found = records_.find(handle);
  if (found == records_.end())
    return;
  const uint32_t gpuIds[] = {node_.gpuId};
  UnmapMemory unmap{.handle = handle, .gpuIds = reinterpret_cast<uint64_t>(gpuIds), .count = 1};
  call(kernel_, kfdFile_, unmap);
  kernel_.munmap(found->second.address, found->second.bytes);
  FreeMemory release{.handle = handle};
  call(kernel_, kfdFile_, release);
  records_.erase(found);
}

} // namespace rosso::amd::kfd
