// Writes a NumPy file of f32 rows as they come. Source: numpy.lib.format, version 1.0.
#pragma once

#include "support/Result.h"

#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>

namespace rosso::cli {

class NpyWriter {
public:
  /// The shape is [rows, columns]; exactly that many values must follow.
  static Result<NpyWriter> create(const std::string &path, int64_t rows, int64_t columns);

  Status append(std::span<const float> values);
  /// Writes all to disk, or says what is missing.
  Status finish();

private:
  struct CloseFile {
    void operator()(std::FILE *file) const { std::fclose(file); }
  };

  Error failed(const char *call) const;

  std::string path_;
  std::unique_ptr<std::FILE, CloseFile> file_;
  int64_t left_ = 0; // values to come
};

} // namespace rosso::cli
