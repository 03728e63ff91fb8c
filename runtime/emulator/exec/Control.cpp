// Branches, barriers, waits, messages and the other instructions that compute nothing.
#include "runtime/emulator/exec/Program.h"
#include "runtime/emulator/exec/WaveState.h"
#include "runtime/emulator/isa/FloatEnvironment.h"

#include <algorithm>
#include <chrono>
#include <string_view>

namespace rosso::emulator {
namespace {

using std::string_view;

void setScalar(Wave &wave, uint16_t index, uint32_t value) {
  if (index != kNull)
    wave.registers.s[index] = value;
}

void setScalar64(Wave &wave, uint16_t index, uint64_t value) {
  if (index == kNull)
    return;
  wave.registers.s[index] = static_cast<uint32_t>(value);
  wave.registers.s[index + 1] = static_cast<uint32_t>(value >> 32);
}

uint64_t nextAddress(const Step &step) {
  return step.instruction->address + step.instruction->bytes;
}

bool getPc(Wave &wave, const Step &step) {
  setScalar64(wave, step.instruction->operands[0].index, nextAddress(step));
  return true;
}

bool setPc(Wave &wave, const Step &step) {
  wave.jump = wave.scalar64(step.instruction->operands[0].index) & ~uint64_t{3};
  return true;
}

bool swapPc(Wave &wave, const Step &step) {
  wave.jump = wave.scalar64(step.instruction->operands[1].index) & ~uint64_t{3};
  return getPc(wave, step);
}

/// hwreg: [5:0] which, [10:6] first bit, [15:11] bits - 1.
struct HardwareRegister {
  uint32_t number, offset, mask;
};
HardwareRegister hardwareRegister(uint16_t field) {
  return {field & 63u, field >> 6 & 31u,
          static_cast<uint32_t>((uint64_t{2} << (field >> 11 & 31)) - 1)};
}
constexpr uint32_t kModeRegister = 1, kStatusRegister = 2, kHardwareId1 = 23, kShaderCycles = 29;

/// HW_ID1: [4:0] wave, [9:8] SIMD, [13:10] WGP, [16] array, [20:18] engine. Work groups go round
/// the engines, the two arrays of each, and the WGPs of those.
uint32_t placeOf(const Wave &wave) {
  const amd::Chip &chip = *wave.state->chip;
  const uint64_t place = wave.group->number % (chip.computeUnits / 2),
                 arrays = place / chip.shaderEngines;
  return (wave.index / 4 & 31) | (wave.index & 3) << 8 | static_cast<uint32_t>(arrays / 2) << 10 |
         static_cast<uint32_t>(arrays % 2) << 16 |
         static_cast<uint32_t>(place % chip.shaderEngines) << 18;
}

bool getRegister(Wave &wave, const Step &step) {
  const HardwareRegister which = hardwareRegister(step.instruction->simm16);
  uint32_t value = 0;
  switch (which.number) {
  case kModeRegister:
    value = wave.registers.mode;
    break;
  case kStatusRegister: // 0 SCC, 9 EXECZ, 10 VCCZ, 13 in a barrier-less group
    value = static_cast<uint32_t>(wave.registers.scc) |
            static_cast<uint32_t>(wave.exec() == 0) << 9 |
            static_cast<uint32_t>(wave.registers.vcc() == 0) << 10;
    break;
  case kHardwareId1:
    value = placeOf(wave);
    break;
  case kShaderCycles:
    value = static_cast<uint32_t>(wave.instructions) & 0xFFFFF;
    break;
  default:
    return fail(wave, step, kNoLane,
                "hardware register " + std::to_string(which.number) + " is not modelled",
                ErrorCode::Unsupported);
  }
  setScalar(wave, step.instruction->operands[0].index, value >> which.offset & which.mask);
  return true;
}

bool setRegister(Wave &wave, const Step &step) {
  const HardwareRegister which = hardwareRegister(step.instruction->simm16);
  if (which.number != kModeRegister)
    return fail(wave, step, kNoLane,
                "hardware register " + std::to_string(which.number) + " is not modelled",
                ErrorCode::Unsupported);
  uint32_t value = 0;
  for (const Operand &operand : step.instruction->operands)
    if (operand.kind == OperandKind::Literal)
      value = operand.value;
    else if (operand.kind == OperandKind::Sgpr)
      value = wave.registers.s[operand.index];
  const uint32_t mask = which.mask << which.offset;
  wave.registers.mode = (wave.registers.mode & ~mask) | (value << which.offset & mask);
  FloatEnvironment::apply(wave.registers.mode);
  return true;
}

/// What waves read as the time, at 100 MHz.
uint64_t realTime() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()) /
         10;
}

bool readRealTime(Wave &wave, const Step &step) {
  setScalar64(wave, step.instruction->operands[0].index, realTime());
  return true;
}

bool sendMessageAndReturn(Wave &wave, const Step &step) {
  constexpr uint32_t kDoorbell = 128, kRealTime = 131;
  uint64_t value = 0;
  const uint32_t message = step.instruction->operands.back().value;
  if (message == kRealTime)
    value = realTime();
  else if (message != kDoorbell)
    return fail(wave, step, kNoLane, "message " + std::to_string(message) + " is not modelled",
                ErrorCode::Unsupported);
  const Operand &to = step.instruction->operands[0];
  if (to.dwords == 2)
    setScalar64(wave, to.index, value);
  else
    setScalar(wave, to.index, static_cast<uint32_t>(value));
  return true;
}

/// The first of a work group's waves to signal a barrier reads SCC 1.
bool signalIsFirst(Wave &wave, const Step &) {
  const auto &waves = wave.group->waves;
  wave.registers.scc = std::none_of(waves.begin(), waves.end(), [](const auto &each) {
    return each->signalled || each->status == Wave::Status::AtBarrier;
  });
  wave.signalled = true;
  return true;
}

bool trap(Wave &wave, const Step &step) {
  return fail(wave, step, kNoLane,
              "the kernel trapped (trap " + std::to_string(step.instruction->simm16 & 0xFF) + ")");
}

/// Waits of vector loads, for counting how often a wave had to wait: all but `inFlight` have ended.
bool waitForLoads(Wave &wave, uint32_t inFlight) {
  const uint32_t ended = wave.loads > inFlight ? wave.loads - inFlight : 0;
  if (ended > wave.loadsWaited) {
    ++wave.worker->counters.loadRounds;
    wave.worker->counters.prefetchedRounds += ended < wave.loads;
    wave.loadsWaited = ended;
  }
  return true;
}

bool wait11(Wave &wave, const Step &step) {
  return waitForLoads(wave, step.instruction->simm16 >> 10 & 63);
}
bool wait10(Wave &wave, const Step &step) {
  const uint32_t field = step.instruction->simm16;
  return waitForLoads(wave, (field & 15) | (field >> 14 & 3) << 4);
}
bool waitLoad12(Wave &wave, const Step &step) {
  return waitForLoads(wave, step.instruction->simm16 & 63);
}
bool waitLoadAndLds12(Wave &wave, const Step &step) {
  return waitForLoads(wave, step.instruction->simm16 >> 8 & 63);
}

struct BranchName {
  string_view name;
  Condition condition;
};
constexpr BranchName kBranches[] = {
    {"s_branch", Condition::Always},         {"s_cbranch_scc0", Condition::Scc0},
    {"s_cbranch_scc1", Condition::Scc1},     {"s_cbranch_vccz", Condition::Vccz},
    {"s_cbranch_vccnz", Condition::Vccnz},   {"s_cbranch_execz", Condition::Execz},
    {"s_cbranch_execnz", Condition::Execnz},
};

struct ControlName {
  string_view name;
  InstructionClass instructionClass;
  StepKind kind;
  Execute execute;
};
constexpr ControlName kControls[] = {
    {"s_endpgm", InstructionClass::Branch, StepKind::End, nullptr},
    {"s_barrier", InstructionClass::Barrier, StepKind::Barrier, nullptr},
    {"s_barrier_wait", InstructionClass::Barrier, StepKind::Barrier, nullptr},
    {"s_barrier_signal", InstructionClass::Barrier, StepKind::Signal, nullptr},
    {"s_barrier_signal_isfirst", InstructionClass::Barrier, StepKind::Execute, signalIsFirst},
    {"s_call_b64", InstructionClass::Branch, StepKind::Branch, getPc},
    {"s_setpc_b64", InstructionClass::Branch, StepKind::Indirect, setPc},
    {"s_swappc_b64", InstructionClass::Branch, StepKind::Indirect, swapPc},
    {"s_getpc_b64", InstructionClass::Salu, StepKind::Execute, getPc},
    {"s_get_pc_i64", InstructionClass::Salu, StepKind::Execute, getPc},
    {"s_set_pc_i64", InstructionClass::Branch, StepKind::Indirect, setPc},
    {"s_swap_pc_i64", InstructionClass::Branch, StepKind::Indirect, swapPc},
    {"s_getreg_b32", InstructionClass::Salu, StepKind::Execute, getRegister},
    {"s_setreg_b32", InstructionClass::Salu, StepKind::Execute, setRegister},
    {"s_setreg_imm32_b32", InstructionClass::Salu, StepKind::Execute, setRegister},
    {"s_sendmsg_rtn_b32", InstructionClass::Message, StepKind::Execute, sendMessageAndReturn},
    {"s_sendmsg_rtn_b64", InstructionClass::Message, StepKind::Execute, sendMessageAndReturn},
    {"s_sendmsg", InstructionClass::Message, StepKind::Nop, nullptr},
    {"s_memrealtime", InstructionClass::Smem, StepKind::Execute, readRealTime},
    {"s_trap", InstructionClass::Branch, StepKind::Execute, trap},
    {"s_wait_loadcnt", InstructionClass::Wait, StepKind::Execute, waitLoad12},
    {"s_wait_loadcnt_dscnt", InstructionClass::Wait, StepKind::Execute, waitLoadAndLds12},
    {"s_wait_storecnt", InstructionClass::Wait, StepKind::Nop, nullptr},
    {"s_wait_storecnt_dscnt", InstructionClass::Wait, StepKind::Nop, nullptr},
    {"s_wait_dscnt", InstructionClass::Wait, StepKind::Nop, nullptr},
    {"s_wait_kmcnt", InstructionClass::Wait, StepKind::Nop, nullptr},
    {"s_wait_expcnt", InstructionClass::Wait, StepKind::Nop, nullptr},
    {"s_wait_samplecnt", InstructionClass::Wait, StepKind::Nop, nullptr},
    {"s_wait_bvhcnt", InstructionClass::Wait, StepKind::Nop, nullptr},
    {"s_waitcnt_vmcnt", InstructionClass::Wait, StepKind::Execute, waitLoad12},
    {"s_waitcnt_vscnt", InstructionClass::Wait, StepKind::Nop, nullptr},
    {"s_waitcnt_lgkmcnt", InstructionClass::Wait, StepKind::Nop, nullptr},
    {"s_waitcnt_expcnt", InstructionClass::Wait, StepKind::Nop, nullptr},
    {"s_waitcnt_depctr", InstructionClass::Wait, StepKind::Nop, nullptr},
    {"s_wait_alu", InstructionClass::Wait, StepKind::Nop, nullptr},
    {"s_wait_idle", InstructionClass::Wait, StepKind::Nop, nullptr},
    {"s_wait_event", InstructionClass::Wait, StepKind::Nop, nullptr},
};

/// Hints, and operations on caches: memory here has none, what a missing one would do is strict
/// mode's business.
constexpr string_view kNops[] = {"s_nop",
                                 "s_sleep",
                                 "s_sleep_var",
                                 "s_clause",
                                 "s_delay_alu",
                                 "s_setprio",
                                 "s_inst_prefetch",
                                 "s_set_inst_prefetch_distance",
                                 "s_ttracedata",
                                 "s_ttracedata_imm",
                                 "s_icache_inv",
                                 "s_incperflevel",
                                 "s_decperflevel",
                                 "s_version",
                                 "s_code_end",
                                 "s_dcache_inv",
                                 "s_dcache_wb",
                                 "s_gl1_inv",
                                 "s_prefetch_inst",
                                 "s_prefetch_inst_pc_rel",
                                 "s_prefetch_data",
                                 "s_prefetch_data_pc_rel",
                                 "s_buffer_prefetch_data",
                                 "buffer_gl0_inv",
                                 "buffer_gl1_inv",
                                 "global_inv",
                                 "global_wb",
                                 "global_wbinv",
                                 "v_nop",
                                 "s_singleuse_vdst",
                                 "s_barrier_leave",
                                 "v_pipeflush",
                                 "ds_nop"};

} // namespace

Status bindControl(const Instruction &instruction, amd::Isa isa, Step &step) {
  const string_view name = instruction.name;
  if (name == "s_waitcnt") {
    step.kind = StepKind::Execute;
    step.execute = isa == amd::Isa::Gfx10 ? wait10 : wait11;
    step.instructionClass = InstructionClass::Wait;
    return {};
  }
  for (const BranchName &branch : kBranches)
    if (branch.name == name) {
      step.kind = StepKind::Branch;
      step.condition = branch.condition;
      step.instructionClass = InstructionClass::Branch;
      return {};
    }
  for (const ControlName &control : kControls)
    if (control.name == name) {
      step.kind = control.kind;
      step.execute = control.execute;
      step.instructionClass = control.instructionClass;
      return {};
    }
  if (std::find(std::begin(kNops), std::end(kNops), name) != std::end(kNops)) {
    step.kind = StepKind::Nop;
    step.instructionClass = InstructionClass::Nop;
    return {};
  }
  return unsupported("not modelled");
}

} // namespace rosso::emulator
