#include "models/io/GgufWriter.h"

#include <cassert>
#include <cerrno>
#include <cstring>
#include <numeric>

#include <unistd.h>

namespace rosso {

namespace {

constexpr uint64_t kAlignment = 32; // GGUF's default, so that no key has to say it
constexpr uint32_t kVersion = 3;

template <typename T> void put(std::string &out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

void putString(std::string &out, std::string_view text) {
  put<uint64_t>(out, text.size());
  out.append(text);
}

/// A value without its type, as the file holds it.
void putValue(std::string &out, const GgufValue &value) {
  const std::string_view bytes(reinterpret_cast<const char *>(value.bytes.data()),
                               value.bytes.size());
  if (value.type == GgufType::String)
    return putString(out, bytes);
  if (value.type != GgufType::Array) {
    out.append(bytes);
    return;
  }
  put(out, value.elementType);
  put<uint64_t>(out, value.count);
  if (value.elementType == GgufType::String) {
    for (std::string_view text : value.strings)
      putString(out, text);
  } else if (value.elementType == GgufType::Array) {
    for (const GgufValue &array : value.arrays)
      putValue(out, array);
  } else {
    out.append(bytes);
  }
}

constexpr uint64_t aligned(uint64_t offset) {
  return (offset + kAlignment - 1) / kAlignment * kAlignment;
}

} // namespace

GgufWriter::~GgufWriter() {
  if (file_)
    ::unlink((path_ + ".part").c_str());
}

void GgufWriter::addKey(std::string_view key, GgufType type) {
  assert(!file_ && "the header is written already");
  putString(keys_, key);
  put(keys_, type);
  ++keyCount_;
}

void GgufWriter::add(std::string_view key, uint32_t value) {
  addKey(key, GgufType::U32);
  put(keys_, value);
}

void GgufWriter::add(std::string_view key, float value) {
  addKey(key, GgufType::F32);
  put(keys_, value);
}

void GgufWriter::add(std::string_view key, bool value) {
  addKey(key, GgufType::Bool);
  put<uint8_t>(keys_, value);
}

void GgufWriter::add(std::string_view key, std::string_view value) {
  addKey(key, GgufType::String);
  putString(keys_, value);
}

void GgufWriter::add(std::string_view key, std::span<const std::string_view> values) {
  addKey(key, GgufType::Array);
  put(keys_, GgufType::String);
  put<uint64_t>(keys_, values.size());
  for (std::string_view value : values)
    putString(keys_, value);
}

void GgufWriter::add(std::string_view key, std::span<const int32_t> values) {
  addKey(key, GgufType::Array);
  put(keys_, GgufType::I32);
  put<uint64_t>(keys_, values.size());
  for (int32_t value : values)
    put(keys_, value);
}

void GgufWriter::add(std::string_view key, const GgufValue &value) {
  addKey(key, value.type);
  putValue(keys_, value);
}

void GgufWriter::addTensor(std::string_view name, std::span<const int64_t> ne,
                           const QuantFormat &format) {
  assert(!file_ && "the header is written already");
  assert(format.ggufType != kNoGgufType && !ne.empty() && ne[0] % format.blockLen == 0);
  putString(infos_, name);
  put<uint32_t>(infos_, static_cast<uint32_t>(ne.size()));
  int64_t rows = 1;
  for (size_t i = 0; i < ne.size(); ++i) {
    put<uint64_t>(infos_, ne[i]);
    rows *= i == 0 ? 1 : ne[i];
  }
  put(infos_, format.ggufType);
  put(infos_, nextOffset_);
  tensorBytes_.push_back(format.fileRowBytes(ne[0]) * rows);
  nextOffset_ = aligned(nextOffset_ + tensorBytes_.back());
}

uint64_t GgufWriter::tensorBytes() const {
  return std::accumulate(tensorBytes_.begin(), tensorBytes_.end(), uint64_t{0});
}

Error GgufWriter::failed(const char *call) const {
  return {ErrorCode::Internal, path_ + ": " + call + ": " + std::strerror(errno)};
}

Status GgufWriter::write(const void *bytes, size_t count) {
  if (count && std::fwrite(bytes, 1, count, file_.get()) != count)
    return failed("cannot write");
  position_ += count;
  return {};
}

Status GgufWriter::pad() {
  static constexpr char kZeros[kAlignment] = {};
  return write(kZeros, aligned(position_) - position_);
}

Status GgufWriter::open(const std::string &path) {
  assert(!file_);
  path_ = path;
  file_.reset(std::fopen((path + ".part").c_str(), "wb"));
  if (!file_)
    return badInput(failed("cannot create").message);
  std::string start = "GGUF";
  put(start, kVersion);
  put<uint64_t>(start, tensorBytes_.size());
  put<uint64_t>(start, keyCount_);
  for (const std::string *part : {&start, &keys_, &infos_})
    ROSSO_CHECK(write(part->data(), part->size()));
  return pad();
}

Status GgufWriter::append(std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    assert(tensor_ < tensorBytes_.size() && "more bytes than the tensors have");
    const auto piece = bytes.first(std::min(bytes.size(), tensorBytes_[tensor_] - appended_));
    ROSSO_CHECK(write(piece.data(), piece.size()));
    bytes = bytes.subspan(piece.size());
    appended_ += piece.size();
    if (appended_ == tensorBytes_[tensor_]) {
      ROSSO_CHECK(pad());
      ++tensor_;
      appended_ = 0;
    }
  }
  return {};
}

Status GgufWriter::leaveHole() {
  assert(tensor_ < tensorBytes_.size() && appended_ == 0 && "a tensor has been begun");
  position_ = aligned(position_ + tensorBytes_[tensor_++]);
  const auto end = static_cast<off_t>(position_);
  if (std::fflush(file_.get()) != 0 || ::ftruncate(::fileno(file_.get()), end) != 0 ||
      ::fseeko(file_.get(), end, SEEK_SET) != 0)
    return failed("cannot grow");
  return {};
}

Status GgufWriter::finish() {
  assert(tensor_ == tensorBytes_.size() && "a tensor lacks bytes");
  // A hole at the end is nobody's write.
  if (std::fflush(file_.get()) != 0 ||
      ::ftruncate(::fileno(file_.get()), static_cast<off_t>(position_)) != 0)
    return failed("cannot grow");
  const std::string part = path_ + ".part";
  if (std::fclose(file_.release()) != 0 || std::rename(part.c_str(), path_.c_str()) != 0) {
    const Error error = failed("cannot write");
    ::unlink(part.c_str());
    return error;
  }
  return {};
}

} // namespace rosso
