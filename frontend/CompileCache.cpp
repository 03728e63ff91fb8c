#include "frontend/CompileCache.h"

#include <algorithm>
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

namespace fs = std::filesystem;

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
  utimensat(AT_FDCWD, path(key).c_str(), nullptr, 0); // used now; it may not be ours to say so
  return *std::move(program);
}

bool CompileCache::store(const std::string &key, const Program &program) const {
  if (directory_.empty())
    return false;
  std::error_code error;
  fs::create_directories(directory_, error);
  static std::atomic<unsigned> count = 0; // tells the threads of a process apart
  const std::string own =
      path(key) + "." + std::to_string(getpid()) + "." + std::to_string(count++) + ".tmp";
  const bool stored =
      writeNewFile(own, serialize(program)) && rename(own.c_str(), path(key).c_str()) == 0;
  if (!stored)
    unlink(own.c_str());
  shrink();
  return stored;
}

/// Removes what was used longest ago until the rest is within the limit. Other processes may do the
/// same at the same time: a file that is gone already is as well removed.
void CompileCache::shrink() const {
  struct File {
    fs::file_time_type used;
    fs::path path;
    uint64_t bytes;
  };
  std::vector<File> files;
  uint64_t total = 0;
  std::error_code error;
  for (fs::directory_iterator it(directory_, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code gone;
    const fs::path extension = it->path().extension();
    const File file{it->last_write_time(gone), it->path(), it->file_size(gone)};
    if (gone || (extension != ".program" && extension != ".tmp")) // .tmp: a writer that died
      continue;
    total += file.bytes;
    files.push_back(file);
  }
  std::ranges::sort(files, {}, &File::used);
  for (const File &file : files) {
    if (total <= limitBytes_)
      break;
    fs::remove(file.path, error);
    total -= file.bytes;
  }
}

} // namespace rosso
