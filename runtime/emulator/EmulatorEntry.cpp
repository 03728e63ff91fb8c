// The library's entry: a transport with the engine that executes machine code.
#include "runtime/emulator/EmulatorTransport.h"

extern "C" void rossoOpenEmulator(const rosso::emulator::EmulatorOptions *options,
                                  rosso::Result<std::unique_ptr<rosso::amd::Transport>> *result) {
  using namespace rosso;
  using namespace rosso::emulator;
  auto opened = EmulatorTransport::open(*options, [&](Memory &memory) {
    EngineOptions engine;
    engine.chip = amd::findChip(options->chip);
    engine.mode = options->mode;
    engine.threads = options->threads;
    engine.traceBuffers = options->traceBuffers;
    return Engine::create(engine, memory);
  });
  if (opened)
    *result = std::unique_ptr<amd::Transport>(*std::move(opened));
  else
    *result = opened.error();
}
