// The kernel interface on the kernel we run on.
#include "runtime/amd/kfd/Kernel.h"

#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace rosso::amd::kfd {
namespace {

constexpr size_t kMostFileBytes = 1 << 20; // files in sysfs are a page or so

class LinuxKernel final : public KernelInterface {
public:
  int open(const std::string &path, int flags) override {
    return orErrno(::open(path.c_str(), flags | O_CLOEXEC));
  }
  int close(int file) override { return orErrno(::close(file)); }
  int ioctl(int file, uint64_t request, void *record) override {
    return orErrno(::ioctl(file, static_cast<unsigned long>(request), record));
  }
  int64_t mmap(uint64_t address, uint64_t bytes, int protection, int flags, int file,
               uint64_t offset) override {
    void *at = ::mmap(reinterpret_cast<void *>(address), bytes, protection, flags, file,
                      static_cast<off_t>(offset));
    return at == MAP_FAILED ? -errno : static_cast<int64_t>(reinterpret_cast<uintptr_t>(at));
  }
  int munmap(uint64_t address, uint64_t bytes) override {
    return orErrno(::munmap(reinterpret_cast<void *>(address), bytes));
  }

  int readFile(const std::string &path, std::string &text) override {
    text.clear();
    const int file = open(path, O_RDONLY);
    if (file < 0)
      return file;
    char block[4096];
    ssize_t got = 0;
    while (text.size() < kMostFileBytes && (got = ::read(file, block, sizeof block)) > 0)
      text.append(block, static_cast<size_t>(got));
    const int code = got < 0 ? -errno : 0;
    ::close(file);
    return code;
  }
  int listDir(const std::string &path, std::vector<std::string> &names) override {
    names.clear();
    DIR *folder = ::opendir(path.c_str());
    if (!folder)
      return -errno;
    while (const dirent *entry = ::readdir(folder))
      if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0)
        names.emplace_back(entry->d_name);
    ::closedir(folder);
    return 0;
  }
  int readLink(const std::string &path, std::string &target) override {
    char text[4096];
    const ssize_t length = ::readlink(path.c_str(), text, sizeof text);
    if (length < 0)
      return -errno;
    target.assign(text, static_cast<size_t>(length));
    return 0;
  }

private:
  static int orErrno(int result) { return result < 0 ? -errno : result; }
};

} // namespace

KernelInterface &linuxKernel() {
  static LinuxKernel kernel; // has no state
  return kernel;
}

std::string errnoText(int code) {
  const int number = code < 0 ? -code : code;
  const char *name = strerrorname_np(number);
  const char *text = strerrordesc_np(number);
  if (!name || !text)
    return "error " + std::to_string(number);
  return std::string(text) + " (" + name + ")";
}

} // namespace rosso::amd::kfd
