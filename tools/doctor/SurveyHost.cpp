#include "frontend/CompileCache.h"
#include "runtime/host/ThreadPool.h"
#include "support/LibraryFile.h"
#include "tools/cli/Progress.h"
#include "tools/doctor/Survey.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace rosso::doctor {
namespace {

/// What code generation asks for, as the kernel calls it.
constexpr const char *kUsedFeatures[] = {"avx2",       "fma",         "f16c",     "avx512f",
                                         "avx512bw",   "avx512vl",    "avx512dq", "avx512_vnni",
                                         "avx512vbmi", "avx512_bf16", "avx_vnni"};

std::string cpuInfo(const std::string &key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key))
      if (const size_t colon = line.find(": "); colon != std::string::npos)
        return line.substr(colon + 2);
  return "";
}

Section surveyProcessor() {
  Section section{"host", {}};
  const std::string name = cpuInfo("model name");
  section.add("processor", name.empty() ? "unknown" : name);
  std::istringstream flags(" " + cpuInfo("flags") + " ");
  std::string used;
  for (std::string flag; flags >> flag;)
    for (const char *feature : kUsedFeatures)
      if (flag == feature)
        used += (used.empty() ? "" : " ") + flag;
  section.add("features used", used.empty() ? "none beyond the base" : used);
  section.add("threads", std::to_string(allowedCores().size()) + " cores, " +
                             std::to_string(sysconf(_SC_NPROCESSORS_ONLN)) + " logical");
  section.add("memory", cli::formatBytes(static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                                         static_cast<uint64_t>(sysconf(_SC_PAGESIZE))));
  return section;
}

/// Of the LLVM that a library of ours brings along.
std::string llvmVersion(const LibraryFile &library) {
  using GetVersion = void(unsigned *, unsigned *, unsigned *);
  auto found = library.find("LLVMGetVersion");
  if (!found)
    return found.error().message;
  unsigned major = 0, minor = 0, patch = 0;
  reinterpret_cast<GetVersion *>(*found)(&major, &minor, &patch);
  return "LLVM " + std::to_string(major) + "." + std::to_string(minor) + "." +
         std::to_string(patch) + ", " + library.path();
}

std::string cacheText() {
  const std::string folder = CompileCache().directory();
  if (folder.empty())
    return "none; set ROSSO_CACHE_DIR";
  size_t programs = 0;
  uint64_t bytes = 0;
  std::error_code error;
  for (auto file = std::filesystem::directory_iterator(folder, error);
       !error && file != std::filesystem::directory_iterator(); file.increment(error))
    if (file->path().extension() == ".program") {
      std::error_code gone;
      const uint64_t size = file->file_size(gone);
      programs += gone ? 0 : 1;
      bytes += gone ? 0 : size;
    }
  return folder + ", " + std::to_string(programs) + (programs == 1 ? " program, " : " programs, ") +
         cli::formatBytes(bytes);
}

} // namespace

void surveyHost(Survey &survey) {
  survey.sections.push_back(surveyProcessor());
  const LibraryFile compiler("compiler"), emulator("emulator");
  Section section{"Rosso", {}};
  section.add("compiler", llvmVersion(compiler));
  section.add("emulator", llvmVersion(emulator));
  section.add("cache", cacheText());
  survey.sections.push_back(std::move(section));
  survey.candidates.push_back({"host", ""});
  survey.candidates.push_back({"emu", emulator.path().empty() ? llvmVersion(emulator) : ""});
}

} // namespace rosso::doctor
