#include "tools/dump/Machine.h"

#include "runtime/emulator/decode/Decoder.h"
#include "runtime/emulator/exec/MemoryOp.h"
#include "runtime/emulator/exec/Program.h"
#include "runtime/emulator/exec/Step.h"
#include "runtime/emulator/isa/Alu.h"

#include <algorithm>
#include <map>

namespace rosso::dump {

using namespace emulator;

namespace {

constexpr uint32_t kWaveLanes = 32, kLineBytes = 128;

bool isGlobal(InstructionClass what) {
  return what == InstructionClass::GlobalLoad || what == InstructionClass::GlobalStore ||
         what == InstructionClass::GlobalAtomic;
}

/// How many loads a wait lets stay in flight; nothing where it does not wait for loads.
std::optional<unsigned> loadsLeft(const Instruction &instruction, amd::Isa isa) {
  const std::string &name = instruction.name;
  if (name == "s_wait_loadcnt" || name == "s_wait_loadcnt_dscnt" || name == "s_wait_samplecnt")
    return name == "s_wait_loadcnt_dscnt" ? (instruction.simm16 >> 8) & 0x3F
                                          : instruction.simm16 & 0x3F;
  if (name != "s_waitcnt")
    return std::nullopt;
  // vmcnt: gfx11 bits 15:10; gfx10 bits 15:14 and 3:0.
  const unsigned field = isa == amd::Isa::Gfx10
                             ? (instruction.simm16 >> 10 & 0x30) | (instruction.simm16 & 0xF)
                             : instruction.simm16 >> 10;
  return field == 0x3F ? std::nullopt : std::optional(field);
}

MachineInstruction classify(const Instruction &instruction, amd::Isa isa) {
  MachineInstruction out;
  Step step;
  if (isAlu(instruction.name) || instruction.encoding == Encoding::Vopd) {
    step.instructionClass = aluClass(instruction);
  } else if (isMemoryInstruction(instruction)) {
    MemoryOp memory;
    if (bindMemory(instruction, isa, step, memory))
      out.bytesPerLane = static_cast<uint8_t>(memory.bytes * (memory.two ? 2 : 1));
  } else if (!bindControl(instruction, isa, step)) {
    step.instructionClass = InstructionClass::Nop;
  }
  out.what = step.instructionClass;
  out.slots = issueSlots(instruction, out.what);
  if (auto left = loadsLeft(instruction, isa)) {
    out.waitsForLoads = true;
    out.leavesLoads = *left > 0;
  }
  return out;
}

/// Backward branches make loops; those that begin at one place are one.
std::vector<MachineLoop> findLoops(const std::vector<InstructionListing> &code) {
  std::map<uint64_t, size_t> at; // offset -> instruction
  for (size_t i = 0; i < code.size(); ++i)
    at[code[i].offset] = i;
  std::map<size_t, size_t> ends; // begin -> end
  for (size_t i = 0; i < code.size(); ++i) {
    if (code[i].target < 0 || static_cast<uint64_t>(code[i].target) > code[i].offset)
      continue;
    if (auto target = at.find(static_cast<uint64_t>(code[i].target)); target != at.end())
      ends[target->second] = std::max(ends[target->second], i + 1);
  }
  std::vector<MachineLoop> loops;
  for (const auto &[begin, end] : ends)
    loops.push_back({.begin = begin, .end = end});
  std::sort(loops.begin(), loops.end(), [](const MachineLoop &a, const MachineLoop &b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
  });
  for (size_t i = 0; i < loops.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (loops[j].begin <= loops[i].begin && loops[i].end <= loops[j].end)
        loops[i].parent = static_cast<int>(j); // the last that holds it is the innermost
  return loops;
}

/// What most of some instructions say about how often they run; nothing if none does.
std::optional<double> vote(const Machine &machine, const KernelListing &kernel, size_t begin,
                           size_t end, int loop) {
  std::map<double, size_t> votes;
  for (size_t i = begin; i < end; ++i) {
    const uint32_t line = kernel.instructions[i].line;
    if (machine.instructions[i].loop == loop && line > 0 && line <= kernel.runs.size())
      ++votes[kernel.runs[line - 1]];
  }
  std::optional<double> best;
  size_t most = 0;
  for (const auto &[runs, count] : votes)
    if (count > most) {
      best = runs;
      most = count;
    }
  return best;
}

/// Straight pieces of code run as often as most of their lines. What the compiler moved out of a
/// loop or a condition is in the minority, or is held to what its surroundings run.
void foresee(Machine &machine, const KernelListing &kernel) {
  for (size_t i = 0; i < machine.loops.size(); ++i) {
    MachineLoop &loop = machine.loops[i];
    const double outer = loop.parent < 0 ? 1 : machine.loops[static_cast<size_t>(loop.parent)].runs;
    loop.runs = vote(machine, kernel, loop.begin, loop.end, static_cast<int>(i)).value_or(outer);
  }
  const size_t count = kernel.instructions.size();
  std::map<uint64_t, bool> targets;
  for (const InstructionListing &instruction : kernel.instructions)
    if (instruction.target >= 0)
      targets[static_cast<uint64_t>(instruction.target)] = true;
  for (size_t begin = 0; begin < count;) {
    const int loop = machine.instructions[begin].loop;
    size_t end = begin + 1;
    while (end < count && kernel.instructions[end - 1].target < 0 &&
           !targets.contains(kernel.instructions[end].offset) &&
           machine.instructions[end].loop == loop)
      ++end;
    const double most = loop < 0 ? 1 : machine.loops[static_cast<size_t>(loop)].runs;
    const double runs = std::min(most, vote(machine, kernel, begin, end, loop).value_or(most));
    for (size_t i = begin; i < end; ++i)
      machine.instructions[i].runs = runs;
    begin = end;
  }
}

class Counter {
public:
  void add(const MachineInstruction &instruction, double runs) {
    counts_.byClass[static_cast<size_t>(instruction.what)] += runs;
    counts_.instructions += runs;
    counts_.slots += runs * instruction.slots;
    const double bytes = runs * instruction.bytesPerLane * kWaveLanes;
    switch (instruction.what) {
    case InstructionClass::GlobalLoad:
      counts_.loadBytes += bytes;
      if (instruction.bytesPerLane >= 16)
        counts_.wideLoadBytes += bytes;
      pending_ = true;
      break;
    case InstructionClass::GlobalStore:
    case InstructionClass::GlobalAtomic:
      counts_.storeBytes += bytes;
      break;
    case InstructionClass::Smem:
      counts_.scalarBytes += runs * instruction.bytesPerLane;
      break;
    case InstructionClass::Lds:
    case InstructionClass::LdsAtomic:
      counts_.ldsBytes += bytes;
      break;
    default:
      break;
    }
    if (isGlobal(instruction.what))
      counts_.lines +=
          runs * std::max(1.0, instruction.bytesPerLane * kWaveLanes / double{kLineBytes});
    if (instruction.waitsForLoads && pending_) {
      counts_.loadRounds += runs;
      if (instruction.leavesLoads)
        counts_.prefetchedRounds += runs;
      pending_ = instruction.leavesLoads;
    }
  }
  const MachineCounts &counts() const { return counts_; }

private:
  MachineCounts counts_;
  bool pending_ = false; // loads that no wait has seen
};

} // namespace

std::string_view className(InstructionClass which) {
  constexpr std::string_view kNames[kClasses] = {
      "salu",    "smem",   "valu",    "valu.trans", "valu.dot",    "valu.f64",     "valu.quarter",
      "vopd",    "wmma",   "lds",     "lds.atomic", "global.load", "global.store", "global.atomic",
      "scratch", "branch", "barrier", "wait",       "message",     "nop"};
  return kNames[static_cast<size_t>(which)];
}

Result<Machine> examine(const KernelListing &kernel, const amd::Chip &chip) {
  ROSSO_TRY(const auto decoder, Decoder::create(chip));
  Machine machine;
  for (const InstructionListing &line : kernel.instructions) {
    machine.codeBytes += line.bytes.size();
    auto decoded = decoder->decode(line.bytes, line.offset);
    machine.instructions.push_back(decoded ? classify(*decoded, chip.isa) : MachineInstruction());
  }
  machine.loops = findLoops(kernel.instructions);
  for (size_t i = 0; i < machine.loops.size(); ++i) // inner after outer
    for (size_t at = machine.loops[i].begin; at < machine.loops[i].end; ++at)
      machine.instructions[at].loop = static_cast<int>(i);
  foresee(machine, kernel);

  Counter once, executed;
  std::vector<double> loaded(machine.loops.size());
  for (MachineInstruction &instruction : machine.instructions) {
    once.add(instruction, 1);
    executed.add(instruction, instruction.runs);
    if (instruction.loop >= 0 && instruction.what == InstructionClass::GlobalLoad)
      loaded[static_cast<size_t>(instruction.loop)] += instruction.runs * instruction.bytesPerLane;
  }
  machine.once = once.counts();
  machine.executed = executed.counts();
  const auto most = std::max_element(loaded.begin(), loaded.end());
  if (most != loaded.end() && *most > 0) {
    machine.hot = static_cast<int>(most - loaded.begin());
    Counter iteration;
    for (const MachineInstruction &instruction : machine.instructions)
      if (instruction.loop == machine.hot)
        iteration.add(instruction, 1);
    machine.iteration = iteration.counts();
  }
  return machine;
}

} // namespace rosso::dump
