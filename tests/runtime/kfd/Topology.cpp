#include "runtime/amd/kfd/Topology.h"
#include "runtime/amd/kfd/Pci.h"
#include "runtime/amd/kfd/SaveArea.h"
#include "tests/runtime/kfd/FakeKernel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rosso::amd::kfd {
namespace {

using ::testing::HasSubstr;

TEST(KfdSysfs, ReadsNumbersAndNothingElse) {
  EXPECT_EQ(parseNumber("128\n"), 128u);
  EXPECT_EQ(parseNumber(" 0x1002 \n"), 0x1002u);
  EXPECT_EQ(parseNumber("18446744073709551615"), UINT64_MAX);
  EXPECT_FALSE(parseNumber("18446744073709551616"));
  EXPECT_FALSE(parseNumber(""));
  EXPECT_FALSE(parseNumber("-1"));
  EXPECT_FALSE(parseNumber("12 monkeys"));
}

TEST(KfdSysfs, ReadsPropertyLines) {
  auto properties = Properties::parse("simd_count 192\nunique_id 18364758544493064720\n\nlast 1");
  ASSERT_TRUE(properties);
  EXPECT_EQ(properties->get("simd_count"), 192u);
  EXPECT_EQ(properties->get("unique_id"), 0xFEDCBA9876543210u);
  EXPECT_EQ(properties->get("last"), 1u);
  EXPECT_EQ(properties->get("nothing", 7), 7u);
  EXPECT_FALSE(properties->has("nothing"));
}

TEST(KfdSysfs, NamesTheLineThatIsNoProperty) {
  auto properties = Properties::parse("simd_count 192\nsimd_per_cu two\n");
  ASSERT_FALSE(properties);
  EXPECT_EQ(properties.error().message, "line 2: value of 'simd_per_cu' is 'two', wanted a number");
}

TEST(KfdSysfs, ReadsRegionsOfAPciDevice) {
  const char *text = "0x0000006000000000 0x00000067ffffffff 0x000000000014220c\n"
                     "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
                     "0x0000006800000000 0x00000068001fffff 0x000000000014220c\n";
  EXPECT_EQ(parseRegionBytes(text, 0), uint64_t{32} << 30);
  EXPECT_EQ(parseRegionBytes(text, 1), 0u);
  EXPECT_EQ(parseRegionBytes(text, 2), uint64_t{2} << 20);
  EXPECT_EQ(parseRegionBytes(text, 3), 0u);
  EXPECT_EQ(parseRegionBytes("no region", 0), 0u);
}

TEST(KfdSysfs, ReadsLinkSpeeds) {
  EXPECT_EQ(parseLinkSpeed("16.0 GT/s PCIe\n"), 16);
  EXPECT_EQ(parseLinkSpeed("2.5 GT/s PCIe"), 2.5);
  EXPECT_EQ(parseLinkSpeed("Unknown"), 0);
}

// 16 lanes of 16 GT/s: 16e9 * 16 * 128 / 130 / 8 bytes.
TEST(KfdPci, KnowsWhatALinkCarries) {
  EXPECT_NEAR((PciLink{16, 16}.bytesPerSecond()), 31.5077e9, 1e5);
  EXPECT_NEAR((PciLink{2.5, 4}.bytesPerSecond()), 1e9, 1);
}

TEST(KfdTopology, ReadsGpusInTheirOrder) {
  FakeKernel kernel({fakeXtx(), fakeXt()});
  auto topology = Topology::read(kernel);
  ASSERT_TRUE(topology);
  ASSERT_EQ(topology->gpus.size(), 2u);
  const Node &xtx = topology->gpus[0], &xt = topology->gpus[1];
  EXPECT_EQ(xtx.number, 1u);
  EXPECT_EQ(xtx.gpuId, 0x6C2Au);
  EXPECT_EQ(xtx.computeUnits(), 96u);
  EXPECT_EQ(xtx.shaderEngines(), 6u);
  EXPECT_EQ(xtx.pciAddress(), "0000:03:00.0");
  EXPECT_EQ(xtx.renderPath(), "/dev/dri/renderD128");
  EXPECT_EQ(xtx.vramBytes(), uint64_t{24} << 30) << "and not the processor's memory";
  EXPECT_EQ(xtx.uniqueId, 0xFEDCBA9876543210u);
  EXPECT_EQ(xtx.scratchSlotsPerCu, 32u);
  ASSERT_TRUE(xtx.chip);
  EXPECT_EQ(xtx.chip->board, "RX 7900 XTX");
  ASSERT_TRUE(xt.chip);
  EXPECT_EQ(xt.chip->board, "RX 7900 XT") << "the same chip with fewer compute units";
}

TEST(KfdTopology, NamesChipsAsLlvmDoes) {
  EXPECT_EQ(gfxName(110000), "gfx1100");
  EXPECT_EQ(gfxName(110001), "gfx1101");
  EXPECT_EQ(gfxName(100300), "gfx1030");
  EXPECT_EQ(gfxName(90010), "gfx90a");
  EXPECT_EQ(gfxName(120001), "gfx1201");
}

TEST(KfdTopology, SkipsNodesThatTheCgroupHides) {
  FakeKernel kernel({fakeXtx(), fakeXt()});
  kernel.sysfs.errors[std::string(kNodesPath) + "/1/gpu_id"] = -EPERM;
  auto topology = Topology::read(kernel);
  ASSERT_TRUE(topology);
  ASSERT_EQ(topology->gpus.size(), 1u);
  EXPECT_EQ(topology->gpus[0].number, 2u);
  EXPECT_EQ(topology->hidden, 1u);
}

TEST(KfdTopology, IsEmptyWithoutKfd) {
  FakeKernel kernel({});
  kernel.sysfs.files.clear();
  auto topology = Topology::read(kernel);
  ASSERT_TRUE(topology);
  EXPECT_TRUE(topology->gpus.empty());
}

TEST(KfdTopology, SaysWhichFileIsBroken) {
  FakeKernel kernel;
  kernel.sysfs.files[std::string(kNodesPath) + "/1/properties"] = "simd_count many\n";
  auto topology = Topology::read(kernel);
  ASSERT_FALSE(topology);
  EXPECT_THAT(topology.error().message, HasSubstr("nodes/1/properties: line 1: value of"));
}

TEST(KfdTopology, TakesTheSumWhereBanksAreSilent) {
  FakeKernel kernel;
  const std::string node = std::string(kNodesPath) + "/1";
  kernel.sysfs.files.erase(node + "/mem_banks/0/properties");
  std::string &text = kernel.sysfs.files[node + "/properties"];
  text += "local_mem_size 17163091968\n";
  auto topology = Topology::read(kernel);
  ASSERT_TRUE(topology);
  EXPECT_EQ(topology->gpus[0].vramBytes(), 17163091968u);
  EXPECT_EQ(topology->gpus[0].publicVram, 0u);
}

Node nodeOf(uint32_t gfxTargetVersion, uint32_t computeUnits) {
  Node node;
  node.gfxTargetVersion = gfxTargetVersion;
  node.simds = computeUnits * 2;
  node.simdsPerCu = 2;
  return node;
}

// 96 CUs, 3072 waves. Control stack: 40 + 12 * 3072 + 8 = 36 912, in pages 40 960. Of a CU:
// 0x60000 + 0x4000 + 0x10000 + 0x1000 = 479 232; of 96 46 006 272, which is whole pages. Debug: 32
// * 3072 = 98 304.
TEST(KfdSaveArea, Of7900Xtx) {
  const SaveArea area = SaveArea::of(nodeOf(110000, 96));
  EXPECT_EQ(area.controlStackBytes, 40960u);
  EXPECT_EQ(area.saveBytes, 46047232u);
  EXPECT_EQ(area.debugBytes, 98304u);
  EXPECT_EQ(area.mappedBytes, 46145536u);
}

TEST(KfdSaveArea, Of7900Xt) {
  const SaveArea area = SaveArea::of(nodeOf(110000, 84));
  EXPECT_EQ(area.controlStackBytes, 32768u);
  EXPECT_EQ(area.saveBytes, 40288256u);
  EXPECT_EQ(area.debugBytes, 86016u);
  EXPECT_EQ(area.mappedBytes, 40374272u);
}

// Navi33, 32 CUs, 1024 waves, small register files. Control stack 40 + 12 288 + 8 -> 16 384; a CU
// has 0x40000 + 0x15000 = 348 160 bytes, 32 have 11 141 120.
TEST(KfdSaveArea, Of7600) {
  const SaveArea area = SaveArea::of(nodeOf(110002, 32));
  EXPECT_EQ(area.controlStackBytes, 16384u);
  EXPECT_EQ(area.saveBytes, 11157504u);
}

// Navi21, 80 CUs, 2560 waves: 40 + 30 720 + 8 -> 32 768, but gfx10 has at most 0x7000.
TEST(KfdSaveArea, OfGfx10HasASmallerControlStack) {
  EXPECT_EQ(SaveArea::of(nodeOf(100300, 80)).controlStackBytes, 0x7000u);
}

TEST(KfdSaveArea, BelievesTheKernel) {
  Node node = nodeOf(110000, 96);
  node.saveBytes = 50000000;
  node.controlStackBytes = 45056;
  const SaveArea area = SaveArea::of(node);
  EXPECT_EQ(area.controlStackBytes, 45056u);
  EXPECT_EQ(area.saveBytes, 50000000u);
  EXPECT_EQ(area.mappedBytes, 50102272u); // 50 098 304 in whole pages
}

TEST(KfdPci, ListsDisplaysOfAmdWithTheirDriver) {
  FakeKernel kernel({fakeXtx(), fakeXt()});
  auto &files = kernel.sysfs.files;
  // Its sound function, another vendor's display, and a card without a driver.
  files["/sys/bus/pci/devices/0000:03:00.1/vendor"] = "0x1002\n";
  files["/sys/bus/pci/devices/0000:03:00.1/class"] = "0x040300\n";
  files["/sys/bus/pci/devices/0000:00:02.0/vendor"] = "0x8086\n";
  files["/sys/bus/pci/devices/0000:00:02.0/class"] = "0x030000\n";
  kernel.sysfs.links.erase("/sys/bus/pci/devices/0000:0a:00.0/driver");
  const auto gpus = listPciGpus(kernel);
  ASSERT_EQ(gpus.size(), 2u);
  EXPECT_EQ(gpus[0].address, "0000:03:00.0");
  EXPECT_EQ(gpus[0].driver, "amdgpu");
  EXPECT_EQ(gpus[0].deviceId, 0x744Cu);
  EXPECT_EQ(gpus[0].barBytes, uint64_t{32} << 30);
  EXPECT_EQ(gpus[0].vramBytes, uint64_t{24} << 30);
  EXPECT_EQ(gpus[0].link.gigaTransfers, 16);
  EXPECT_EQ(gpus[0].link.lanes, 16u);
  EXPECT_EQ(gpus[1].driver, "");
}

// Behind a switch on the board, in a slot with four lanes of 8 GT/s.
TEST(KfdPci, FindsTheNarrowestLinkOnTheWay) {
  FakeKernel kernel;
  auto &files = kernel.sysfs.files;
  const std::string pci = "/sys/bus/pci/devices/";
  kernel.sysfs.links[pci + "0000:03:00.0"] =
      "../../../devices/pci0000:00/0000:00:01.1/0000:01:00.0/0000:02:00.0/0000:03:00.0";
  files[pci + "0000:00:01.1/current_link_speed"] = "8.0 GT/s PCIe\n";
  files[pci + "0000:00:01.1/current_link_width"] = "4\n";
  files[pci + "0000:02:00.0/current_link_speed"] = "16.0 GT/s PCIe\n";
  files[pci + "0000:02:00.0/current_link_width"] = "16\n";
  const auto gpus = listPciGpus(kernel);
  ASSERT_EQ(gpus.size(), 1u);
  EXPECT_EQ(gpus[0].link.lanes, 16u);
  EXPECT_EQ(gpus[0].narrowest.lanes, 4u);
  EXPECT_EQ(gpus[0].narrowest.gigaTransfers, 8);
}

} // namespace
} // namespace rosso::amd::kfd
