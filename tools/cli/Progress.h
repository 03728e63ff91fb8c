// Progress on standard error: one line that changes on a terminal, one line per finished stage
// elsewhere.
#pragma once

#include "models/Engine.h"

#include <chrono>
#include <string>

namespace rosso::cli {

class Progress {
public:
  /// `quiet` shows nothing.
  explicit Progress(bool quiet);
  ~Progress() { clear(); }

  void update(LoadStage stage, uint64_t done, uint64_t total);
  /// Removes the line that changes.
  void clear();

private:
  bool quiet_, terminal_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point last_;
};

/// "4.37 GiB", "512.0 KiB", "17 B"
std::string formatBytes(uint64_t bytes);

} // namespace rosso::cli
