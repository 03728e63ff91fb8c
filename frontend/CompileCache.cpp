#include "frontend/CompileCache.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <span>
#include <sys/stat.h>
#include <unistd.h>

namespace rosso {
namespace {

std::string environment(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

std::optional<std::vector<uint8_t>> readFile(const std::string &path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return std::nullopt;
  std::vector<uint8_t> bytes;
  struct stat status;
  bool ok = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  if (ok)
    bytes.resize(static_cast<size_t>(status.st_size));
  for (size_t at = 0; ok && at < bytes.size();) {
    const ssize_t got = read(fd, bytes.data() + at, bytes.size() - at);
    ok = got > 0 || (got < 0 && errno == EINTR);
    at += got > 0 ? static_cast<size_t>(got) : 0;
  }
  close(fd);
  if (!ok)
    return std::nullopt;
  return bytes;
}

bool writeNewFile(const std::string &path, std::span<const uint8_t> bytes) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return false;
  bool ok = true;
  while (ok && !bytes.empty()) {
    const ssize_t put = write(fd, bytes.data(), bytes.size());
    ok = put > 0 || (put < 0 && errno == EINTR);
    bytes = bytes.subspan(put > 0 ? static_cast<size_t>(put) : 0);
  }
  return close(fd) == 0 && ok;
}

} // namespace

CompileCache::CompileCache() {
  if (auto own = environment("ROSSO_CACHE_DIR"); !own.empty())
    directory_ = own;
  else if (auto xdg = environment("XDG_CACHE_HOME"); xdg.starts_with('/'))
    directory_ = xdg + "/rosso";
  else if (auto home = environment("HOME"); !home.empty())
    directory_ = home + "/.cache/rosso";
}

std::optional<Program> CompileCache::find(const std::string &key) const {
  if (directory_.empty())
    return std::nullopt;
  auto bytes = readFile(path(key));
  if (!bytes)
    return std::nullopt;
  auto program = deserialize(*bytes);
  if (!program)
    return std::nullopt;
  return *std::move(program);
}

bool CompileCache::store(const std::string &key, const Program &program) const {
  if (directory_.empty())
    return false;
  std::error_code error;
  std::filesystem::create_directories(directory_, error);
  static std::atomic<unsigned> count = 0; // tells the threads of a process apart
  const std::string own =
      path(key) + "." + std::to_string(getpid()) + "." + std::to_string(count++) + ".tmp";
  if (writeNewFile(own, serialize(program)) && rename(own.c_str(), path(key).c_str()) == 0)
    return true;
  unlink(own.c_str());
  return false;
}

} // namespace rosso
