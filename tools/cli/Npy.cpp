#include "tools/cli/Npy.h"

#include <cerrno>
#include <cstring>

namespace rosso::cli {

namespace {

// magic, version 1.0, length of the header as u16; all before the data is a multiple of 64 bytes.
constexpr char kMagic[] = "\x93NUMPY\x01";
constexpr size_t kPreamble = 10;
constexpr size_t kAlignment = 64;

} // namespace

Error NpyWriter::failed(const char *call) const {
  return {ErrorCode::BadInput, path_ + ": " + call + ": " + std::strerror(errno)};
}

Result<NpyWriter> NpyWriter::create(const std::string &path, int64_t rows, int64_t columns) {
  NpyWriter writer;
  writer.path_ = path;
  writer.left_ = rows * columns;
  writer.file_.reset(std::fopen(path.c_str(), "wb"));
  if (!writer.file_)
    return writer.failed("open");
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" +
                       std::to_string(rows) + ", " + std::to_string(columns) + "), }";
  while ((kPreamble + header.size() + 1) % kAlignment != 0)
    header += ' ';
  header += '\n';
  std::string bytes(kMagic, sizeof kMagic); // the terminating zero is the minor version
  bytes += static_cast<char>(header.size() & 0xFF);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  if (std::fwrite(bytes.data(), 1, bytes.size(), writer.file_.get()) != bytes.size())
    return writer.failed("write");
  return writer;
}

Status NpyWriter::append(std::span<const float> values) {
  left_ -= static_cast<int64_t>(values.size());
  if (std::fwrite(values.data(), sizeof(float), values.size(), file_.get()) != values.size())
    return failed("write");
  return {};
}

Status NpyWriter::finish() {
  if (left_ != 0)
    return Error{ErrorCode::Internal, path_ + ": " + std::to_string(left_) + " values missing"};
  if (std::fclose(file_.release()) != 0)
    return failed("close");
  return {};
}

} // namespace rosso::cli
