// One process to a GPU: a file per GPU, locked by the kernel for as long as its owner lives, that
// holds the owner's number. A killed owner's lock is gone with it, whatever the file still says.
#pragma once

#include "support/Result.h"

#include <string>
#include <string_view>
#include <utility>

namespace rosso::amd {

class DeviceLock {
public:
  /// `gpu` names the GPU for all processes alike: "0000:03:00.0". Errors: DeviceLost, "in use by
  /// pid N, NAME", or what keeps the file from being opened. The file lies in $XDG_RUNTIME_DIR, or
  /// else in /tmp.
  static Result<DeviceLock> take(std::string_view gpu);

  DeviceLock() = default;
  DeviceLock(DeviceLock &&other) noexcept { *this = std::move(other); }
  DeviceLock &operator=(DeviceLock &&other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~DeviceLock();

private:
  int fd_ = -1;
};

} // namespace rosso::amd
