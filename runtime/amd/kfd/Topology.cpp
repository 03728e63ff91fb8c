#include "runtime/amd/kfd/Topology.h"

#include <algorithm>
#include <cstdio>

namespace rosso::amd::kfd {
namespace {

Result<Properties> readProperties(KernelInterface &kernel, const std::string &path) {
  std::string text;
  if (const int code = kernel.readFile(path, text); code < 0)
    return unsupported(path + ": " + errnoText(code));
  auto properties = Properties::parse(text);
  if (!properties)
    return properties.error().in(path);
  return properties;
}

/// The names in a folder that are numbers, in their order.
std::vector<unsigned> numbersIn(KernelInterface &kernel, const std::string &path) {
  std::vector<std::string> names;
  std::vector<unsigned> numbers;
  kernel.listDir(path, names);
  for (const std::string &name : names)
    if (const auto number = parseNumber(name); number && *number < 1 << 16)
      numbers.push_back(static_cast<unsigned>(*number));
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

/// Memory of the GPU itself. Heap types: 1 is VRAM that the host can map, 2 is VRAM that it cannot.
Status readMemory(KernelInterface &kernel, const std::string &folder, Node &node) {
  for (unsigned bank : numbersIn(kernel, folder + "/mem_banks")) {
    ROSSO_TRY(
        const Properties properties,
        readProperties(kernel, folder + "/mem_banks/" + std::to_string(bank) + "/properties"));
    const uint64_t bytes = properties.get("size_in_bytes");
    if (properties.get("heap_type") == 1)
      node.publicVram += bytes;
    if (properties.get("heap_type") == 2)
      node.privateVram += bytes;
  }
  return {};
}

Result<Node> readNode(KernelInterface &kernel, const std::string &folder, unsigned number,
                      uint32_t gpuId) {
  ROSSO_TRY(const Properties properties, readProperties(kernel, folder + "/properties"));
  auto get = [&](std::string_view name, uint32_t otherwise = 0) {
    return static_cast<uint32_t>(std::min<uint64_t>(properties.get(name, otherwise), UINT32_MAX));
  };
  Node node{
      .number = number,
      .gpuId = gpuId,
      .gfxTargetVersion = get("gfx_target_version"),
      .simds = get("simd_count"),
      .simdsPerCu = get("simd_per_cu"),
      .wavesPerSimd = get("max_waves_per_simd"),
      .arrays = get("array_count"),
      .arraysPerEngine = get("simd_arrays_per_engine"),
      .cusPerArray = get("cu_per_simd_array"),
      .dies = std::max(get("num_xcc", 1), 1u),
      .ldsKiB = get("lds_size_in_kb"),
      .scratchSlotsPerCu = get("max_slots_scratch_cu"),
      .renderMinor = get("drm_render_minor"),
      .copyEngines = get("num_sdma_engines"),
      .queuesPerCopyEngine = get("num_sdma_queues_per_engine"),
      .maxClockMHz = get("max_engine_clk_fcompute"),
      .vendorId = get("vendor_id"),
      .deviceId = get("device_id"),
      .location = get("location_id"),
      .domain = get("domain"),
      .uniqueId = properties.get("unique_id"),
      .firmware = get("fw_version"),
      .copyFirmware = get("sdma_fw_version"),
      .saveBytes = properties.get("cwsr_size"),
      .controlStackBytes = properties.get("ctl_stack_size"),
  };
  ROSSO_CHECK(readMemory(kernel, folder, node));
  // Banks know what the host can map; some kernels give the sum alone.
  if (const uint64_t local = properties.get("local_mem_size"); local && !node.vramBytes())
    node.privateVram = local;
  node.chip = findChip(node.gfxTargetVersion, node.computeUnits());
  return node;
}

} // namespace

std::string Node::pciAddress() const {
  char text[48];
  std::snprintf(text, sizeof text, "%04x:%02x:%02x.%x", domain, location >> 8 & 0xFF,
                location >> 3 & 0x1F, location & 7);
  return text;
}

std::string Node::renderPath() const { return "/dev/dri/renderD" + std::to_string(renderMinor); }

std::string Node::gfxName() const { return kfd::gfxName(gfxTargetVersion); }

std::string gfxName(uint32_t gfxTargetVersion) {
  char text[48];
  std::snprintf(text, sizeof text, "gfx%u%x%x", gfxTargetVersion / 10000,
                gfxTargetVersion / 100 % 100, gfxTargetVersion % 100);
  return text;
}

const Chip *findChip(uint32_t gfxTargetVersion, uint32_t computeUnits) {
  for (const Chip &chip : chips())
    if (chip.gfxTargetVersion == gfxTargetVersion && chip.computeUnits == computeUnits)
      return &chip;
  return amd::findChip(gfxTargetVersion);
}

Result<Topology> Topology::read(KernelInterface &kernel) {
  Topology topology;
  for (unsigned number : numbersIn(kernel, kNodesPath)) {
    const std::string folder = kNodesPath + ("/" + std::to_string(number));
    std::string text;
    const int code = kernel.readFile(folder + "/gpu_id", text);
    if (code == -EPERM || code == -EACCES) {
      ++topology.hidden; // by the device rules of this process's cgroup
      continue;
    }
    if (code < 0)
      return unsupported(folder + "/gpu_id: " + errnoText(code));
    const auto gpuId = parseNumber(text);
    if (!gpuId || *gpuId > UINT32_MAX)
      return badInput(folder + "/gpu_id: found '" + text.substr(0, 64) + "', wanted a number");
    if (*gpuId == 0)
      continue; // a processor
    ROSSO_TRY(const Node node, readNode(kernel, folder, number, static_cast<uint32_t>(*gpuId)));
    topology.gpus.push_back(node);
  }
  return topology;
}

} // namespace rosso::amd::kfd
