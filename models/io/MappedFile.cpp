#include "models/io/MappedFile.h"

#include "support/SystemError.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace rosso {

Result<MappedFile> MappedFile::open(const std::string &path) {
  MappedFile file;
  file.path_ = path;
  // Without O_NONBLOCK, opening a named pipe would wait for its writer.
  file.fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file.fd_ < 0)
    return systemError(path, "open");

  struct stat status{};
  if (::fstat(file.fd_, &status) != 0)
    return systemError(path, "fstat");
  if (!S_ISREG(status.st_mode))
    return badInput(path + ": not a regular file, so it cannot be mapped; give the path of a file");
  if (status.st_size == 0)
    return file; // an empty map is not allowed

  const auto size = static_cast<size_t>(status.st_size);
  void *base = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd_, 0);
  if (base == MAP_FAILED)
    return systemError(path, "mmap");
  file.bytes_ = {static_cast<const uint8_t *>(base), size};
  return file;
}

MappedFile MappedFile::fromMemory(std::span<const uint8_t> bytes, std::string name) {
  MappedFile file;
  file.path_ = std::move(name);
  file.bytes_ = bytes;
  return file;
}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  if (this == &other)
    return *this;
  close();
  path_ = std::move(other.path_);
  bytes_ = std::exchange(other.bytes_, {});
  fd_ = std::exchange(other.fd_, -1);
  return *this;
}

MappedFile::~MappedFile() { close(); }

void MappedFile::close() {
  if (fd_ < 0)
    return;
  if (!bytes_.empty())
    ::munmap(const_cast<uint8_t *>(bytes_.data()), bytes_.size());
  ::close(fd_);
  fd_ = -1;
}

Status MappedFile::read(uint64_t offset, std::span<uint8_t> out) const {
  if (offset > bytes_.size() || out.size() > bytes_.size() - offset)
    return badInput(path_ + ": the file ends at byte " + std::to_string(bytes_.size()) +
                    ", wanted " + std::to_string(out.size()) + " bytes at " +
                    std::to_string(offset));
  if (fd_ < 0) {
    std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(offset), out.size(), out.begin());
    return {};
  }
  while (!out.empty()) {
    const ssize_t got = ::pread(fd_, out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return systemError(path_, "pread");
    if (got == 0)
      return badInput(path_ + ": the file became shorter while it was read");
    out = out.subspan(static_cast<size_t>(got));
    offset += static_cast<uint64_t>(got);
  }
  return {};
}

void MappedFile::prefetch(uint64_t offset, uint64_t length) const {
  if (fd_ >= 0)
    (void)::posix_fadvise(fd_, static_cast<off_t>(offset), static_cast<off_t>(length),
                          POSIX_FADV_WILLNEED);
}

} // namespace rosso
