// A GPU of packets only: memory, and an engine that notes what it is asked to run. Rings are filled
// with dwords written out by hand.
#pragma once

#include "runtime/emulator/packets/CommandProcessor.h"
#include "runtime/emulator/packets/CopyEngine.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace rosso::emulator::test {

class NotingEngine final : public Engine {
public:
  struct Run {
    Dispatch dispatch;
    Visibility visibility;
  };
  std::vector<Run> runs;
  int invalidations = 0;
  Counters counters;
  std::function<Status(const Dispatch &, const std::atomic<bool> &)> onRun;

  Result<Counters> run(const Dispatch &dispatch, const Visibility &visibility,
                       const std::atomic<bool> &stop) override {
    runs.push_back({dispatch, visibility});
    if (onRun)
      ROSSO_CHECK(onRun(dispatch, stop));
    return counters;
  }
  void invalidateCode() override { ++invalidations; }
};

/// Addresses of the rig's memory; a page each, but for the ring.
inline constexpr uint64_t kData = 0x6000'0000'0000; // VRAM
inline constexpr uint64_t kCode = 0x6000'0010'0000; // executable VRAM
inline constexpr uint64_t kEndOfPipe = 0x6000'0020'0000;
inline constexpr uint64_t kHostData = 0x2000'0000'0000; // the host's
inline constexpr uint64_t kUnmapped = 0x5000'0000'0000;

class PacketRig : public QueueHost {
public:
  explicit PacketRig(Mode mode = Mode::Fast, const char *chip = "gfx1100",
                     const char *link = "pcie4x16", uint64_t ringDwords = 64)
      : memory(mode == Mode::Strict), ring(ringDwords, 0xDEADBEEF),
        gpu(*amd::findChip(std::string_view(chip)), *findLink(link), mode, memory, engine) {
    data = map(kData, 4096, Region::Vram);
    code = map(kCode, 4096, Region::Vram, true);
    map(kEndOfPipe, 4096, Region::Vram);
    hostData = map(kHostData, 4096, Region::Host);
    processor = std::make_unique<CommandProcessor>(
        gpu, *this, ComputeQueueSetup{"compute queue 0", stream(), kEndOfPipe});
    copier = std::make_unique<CopyEngine>(gpu, *this, CopyQueueSetup{"copy queue 1", stream()});
  }

  /// Puts the packets behind those of before, and executes them. The error, or "".
  std::string compute(const std::vector<uint32_t> &packets) {
    for (uint32_t dword : packets)
      ring[written++ % ring.size()] = dword;
    return outcome(processor->run(written, 0));
  }
  std::string copy(const std::vector<uint32_t> &packets) {
    for (uint32_t dword : packets)
      ring[written++ % ring.size()] = dword;
    return outcome(copier->run(written * 4, 0));
  }

  uint32_t *at(uint64_t address) { return reinterpret_cast<uint32_t *>(memory.at(address, 4)); }
  uint64_t quad(uint64_t address) { return at(address)[0] | uint64_t{at(address)[1]} << 32; }

  void consumed(uint64_t pointer) override { reported.push_back(pointer); }
  bool keepWaiting() override { return whileWaiting && whileWaiting(); }
  void signals(double, bool) override {}
  void signalled() override { ++signalsWritten; }
  void interrupt() override { ++interrupts; }
  const std::atomic<bool> &stop() const override { return stop_; }

  Memory memory;
  NotingEngine engine;
  std::vector<uint32_t> ring;
  uint64_t written = 0;
  Gpu gpu;
  uint8_t *data, *code, *hostData;
  std::unique_ptr<CommandProcessor> processor;
  std::unique_ptr<CopyEngine> copier;
  std::vector<uint64_t> reported;
  std::function<bool()> whileWaiting;
  int signalsWritten = 0, interrupts = 0;

private:
  Stream stream() const {
    return Stream(reinterpret_cast<const uint8_t *>(ring.data()), ring.size());
  }
  uint8_t *map(uint64_t address, uint64_t bytes, Region region, bool executable = false) {
    pages_.push_back(std::make_unique<uint64_t[]>(bytes / 8));
    auto *bytesOfPage = reinterpret_cast<uint8_t *>(pages_.back().get());
    memory.add({.address = address,
                .bytes = bytes,
                .data = bytesOfPage,
                .region = region,
                .executable = executable,
                .purpose = region == Region::Host ? "host page"
                           : executable           ? "code page"
                                                  : "vram page",
                .shadow = {},
                .readers = {}});
    return bytesOfPage;
  }
  static std::string outcome(const Result<QueueEnd> &end) {
    return !end ? end.error().message : *end == QueueEnd::Stopped ? "stopped" : "";
  }

  std::vector<std::unique_ptr<uint64_t[]>> pages_;
  std::atomic<bool> stop_{false};
};

/// All registers of a kernel of one wave at kCode: 32 threads, 8 VGPRs, one user SGPR pair.
inline std::vector<uint32_t> kernelRegisters(uint32_t rsrc1 = 0xE0AF0000) {
  return {
      0xC0027600, 0x20C, 0x00001000, 0x60,       // PGM: kCode >> 8
      0xC0027600, 0x212, rsrc1,      0x00000084, // RSRC1, RSRC2: 2 user SGPRs, group id x
      0xC0017600, 0x228, 0,                      // RSRC3
      0xC0087600, 0x204, 0,          0,          0,
      32,         1,     1,          0,          0, // START, NUM_THREAD, PIPELINESTAT, PERFCOUNT
  };
}
/// DISPATCH_DIRECT of so many groups, wave32.
inline std::vector<uint32_t> dispatch(uint32_t groups) {
  return {0xC0031500, groups, 1, 1, 0x8005};
}
inline const std::vector<uint32_t> kPartialFlush{0xC0004600, 0x407};
/// ACQUIRE_MEM of everything with these GCR bits.
inline std::vector<uint32_t> acquire(uint32_t gcr) {
  return {0xC0065800, 0, 0xFFFFFFFF, 0xFF, 0, 0, 0xA, gcr};
}

template <typename... Lists> std::vector<uint32_t> joined(const Lists &...lists) {
  std::vector<uint32_t> all;
  (all.insert(all.end(), lists.begin(), lists.end()), ...);
  return all;
}

} // namespace rosso::emulator::test
