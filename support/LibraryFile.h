// A shared library of ours that is loaded by path when it is needed, never linked: those that hold
// LLVM. `compiler` means librosso-compiler.so, built by the target rosso-compiler; $ROSSO_COMPILER
// says where it is, else it lies in ../lib of the executable, or in ../lib or lib of the module
// this code is in.
#pragma once

#include "support/Result.h"

#include <string>
#include <string_view>
#include <vector>

namespace rosso {

class LibraryFile {
public:
  explicit LibraryFile(std::string_view name);

  /// Empty where there is none.
  const std::string &path() const { return path_; }

  /// Loads it, for good, and finds a function in it. Errors: Internal, with where it was looked for
  /// and what to do.
  Result<void *> find(const char *function) const;

private:
  std::string name_;     // "compiler"
  std::string variable_; // "ROSSO_COMPILER"
  std::vector<std::string> candidates_;
  std::string path_;
};

} // namespace rosso
