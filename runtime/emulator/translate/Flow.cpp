#include "runtime/emulator/translate/Flow.h"

#include "runtime/emulator/isa/Op.h"

#include <set>

namespace rosso::emulator::translate {

bool Known::meet(const Known &other) {
  bool less = false;
  for (unsigned i = 0; i < is.size(); ++i)
    if (is[i] && (!other.is[i] || other.value[i] != value[i])) {
      is[i] = false;
      less = true;
    }
  return less;
}

bool isOpaque(const Step &step) {
  if (step.kind == StepKind::Alu)
    return step.instruction->name.find("movrel") != std::string::npos;
  return step.kind == StepKind::Indirect || (step.kind == StepKind::Branch && step.execute) ||
         (step.kind == StepKind::Execute && changesMode(step));
}

bool changesMode(const Step &step) {
  const std::string &name = step.instruction->name;
  return step.kind != StepKind::Segment &&
         (name == "s_denorm_mode" || name == "s_round_mode" || name.starts_with("s_setreg"));
}

namespace {

using Kind = BoundOperand::Kind;

std::optional<uint32_t> constantOf(const BoundOperand &operand, const Known &known) {
  if (operand.kind == Kind::Constant)
    return uint32_t(operand.value);
  if (operand.kind == Kind::Scalar)
    return known.get(operand.index);
  return std::nullopt;
}

void forget(const Instruction &instruction, Known &known) {
  for (const RegisterRange &range : instruction.writes)
    if (!range.vector)
      for (unsigned i = 0; i < range.dwords && range.index + i < kScalars; ++i)
        known.set(range.index + i, std::nullopt);
}

/// The value of a 32-bit scalar instruction where enough of its operands is known.
std::optional<uint32_t> evaluate(std::string_view name, std::optional<uint32_t> a,
                                 std::optional<uint32_t> b) {
  if (name == "s_mov_b32" || name == "s_movk_i32")
    return a;
  if (name == "s_or_b32") {
    if (a == ~0u || b == ~0u)
      return ~0u;
    return a && b ? std::optional(*a | *b) : std::nullopt;
  }
  if (!a || !b)
    return std::nullopt;
  if (name == "s_and_b32")
    return *a & *b;
  if (name == "s_add_u32" || name == "s_add_i32" || name == "s_add_co_u32")
    return *a + *b;
  if (name == "s_lshl_b32")
    return *a << (*b & 31);
  return std::nullopt;
}

} // namespace

void Known::after(const Step &step) {
  if (step.kind == StepKind::Segment)
    return;
  if (isOpaque(step)) {
    const std::optional<uint32_t> mode = get(kMode);
    *this = {};
    if (!changesMode(step))
      set(kMode, mode);
    return;
  }
  const Instruction &instruction = *step.instruction;
  if (step.kind != StepKind::Alu) {
    forget(instruction, *this);
    return;
  }
  const BoundAlu &alu = *step.alu;
  if (const auto mode = get(kMode); mode && instruction.name == "s_round_mode")
    set(kMode, (*mode & ~0xFu) | (uint32_t(alu.immediate) & 0xF));
  else if (mode && instruction.name == "s_denorm_mode")
    set(kMode, (*mode & ~0xF0u) | (uint32_t(alu.immediate) & 0xF) << 4);
  if (alu.op->form == Form::Save && alu.op->result == OperandType::B32) {
    const auto exec = get(kExecLo);
    const bool keepsOld = instruction.name.find("saveexec") != std::string::npos;
    forget(instruction, *this);
    if (keepsOld && alu.destination.index != kNull && alu.destination.index != kExecLo)
      set(alu.destination.index, exec);
    set(kExecLo, std::nullopt);
    return;
  }
  if (alu.op->form == Form::Scalar && alu.op->result == OperandType::B32) {
    const auto a = constantOf(alu.source[0], *this);
    const auto b = alu.op->sources > 1 ? constantOf(alu.source[1], *this) : a;
    const auto result = evaluate(alu.op->name, a, b);
    forget(instruction, *this);
    if (alu.destination.kind == Kind::Scalar && alu.destination.index != kNull)
      set(alu.destination.index, result);
    return;
  }
  forget(instruction, *this);
  if (alu.mask.kind == Kind::Scalar)
    set(alu.mask.index, std::nullopt);
  if (alu.destination.kind == Kind::Scalar)
    set(alu.destination.index, std::nullopt);
}

StepEffects effectsOf(const Step &step, bool allLanes) {
  StepEffects effects;
  if (step.kind == StepKind::Segment) {
    effects.reads.set(kFirstScalar + kExecLo);
    return effects;
  }
  if (isOpaque(step)) {
    effects.reads.set();
    effects.writes.set();
    return effects;
  }
  auto add = [](RegisterSet &set, const RegisterRange &range) {
    for (unsigned i = 0; i < range.dwords; ++i) {
      const unsigned index = range.index + i;
      if (range.vector && index < 256)
        set.set(index);
      else if (!range.vector && index < kScalars)
        set.set(kFirstScalar + index);
      else if (!range.vector && index == kScc)
        set.set(kSccBit);
    }
  };
  for (const RegisterRange &range : step.instruction->reads)
    add(effects.reads, range);
  for (const RegisterRange &range : step.instruction->writes)
    add(effects.writes, range);
  // What an executor reads or writes that LLVM does not count.
  if (step.instructionClass == InstructionClass::Wait)
    return {};
  effects.reads.set(kFirstScalar + kExecLo);
  if (step.kind == StepKind::Execute && !step.memory) { // s_getreg: SCC, vcc
    effects.reads.set(kSccBit);
    effects.reads.set(kFirstScalar + kVccLo);
    effects.writes.set(kSccBit); // s_barrier_signal_isfirst
  }
  if (step.kind == StepKind::Branch) {
    effects.reads.set(kFirstScalar + kVccLo);
    effects.reads.set(kSccBit);
  }
  if (step.kind != StepKind::Alu) {
    // Loads of whole registers in all lanes leave nothing of the old values; do not count on it
    // where the instruction is anything else.
    const bool whole = step.memory && step.memory->access == Access::Load && !step.memory->d16 &&
                       step.memory->bytes >= 4 && allLanes;
    for (unsigned i = 0; whole && i < 256; ++i)
      effects.kills[i] = effects.writes[i];
    return effects;
  }
  for (const BoundAlu *alu = step.alu; alu; alu = alu->second.get()) {
    const AluOp &op = *alu->op;
    for (const BoundOperand &source : alu->source) {
      if (source.kind == Kind::Scalar) {
        effects.reads.set(kFirstScalar + source.index);
        if (source.index + 1u < kScalars)
          effects.reads.set(kFirstScalar + source.index + 1);
      } else if (source.kind == Kind::Scc) {
        effects.reads.set(kSccBit);
      } else if (source.kind == Kind::Vccz) {
        effects.reads.set(kFirstScalar + kVccLo);
      }
    }
    if (op.form == Form::Scalar || op.form == Form::Save || op.form == Form::ScalarFloat) {
      effects.reads.set(kSccBit); // of s_cselect, s_addc; the others are few
      if (op.scc != SccRule::Keep)
        effects.writes.set(kSccBit);
      if (alu->destination.kind == Kind::Scalar && alu->destination.index != kNull)
        effects.kills.set(kFirstScalar + alu->destination.index);
    }
    if (alu->mask.kind == Kind::Scalar)
      effects.kills.set(kFirstScalar + alu->mask.index);
    const bool whole = (op.form == Form::Vector || op.form == Form::Packed) && !alu->dpp &&
                       op.result != OperandType::F16 && op.result != OperandType::B16;
    const bool wide = op.result == OperandType::B64 || op.result == OperandType::F64;
    if (whole && allLanes && alu->destination.kind == Kind::Vgpr) {
      effects.kills.set(alu->destination.index);
      if (wide)
        effects.kills.set(alu->destination.index + 1);
    }
    if (op.kind == InstructionClass::Wmma && alu->source[2].kind != Kind::Vgpr)
      continue;
    if (op.form == Form::Special || op.kind == InstructionClass::Wmma)
      effects.reads |= effects.writes; // parts of them stay
  }
  effects.kills &= effects.writes;
  return effects;
}

namespace {

class Analysis {
public:
  Analysis(std::span<const std::span<const Step>> regions) : regions_(regions) {}

  Flow run(const Step *entry, const Known &atEntry) {
    cutBlocks();
    connect();
    propagateKnown(flow_.byStep.at(entry), atEntry);
    propagateLive();
    return std::move(flow_);
  }

private:
  void cutBlocks();
  void connect();
  void propagateKnown(size_t entry, const Known &atEntry);
  void propagateLive();

  std::span<const std::span<const Step>> regions_;
  Flow flow_;
};

void Analysis::cutBlocks() {
  std::set<const Step *> leaders, resumed;
  for (std::span<const Step> region : regions_) {
    leaders.insert(&region.front());
    for (const Step &step : region) {
      if (step.kind == StepKind::Branch)
        leaders.insert(step.target);
      const bool ends = step.kind == StepKind::Branch || step.kind == StepKind::Barrier ||
                        step.kind == StepKind::Indirect || step.kind == StepKind::End ||
                        changesMode(step);
      if (ends && &step != &region.back()) {
        leaders.insert(&step + 1);
        if (step.kind == StepKind::Barrier)
          resumed.insert(&step + 1);
      }
    }
  }
  for (std::span<const Step> region : regions_)
    for (size_t i = 0; i < region.size();) {
      size_t end = i + 1;
      while (end < region.size() && !leaders.count(&region[end]))
        ++end;
      Block block;
      block.steps = region.subspan(i, end - i);
      block.resumes = resumed.count(&region[i]) != 0;
      flow_.byStep[&region[i]] = flow_.blocks.size();
      flow_.blocks.push_back(block);
      i = end;
    }
}

void Analysis::connect() {
  for (size_t i = 0; i < flow_.blocks.size(); ++i) {
    Block &block = flow_.blocks[i];
    const Step &last = block.steps.back();
    auto follow = [&](const Step *step) {
      auto found = flow_.byStep.find(step);
      if (found == flow_.byStep.end()) {
        block.leaves = true;
        return;
      }
      block.next.push_back(found->second);
      if (found->second <= i)
        flow_.blocks[found->second].loopHead = true;
    };
    if (last.kind == StepKind::Branch)
      follow(last.target);
    if (last.kind == StepKind::Indirect)
      block.leaves = true;
    const bool stops = last.kind == StepKind::End || last.kind == StepKind::Indirect ||
                       (last.kind == StepKind::Branch && last.condition == Condition::Always);
    if (!stops)
      follow(&last + 1);
  }
}

void Analysis::propagateKnown(size_t entry, const Known &atEntry) {
  flow_.blocks[entry].atStart = atEntry;
  flow_.blocks[entry].reached = true;
  // Code after a call comes from where we do not know.
  std::vector<size_t> work{entry};
  for (size_t i = 0; i < flow_.blocks.size(); ++i)
    if (flow_.blocks[i].leaves)
      for (size_t j = 0; j < flow_.blocks.size(); ++j)
        if (!flow_.blocks[j].reached) {
          flow_.blocks[j].reached = true;
          work.push_back(j);
        }
  while (!work.empty()) {
    const size_t i = work.back();
    work.pop_back();
    Known known = flow_.blocks[i].atStart;
    for (const Step &step : flow_.blocks[i].steps)
      known.after(step);
    for (size_t next : flow_.blocks[i].next) {
      Block &block = flow_.blocks[next];
      if (!block.reached) {
        block.reached = true;
        block.atStart = known;
        work.push_back(next);
      } else if (block.atStart.meet(known)) {
        work.push_back(next);
      }
    }
  }
}

void Analysis::propagateLive() {
  std::vector<RegisterSet> reads(flow_.blocks.size()), kills(flow_.blocks.size()),
      atStart(flow_.blocks.size());
  for (size_t i = 0; i < flow_.blocks.size(); ++i) {
    Known known = flow_.blocks[i].atStart;
    for (const Step &step : flow_.blocks[i].steps) {
      const StepEffects effects = effectsOf(step, known.get(kExecLo) == ~0u);
      reads[i] |= effects.reads & ~kills[i];
      kills[i] |= effects.kills;
      known.after(step);
    }
    if (flow_.blocks[i].leaves)
      flow_.blocks[i].liveAtEnd.set();
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = flow_.blocks.size(); i-- > 0;) {
      Block &block = flow_.blocks[i];
      for (size_t next : block.next)
        block.liveAtEnd |= atStart[next];
      const RegisterSet start = reads[i] | (block.liveAtEnd & ~kills[i]);
      changed |= start != atStart[i];
      atStart[i] = start;
    }
  }
}

} // namespace

Flow analyse(std::span<const std::span<const Step>> regions, const Step *entry,
             const Known &atEntry) {
  return Analysis(regions).run(entry, atEntry);
}

} // namespace rosso::emulator::translate
