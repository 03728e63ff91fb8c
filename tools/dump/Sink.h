// Where texts go: files of a folder, one file, or standard output.
#pragma once

#include "support/Result.h"

#include <string>
#include <string_view>

namespace rosso::dump {

class Sink {
public:
  /// `path`: a folder; empty: standard output. `mayBeFile`: one that ends in ".html" is the file.
  Sink(std::string path, bool mayBeFile)
      : path_(std::move(path)), isFile_(mayBeFile && path_.ends_with(".html")) {}

  /// Makes the folder.
  Status open() const;
  /// `title` is shown above the text on standard output, unless empty.
  void put(const std::string &file, std::string_view text, std::string_view title);
  /// The first error of a write.
  Status status() const { return status_; }

private:
  std::string path_;
  bool isFile_;
  Status status_;
};

} // namespace rosso::dump
