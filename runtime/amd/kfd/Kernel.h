// Linux as the KFD transport sees it: the few system calls it makes. Tests put a strict kernel side
// of their own in this place.
#pragma once

#include "support/Result.h"

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rosso::amd::kfd {

/// All calls give a negative errno when they fail.
class KernelInterface {
public:
  virtual ~KernelInterface() = default;

  virtual int open(const std::string &path, int flags) = 0;
  virtual int close(int file) = 0;
  virtual int ioctl(int file, uint64_t request, void *record) = 0;
  /// Gives an address.
  virtual int64_t mmap(uint64_t address, uint64_t bytes, int protection, int flags, int file,
                       uint64_t offset) = 0;
  virtual int munmap(uint64_t address, uint64_t bytes) = 0;

  // sysfs
  virtual int readFile(const std::string &path, std::string &text) = 0;
  virtual int listDir(const std::string &path, std::vector<std::string> &names) = 0;
  virtual int readLink(const std::string &path, std::string &target) = 0;
};

/// The kernel we run on.
KernelInterface &linuxKernel();

/// One ioctl with its record, again when a signal interrupted it.
template <typename Record> int call(KernelInterface &kernel, int file, Record &record);

/// "Cannot allocate memory (ENOMEM)"; `code` may be negative.
std::string errnoText(int code);

} // namespace rosso::amd::kfd

#include "runtime/amd/kfd/Abi.h"

namespace rosso::amd::kfd {

template <typename Record> int call(KernelInterface &kernel, int file, Record &record) {
  for (;;)
    if (int code = kernel.ioctl(file, kRequest<Record>, &record); code != -EINTR && code != -EAGAIN)
      return code;
}

} // namespace rosso::amd::kfd
