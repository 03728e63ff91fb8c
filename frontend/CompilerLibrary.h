// The shared library that holds passes and code generation, and with them all of LLVM. It is
// loaded by path when a program must be made, never linked.
#pragma once

#include "frontend/Compile.h"
#include "support/LibraryFile.h"

#include <string>

namespace rosso {

class CompilerLibrary {
public:
  CompilerLibrary(); // found as LibraryFile does

  /// Changes when the library is built anew: part of every program's key.
  const std::string &build() const { return build_; }
  /// Loads the library and runs it.
  Result<Program> compile(const Graph &graph, const CompileOptions &options) const;

private:
  LibraryFile file_;
  std::string build_;
};

} // namespace rosso
