// This program once more, in a process of its own; and a folder that goes away.
#pragma once

#include "support/Result.h"

#include <string>
#include <vector>

namespace rosso::cli {

/// Runs this executable with other arguments -> what it printed to standard output. Its standard
/// error is ours; an error if it fails.
Result<std::string> runSelf(const std::vector<std::string> &arguments);

class TemporaryFolder {
public:
  TemporaryFolder() = default; // none
  static Result<TemporaryFolder> make();
  TemporaryFolder(TemporaryFolder &&other) noexcept { std::swap(path_, other.path_); }
  TemporaryFolder &operator=(TemporaryFolder &&other) noexcept {
    std::swap(path_, other.path_);
    return *this;
  }
  ~TemporaryFolder();

  const std::string &path() const { return path_; }

private:
  std::string path_;
};

} // namespace rosso::cli
