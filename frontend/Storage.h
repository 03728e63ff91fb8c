// Memory that holds the values of a realised tensor, row-major.
//
// It belongs to the pool of host memory, or to somebody else who lends it (a NumPy array, a mapped
// file); whoever writes to what was lent gets a copy of his own first. A device other than the host
// reads it when a program runs there. The memory of a file on disk is in FileMemory.h.
#pragma once

#include "support/Result.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace rosso {

class FileMemory;
struct Node;
using NodeRef = std::shared_ptr<const Node>;

/// Whether those who look at lent memory may write to it, as its owner may.
enum class Lending { Shared, ReadOnly };

class Storage {
public:
  /// Unspecified content. Errors: OutOfMemory.
  static Result<std::shared_ptr<Storage>> allocate(uint64_t bytes, const std::string *device);
  static Result<std::shared_ptr<Storage>> copyOf(std::span<const uint8_t> bytes,
                                                 const std::string *device);
  /// Memory of somebody else, at least 16-byte aligned, which `owner` keeps alive.
  static std::shared_ptr<Storage> lent(std::span<const uint8_t> bytes, std::shared_ptr<void> owner,
                                       const std::string *device,
                                       Lending lending = Lending::Shared);
  /// Bytes of a file, on the device of its name; `on` another device they are lent.
  static std::shared_ptr<Storage> ofFile(std::shared_ptr<FileMemory> file, uint64_t offset,
                                         uint64_t size);
  /// Memory that is not there yet: what looks at it and what reads it can be known before.
  static std::shared_ptr<Storage> promised();
  bool exists() const { return !isPromised_; }
  /// Promised memory comes about: it takes this one's content and device.
  void fulfil(Storage &content) noexcept;

  std::span<const uint8_t> bytes() const { return {data_.get(), size_}; }
  /// The memory itself, for others to hold: what they see never changes.
  std::shared_ptr<const uint8_t> share() const { return data_; }
  const std::string *device() const { return device_; }
  /// The file whose bytes these are; null for memory.
  const std::shared_ptr<FileMemory> &file() const { return file_; }
  uint64_t fileOffset() const { return fileOffset_; }
  /// Whether a file's bytes are here, or are read from here.
  bool readsFile() const { return file_ || lender_; }
  bool isReadOnly() const { return isReadOnly_; }
  /// Changes whenever the content may have.
  uint64_t version() const { return version_; }
  /// For writing in place: memory that nobody else holds. Not of a file.
  Result<std::span<uint8_t>> writable();
  /// A copy in the place of memory that was lent.
  Status takeOwnMemory();
  /// Takes the content of another of the same size, which is left with the old one.
  void swap(Storage &other) noexcept;
  /// The same memory, known to be on another device.
  std::shared_ptr<Storage> on(const std::string *device) const;

  /// Computations that read this memory and have not been carried out: they want what it holds now.
  void addReader(const NodeRef &reader);
  std::vector<NodeRef> takeReaders();

private:
  static uint64_t nextVersion(); // unique in this process, so that no two contents share one

  std::shared_ptr<uint8_t> data_;
  uint64_t size_ = 0;
  uint64_t version_ = nextVersion();
  bool isLent_ = false;
  bool isReadOnly_ = false; // for everyone who looks at it
  bool isPromised_ = false;
  std::shared_ptr<FileMemory> file_, lender_;
  uint64_t fileOffset_ = 0;
  const std::string *device_ = nullptr;
  std::mutex mutex_; // of the readers
  std::vector<std::weak_ptr<const Node>> readers_;
  size_t prune_ = 16; // at this length, those that are gone are dropped
};

} // namespace rosso
