// The shared library that holds passes and code generation, and with them all of LLVM. It is
// loaded by path when a program must be made, never linked.
#pragma once

#include "frontend/Compile.h"

#include <string>
#include <vector>

namespace rosso {

class CompilerLibrary {
public:
  /// Looks at $ROSSO_COMPILER alone if it is set, else in ../lib of the executable and of the
  /// module this code is in.
  CompilerLibrary();

  /// Changes when the library is built anew: part of every program's key.
  const std::string &build() const { return build_; }
  /// Loads the library and runs it.
  Result<Program> compile(const Graph &graph, const CompileOptions &options) const;

private:
  std::vector<std::string> candidates_;
  std::string path_; // empty: none of the candidates is there
  std::string build_;
};

} // namespace rosso
