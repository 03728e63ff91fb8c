#include "support/LibraryFile.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>

namespace rosso {
namespace {

/// Of a module in FOLDER: FOLDER/UP/lib/FILE; empty where it is not.
std::string besides(const std::string &module, const char *up, const std::string &file) {
  std::error_code error;
  const auto path = std::filesystem::canonical(module, error);
  return error ? std::string()
               : (path.parent_path() / up / "lib" / file).lexically_normal().string();
}

} // namespace

LibraryFile::LibraryFile(std::string_view name) : name_(name), variable_("ROSSO_" + name_) {
  std::ranges::transform(variable_, variable_.begin(),
                         [](unsigned char c) { return std::toupper(c); });
  auto add = [&](std::string path) {
    if (!path.empty() && std::ranges::find(candidates_, path) == candidates_.end())
      candidates_.push_back(std::move(path));
  };
  if (const char *given = std::getenv(variable_.c_str()); given && *given) {
    add(given);
  } else {
    const std::string file = "librosso-" + name_ + ".so";
    add(besides("/proc/self/exe", "..", file));
    static const char kHere = 0; // an address in this module, which need not be the executable
    Dl_info info;
    if (dladdr(&kHere, &info) && info.dli_fname)
      for (const char *up : {"..", "."}) // a build or an installation; a Python package
        add(besides(info.dli_fname, up, file));
  }
  for (const std::string &candidate : candidates_)
    if (std::error_code error; path_.empty() && std::filesystem::exists(candidate, error))
      path_ = candidate;
}

Result<void *> LibraryFile::find(const char *function) const {
  auto broken = [&](const std::string &what) {
    return Error{ErrorCode::Internal, name_ + " library: " + what};
  };
  if (path_.empty()) {
    std::string places;
    for (const std::string &candidate : candidates_)
      places += (places.empty() ? "" : " or ") + candidate;
    return broken("not found at " + places + "; build the target rosso-" + name_ + ", or set " +
                  variable_ + " to its path");
  }
  // Never closed: LLVM keeps state for the life of the process, and a second load is only a count.
  void *library = dlopen(path_.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return broken(std::string(dlerror()) + "; build the target rosso-" + name_ +
                  " again, or install what it links: LLVM and MLIR 22 (libllvm22, libmlir-22)");
  void *found = dlsym(library, function);
  if (!found)
    return broken(path_ + " has no symbol " + function + "; build the target rosso-" + name_ +
                  " again");
  return found;
}

} // namespace rosso
