// lld as a library, without touching the disk: objects go in as memory files, the shared object
// comes out of a pipe. (Given a regular path, lld installs signal handlers; see LLVM's
// raw_fd_ostream and FileOutputBuffer.) lld has one global context, hence the mutex.
#include "codegen/KernelCode.h"

#include "lld/Common/Driver.h"

#include <array>
#include <mutex>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

LLD_HAS_DRIVER(elf)

namespace rosso {

namespace {

class Descriptor {
public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor(const Descriptor &) = delete;
  ~Descriptor() { close(); }
  void close() {
    if (fd_ >= 0)
      ::close(std::exchange(fd_, -1));
  }
  int get() const { return fd_; }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

private:
  int fd_;
};

bool writeAll(int fd, const std::vector<uint8_t> &bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    ssize_t n = write(fd, bytes.data() + done, bytes.size() - done);
    if (n <= 0)
      return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

std::vector<uint8_t> readAll(int fd) {
  std::vector<uint8_t> bytes;
  std::array<uint8_t, 1 << 16> chunk;
  for (ssize_t n; (n = read(fd, chunk.data(), chunk.size())) > 0;)
    bytes.insert(bytes.end(), chunk.begin(), chunk.begin() + n);
  return bytes;
}

} // namespace

Result<std::vector<uint8_t>> linkShared(const std::vector<std::vector<uint8_t>> &objects,
                                        bool mayImport) {
  auto fail = [](const std::string &what) {
    return Error{ErrorCode::Internal, "linking kernels: " + what};
  };
  std::vector<Descriptor> inputs;
  for (const std::vector<uint8_t> &object : objects) {
    inputs.emplace_back(memfd_create("rosso-object", MFD_CLOEXEC));
    if (inputs.back().get() < 0 || !writeAll(inputs.back().get(), object))
      return fail("memfd_create: no memory for an object of " + std::to_string(object.size()) +
                  " bytes");
  }
  int ends[2];
  if (pipe(ends) != 0)
    return fail("pipe: no file descriptors left");
  Descriptor readEnd(ends[0]), writeEnd(ends[1]);
  std::vector<uint8_t> linked;
  std::thread reader([&] { linked = readAll(readEnd.get()); });

  std::string output = writeEnd.path();
  std::vector<std::string> paths;
  for (const Descriptor &input : inputs)
    paths.push_back(input.path());
  std::vector<const char *> arguments = {
      "ld.lld", "--threads=1", "-shared", "--build-id=none", "--strip-debug", "-o", output.c_str()};
  if (!mayImport)
    arguments.push_back("--no-undefined");
  for (const std::string &path : paths)
    arguments.push_back(path.c_str());
  std::string messages;
  llvm::raw_string_ostream out(messages);
  static std::mutex mutex;
  lld::Result result;
  {
    std::lock_guard<std::mutex> lock(mutex);
    result = lld::lldMain(arguments, out, out, {{lld::Gnu, &lld::elf::link}});
  }
  writeEnd.close();
  reader.join();
  if (result.retCode != 0)
    return fail(messages);
  return linked;
}

} // namespace rosso
