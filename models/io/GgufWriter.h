// Writes a GGUF file of version 3: metadata and tensor descriptions first, then the tensors' bytes
// as they come, so that a file may be far larger than memory.
//
//   GgufWriter writer;
//   writer.add("general.architecture", std::string_view("qwen2"));
//   writer.addTensor("token_embd.weight", {896, 151936}, kQ8_0);
//   writer.open(path);       // the header is complete and on disk from here on
//   writer.append(bytes);    // the tensors' bytes, in order, in pieces of any size
//   writer.finish();         // the file appears under its name
//
// Until `finish` the file is called PATH.part; it is removed if the writer goes away before.
#pragma once

#include "models/io/Gguf.h"

#include <cstdio>
#include <memory>

namespace rosso {

class GgufWriter {
public:
  GgufWriter() = default;
  GgufWriter(GgufWriter &&) = default;
  GgufWriter &operator=(GgufWriter &&) = delete;
  ~GgufWriter();

  // Metadata, in the order of the calls.
  void add(std::string_view key, uint32_t value);
  void add(std::string_view key, float value);
  void add(std::string_view key, bool value);
  void add(std::string_view key, std::string_view value);
  void add(std::string_view key, std::span<const std::string_view> values);
  void add(std::string_view key, std::span<const int32_t> values);
  void add(std::string_view key, const GgufValue &value);

  /// `ne` as GGUF has it, innermost first; ne[0] is a multiple of the format's block length. What
  /// is appended later are blocks as a file stores them.
  void addTensor(std::string_view name, std::span<const int64_t> ne, const QuantFormat &format);

  Status open(const std::string &path);
  Status append(std::span<const uint8_t> bytes);
  /// Instead of the next tensor's bytes: zeros that take no room on a disk that knows holes.
  Status leaveHole();
  Status finish();

  uint64_t tensorBytes() const;

private:
  struct CloseFile {
    void operator()(std::FILE *file) const { std::fclose(file); }
  };

  void addKey(std::string_view key, GgufType type);
  Status write(const void *bytes, size_t count);
  Status pad();
  Error failed(const char *call) const;

  std::string keys_, infos_; // the two parts of the header
  uint64_t keyCount_ = 0;
  uint64_t nextOffset_ = 0;           // of the next tensor, in the data
  std::vector<uint64_t> tensorBytes_; // of each tensor
  std::string path_;
  std::unique_ptr<std::FILE, CloseFile> file_;
  uint64_t position_ = 0; // bytes written
  size_t tensor_ = 0;     // the one being appended to
  uint64_t appended_ = 0; // bytes of it
};

} // namespace rosso
