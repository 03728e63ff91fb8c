#include "tools/doctor/Proof.h"

#include "frontend/Jit.h"
#include "runtime/Executable.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <set>

namespace rosso::doctor {
namespace {

std::string count(size_t n, const char *what) {
  return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

std::string microseconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f us", seconds * 1e6);
  return text;
}

template <typename T> std::vector<T> copied(std::span<const uint8_t> bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

/// The kernel that the doctor brings along.
Status proveByHand(std::unique_ptr<Device> device, const amd::Chip &chip, Section &section) {
  ROSSO_TRY(const auto executable, Executable::create(proofProgram(chip), std::move(device)));
  std::vector<uint64_t> nanoseconds(1);
  ROSSO_CHECK(executable->run(0, {}, nanoseconds));

  ROSSO_CHECK(checkValues(copied<uint32_t>(executable->output(0, 0))));
  section.add("kernel", "machine code for " + std::string(chip.name) + ", " +
                            count(kProofGroups, "work group") + " of " +
                            count(kProofThreads, "thread") + ": all results right");
  ROSSO_TRY(const Census census, Census::of(copied<ProofRecord>(executable->output(0, 1))));
  section.add("read back", count(census.waves, "wave") + " ran on " +
                               count(census.engines, "shader engine") + ", " +
                               count(census.wgps, "WGP") + ", " + count(census.simds, "SIMD"));
  section.add("time stamps",
              "first wave at tick " + std::to_string(census.first) + ", last one done " +
                  microseconds(static_cast<double>(census.last - census.first) / amd::kGpuClockHz) +
                  " later; the queue measured " +
                  microseconds(static_cast<double>(nanoseconds[0]) * 1e-9) +
                  (executable->device().counting()
                       ? " (emulated waves read this machine's clock, the queue's is modelled)"
                       : ""));
  return {};
}

/// A product of small whole numbers, exact in f32, as a user of the library would write it.
Status proveCompiler(const std::string &device, Section &section) {
  constexpr int64_t kRows = 64, kColumns = 256;
  auto weight = [](int64_t row, int64_t column) { return (row * 3 + column * 5) % 9 - 4; };
  auto input = [](int64_t column) { return column % 7 - 3; };
  std::vector<float> weights, inputs;
  for (int64_t row = 0; row < kRows; ++row)
    for (int64_t column = 0; column < kColumns; ++column)
      weights.push_back(static_cast<float>(weight(row, column)));
  for (int64_t column = 0; column < kColumns; ++column)
    inputs.push_back(static_cast<float>(input(column)));

  Signature signature{.inputs = {{"x", {1, kColumns}}}};
  signature.compile.exact = true;
  signature.run.device = device;
  ROSSO_TRY(auto function,
            compile(
                [&](const std::vector<Tensor> &in) {
                  return std::vector{in[0].linear(Tensor::fromData(weights, {kRows, kColumns}))};
                },
                signature));
  Executable &executable = function.executable();
  std::memcpy(function.input(0).data(), inputs.data(), inputs.size() * sizeof(float));
  std::vector<uint64_t> nanoseconds(executable.program().entries[0].launches.size());
  ROSSO_CHECK(executable.run(0, {}, nanoseconds));

  const auto results = copied<float>(function.output(0));
  for (int64_t row = 0; row < kRows; ++row) {
    int64_t wanted = 0;
    for (int64_t column = 0; column < kColumns; ++column)
      wanted += weight(row, column) * input(column);
    if (const float found = results[static_cast<size_t>(row)]; found != static_cast<float>(wanted))
      return Error{ErrorCode::Internal, "compiled kernel: row " + std::to_string(row) + " is " +
                                            std::to_string(found) + ", wanted " +
                                            std::to_string(wanted)};
  }
  std::string names;
  double seconds = 0;
  for (size_t i = 0; i < nanoseconds.size(); ++i) {
    const Launch &launch = executable.program().entries[0].launches[i];
    names += (names.empty() ? "" : ", ") + executable.program().kernels[launch.kernel].name;
    seconds += static_cast<double>(nanoseconds[i]) * 1e-9;
  }
  section.add("compiled", names + ": all results right, " + microseconds(seconds));
  return {};
}

} // namespace

Result<Census> Census::of(std::span<const ProofRecord> records) {
  Census census;
  census.first = UINT64_MAX;
  std::set<uint32_t> engines, wgps, simds;
  for (const ProofRecord &record : records) {
    if (record.begin == 0 || record.end < record.begin)
      return Error{ErrorCode::Internal, "wave " + std::to_string(census.waves) +
                                            ": began at tick " + std::to_string(record.begin) +
                                            " and ended at " + std::to_string(record.end) +
                                            ", wanted a time and a later one"};
    ++census.waves;
    engines.insert(record.engine());
    wgps.insert(record.wgp());
    simds.insert(record.wgp() << 2 | (record.place >> 8 & 3));
    census.first = std::min(census.first, record.begin);
    census.last = std::max(census.last, record.end);
  }
  census.engines = engines.size();
  census.wgps = wgps.size();
  census.simds = simds.size();
  return census;
}

Status checkValues(std::span<const uint32_t> values) {
  for (uint32_t thread = 0; thread < kProofGroups * kProofThreads; ++thread) {
    const auto wanted = proofValue(thread);
    for (size_t i = 0; i < 2; ++i)
      if (const size_t at = size_t{2} * thread + i;
          at >= values.size() || values[at] != wanted[i]) {
        char text[96];
        std::snprintf(text, sizeof text, "kernel: thread %u stored %08x as number %zu, wanted %08x",
                      thread, at < values.size() ? values[at] : 0, i, wanted[i]);
        return Error{ErrorCode::Internal, text};
      }
  }
  return {};
}

Status prove(const std::string &device, Section &section) {
  {
    ROSSO_TRY(std::unique_ptr<Device> opened, openDevice({.device = device}));
    section.add("device", opened->describe());
    constexpr std::string_view kGpu = "amdgpu:";
    const std::string target = opened->target();
    if (target.starts_with(kGpu)) {
      const amd::Chip *chip = amd::findChip(std::string_view(target).substr(kGpu.size()));
      if (!chip)
        return unsupported("device " + device + ": no machine code for " + target);
      ROSSO_CHECK(proveByHand(std::move(opened), *chip, section));
    }
  } // closed: a device serves one program
  return proveCompiler(device, section);
}

} // namespace rosso::doctor
