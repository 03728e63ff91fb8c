// A file open for reading: mapped as a whole, and readable by position without touching the map.
#pragma once

#include "support/Result.h"

#include <cstdint>
#include <span>
#include <string>

namespace rosso {

/// Move-only. Pages of the map count as resident memory once touched, bytes read by `read` do not:
/// metadata is parsed through `bytes`, weights are streamed through `read`.
class MappedFile {
public:
  static Result<MappedFile> open(const std::string &path);
  /// A pretend file over bytes that the caller keeps alive.
  static MappedFile fromMemory(std::span<const uint8_t> bytes, std::string name);

  MappedFile(MappedFile &&other) noexcept { *this = std::move(other); }
  MappedFile &operator=(MappedFile &&other) noexcept;
  ~MappedFile();

  const std::string &path() const { return path_; }
  std::span<const uint8_t> bytes() const { return bytes_; }

  /// Fills `out` with the bytes from `offset` on; an error if the file ends before.
  Status read(uint64_t offset, std::span<uint8_t> out) const;
  /// Tells the system that these bytes are wanted soon; never waits.
  void prefetch(uint64_t offset, uint64_t length) const;

private:
  MappedFile() = default;
  void close();

  std::string path_;
  std::span<const uint8_t> bytes_;
  int fd_ = -1; // -1: a pretend file
};

} // namespace rosso
