#include "runtime/emulator/exec/Program.h"

#include "runtime/emulator/exec/Strict.h"
#include "runtime/emulator/exec/WaveState.h"

#include <algorithm>
#include <set>

namespace rosso::emulator {
namespace {

constexpr size_t kMostInstructions = 1 << 20; // of one region: beyond, it is no code
constexpr uint64_t kLongest = 20;             // bytes of an instruction

bool isJump(StepKind kind) {
  return kind == StepKind::Branch || kind == StepKind::Indirect || kind == StepKind::End;
}

bool endsStraightCode(const Instruction &instruction) {
  const std::string &name = instruction.name;
  return !instruction.problem.empty() || name == "s_endpgm" || name == "s_branch" ||
         name == "s_setpc_b64" || name == "s_code_end" || name == "s_endpgm_saved";
}

bool branches(const Instruction &instruction) {
  return instruction.name == "s_branch" || instruction.name.starts_with("s_cbranch_") ||
         instruction.name == "s_call_b64";
}

bool writesExec(const Instruction &instruction) {
  return std::any_of(instruction.writes.begin(), instruction.writes.end(), [](const auto &range) {
    return !range.vector && range.index <= kExecHi && range.index + range.dwords > kExecLo;
  });
}

bool failStep(Wave &wave, const Step &step) {
  return fail(wave, step, kNoLane, step.instruction->problem, ErrorCode::DeviceLost);
}

} // namespace

std::vector<const Instruction *> Program::readRegion(uint64_t address) {
  std::vector<const Instruction *> region;
  uint64_t furthest = address; // anything jumped to so far
  for (uint64_t at = address; region.size() < kMostInstructions;) {
    const Mapping *mapping = memory_.find(at, 4);
    Instruction instruction;
    instruction.address = at;
    instruction.bytes = 4;
    instruction.text = "no instruction";
    if (!mapping) {
      instruction.problem = "runs into " + memory_.describe(at) + ", which is not mapped";
    } else if (!mapping->executable) {
      instruction.problem = "runs into " + memory_.describe(at) + ", which is not executable";
    } else {
      const uint64_t offset = at - mapping->address;
      const uint64_t bytes = std::min(mapping->bytes - offset, kLongest);
      auto decoded = decoder_.decode({mapping->data + offset, bytes}, at);
      if (decoded)
        instruction = std::move(*decoded);
      else
        instruction.problem = "illegal instruction: " + decoded.error().message;
      if (instruction.name == "v_illegal")
        instruction.problem = "illegal instruction";
    }
    for (const auto *ranges : {&instruction.reads, &instruction.writes})
      for (const RegisterRange &range : *ranges)
        if (range.vector)
          vgprs_ = std::max<uint32_t>(vgprs_, range.index + range.dwords);
    at += instruction.bytes;
    if (branches(instruction) && instruction.branchTarget > furthest)
      furthest = instruction.branchTarget;
    const bool last =
        !instruction.problem.empty() || (endsStraightCode(instruction) && furthest < at);
    instructions_.push_back(std::move(instruction));
    region.push_back(&instructions_.back());
    if (last)
      break;
  }
  return region;
}

Status Program::bind(Instruction &instruction, Step &step) {
  if (isAlu(instruction.name) || instruction.encoding == Encoding::Vopd) {
    Instruction plain;
    step.kind = StepKind::Alu;
    if (instruction.modifiers.sdwa)
      ROSSO_CHECK(bindSdwa(instruction, plain, step));
    ROSSO_TRY(BoundAlu alu, bindAlu(instruction.modifiers.sdwa ? plain : instruction, chip_.isa));
    alus_.push_back(std::move(alu));
    step.alu = &alus_.back();
    step.instructionClass = aluClass(instruction);
    return {};
  }
  if (isMemoryInstruction(instruction)) {
    MemoryOp memory;
    ROSSO_CHECK(bindMemory(instruction, chip_.isa, step, memory));
    memory.number = static_cast<uint32_t>(memoryOps_.size());
    memoryOps_.push_back(memory);
    step.memory = &memoryOps_.back();
    return {};
  }
  return bindControl(instruction, chip_.isa, step);
}

Step Program::makeStep(Instruction &instruction) {
  Step step;
  step.instruction = &instruction;
  if (instruction.problem.empty())
    if (auto bound = bind(instruction, step); !bound)
      instruction.problem = bound.error().message;
  if (!instruction.problem.empty()) {
    step.kind = StepKind::Execute;
    step.execute = failStep;
  }
  step.laneUse = laneUse(instruction);
  step.undefined = undefinedUse(instruction);
  step.slots = issueSlots(instruction, step.instructionClass);
  return step;
}

void Program::addRegion(uint64_t address) {
  const std::vector<const Instruction *> region = readRegion(address);
  const uint64_t end = region.back()->address + region.back()->bytes;
  std::set<uint64_t> leaders{address};
  for (const Instruction *instruction : region) {
    const uint64_t next = instruction->address + instruction->bytes;
    if (branches(*instruction))
      leaders.insert(instruction->branchTarget);
    if (branches(*instruction) || endsStraightCode(*instruction) || writesExec(*instruction) ||
        instruction->name == "s_swappc_b64" || instruction->name.starts_with("s_barrier"))
      leaders.insert(next);
  }

  regions_.emplace_back();
  std::vector<Step> &steps = regions_.back();
  steps.reserve(region.size() + leaders.size()); // steps stay where they are
  Segment *segment = nullptr;
  for (const Instruction *instruction : region) {
    if (leaders.count(instruction->address)) {
      Step count;
      count.kind = StepKind::Segment;
      count.segment = static_cast<uint32_t>(segments_.size());
      count.instruction = instruction;
      segments_.emplace_back();
      segment = &segments_.back();
      count.counted = segment;
      steps.push_back(count);
      byAddress_.emplace(instruction->address, &steps.back());
    }
    Step step = makeStep(const_cast<Instruction &>(*instruction));
    ++segment->byClass[static_cast<size_t>(step.instructionClass)];
    ++segment->instructions;
    segment->vector += isVector(step.instructionClass);
    segment->slots += step.slots;
    steps.push_back(step);
    if (step.kind == StepKind::Branch)
      jumps_.push_back({&steps.back(), instruction->branchTarget});
  }
  // Code that ran over the limit.
  if (!isJump(steps.back().kind) && region.back()->problem.empty()) {
    Instruction &over = instructions_.emplace_back();
    over.address = end;
    over.text = "no instruction";
    over.problem = "more than a million instructions without an end";
    steps.push_back(makeStep(over));
  }
  segmentCount_ = segments_.size();
}

const Step *Program::at(uint64_t address) {
  {
    std::shared_lock lock(mutex_);
    if (auto found = byAddress_.find(address); found != byAddress_.end())
      return found->second;
  }
  std::unique_lock lock(mutex_);
  if (!byAddress_.count(address))
    addRegion(address);
  while (!jumps_.empty()) {
    const Jump jump = jumps_.back();
    jumps_.pop_back();
    if (!byAddress_.count(jump.to))
      addRegion(jump.to);
    jump.from->target = byAddress_[jump.to];
  }
  return byAddress_[address];
}

} // namespace rosso::emulator
