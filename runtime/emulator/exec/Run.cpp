// The interpreter's loop.
#include "runtime/emulator/exec/Program.h"
#include "runtime/emulator/exec/Strict.h"
#include "runtime/emulator/exec/WaveState.h"
#include "runtime/emulator/isa/FloatEnvironment.h"

#include <bit>
#include <cstdio>

namespace rosso::emulator {

Wave::Wave() = default;
Wave::~Wave() = default;
Workgroup::Workgroup() = default;
Workgroup::~Workgroup() = default;

std::string hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

bool fail(Wave &wave, const Step &step, uint32_t lane, std::string what, ErrorCode code) {
  if (wave.group->error)
    return false;
  const Instruction &instruction = *step.instruction;
  std::string kernel = wave.state->memory->kernelAt(instruction.address);
  std::string message = kernel.empty() ? "code" : "kernel " + kernel;
  const auto &id = wave.group->id;
  message += ": " + instruction.text + " at " + hex(instruction.address) + ": work group (" +
             std::to_string(id[0]) + ", " + std::to_string(id[1]) + ", " + std::to_string(id[2]) +
             "), wave " + std::to_string(wave.index);
  if (lane < kNoLane)
    message += ", lane " + std::to_string(lane);
  wave.group->error = Error{code, message + ": " + what};
  return false;
}

namespace {

bool holds(Condition condition, const Registers &registers) {
  switch (condition) {
  case Condition::Always:
    return true;
  case Condition::Scc0:
    return !registers.scc;
  case Condition::Scc1:
    return registers.scc;
  case Condition::Vccz:
    return registers.vcc() == 0;
  case Condition::Vccnz:
    return registers.vcc() != 0;
  case Condition::Execz:
    return registers.exec() == 0;
  case Condition::Execnz:
    return registers.exec() != 0;
  }
  return true;
}

/// Enters straight code: counts all of it. False when the wave has run for long enough.
bool enter(Wave &wave, const Step &step) {
  if (step.segment >= wave.worker->segments.size()) // code that was found while we ran
    wave.worker->segments.resize(wave.state->program->segments());
  SegmentRuns &runs = wave.worker->segments[step.segment];
  ++runs.runs;
  runs.lanes += static_cast<uint64_t>(std::popcount(wave.exec()));
  wave.slots += step.counted->slots;
  wave.instructions += step.counted->instructions;
  return wave.instructions < wave.yieldAt;
}

template <bool kStrict> Stopped run(Wave &wave) {
  const Step *step = wave.pc;
  Registers &registers = wave.registers;
  for (;;) {
    if constexpr (kStrict)
      if (step->kind != StepKind::Segment && !wave.strict->before(wave, *step))
        return Stopped::Failed;
    switch (step->kind) {
    case StepKind::Segment:
      if (!enter(wave, *step)) {
        wave.pc = step + 1;
        return Stopped::Yielded;
      }
      ++step;
      continue;
    case StepKind::Alu:
      step->alu->execute(*step->alu, registers);
      break;
    case StepKind::Execute:
      if (!step->execute(wave, *step))
        return Stopped::Failed;
      break;
    case StepKind::Nop:
      break;
    case StepKind::Branch: {
      const bool call = step->execute != nullptr; // s_call_b64: keeps where to return to
      if (call && !step->execute(wave, *step))
        return Stopped::Failed;
      step = holds(step->condition, registers) ? step->target : step + 1;
      continue;
    }
    case StepKind::Indirect:
      if (!step->execute(wave, *step))
        return Stopped::Failed;
      if constexpr (kStrict)
        wave.strict->after(wave, *step);
      step = wave.state->program->at(wave.jump);
      continue;
    case StepKind::Signal:
      wave.signalled = true;
      break;
    case StepKind::Barrier:
      wave.barrier = step;
      wave.pc = step + 1;
      wave.status = Wave::Status::AtBarrier;
      return Stopped::AtBarrier;
    case StepKind::End:
      wave.status = Wave::Status::Ended;
      return Stopped::Ended;
    }
    if constexpr (kStrict)
      wave.strict->after(wave, *step);
    ++step;
  }
}

} // namespace

Stopped runWave(Wave &wave) {
  const FloatEnvironment environment(wave.registers.mode);
  return wave.strict ? run<true>(wave) : run<false>(wave);
}

} // namespace rosso::emulator
