// Programs on disk, one file a key, shared by all processes of a user.
//
// A file is written under a name of its own and renamed when it is whole, so that readers find a
// complete program or none; two processes that miss at once both write, and either file will do.
// Whatever cannot be read is as good as absent and is written again; whatever cannot be written is
// left. The cache never fails a compile. Once it is larger than its limit, storing removes the
// programs that were used longest ago.
#pragma once

#include "runtime/program/Program.h"

#include <cstdint>
#include <optional>
#include <string>

namespace rosso {

class CompileCache {
public:
  /// In $ROSSO_CACHE_DIR, else $XDG_CACHE_HOME/rosso, else ~/.cache/rosso.
  CompileCache();
  CompileCache(std::string directory, uint64_t limitBytes)
      : directory_(std::move(directory)), limitBytes_(limitBytes) {}

  /// Empty: there is none.
  const std::string &directory() const { return directory_; }

  std::optional<Program> find(const std::string &key) const;
  /// Whether the program is on disk now.
  bool store(const std::string &key, const Program &program) const;

private:
  std::string path(const std::string &key) const { return directory_ + "/" + key + ".program"; }

  void shrink() const;

  std::string directory_;
  uint64_t limitBytes_ = uint64_t{512} << 20;
};

} // namespace rosso
