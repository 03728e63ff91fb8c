#include "tools/dump/Sink.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace rosso::dump {

Status Sink::open() const {
  if (path_.empty() || isFile_)
    return {};
  std::error_code error;
  std::filesystem::create_directories(path_, error);
  return error ? Status(badInput(path_ + ": " + error.message())) : Status();
}

void Sink::put(const std::string &file, std::string_view text, std::string_view title) {
  if (path_.empty()) {
    if (!title.empty())
      std::printf("%.*s\n", static_cast<int>(title.size()), title.data());
    std::fwrite(text.data(), 1, text.size(), stdout);
    if (!text.ends_with('\n'))
      std::fputc('\n', stdout);
    return;
  }
  const std::string path = isFile_ ? path_ : path_ + "/" + file;
  std::ofstream out(path, std::ios::binary);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  out.close();
  if (!out && status_.ok())
    status_ = badInput(path + ": write: " + std::strerror(errno));
}

} // namespace rosso::dump
