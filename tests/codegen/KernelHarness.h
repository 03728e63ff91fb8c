// Runs a module of hand-written kernels (IR text, as rosso-schedule leaves it).
#pragma once

#include "runtime/Executable.h"
#include "support/Result.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace rosso::testing {

class KernelHarness {
public:
  /// Compiles `text` for a device ("emu:gfx1100,strict") or to run on the host for a target there
  /// ("host:x86-64-v3"). Test failures carry the error. The only entry is the first function.
  explicit KernelHarness(std::string_view text, const std::string &where = "host");

  /// Fills a weight, regrouped where the program wants tiles; an input or a state by name.
  void set(std::string_view name, std::vector<uint8_t> bytes);
  template <typename T> void set(std::string_view name, const std::vector<T> &values) {
    auto *bytes = reinterpret_cast<const uint8_t *>(values.data());
    set(name, std::vector<uint8_t>(bytes, bytes + values.size() * sizeof(T)));
  }

  void run(const VarValues &vars = {});

  template <typename T> std::vector<T> output(int index = 0) {
    std::span<const uint8_t> bytes = executable_->output(0, index);
    auto *values = reinterpret_cast<const T *>(bytes.data());
    return std::vector<T>(values, values + bytes.size() / sizeof(T));
  }
  template <typename T> std::vector<T> state(std::string_view name) {
    std::vector<uint8_t> bytes = stateBytes(name);
    auto *values = reinterpret_cast<const T *>(bytes.data());
    return std::vector<T>(values, values + bytes.size() / sizeof(T));
  }

  Executable &executable() { return *executable_; }

private:
  std::vector<uint8_t> stateBytes(std::string_view name);

  std::unique_ptr<Executable> executable_;
};

/// f32 numbers between -1 and 1, the same for the same seed.
std::vector<float> randomFloats(size_t count, uint32_t seed);

} // namespace rosso::testing
