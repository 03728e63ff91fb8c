#include "runtime/amd/kfd/Buffers.h"
#include "runtime/amd/kfd/Pci.h"
#include "runtime/amd/kfd/Process.h"
#include "runtime/amd/kfd/Topology.h"
#include "tools/doctor/Survey.h"

#include <algorithm>
#include <cstdio>
#include <fcntl.h>

namespace rosso::doctor {
namespace {

using namespace amd::kfd;

std::string hex(uint32_t value) {
  char text[16];
  std::snprintf(text, sizeof text, "%04x", value);
  return text;
}

std::string linkText(const PciLink &link) {
  if (!(link.gigaTransfers > 0) || link.lanes == 0)
    return "unknown";
  char text[64];
  std::snprintf(text, sizeof text, "%g GT/s x%u (%.1f GB/s)", link.gigaTransfers, link.lanes,
                link.bytesPerSecond() / 1e9);
  return text;
}

void addPciFacts(const PciGpu &gpu, Section &section) {
  section.add("PCI", gpu.address + ", 1002:" + hex(gpu.deviceId) + ", driver " +
                         (gpu.driver.empty() ? "none" : gpu.driver));
  section.add("BAR", gpu.barBytes ? bytesText(gpu.barBytes) : "unknown");
  section.add("link", linkText(gpu.link) + ", at most " + linkText(gpu.mostLink));
  if (gpu.narrowest.bytesPerSecond() < gpu.link.bytesPerSecond())
    section.add("way to it", linkText(gpu.narrowest) + " where it is narrowest");
}

/// The driver: whether it is there, its version, whether we may use it. Gives the open file.
int surveyDriver(KernelInterface &kernel, Section &section, std::string &problem) {
  const int file = kernel.open("/dev/kfd", O_RDWR | O_CLOEXEC);
  if (file < 0) {
    problem = openFailed("/dev/kfd", file).message;
    section.add("/dev/kfd", problem);
    return file;
  }
  GetVersion version;
  if (call(kernel, file, version) >= 0) {
    section.add("/dev/kfd", "may be used, interface version " + std::to_string(version.major) +
                                "." + std::to_string(version.minor));
    if (auto fits = checkVersion(version); !fits) {
      problem = fits.error().message;
      section.add("problem", problem);
    }
  }
  return file;
}

void surveyNode(KernelInterface &kernel, int kfdFile, const Node &node,
                const std::vector<PciGpu> &onBus, Candidate &candidate, Section &section) {
  section.title = candidate.device;
  section.add("chip", node.gfxName() +
                          (node.chip ? " (" + std::string(node.chip->board) + ")" : "") + ", " +
                          std::to_string(node.computeUnits()) + " compute units, " +
                          std::to_string(node.shaderEngines()) + " shader engines");
  std::string vram = bytesText(node.vramBytes());
  if (AvailableMemory available{.gpuId = node.gpuId};
      kfdFile >= 0 && call(kernel, kfdFile, available) >= 0)
    vram += ", " + bytesText(available.bytes) + " free";
  section.add("VRAM", vram + ", " +
                          (node.publicVram ? bytesText(node.publicVram) : std::string("a part")) +
                          " of it visible to the host");
  for (const PciGpu &gpu : onBus)
    if (gpu.address == node.pciAddress())
      addPciFacts(gpu, section);
  section.add("firmware", std::to_string(node.firmware) + ", copy engines " +
                              std::to_string(node.copyFirmware));

  const int render = kernel.open(node.renderPath(), O_RDWR | O_CLOEXEC);
  if (render >= 0)
    kernel.close(render);
  section.add(node.renderPath(),
              render >= 0 ? "may be used" : openFailed(node.renderPath(), render).message);
  if (candidate.problem.empty() && render < 0)
    candidate.problem = openFailed(node.renderPath(), render).message;
  if (candidate.problem.empty() && !node.chip)
    candidate.problem = "it is a " + node.gfxName() + ", which Rosso does not know";
}

} // namespace

void surveyGpus(KernelInterface &kernel, Survey &survey) {
  const std::vector<PciGpu> onBus = listPciGpus(kernel);
  Section driver{"AMD driver", {}};
  std::string problem;
  const int kfdFile = surveyDriver(kernel, driver, problem);
  std::vector<Section> gpus;
  std::vector<std::string> shown;
  if (auto topology = Topology::read(kernel); !topology) {
    driver.add("topology", topology.error().message);
  } else {
    if (topology->hidden)
      driver.add("hidden", std::to_string(topology->hidden) +
                               " GPUs, by this process's cgroup; pass their render nodes into the "
                               "container");
    for (const Node &node : topology->gpus) {
      Candidate candidate{"amd:" + std::to_string(gpus.size()), problem};
      surveyNode(kernel, kfdFile, node, onBus, candidate, gpus.emplace_back());
      survey.candidates.push_back(std::move(candidate));
      shown.push_back(node.pciAddress());
    }
  }
  if (kfdFile >= 0)
    kernel.close(kfdFile);
  driver.add("GPUs", std::to_string(gpus.size()) + " through the driver, " +
                         std::to_string(onBus.size()) + " of AMD on the PCI bus");
  survey.sections.push_back(std::move(driver));
  for (Section &section : gpus)
    survey.sections.push_back(std::move(section));
  for (const PciGpu &gpu : onBus) {
    if (std::ranges::find(shown, gpu.address) != shown.end())
      continue;
    Section section{"GPU " + gpu.address, {}};
    const amd::Chip *chip = chipOfDevice(gpu.deviceId);
    section.add("chip", chip ? std::string(chip->name) : "not known by this PCI id");
    addPciFacts(gpu, section);
    if (gpu.vramBytes)
      section.add("VRAM", bytesText(gpu.vramBytes));
    section.add("problem", gpu.driver == "amdgpu" ? "the driver has it but KFD does not show it"
                           : gpu.driver.empty()
                               ? "no driver has it; load one (modprobe amdgpu)"
                               : "the driver " + gpu.driver + " has it; bind it to amdgpu");
    survey.sections.push_back(std::move(section));
  }
}

} // namespace rosso::doctor
