#include "runtime/host/HostCode.h"

#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

namespace rosso {
namespace {

#ifndef MFD_EXEC
constexpr unsigned MFD_EXEC = 0x10; // Linux 6.3: says that we mean to execute it
#endif

Error systemError(const char *call) {
  return {ErrorCode::Internal, std::string("host code: ") + call + ": " + std::strerror(errno)};
}

} // namespace

Result<HostCode> HostCode::load(std::span<const uint8_t> elf) {
  HostCode code;
  code.fd_ = memfd_create("rosso-program", MFD_CLOEXEC | MFD_EXEC);
  if (code.fd_ < 0 && errno == EINVAL) // an older kernel
    code.fd_ = memfd_create("rosso-program", MFD_CLOEXEC);
  if (code.fd_ < 0)
    return systemError("memfd_create");
  for (auto rest = elf; !rest.empty();) {
    const ssize_t written = write(code.fd_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return systemError("write");
    rest = rest.subspan(static_cast<size_t>(written));
  }
  const std::string path = "/proc/self/fd/" + std::to_string(code.fd_);
  code.handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!code.handle_)
    return Error{ErrorCode::Internal, std::string("host code: dlopen: ") + dlerror()};
  return code;
}

HostCode::~HostCode() {
  if (handle_)
    dlclose(handle_);
  if (fd_ >= 0)
    close(fd_);
}

void *HostCode::find(const std::string &symbol) const { return dlsym(handle_, symbol.c_str()); }

} // namespace rosso
