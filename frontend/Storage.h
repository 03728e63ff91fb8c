// Memory that holds the values of a realised tensor, row-major.
//
// It belongs to the pool of host memory, or to somebody else who lends it (a NumPy array, a mapped
// file); whoever writes to what was lent gets a copy of his own first. A device other than the host
// reads it when a program runs there.
#pragma once

#include "support/Result.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace rosso {

struct Node;
using NodeRef = std::shared_ptr<const Node>;

class Storage {
public:
  /// Unspecified content. Errors: OutOfMemory.
  static Result<std::shared_ptr<Storage>> allocate(uint64_t bytes, const std::string *device);
  static Result<std::shared_ptr<Storage>> copyOf(std::span<const uint8_t> bytes,
                                                 const std::string *device);
  /// Memory of somebody else, at least 16-byte aligned, which `owner` keeps alive.
  static std::shared_ptr<Storage> lent(std::span<const uint8_t> bytes, std::shared_ptr<void> owner,
                                       const std::string *device);
  /// Memory that is not there yet: what looks at it and what reads it can be known before.
  static std::shared_ptr<Storage> promised();
  bool exists() const { return !isPromised_; }
  /// Promised memory comes about: it takes this one's content and device.
  void fulfil(Storage &content) noexcept;

  std::span<const uint8_t> bytes() const { return {data_.get(), size_}; }
  /// The memory itself, for others to hold: what they see never changes.
  std::shared_ptr<const uint8_t> share() const { return data_; }
  const std::string *device() const { return device_; }
  /// Changes whenever the content may have.
  uint64_t version() const { return version_; }
  /// For writing in place: memory that nobody else holds.
  Result<std::span<uint8_t>> writable();
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
  bool isPromised_ = false;
  const std::string *device_ = nullptr;
  std::mutex mutex_; // of the readers
  std::vector<std::weak_ptr<const Node>> readers_;
  size_t prune_ = 16; // at this length, those that are gone are dropped
};

} // namespace rosso
