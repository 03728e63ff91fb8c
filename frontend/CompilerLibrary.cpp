#include "frontend/CompilerLibrary.h"

#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <malloc.h>
#include <sys/stat.h>

namespace rosso {
namespace {

constexpr const char *kFileName = "librosso-compiler.so";

std::string resolved(const std::string &path) {
  std::error_code error;
  auto canonical = std::filesystem::canonical(path, error);
  return error ? std::string() : canonical.string();
}

/// bin/x -> lib/librosso-compiler.so
std::string besides(const std::string &module) {
  return (std::filesystem::path(module).parent_path().parent_path() / "lib" / kFileName).string();
}

} // namespace

CompilerLibrary::CompilerLibrary() {
  if (const char *given = std::getenv("ROSSO_COMPILER"); given && *given) {
    candidates_ = {given};
  } else {
    if (auto executable = resolved("/proc/self/exe"); !executable.empty())
      candidates_.push_back(besides(executable));
    static const char kHere = 0; // an address in this module, which need not be the executable
    Dl_info info;
    if (dladdr(&kHere, &info) && info.dli_fname)
      if (auto module = resolved(info.dli_fname); !module.empty())
        if (auto path = besides(module); candidates_.empty() || candidates_[0] != path)
          candidates_.push_back(path);
  }
  for (const std::string &candidate : candidates_) {
    struct stat status;
    if (stat(candidate.c_str(), &status) != 0)
      continue;
    path_ = candidate;
    build_ = std::to_string(status.st_size) + "-" + std::to_string(status.st_mtim.tv_sec) + "." +
             std::to_string(status.st_mtim.tv_nsec);
    break;
  }
}

Result<Program> CompilerLibrary::compile(const Graph &graph, const CompileOptions &options) const {
  auto broken = [](const std::string &what) {
    return Error{ErrorCode::Internal, "compiler library: " + what};
  };
  if (path_.empty()) {
    std::string places;
    for (const std::string &candidate : candidates_)
      places += (places.empty() ? "" : " or ") + candidate;
    return broken("not found at " + places +
                  "; build the target rosso-compiler, or set ROSSO_COMPILER to its path");
  }
  // Never closed: LLVM keeps state for the life of the process, and a second load is only a count.
  void *library = dlopen(path_.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return broken(std::string(dlerror()) + "; build the target rosso-compiler again");
  auto *entry = reinterpret_cast<CompilerEntry *>(dlsym(library, kCompilerEntry));
  if (!entry)
    return broken(path_ + " has no symbol " + kCompilerEntry +
                  "; build the target rosso-compiler again");
  Result<Program> program = broken(path_ + " returned nothing");
  entry(&graph, &options, &program);
  malloc_trim(0); // the compiler's heap, tens of megabytes, before the weights come
  return program;
}

} // namespace rosso
