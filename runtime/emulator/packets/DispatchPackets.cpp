// Registers and dispatches of the command processor.
#include "runtime/emulator/packets/CommandProcessor.h"
#include "runtime/emulator/packets/ProgramDescriptor.h"

namespace rosso::emulator {
namespace {

constexpr uint32_t kScratchRegisters = 0x40, kScratchRegisterCount = 8; // of SET_UCONFIG_REG

} // namespace

Status CommandProcessor::setShRegisters(const Packet &p) {
  ROSSO_CHECK(p.only(1, bits(15, 0), "register"));
  for (uint32_t i = 2; i < p.dwords.size(); ++i)
    ROSSO_CHECK(registers_.set(p[1] + i - 2, p[i]));
  return {};
}

Status CommandProcessor::setUserConfig(const Packet &p) {
  ROSSO_CHECK(p.only(1, bits(15, 0), "register"));
  for (uint32_t i = 2; i < p.dwords.size(); ++i) {
    const uint32_t number = p[1] + i - 2;
    if (number < kScratchRegisters || number >= kScratchRegisters + kScratchRegisterCount)
      return malformed("register " + hex(number) +
                       ": a compute queue needs none but SCRATCH_REG0.." + "7 (0x40..0x47)");
    scratchRegisters_[number] = p[i];
  }
  return {};
}

Status CommandProcessor::dispatchDirect(const Packet &p) {
  ROSSO_TRY(Dispatch dispatch, registers_.dispatch({p[1], p[2], p[3]}, p[4]));
  return run(dispatch);
}

Status CommandProcessor::dispatchIndirect(const Packet &p) {
  ROSSO_TRY(uint64_t address, p.address(1, 4, "address of the group counts"));
  ROSSO_TRY(uint8_t *data, readable(address, 12, Hazards::Through::L2));
  std::array<uint32_t, 3> dims{};
  std::memcpy(dims.data(), data, sizeof dims);
  ROSSO_TRY(Dispatch dispatch, registers_.dispatch(dims, p[3]));
  return run(dispatch);
}

/// The code of a dispatch is there, and the instruction cache has not kept what was there before.
Status CommandProcessor::checkCode(const Dispatch &dispatch) const {
  // The hardware fetches ahead of what it executes.
  constexpr uint64_t kFetchedAhead = 256;
  const Mapping *mapping = gpu_.memory.find(dispatch.code, kFetchedAhead);
  if (!mapping)
    return malformed("code at " + hex(dispatch.code) + " and the 256 bytes from there on are " +
                     "not mapped: " + gpu_.memory.describe(dispatch.code));
  if (!mapping->executable)
    return malformed("code at " + hex(dispatch.code) + " (" + gpu_.memory.describe(dispatch.code) +
                     ") is not executable memory");
  if (!gpu_.hazards.strict())
    return {};
  const std::string name = gpu_.memory.kernelAt(dispatch.code);
  auto label = gpu_.memory.codeAt(dispatch.code);
  const uint64_t bytes = label ? label->address + label->bytes - dispatch.code : kFetchedAhead;
  if (gpu_.code.stale(dispatch.code, bytes))
    return malformed("the code of kernel " + name + " at " + hex(dispatch.code) +
                     " was written after the instruction cache was last invalidated");
  return checkDescriptor(gpu_.memory, *mapping, dispatch);
}

Status CommandProcessor::run(const Dispatch &asked) {
  Dispatch dispatch = asked;
  ROSSO_CHECK(checkCode(dispatch));
  dispatch.serial = lastDispatch_ = ++gpu_.dispatches;
  DispatchCount record;
  record.kernel = gpu_.memory.kernelAt(dispatch.code);
  if (record.kernel.empty())
    record.kernel = "code at " + hex(dispatch.code);
  if (gpu_.hazards.strict())
    gpu_.hazards.name(dispatch.serial, record.kernel);

  std::unique_lock engine(gpu_.engineMutex, std::defer_lock);
  while (!engine.try_lock_for(std::chrono::milliseconds(5)))
    if (host_.stop()) {
      stopped_ = true;
      return {};
    }
  auto counters = gpu_.engine.run(dispatch, ordering_.visibility(), host_.stop());
  engine.unlock();
  if (host_.stop()) {
    stopped_ = true;
    return {};
  }
  if (!counters)
    return counters.error();

  LaunchFacts facts;
  const auto &size = dispatch.groupSize;
  const uint32_t threads = size[0] * size[1] * size[2];
  facts.vgprs = ComputeRegisters::vgprs(dispatch.rsrc1, dispatch.wave32);
  facts.ldsBytes = ComputeRegisters::ldsBytes(dispatch.rsrc2);
  facts.wavesPerGroup = (threads + 31) / 32;
  facts.wholeProcessor = dispatch.rsrc1 & bit(29);
  facts.dependent = waited_;
  facts.codeIsWarm = !warm_.insert(dispatch.code).second;
  record.serial = dispatch.serial;
  record.groups = dispatch.groups[0] * dispatch.groups[1] * dispatch.groups[2];
  record.threads = threads;
  record.vgprs = facts.vgprs;
  record.ldsBytes = facts.ldsBytes;
  record.dependent = facts.dependent;
  record.predicted = predict(gpu_.chip, gpu_.link, facts, *counters);
  record.counters = *std::move(counters);
  drained_ = std::max(front_, drained_) + record.predicted.seconds;
  waited_ = false;
  gpu_.log.add(std::move(record));
  return {};
}

void CommandProcessor::invalidateCode() {
  warm_.clear();
  if (gpu_.code.invalidate(ordering_.visibility())) {
    std::lock_guard engine(gpu_.engineMutex);
    gpu_.engine.invalidateCode();
  }
}

} // namespace rosso::emulator
