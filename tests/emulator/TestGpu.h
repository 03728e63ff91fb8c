// A little memory and an engine, for tests that run kernels.
#pragma once

#include "runtime/emulator/Engine.h"

#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace rosso::emulator {

class TestGpu {
public:
  explicit TestGpu(Mode mode = Mode::Strict, std::string_view chip = "gfx1100",
                   unsigned threads = 1, bool traceBuffers = false, std::string hostCpu = "");

  /// Memory of the GPU: with values, or with nothing written to it.
  template <typename T> uint64_t buffer(std::string_view name, const std::vector<T> &values) {
    const uint64_t address = allocate(name, values.size() * sizeof(T));
    std::memcpy(memory.at(address, 1), values.data(), values.size() * sizeof(T));
    memory.wrote(address, values.size() * sizeof(T), writerId(WriterKind::Copy, 1));
    return address;
  }
  uint64_t allocate(std::string_view name, uint64_t bytes, Region region = Region::Vram);
  template <typename T> std::vector<T> values(uint64_t address, size_t count) {
    std::vector<T> result(count);
    std::memcpy(result.data(), memory.at(address, count * sizeof(T)), count * sizeof(T));
    return result;
  }

  /// Assembles `text` (s_endpgm is added) as the kernel "test".
  uint64_t assemble(std::string_view text);
  /// One of Kernels.cl, compiled by clang for this chip: a dispatch of it, with `arguments`, 8
  /// bytes each.
  Dispatch kernel(std::string_view name, const std::vector<uint64_t> &arguments);

  /// Runs it after all copies before, as dispatch `dispatch.serial` (1 if 0).
  Result<Counters> run(Dispatch dispatch);
  /// Assembles, and runs one work group of `threads`, with s0.. = user and the work group's id
  /// next.
  Result<Counters> run(std::string_view text, const std::vector<uint32_t> &user,
                       uint32_t threads = 32, uint32_t groups = 1, uint32_t ldsBytes = 0);
  /// The error's message, or "" if there was none.
  std::string error(std::string_view text, const std::vector<uint32_t> &user, uint32_t threads = 32,
                    uint32_t groups = 1, uint32_t ldsBytes = 0);

  Memory memory;
  Visibility visibility{.dispatches = {0xFFFFFF, 0xFFFFFF, 0xFFFFFF},
                        .packets = {0xFFFFFF, 0xFFFFFF, 0xFFFFFF},
                        .copies = {0xFFFFFF, 0xFFFFFF, 0xFFFFFF}};
  std::atomic<bool> stop = false;
  std::unique_ptr<Engine> engine;

private:
  uint64_t map(std::string_view name, uint64_t bytes, Region region, bool executable);

  const amd::Chip &chip_;
  uint64_t next_ = 0x7f0000000000;
  std::deque<std::vector<uint8_t>> storage_;
  uint64_t codeObject_ = 0; // where Kernels.cl is loaded
};

/// The low and high half of an address, for user registers.
inline uint32_t low(uint64_t address) { return static_cast<uint32_t>(address); }
inline uint32_t high(uint64_t address) { return static_cast<uint32_t>(address >> 32); }

} // namespace rosso::emulator
