// Registers in strict mode: values that nobody wrote, and loads that were not waited for.
#include "runtime/emulator/exec/Program.h"
#include "runtime/emulator/exec/Strict.h"

#include <algorithm>
#include <bit>
#include <string>

namespace rosso::emulator {
namespace {

std::string registerName(const RegisterRange &range, uint32_t i) {
  const uint32_t index = range.index + i;
  if (range.vector)
    return "v" + std::to_string(index);
  switch (index) {
  case kVccLo:
    return "vcc_lo";
  case kVccHi:
    return "vcc_hi";
  case kScc:
    return "scc";
  case kM0:
    return "m0";
  default:
    return index >= kTtmp0 && index < kNull ? "ttmp" + std::to_string(index - kTtmp0)
                                            : "s" + std::to_string(index);
  }
}

/// The lane that v_readlane and v_writelane name.
uint32_t namedLane(const Wave &wave, const Instruction &instruction) {
  if (instruction.operands.size() < 3)
    return 0;
  const Operand &operand = instruction.operands[2];
  return (operand.kind == OperandKind::Sgpr ? wave.registers.s[operand.index] : operand.value) % 32;
}

/// Lanes that DPP's source 0 is read from, and lanes that are written.
struct DppLanes {
  uint32_t read = 0, written = 0;
};
DppLanes dppLanes(uint32_t exec, const BoundAlu &alu) {
  DppLanes lanes;
  for (uint32_t active = exec & ~alu.dppDisabled; active; active &= active - 1) {
    const auto lane = static_cast<uint32_t>(std::countr_zero(active));
    const uint32_t from = alu.dppLane[lane];
    const bool readable =
        !(alu.dppInvalid >> lane & 1) && (alu.fetchInactive || (exec >> from & 1));
    if (readable)
      lanes.read |= 1u << from;
    if (readable || alu.boundCtrl)
      lanes.written |= 1u << lane;
  }
  return lanes;
}

bool usesLds(const Instruction &instruction) { return instruction.encoding == Encoding::Ds; }

bool isVectorMemory(const Instruction &instruction) {
  return instruction.encoding == Encoding::Global || instruction.encoding == Encoding::Buffer ||
         instruction.encoding == Encoding::Scratch || instruction.encoding == Encoding::Flat;
}

} // namespace

LaneUse laneUse(const Instruction &instruction) {
  const std::string &name = instruction.name;
  if (name.starts_with("v_wmma_") || name.starts_with("v_swmmac_"))
    return LaneUse::All;
  if (name == "v_readlane_b32")
    return LaneUse::OneLane;
  if (name == "v_readfirstlane_b32")
    return LaneUse::FirstLane;
  if (name == "v_writelane_b32")
    return LaneUse::WriteLane;
  return instruction.modifiers.dpp == DppControl::None ? LaneUse::Exec : LaneUse::Dpp;
}

Undefined undefinedUse(const Instruction &instruction) {
  const std::string &name = instruction.name;
  if (instruction.modifiers.dpp == DppControl::None &&
      (name == "v_mov_b32" || name == "s_mov_b32" || name == "s_mov_b64") &&
      (!instruction.second || instruction.second->name == "v_mov_b32"))
    return Undefined::IsCopied;
  if (name.starts_with("v_mad_") && (name.ends_with("_u64_u32") || name.ends_with("_i64_i32")))
    return Undefined::StaysInHighHalf;
  return Undefined::IsError;
}

StrictWave::StrictWave(amd::Isa isa, uint32_t vectors, const std::vector<uint16_t> &scalars)
    : isa_(isa) {
  std::fill(vector_, vector_ + vectors, ~0u);
  for (uint16_t index : scalars)
    scalar_[index] = true;
  // EXEC is set, null reads 0; m0 is named by instructions that do not need it.
  for (uint16_t index : {kExecLo, kExecHi, kNull, kM0})
    scalar_[index] = true;
}

const char *StrictWave::counterName(Counter counter) const {
  const bool split = isa_ == amd::Isa::Gfx12;
  switch (counter) {
  case kLoads:
    return split ? "loadcnt" : "vmcnt";
  case kLds:
    return split ? "dscnt" : "lgkmcnt";
  default:
    return "kmcnt";
  }
}

bool StrictWave::checkRead(Wave &wave, const Step &step, const RegisterRange &range,
                           uint32_t lanes) {
  if (!range.vector && range.index == kScc)
    return scc_ || fail(wave, step, kNoLane, "reads scc, which nothing has written");
  for (uint32_t i = 0; i < range.dwords; ++i) {
    if (!range.vector) {
      if (!scalar_[(range.index + i) & 127])
        return fail(wave, step, kNoLane,
                    "reads " + registerName(range, i) + ", which nothing has written");
    } else if (const uint32_t missing = lanes & ~vector_[(range.index + i) & 255]) {
      return fail(wave, step, static_cast<uint32_t>(std::countr_zero(missing)),
                  "reads " + registerName(range, i) + ", which nothing has written in this lane");
    }
  }
  return true;
}

bool StrictWave::checkPending(Wave &wave, const Step &step, const RegisterRange &range,
                              bool write) {
  if (!range.vector && range.index == kScc)
    return true;
  const Instruction &instruction = *step.instruction;
  for (uint8_t c = 0; c < kCounters; ++c)
    for (uint32_t i = 0; i < range.dwords; ++i) {
      const auto counter = static_cast<Counter>(c);
      const uint64_t number = pending(counter, range, i);
      if (!number)
        continue;
      // A younger load of the same kind writes after the older one.
      const bool ordered = (counter == kLoads && isVectorMemory(instruction) &&
                            instruction.encoding != Encoding::Flat) ||
                           (counter == kLds && usesLds(instruction));
      if (write && ordered)
        continue;
      const auto &queue = queues_[counter];
      const auto event = std::find_if(queue.begin(), queue.end(),
                                      [&](const Event &each) { return each.number == number; });
      if (event == queue.end())
        continue;
      const bool inOrder = std::none_of(queue.begin(), queue.end(),
                                        [](const Event &each) { return each.unordered; });
      const auto younger = inOrder ? queue.end() - event - 1 : 0;
      return fail(wave, step, kNoLane,
                  std::string(write ? "writes " : "reads ") + registerName(range, i) + " while '" +
                      event->instruction->text + "' at " + hex(event->instruction->address) +
                      " is still loading it; wait for " + counterName(counter) + "(" +
                      std::to_string(younger) + ") before");
    }
  return true;
}

bool StrictWave::checkBarrier(Wave &wave, const Step &step) {
  for (const Event &event : queues_[kLds])
    if (event.writesLds)
      return fail(wave, step, kNoLane,
                  "'" + event.instruction->text + "' at " + hex(event.instruction->address) +
                      " has not been waited for: other waves may not see it behind the barrier; "
                      "wait for " +
                      counterName(kLds) + "(0) before");
  return true;
}

void StrictWave::complete(Counter counter, size_t left) {
  auto &queue = queues_[counter];
  if (left > 0 &&
      std::any_of(queue.begin(), queue.end(), [](const Event &event) { return event.unordered; }))
    return; // which of them have ended, nobody knows
  while (queue.size() > left) {
    const Event event = queue.front();
    queue.pop_front();
    for (const RegisterRange &range : event.instruction->writes)
      for (uint32_t i = 0; i < range.dwords; ++i)
        if (pending(counter, range, i) == event.number)
          pending(counter, range, i) = 0;
  }
}

void StrictWave::wait(const Instruction &instruction) {
  const std::string &name = instruction.name;
  const uint32_t field = instruction.simm16;
  if (name == "s_waitcnt") {
    const bool gfx10 = isa_ == amd::Isa::Gfx10;
    complete(kLoads, gfx10 ? (field & 15) | (field >> 14 & 3) << 4 : field >> 10 & 63);
    complete(kLds, gfx10 ? field >> 8 & 63 : field >> 4 & 63);
  } else if (name == "s_waitcnt_vmcnt" || name == "s_wait_loadcnt") {
    complete(kLoads, field & 63);
  } else if (name == "s_waitcnt_lgkmcnt" || name == "s_wait_dscnt" ||
             name == "s_wait_storecnt_dscnt") {
    complete(kLds, field & 63);
  } else if (name == "s_wait_loadcnt_dscnt") {
    complete(kLoads, field >> 8 & 63);
    complete(kLds, field & 63);
  } else if (name == "s_wait_kmcnt") {
    complete(kScalar, field & 31);
  } else if (name == "s_wait_idle") {
    for (Counter counter : {kLoads, kLds, kScalar})
      complete(counter, 0);
  }
}

bool StrictWave::checkReads(Wave &wave, const Step &step) {
  const Instruction &instruction = *step.instruction;
  for (const RegisterRange &range : instruction.reads)
    if (!checkPending(wave, step, range, false))
      return false;
  const uint32_t exec = wave.exec();
  uint32_t lanes = exec, firstLanes = exec;
  switch (step.laneUse) {
  case LaneUse::All:
    lanes = firstLanes = ~0u;
    break;
  case LaneUse::OneLane:
    lanes = firstLanes = 1u << namedLane(wave, instruction);
    break;
  case LaneUse::FirstLane:
    lanes = firstLanes = exec ? exec & -exec : 1;
    break;
  case LaneUse::Dpp: // moves only the first source
    if (step.alu)
      firstLanes = dppLanes(exec, *step.alu).read;
    break;
  default:
    break;
  }
  definedHigh_ = ~0u; // of a constant
  bool first = true;
  for (RegisterRange range : instruction.reads) {
    const uint32_t wanted = range.vector && first ? firstLanes : lanes;
    first &= !range.vector;
    if (step.undefined == Undefined::IsCopied && range.index != kScc)
      continue;
    if (step.undefined == Undefined::StaysInHighHalf && range.dwords == 2) {
      definedHigh_ = range.vector ? vector_[(range.index + 1) & 255]
                                  : 0 - static_cast<uint32_t>(scalar_[(range.index + 1) & 127]);
      range.dwords = 1;
    }
    if (!checkRead(wave, step, range, wanted))
      return false;
  }
  return true;
}

/// v_mov and s_mov: the destination is as defined as the source.
void StrictWave::copyDefined(const Instruction &instruction, uint32_t lanes) {
  // Both halves of a VOPD read before either writes.
  const Instruction *halves[] = {&instruction, instruction.second.get()};
  uint32_t vectors[2] = {~0u, ~0u};
  bool scalars[2][2] = {{true, true}, {true, true}};
  for (int half = 0; half < 2 && halves[half]; ++half) {
    const Operand &from = halves[half]->operands[1];
    for (uint32_t i = 0; i < 2; ++i)
      if (from.kind == OperandKind::Sgpr)
        scalars[half][i] = scalar_[(from.index + std::min<uint32_t>(i, from.dwords - 1u)) & 127];
    if (from.kind == OperandKind::Vgpr)
      vectors[half] = vector_[from.index];
    else if (from.kind == OperandKind::Sgpr)
      vectors[half] = scalars[half][0] ? ~0u : 0;
  }
  for (int half = 0; half < 2 && halves[half]; ++half) {
    const Operand &to = halves[half]->operands[0];
    if (to.kind == OperandKind::Vgpr)
      vector_[to.index] = (vector_[to.index] & ~lanes) | (vectors[half] & lanes);
    else
      for (uint32_t i = 0; i < to.dwords; ++i)
        scalar_[(to.index + i) & 127] = scalars[half][i & 1] || to.index >= kNull;
  }
}

bool StrictWave::before(Wave &wave, const Step &step) {
  const Instruction &instruction = *step.instruction;
  usedFlatGlobal_ = usedFlatLds_ = false;
  if (step.instructionClass == InstructionClass::Wait) {
    wait(instruction);
    return true;
  }
  if ((step.kind == StepKind::Barrier && instruction.name == "s_barrier") ||
      instruction.name.starts_with("s_barrier_signal")) {
    if (!checkBarrier(wave, step))
      return false;
  }
  if (!checkReads(wave, step))
    return false;
  for (const RegisterRange &range : instruction.writes)
    if (!checkPending(wave, step, range, true))
      return false;
  return true;
}

void StrictWave::issue(const Instruction &instruction, Counter counter, bool unordered,
                       bool writesLds) {
  const uint64_t number = ++issued_;
  queues_[counter].push_back({number, &instruction, unordered, writesLds});
  for (const RegisterRange &range : instruction.writes)
    if (range.vector || range.index < kNull)
      for (uint32_t i = 0; i < range.dwords; ++i)
        pending(counter, range, i) = number;
}

void StrictWave::issueMemory(const Instruction &instruction) {
  const bool load = instruction.destinations > 0;
  const bool stores = instruction.name.find("store") != std::string::npos ||
                      instruction.name.find("write") != std::string::npos ||
                      instruction.name.find("atomic") != std::string::npos;
  switch (instruction.encoding) {
  case Encoding::Ds: {
    const bool exchanges = instruction.name.find("permute") != std::string::npos ||
                           instruction.name == "ds_swizzle_b32";
    const bool reads =
        instruction.name.starts_with("ds_load") || instruction.name.starts_with("ds_read");
    issue(instruction, kLds, false, !exchanges && !reads);
    break;
  }
  case Encoding::Flat:
    if (usedFlatLds_)
      issue(instruction, kLds, true, stores);
    if (load && (usedFlatGlobal_ || !usedFlatLds_))
      issue(instruction, kLoads, true, false);
    break;
  case Encoding::Smem:
    issue(instruction, isa_ == amd::Isa::Gfx12 ? kScalar : kLds, true, false);
    break;
  default:
    if (load)
      issue(instruction, kLoads, false, false);
    break;
  }
}

void StrictWave::after(Wave &wave, const Step &step) {
  const Instruction &instruction = *step.instruction;
  const uint32_t exec = wave.exec();
  uint32_t lanes = exec;
  switch (step.laneUse) {
  case LaneUse::All:
    lanes = ~0u;
    break;
  case LaneUse::WriteLane:
    lanes = 1u << namedLane(wave, instruction);
    break;
  case LaneUse::Dpp:
    if (step.alu)
      lanes = dppLanes(exec, *step.alu).written;
    break;
  default:
    break;
  }
  if (step.undefined == Undefined::IsCopied)
    return copyDefined(instruction, lanes);
  for (const RegisterRange &range : instruction.writes)
    for (uint32_t i = 0; i < range.dwords; ++i) {
      uint32_t &defined = vector_[(range.index + i) & 255];
      if (range.vector && i == 1 && step.undefined == Undefined::StaysInHighHalf)
        defined = (defined & ~lanes) | (definedHigh_ & lanes);
      else if (range.vector)
        defined |= lanes;
      else if (range.index == kScc)
        scc_ = true;
      else
        scalar_[(range.index + i) & 127] = true;
    }
  if (isMemoryInstruction(instruction))
    issueMemory(instruction);
  else if (instruction.name.starts_with("s_sendmsg_rtn") || instruction.name == "s_memrealtime")
    issue(instruction, isa_ == amd::Isa::Gfx12 ? kScalar : kLds, true, false);
}

} // namespace rosso::emulator
