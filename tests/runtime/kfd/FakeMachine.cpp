#include "tests/runtime/kfd/FakeMachine.h"

#include <cstdio>

namespace rosso::amd::kfd {
namespace {

const std::string kNodes = "/sys/devices/virtual/kfd/kfd/topology/nodes/";
const std::string kPci = "/sys/bus/pci/devices/";

std::string line(const char *name, uint64_t value) {
  return std::string(name) + " " + std::to_string(value) + "\n";
}

} // namespace

FakeGpu fakeXtx() { return {}; }

FakeGpu fakeXt() {
  return {.node = 2,
          .gpuId = 0x91B7,
          .computeUnits = 84,
          .renderMinor = 129,
          .bus = 0x0A,
          .vramBytes = uint64_t{20} << 30,
          .controlStackBytes = 32768,
          .saveBytes = 40288256,
          .saveAreaBytes = 40374272}; // 40 288 256 + 86 016: a whole number of pages
}

void FakeFiles::addProcessor() {
  files[kNodes + "0/gpu_id"] = "0\n";
  files[kNodes + "0/properties"] = "cpu_cores_count 16\nsimd_count 0\nvendor_id 0\n";
  files[kNodes + "0/mem_banks/0/properties"] =
      "heap_type 0\nsize_in_bytes 67108864000\nflags 0\nwidth 64\nmem_clk_max 2400\n";
}

void FakeFiles::add(const FakeGpu &gpu) {
  const std::string node = kNodes + std::to_string(gpu.node);
  files[node + "/gpu_id"] = std::to_string(gpu.gpuId) + "\n";
  files[node + "/properties"] =
      line("cpu_cores_count", 0) + line("simd_count", gpu.computeUnits * 2) +
      line("mem_banks_count", 1) + line("simd_id_base", 2147487744) +
      line("max_waves_per_simd", 16) + line("lds_size_in_kb", 64) + line("wave_front_size", 32) +
      line("array_count", gpu.arrays) + line("simd_arrays_per_engine", 2) +
      line("cu_per_simd_array", 8) + line("simd_per_cu", 2) + line("max_slots_scratch_cu", 32) +
      line("gfx_target_version", gpu.gfxTargetVersion) + line("vendor_id", 4098) +
      line("device_id", 0x744C) + line("location_id", gpu.bus << 8) + line("domain", 0) +
      line("drm_render_minor", gpu.renderMinor) + line("num_sdma_engines", 2) +
      line("num_sdma_queues_per_engine", 6) + line("max_engine_clk_fcompute", 2482) +
      line("local_mem_size", 0) + line("fw_version", 550) + line("capability", 671588992) +
      line("sdma_fw_version", 19) + line("unique_id", 0xFEDCBA9876543210) + line("num_xcc", 1) +
      (gpu.publishesSaveSizes
           ? line("cwsr_size", gpu.saveBytes) + line("ctl_stack_size", gpu.controlStackBytes)
           : "");
  files[node + "/mem_banks/0/properties"] = line("heap_type", gpu.hostSeesVram ? 1 : 2) +
                                            line("size_in_bytes", gpu.vramBytes) +
                                            line("flags", 0) + line("width", 384);

  char address[16], region[80];
  std::snprintf(address, sizeof address, "0000:%02x:00.0", gpu.bus);
  const std::string pci = kPci + address;
  const uint64_t begin = uint64_t{0x60} << 32;
  const uint64_t bar = gpu.hostSeesVram ? gpu.barBytes : uint64_t{256} << 20;
  std::snprintf(region, sizeof region, "0x%016llx 0x%016llx 0x000000000014220c\n",
                static_cast<unsigned long long>(begin),
                static_cast<unsigned long long>(begin + bar - 1));
  files[pci + "/resource"] =
      std::string(region) + "0x0000000000000000 0x0000000000000000 0x0000000000000000\n";
  files[pci + "/vendor"] = "0x1002\n";
  files[pci + "/device"] = "0x744c\n";
  files[pci + "/class"] = "0x030000\n";
  files[pci + "/mem_info_vram_total"] = std::to_string(gpu.vramBytes) + "\n";
  files[pci + "/current_link_speed"] = "16.0 GT/s PCIe\n";
  files[pci + "/current_link_width"] = "16\n";
  files[pci + "/max_link_speed"] = "16.0 GT/s PCIe\n";
  files[pci + "/max_link_width"] = "16\n";
  links[pci + "/driver"] = "../../../../bus/pci/drivers/amdgpu";
}

} // namespace rosso::amd::kfd
