// Files as memory of tensors: the device "DISK:<path>".
//
// A file is mapped, so that reading brings in no more than the pages that are looked at, and two
// tensors of one file see the same bytes. Writing goes through the file, in place; a full disk is
// an error then, and no fault of memory. Nothing is computed on a file: a tensor of one can be
// looked at in one piece, as other shapes and types, assigned to, and moved to a device, which
// costs no copy where the part begins at a multiple of 16 bytes. Whoever got a part without a copy
// takes one before it is written through this process.
#pragma once

#include "frontend/Tensor.h"

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rosso {

/// The path in "DISK:<path>" in upper or lower case; "shm:<name>" is the shared memory of a name.
std::optional<std::string> filePathOf(std::string_view device);
/// Whether a device is a file.
bool isFile(DeviceName device);

class FileMemory {
public:
  /// The first bytes of a file, which is made, or made longer by zeros, where it can be written.
  /// Errors: of the system; BadInput where it is no file, or too short and read only.
  static Result<std::shared_ptr<FileMemory>> open(const std::string &path, uint64_t bytes);
  ~FileMemory();
  FileMemory(const FileMemory &) = delete;
  FileMemory &operator=(const FileMemory &) = delete;

  const std::string &path() const { return path_; }
  std::span<const uint8_t> bytes() const { return bytes_; }
  DeviceName device() const { return device_; }

  /// Writes in place; what was lent takes copies before. Errors: of the system; BadInput where the
  /// file can only be read.
  Status write(uint64_t offset, std::span<const uint8_t> content);
  /// This memory reads the file in place.
  void lendTo(const std::shared_ptr<Storage> &borrower);

private:
  FileMemory() = default;

  std::string path_;
  DeviceName device_ = nullptr;
  int fd_ = -1;
  bool isReadOnly_ = false;
  std::span<const uint8_t> bytes_;
  std::mutex mutex_; // of the borrowers
  std::vector<std::weak_ptr<Storage>> borrowers_;
};

/// A tensor of the first bytes of a file. Errors: as `FileMemory::open`.
Result<Tensor> tensorOfFile(const std::string &path, Shape shape, DType dtype);
/// A new tensor of a file, which begins with these values.
Result<Tensor> writeFile(const std::string &path, const Tensor &values);

/// The bytes that a tensor of a file shows, in place. Errors: BadInput where they do not lie in one
/// piece.
Result<std::shared_ptr<Storage>> pieceOfFile(const Node &view);
/// The same bytes as elements of another type.
Tensor bitcastOfFile(const Tensor &view, DType to);
/// Writes values of the target's shape and type over it.
Status assignToFile(const Tensor &target, const Tensor &values);
/// The tensor on a device that computes.
Result<Tensor> moveFromFile(const Tensor &view, DeviceName device);

} // namespace rosso
