// What the operating system refused, as an error.
#pragma once

#include "support/Result.h"

#include <cerrno>
#include <cstring>
#include <string>

namespace rosso {

/// errno's error of a call about a file: "weights.gguf: open: No such file or directory".
inline Error systemError(const std::string &path, const char *call) {
  return badInput(path + ": " + call + ": " + std::strerror(errno));
}

} // namespace rosso
