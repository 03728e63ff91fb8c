#include "runtime/emulator/EmulatorLibrary.h"

#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>

namespace rosso::emulator {
namespace {

/// bin/x -> lib/librosso-emulator.so
std::string besides(const std::string &module) {
  std::error_code error;
  auto path = std::filesystem::canonical(module, error);
  return error ? std::string()
               : (path.parent_path().parent_path() / "lib" / "librosso-emulator.so").string();
}

} // namespace

Result<std::unique_ptr<amd::Transport>> openEmulator(const EmulatorOptions &options) {
  auto broken = [](const std::string &what) {
    return Error{ErrorCode::Internal, "emulator library: " + what};
  };
  std::vector<std::string> candidates;
  if (const char *given = std::getenv("ROSSO_EMULATOR"); given && *given) {
    candidates = {given};
  } else {
    candidates = {besides("/proc/self/exe")};
    static const char kHere = 0; // an address in this module, which need not be the executable
    Dl_info info;
    if (dladdr(&kHere, &info) && info.dli_fname)
      if (auto path = besides(info.dli_fname); path != candidates[0])
        candidates.push_back(path);
  }
  std::string places, found;
  for (const std::string &candidate : candidates) {
    places += (places.empty() ? "" : " or ") + candidate;
    if (std::error_code error; found.empty() && std::filesystem::exists(candidate, error))
      found = candidate;
  }
  if (found.empty())
    return broken("not found at " + places +
                  "; build the target rosso-emulator, or set ROSSO_EMULATOR to its path");
  // Never closed: LLVM keeps state for the life of the process.
  void *library = dlopen(found.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return broken(std::string(dlerror()) + "; build the target rosso-emulator again");
  auto *entry = reinterpret_cast<EmulatorEntry *>(dlsym(library, kEmulatorEntry));
  if (!entry)
    return broken(found + " has no symbol " + kEmulatorEntry +
                  "; build the target rosso-emulator again");
  Result<std::unique_ptr<amd::Transport>> result = broken(found + " returned nothing");
  entry(&options, &result);
  return result;
}

} // namespace rosso::emulator
