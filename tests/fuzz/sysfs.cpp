// Whatever sysfs says: the readers of its texts neither crash nor run over.
#include "runtime/amd/kfd/Pci.h"
#include "runtime/amd/kfd/SaveArea.h"
#include "runtime/amd/kfd/Topology.h"

#include <cstdlib>

namespace {

using namespace rosso::amd::kfd;

/// Every file has the same text, every folder the same few names.
class OneText final : public KernelInterface {
public:
  explicit OneText(std::string text) : text_(std::move(text)) {}

  int open(const std::string &, int) override { return -ENOENT; }
  int close(int) override { return -EBADF; }
  int ioctl(int, uint64_t, void *) override { return -EBADF; }
  int64_t mmap(uint64_t, uint64_t, int, int, int, uint64_t) override { return -EBADF; }
  int munmap(uint64_t, uint64_t) override { return -EBADF; }
  int readFile(const std::string &path, std::string &text) override {
    text = path.ends_with("gpu_id") ? text_.substr(0, 6) : text_;
    return 0;
  }
  int listDir(const std::string &, std::vector<std::string> &names) override {
    names = {"1", "0", "00:01.0", text_.substr(0, 4)};
    return 0;
  }
  int readLink(const std::string &, std::string &target) override {
    target = text_;
    return 0;
  }

private:
  std::string text_;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const std::string text(reinterpret_cast<const char *>(data), size);
  for (unsigned region = 0; region < 7; ++region)
    parseRegionBytes(text, region);
  if (const double speed = parseLinkSpeed(text); !(speed >= 0 && speed < 1e4))
    std::abort();
  if (auto properties = Properties::parse(text); !properties && properties.error().message.empty())
    std::abort();
  OneText kernel(text);
  if (auto topology = Topology::read(kernel))
    for (const Node &node : topology->gpus) {
      const SaveArea area = SaveArea::of(node);
      if (area.mappedBytes % 4096 != 0)
        std::abort();
      if (node.pciAddress().empty() || node.gfxName().size() < 5)
        std::abort();
    }
  listPciGpus(kernel);
  return 0;
}
