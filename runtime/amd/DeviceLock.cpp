#include "runtime/amd/DeviceLock.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace rosso::amd {
namespace {

std::string lockPath(std::string_view gpu) {
  const char *folder = std::getenv("XDG_RUNTIME_DIR");
  std::string name(gpu);
  std::replace_if(
      name.begin(), name.end(),
      [](unsigned char c) { return !std::isalnum(c) && c != '.' && c != ':' && c != '-'; }, '_');
  return std::string(folder && *folder ? folder : "/tmp") + "/rosso-gpu-" + name + ".lock";
}

/// Of the users of a machine any may be first, and the others must be able to lock the file too.
/// Linux lets nobody open another's file in /tmp with O_CREAT, so that comes second.
int openShared(const std::string &path) {
  constexpr int kFlags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
  int fd = open(path.c_str(), kFlags);
  if (fd < 0 && errno == ENOENT) {
    fd = open(path.c_str(), kFlags | O_CREAT | O_EXCL, 0666);
    if (fd >= 0)
      (void)fchmod(fd, 0666); // against the umask; best effort
    else if (errno == EEXIST)
      fd = open(path.c_str(), kFlags);
  }
  return fd;
}

/// "pid 4711, rosso-run"
std::string ownerOf(int fd) {
  char text[64] = {};
  if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
    return "another process"; // which has the lock, and has not yet written its number
  const long pid = std::atol(text);
  std::string name;
  std::ifstream comm("/proc/" + std::to_string(pid) + "/comm");
  if (!std::getline(comm, name))
    name = "in another container";
  return "pid " + std::to_string(pid) + ", " + name;
}

} // namespace

Result<DeviceLock> DeviceLock::take(std::string_view gpu) {
  const std::string path = lockPath(gpu);
  DeviceLock lock;
  lock.fd_ = openShared(path);
  if (lock.fd_ < 0)
    return badInput("GPU " + std::string(gpu) + ": cannot open its lock " + path + ": " +
                    std::strerror(errno) +
                    "; remove it, or set XDG_RUNTIME_DIR to your own folder");
  if (flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK)
      return badInput("GPU " + std::string(gpu) + ": cannot lock " + path + ": " +
                      std::strerror(errno));
    return Error{ErrorCode::DeviceLost, "GPU " + std::string(gpu) + ": in use by " +
                                            ownerOf(lock.fd_) +
                                            "; end that process, or choose another device"};
  }
  const std::string pid = std::to_string(getpid()) + "\n";
  if (ftruncate(lock.fd_, 0) != 0 ||
      pwrite(lock.fd_, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size()))
    return badInput("GPU " + std::string(gpu) + ": cannot write " + path + ": " +
                    std::strerror(errno));
  return lock;
}

DeviceLock::~DeviceLock() {
  if (fd_ >= 0)
    close(fd_); // and with it the lock; the file stays, since others may be about to lock it
}

} // namespace rosso::amd
