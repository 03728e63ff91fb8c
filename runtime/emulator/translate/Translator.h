// A kernel's steps as one function of the host: mode "fast".
#pragma once

#include "runtime/emulator/exec/WaveState.h"
#include "support/Result.h"

#include <memory>
#include <span>

namespace rosso::emulator {

class Translation {
public:
  virtual ~Translation() = default;
  /// As runWave(): from the wave's pc until it stops. Where the wave goes that we have not
  /// translated, the interpreter takes over.
  virtual Stopped run(Wave &wave) const = 0;

  size_t instructions = 0, interpreted = 0; // of the kernel; those left to the interpreter
  double seconds = 0;                       // of a processor's time that it took to translate
};

struct TranslationInput {
  std::span<const std::span<const Step>> regions;
  const Step *entry = nullptr;
  Program *program = nullptr;
  uint32_t mode = 0;      // MODE at the start
  bool fullWaves = false; // all lanes are active at the start
  std::string hostCpu;    // empty: this one
};

/// Safe to call from several threads.
Result<std::unique_ptr<Translation>> translateKernel(const TranslationInput &input);

} // namespace rosso::emulator
