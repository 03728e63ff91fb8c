#include "frontend/FileMemory.h"

#include "frontend/Build.h"
#include "frontend/Realize.h"
#include "frontend/ViewLayout.h"
#include "support/SystemError.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace rosso {

namespace {

constexpr std::string_view kPrefix = "DISK:";
constexpr uint64_t kAlignment = 16; // what programs ask of memory that they read

} // namespace

std::optional<std::string> filePathOf(std::string_view device) {
  auto isSame = [](char a, char b) { return std::toupper(static_cast<unsigned char>(a)) == b; };
  if (device.size() < kPrefix.size() ||
      !std::equal(kPrefix.begin(), kPrefix.end(), device.begin(),
                  [&](char wanted, char found) { return isSame(found, wanted); }))
    return std::nullopt;
  return std::string(device.substr(kPrefix.size()));
}

bool isFile(DeviceName device) { return device && device->starts_with(kPrefix); }

// --- the file ---

Result<std::shared_ptr<FileMemory>> FileMemory::open(const std::string &path, uint64_t bytes) {
  const std::shared_ptr<FileMemory> file(new FileMemory);
  file->path_ = path.starts_with("shm:") ? "/dev/shm/" + path.substr(4) : path;
  file->device_ = internDevice(std::string(kPrefix) + path);
  const char *name = file->path_.c_str();
  // Without O_NONBLOCK, opening a named pipe would wait for its other end.
  file->fd_ = ::open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
  if (file->fd_ < 0 && (errno == EACCES || errno == EROFS || errno == EPERM || errno == ETXTBSY)) {
    file->isReadOnly_ = true;
    file->fd_ = ::open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  }
  if (file->fd_ < 0)
    return systemError(path, "open");
  struct stat status{};
  if (::fstat(file->fd_, &status) != 0)
    return systemError(path, "fstat");
  if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
    return badInput(path + ": not a file, so it cannot be mapped; give the path of a file");
  const auto size = static_cast<uint64_t>(status.st_size);
  if (S_ISREG(status.st_mode) && size < bytes) {
    if (file->isReadOnly_)
      return badInput(path + ": " + std::to_string(size) + " bytes, wanted " +
                      std::to_string(bytes) + "; it can only be read, so it does not grow");
    if (::ftruncate(file->fd_, static_cast<off_t>(bytes)) != 0)
      return systemError(path, "ftruncate");
  }
  if (bytes == 0)
    return file; // an empty map is not allowed
  void *base = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file->fd_, 0);
  if (base == MAP_FAILED)
    return systemError(path, "mmap");
  file->bytes_ = {static_cast<const uint8_t *>(base), bytes};
  return file;
}

FileMemory::~FileMemory() {
  if (!bytes_.empty())
    ::munmap(const_cast<uint8_t *>(bytes_.data()), bytes_.size());
  if (fd_ >= 0)
    ::close(fd_);
}

void FileMemory::lendTo(const std::shared_ptr<Storage> &borrower) {
  const std::lock_guard lock(mutex_);
  std::erase_if(borrowers_, [](const auto &known) { return known.expired(); });
  borrowers_.push_back(borrower);
}

Status FileMemory::write(uint64_t offset, std::span<const uint8_t> content) {
  if (isReadOnly_)
    return badInput(path_ + ": the file can only be read; write to a copy of it");
  {
    const std::lock_guard lock(mutex_);
    for (const auto &known : borrowers_)
      if (const auto borrower = known.lock())
        ROSSO_CHECK(borrower->takeOwnMemory());
    borrowers_.clear();
  }
  while (!content.empty()) {
    const ssize_t done = ::pwrite(fd_, content.data(), content.size(), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR)
      continue;
    if (done < 0)
      return systemError(path_, "pwrite");
    content = content.subspan(static_cast<size_t>(done));
    offset += static_cast<uint64_t>(done);
  }
  return {};
}

// --- tensors of files ---

namespace {

/// Where a view lies in the memory of its file, in bytes, if it does in one piece.
Result<uint64_t> offsetOf(const Node &view) {
  const std::optional<ViewLayout> layout = layoutOf(view);
  if (!layout || !layout->isContiguous())
    return badInput(*view.device + ": a non-contiguous view is not supported; move the tensor "
                                   "with to() first");
  return static_cast<uint64_t>(layout->offset) * byteSize(view.dtype);
}

Result<uint64_t> bytesOf(const Shape &shape, DType dtype, const std::string &path) {
  const std::optional<Dim> count = elementCount(shape);
  if (!count || !count->isConstant())
    return badInput(path + ": the shape " + str(shape) + " depends on variables");
  return static_cast<uint64_t>(count->constant()) * byteSize(dtype);
}

/// All of a file's memory as a tensor.
Tensor wholeFile(std::shared_ptr<FileMemory> file, Shape shape, DType dtype) {
  const uint64_t size = file->bytes().size();
  return Tensor::fromStorage(Storage::ofFile(std::move(file), 0, size), std::move(shape), dtype);
}

} // namespace

Result<Tensor> tensorOfFile(const std::string &path, Shape shape, DType dtype) {
  ROSSO_TRY(const uint64_t bytes, bytesOf(shape, dtype, path));
  ROSSO_TRY(std::shared_ptr<FileMemory> file, FileMemory::open(path, bytes));
  return wholeFile(std::move(file), std::move(shape), dtype);
}

Result<Tensor> writeFile(const std::string &path, const Tensor &values) {
  ROSSO_TRY(std::shared_ptr<Storage> content, rowMajorStorage(values));
  ROSSO_TRY(std::shared_ptr<FileMemory> file, FileMemory::open(path, content->bytes().size()));
  ROSSO_CHECK(file->write(0, content->bytes()));
  return wholeFile(std::move(file), values.shape(), values.dtype());
}

Result<std::shared_ptr<Storage>> pieceOfFile(const Node &view) {
  const std::shared_ptr<Storage> memory = memoryOf(view);
  if (view.op == Op::Buffer)
    return memory;
  ROSSO_TRY(const uint64_t offset, offsetOf(view));
  ROSSO_TRY(const uint64_t size, bytesOf(view.shape, view.dtype, *view.device));
  return Storage::ofFile(memory->file(), memory->fileOffset() + offset, size);
}

Tensor bitcastOfFile(const Tensor &view, DType to) {
  auto piece = pieceOfFile(*view.node());
  if (!piece)
    return build::failed(piece.error().in("bitcast"));
  Shape shape = view.shape();
  if (byteSize(to) != byteSize(view.dtype()))
    shape.back() = *(shape.back() * byteSize(view.dtype())).dividedBy(byteSize(to));
  return Tensor::fromStorage(*std::move(piece), std::move(shape), to);
}

Status assignToFile(const Tensor &target, const Tensor &values) {
  ROSSO_TRY(const std::shared_ptr<Storage> piece, pieceOfFile(*target.node()));
  ROSSO_TRY(std::shared_ptr<Storage> content, rowMajorStorage(values));
  if (content->readsFile()) { // the two may overlap
    ROSSO_TRY(content, Storage::copyOf(content->bytes(), nullptr));
  }
  const std::shared_ptr<const uint8_t> held = content->share();
  return piece->file()->write(piece->fileOffset(), {held.get(), content->bytes().size()});
}

Result<Tensor> moveFromFile(const Tensor &view, DeviceName device) {
  const Node &node = *view.node();
  const std::shared_ptr<Storage> memory = memoryOf(node);
  const std::optional<ViewLayout> layout = layoutOf(node);
  if (!layout)
    return badInput(*node.device + ": the shape " + str(node.shape) + " depends on variables");
  std::shared_ptr<Storage> content;
  if (!layout->isContiguous()) {
    const auto elements = static_cast<uint64_t>(layout->elementCount());
    ROSSO_TRY(content, Storage::allocate(elements * byteSize(node.dtype), device));
    ROSSO_TRY(std::span<uint8_t> bytes, content->writable());
    gatherView(*layout, byteSize(node.dtype), memory->bytes(), bytes);
  } else {
    ROSSO_TRY(std::shared_ptr<Storage> piece, pieceOfFile(node));
    const bool isAligned = reinterpret_cast<uintptr_t>(piece->bytes().data()) % kAlignment == 0;
    ROSSO_TRY(content, isAligned ? piece->on(device) : Storage::copyOf(piece->bytes(), device));
  }
  return Tensor::fromStorage(std::move(content), view.shape(), view.dtype());
}

} // namespace rosso
