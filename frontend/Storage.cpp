#include "frontend/Storage.h"

#include "frontend/FileMemory.h"
#include "frontend/Graph.h"
#include "runtime/host/MemoryPool.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstring>

namespace rosso {

Result<std::shared_ptr<Storage>> Storage::allocate(uint64_t bytes, const std::string *device) {
  auto storage = std::make_shared<Storage>();
  ROSSO_TRY(storage->data_, takeHostMemory(bytes));
  storage->size_ = bytes;
  storage->device_ = device;
  return storage;
}

Result<std::shared_ptr<Storage>> Storage::copyOf(std::span<const uint8_t> bytes,
                                                 const std::string *device) {
  ROSSO_TRY(std::shared_ptr<Storage> storage, allocate(bytes.size(), device));
  if (!bytes.empty())
    std::memcpy(storage->data_.get(), bytes.data(), bytes.size());
  return storage;
}

std::shared_ptr<Storage> Storage::lent(std::span<const uint8_t> bytes, std::shared_ptr<void> owner,
                                       const std::string *device, Lending lending) {
  auto storage = std::make_shared<Storage>();
  storage->data_ = {std::move(owner), const_cast<uint8_t *>(bytes.data())}; // never written
  storage->size_ = bytes.size();
  storage->isLent_ = true;
  storage->isReadOnly_ = lending == Lending::ReadOnly;
  storage->device_ = device;
  return storage;
}

std::shared_ptr<Storage> Storage::ofFile(std::shared_ptr<FileMemory> file, uint64_t offset,
                                         uint64_t size) {
  auto storage = lent(file->bytes().subspan(offset, size), file, file->device(), Lending::ReadOnly);
  storage->file_ = std::move(file);
  storage->fileOffset_ = offset;
  return storage;
}

std::shared_ptr<Storage> Storage::promised() {
  auto storage = std::make_shared<Storage>();
  storage->isPromised_ = true;
  return storage;
}

void Storage::fulfil(Storage &content) noexcept {
  swap(content);
  device_ = content.device_;
  isPromised_ = false;
}

Status Storage::takeOwnMemory() {
  ROSSO_TRY(std::shared_ptr<Storage> own, copyOf(bytes(), device_));
  swap(*own);
  return {};
}

Result<std::span<uint8_t>> Storage::writable() {
  assert(!file_ && "files are written by FileMemory");
  if (isLent_ || data_.use_count() > 1)
    ROSSO_CHECK(takeOwnMemory());
  version_ = nextVersion();
  return std::span<uint8_t>(data_.get(), size_);
}

uint64_t Storage::nextVersion() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

void Storage::swap(Storage &other) noexcept {
  version_ = nextVersion();
  other.version_ = nextVersion();
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(isLent_, other.isLent_);
  std::swap(isReadOnly_, other.isReadOnly_);
  std::swap(lender_, other.lender_);
}

std::shared_ptr<Storage> Storage::on(const std::string *device) const {
  auto storage = std::make_shared<Storage>();
  storage->data_ = data_;
  storage->size_ = size_;
  storage->isLent_ = isLent_;
  storage->isReadOnly_ = isReadOnly_;
  storage->device_ = device;
  storage->lender_ = file_ ? file_ : lender_;
  if (storage->lender_)
    storage->lender_->lendTo(storage);
  return storage;
}

void Storage::addReader(const NodeRef &reader) {
  const std::lock_guard lock(mutex_);
  if (readers_.size() >= prune_) {
    std::erase_if(readers_, [](const auto &known) { return known.expired(); });
    prune_ = std::max<size_t>(16, 2 * readers_.size());
  }
  readers_.push_back(reader);
}

std::vector<NodeRef> Storage::takeReaders() {
  std::vector<NodeRef> alive;
  const std::lock_guard lock(mutex_);
  for (const auto &known : readers_)
    if (NodeRef reader = known.lock())
      alive.push_back(std::move(reader));
  readers_.clear();
  return alive;
}

} // namespace rosso
