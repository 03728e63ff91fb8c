// Machine code of a host program: an ELF shared object that lives in memory only.
#pragma once

#include "support/Result.h"

#include <cstdint>
#include <span>
#include <string>

namespace rosso {

class HostCode {
public:
  static Result<HostCode> load(std::span<const uint8_t> elf);
  HostCode() = default;
  HostCode(HostCode &&other) noexcept { *this = std::move(other); }
  HostCode &operator=(HostCode &&other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~HostCode();

  /// Null where there is none.
  void *find(const std::string &symbol) const;

private:
  // The loader tells objects apart by path, here /proc/self/fd/<fd>: the number must not be used
  // again while the object is loaded.
  int fd_ = -1;
  void *handle_ = nullptr;
};

} // namespace rosso
