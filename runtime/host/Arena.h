// The one mapping that holds everything a program reads and writes on the host.
#pragma once

#include "runtime/ArenaPlan.h"
#include "support/Result.h"

#include <cstdint>
#include <span>

namespace rosso {

class Arena {
public:
  /// `extraBytes` more behind the plan, for the host device's own use. All bytes are zero; pages
  /// become resident as they are first written. Errors: OutOfMemory, with the bytes of each part.
  static Result<Arena> take(const ArenaPlan &plan, uint64_t extraBytes);
  Arena() = default;
  Arena(Arena &&other) noexcept { *this = std::move(other); }
  Arena &operator=(Arena &&other) noexcept {
    std::swap(base_, other.base_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Arena();

  std::span<uint8_t> bytes(uint64_t offset, uint64_t size) const { return {base_ + offset, size}; }
  /// Zeroes a range, giving whole pages back to the system.
  void clear(uint64_t offset, uint64_t size);

private:
  uint8_t *base_ = nullptr;
  uint64_t bytes_ = 0;
};

} // namespace rosso
