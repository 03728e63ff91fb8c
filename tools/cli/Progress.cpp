#include "tools/cli/Progress.h"

#include <cstdio>
#include <unistd.h>

namespace rosso::cli {

namespace {
constexpr std::chrono::milliseconds kInterval{100};
}

Progress::Progress(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) == 1) {}

void Progress::update(LoadStage stage, uint64_t done, uint64_t total) {
  if (quiet_ || !terminal_)
    return;
  const auto now = std::chrono::steady_clock::now();
  if (shown_ && done != total && now - last_ < kInterval)
    return;
  last_ = now;
  shown_ = true;
  if (stage == LoadStage::Compile)
    std::fputs("\r\033[Kcompiling ...", stderr);
  else
    std::fprintf(stderr, "\r\033[Kloading %3d%% of %s",
                 total ? static_cast<int>(done * 100 / total) : 100, formatBytes(total).c_str());
}

void Progress::clear() {
  if (shown_)
    std::fputs("\r\033[K", stderr);
  shown_ = false;
}

std::string formatBytes(uint64_t bytes) {
  constexpr const char *kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024)
    return std::to_string(bytes) + " B";
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.*f %s", unit >= 3 ? 2 : 1, value, kUnits[unit]);
  return buffer;
}

} // namespace rosso::cli
