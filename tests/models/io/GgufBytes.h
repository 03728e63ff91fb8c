// Writes GGUF files byte by byte, right or wrong, without the code under test.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rosso {

// Numbers of the metadata types, from the specification.
inline constexpr uint32_t kU8 = 0, kI8 = 1, kU16 = 2, kI16 = 3, kU32 = 4, kI32 = 5, kF32 = 6,
                          kBool = 7, kString = 8, kArray = 9, kU64 = 10, kI64 = 11, kF64 = 12;

class Bytes {
public:
  template <typename T> Bytes &number(T value) {
    const size_t at = bytes_.size();
    bytes_.resize(at + sizeof(T));
    std::memcpy(bytes_.data() + at, &value, sizeof(T));
    return *this;
  }
  Bytes &u32(uint32_t value) { return number(value); }
  Bytes &u64(uint64_t value) { return number(value); }
  Bytes &raw(std::string_view text) {
    bytes_.insert(bytes_.end(), text.begin(), text.end());
    return *this;
  }
  Bytes &string(std::string_view text) { return u64(text.size()).raw(text); }
  Bytes &zeros(size_t count) {
    bytes_.resize(bytes_.size() + count);
    return *this;
  }
  Bytes &alignTo(size_t alignment) {
    return zeros((alignment - bytes_.size() % alignment) % alignment);
  }

  size_t size() const { return bytes_.size(); }
  operator std::span<const uint8_t>() const { return bytes_; }
  const std::vector<uint8_t> &bytes() const { return bytes_; }

private:
  std::vector<uint8_t> bytes_;
};

/// A whole file: keys and tensors are collected, `bytes` puts the counts before them.
class GgufBytes {
public:
  /// The next value is the caller's to write into the result.
  Bytes &key(std::string_view name, uint32_t type) {
    ++keys_;
    return metadata_.string(name).u32(type);
  }
  GgufBytes &string(std::string_view name, std::string_view value) {
    key(name, kString).string(value);
    return *this;
  }
  GgufBytes &u32(std::string_view name, uint32_t value) {
    key(name, kU32).u32(value);
    return *this;
  }
  GgufBytes &boolean(std::string_view name, bool value) {
    key(name, kBool).number<uint8_t>(value);
    return *this;
  }
  GgufBytes &strings(std::string_view name, std::span<const std::string> values) {
    Bytes &out = key(name, kArray).u32(kString).u64(values.size());
    for (const std::string &value : values)
      out.string(value);
    return *this;
  }
  template <typename T>
  GgufBytes &numbers(std::string_view name, uint32_t type, std::span<const T> values) {
    Bytes &out = key(name, kArray).u32(type).u64(values.size());
    for (T value : values)
      out.number(value);
    return *this;
  }
  /// `ne`: innermost first, as the file has them.
  GgufBytes &tensor(std::string_view name, std::span<const uint64_t> ne, uint32_t type,
                    uint64_t offset) {
    ++tensors_;
    descriptions_.string(name).u32(static_cast<uint32_t>(ne.size()));
    for (uint64_t extent : ne)
      descriptions_.u64(extent);
    descriptions_.u32(type).u64(offset);
    return *this;
  }
  GgufBytes &tensor(std::string_view name, std::initializer_list<uint64_t> ne, uint32_t type,
                    uint64_t offset) {
    return tensor(name, std::span<const uint64_t>(ne.begin(), ne.size()), type, offset);
  }

  /// Header, keys and tensors, padding, then `data`.
  Bytes bytes(std::string_view data = {}, size_t alignment = 32, uint32_t version = 3) const {
    Bytes file;
    file.raw("GGUF").u32(version).u64(tensors_).u64(keys_);
    append(file, metadata_);
    append(file, descriptions_);
    return file.alignTo(alignment).raw(data);
  }

private:
  static void append(Bytes &file, const Bytes &part) {
    file.raw({reinterpret_cast<const char *>(part.bytes().data()), part.size()});
  }

  Bytes metadata_, descriptions_;
  uint64_t keys_ = 0, tensors_ = 0;
};

} // namespace rosso
