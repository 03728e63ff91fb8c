#include "runtime/emulator/packets/ComputeRegisters.h"

#include "runtime/emulator/packets/Bits.h"

#include <algorithm>
#include <span>

namespace rosso::emulator {
namespace {

using amd::Isa;

// Numbers of registers that code below reads.
constexpr uint32_t kStart = 0x204, kNumThread = 0x207, kProgramLo = 0x20C, kProgramHi = 0x20D,
                   kScratchLo = 0x210, kScratchHi = 0x211, kRsrc1 = 0x212, kRsrc2 = 0x213,
                   kScratchSize = 0x218, kRestart = 0x21B, kRsrc3 = 0x228, kUserData = 0x240;

constexpr uint32_t kAbsent = 0; // no bit may be set, not even the register written
constexpr uint32_t kAll = ~0u;

struct RegisterKind {
  uint16_t first, count;
  const char *name;
  uint32_t bits[3]; // that exist, by Isa
};

constexpr uint32_t kRsrc1Bits = bits(5, 0) | bits(26, 10) | bits(31, 29);
constexpr uint32_t kRsrc2Bits = bits(30, 0) & ~bit(6);

constexpr RegisterKind kRegisters[] = {
    {0x204, 3, "COMPUTE_START", {kAll, kAll, kAll}},
    {0x207, 3, "COMPUTE_NUM_THREAD", {kAll, kAll, kAll}},
    {0x20A, 1, "COMPUTE_PIPELINESTAT_ENABLE", {1, 1, 1}},
    {0x20B, 1, "COMPUTE_PERFCOUNT_ENABLE", {1, 1, 1}},
    {0x20C, 1, "COMPUTE_PGM_LO", {kAll, kAll, kAll}},
    {0x20D, 1, "COMPUTE_PGM_HI", {bits(7, 0), bits(7, 0), bits(7, 0)}},
    {0x20E, 2, "COMPUTE_DISPATCH_PKT_ADDR", {kAll, kAll, kAll}},
    {0x210, 1, "COMPUTE_DISPATCH_SCRATCH_BASE_LO", {kAll, kAll, kAll}},
    {0x211, 1, "COMPUTE_DISPATCH_SCRATCH_BASE_HI", {bits(7, 0), bits(7, 0), bits(7, 0)}},
    {0x212, 1, "COMPUTE_PGM_RSRC1", {kRsrc1Bits, kRsrc1Bits, kRsrc1Bits & ~bit(23)}},
    {0x213, 1, "COMPUTE_PGM_RSRC2", {kRsrc2Bits, kRsrc2Bits, kRsrc2Bits}},
    {0x215,
     1,
     "COMPUTE_RESOURCE_LIMITS",
     {bits(9, 0) | bits(26, 12), bits(9, 0) | bits(26, 12), bits(9, 0) | bits(26, 12)}},
    {0x216, 2, "COMPUTE_STATIC_THREAD_MGMT_SE0", {kAll, kAll, kAll}},
    {0x218, 1, "COMPUTE_TMPRING_SIZE", {bits(24, 0), bits(26, 0), bits(29, 0)}},
    {0x219, 2, "COMPUTE_STATIC_THREAD_MGMT_SE2", {kAll, kAll, kAll}},
    {0x21B, 3, "COMPUTE_RESTART", {kAll, kAll, kAll}},
    {0x21E, 1, "COMPUTE_THREAD_TRACE_ENABLE", {1, 1, 1}},
    {0x21F, 1, "COMPUTE_MISC_RESERVED", {kAll, kAll, kAll}},
    {0x222, 1, "COMPUTE_REQ_CTRL", {kAll, kAll, kAll}},
    {0x223, 1, "COMPUTE_STATIC_THREAD_MGMT_SE8", {kAbsent, kAbsent, kAll}},
    {0x224, 4, "COMPUTE_USER_ACCUM", {bits(6, 0), bits(6, 0), bits(6, 0)}},
    {0x228,
     1,
     "COMPUTE_PGM_RSRC3",
     {bits(3, 0), bits(11, 0) | bit(13) | bit(31), bits(11, 4) | bit(13) | bit(31)}},
    {0x22A, 1, "COMPUTE_SHADER_CHKSUM", {kAll, kAll, kAll}},
    {0x22B, 4, "COMPUTE_STATIC_THREAD_MGMT_SE4", {kAbsent, kAll, kAll}},
    {0x22F, 1, "COMPUTE_DISPATCH_INTERLEAVE", {kAbsent, kAll, kAll}},
    {0x240, 16, "COMPUTE_USER_DATA", {kAll, kAll, kAll}},
};

const RegisterKind *kindOf(uint32_t number) {
  for (const RegisterKind &kind : kRegisters)
    if (number >= kind.first && number < kind.first + kind.count)
      return &kind;
  return nullptr;
}

std::string nameOf(uint32_t number) {
  const RegisterKind *kind = kindOf(number);
  if (!kind)
    return "register " + hex(number);
  return kind->count == 1
             ? kind->name
             : std::string(kind->name) + " [" + std::to_string(number - kind->first) + "]";
}

// Bits of the initiator.
constexpr uint32_t kShaderEnable = bit(0), kPartialGroups = bit(1), kForceStartAtZero = bit(2),
                   kOrderedAppend = bit(3), kUseThreadDimensions = bit(5), kTunnel = bit(13),
                   kRestore = bit(14), kWave32 = bit(15), kAmplification = bit(16);
constexpr uint32_t kInitiatorBits = bits(3, 0) | bits(6, 5) | bits(11, 10) | bits(17, 13);
constexpr uint32_t kInitiatorBitsGfx12 = kInitiatorBits | bit(18) | bits(31, 29);
constexpr uint32_t kNotEmulated =
    kPartialGroups | kOrderedAppend | kTunnel | kRestore | kAmplification | bits(31, 18);

constexpr uint32_t kMostGroupThreads = 1024;

} // namespace

Status ComputeRegisters::set(uint32_t number, uint32_t value) {
  const RegisterKind *kind = kindOf(number);
  const uint32_t present = kind ? kind->bits[static_cast<size_t>(chip_.isa)] : kAbsent;
  if (number == 0x214)
    return malformed("COMPUTE_VMID is the kernel driver's; a user's queue must not write it");
  if (number >= 0x200 && number < kStart)
    return malformed("register " + hex(number) + " is written by dispatch packets, not by others");
  if (present == kAbsent)
    return malformed("register " + hex(number) + " is not one of a compute queue on " +
                     std::string(chip_.name));
  if (value & ~present)
    return malformed(nameOf(number) + " = " + hex(value) + ": reserved bits " +
                     hex(value & ~present) + " are set");
  values_[number - kFirst] = value;
  written_.set(number - kFirst);
  return {};
}

Result<Dispatch> ComputeRegisters::dispatch(std::array<uint32_t, 3> dims,
                                            uint32_t initiator) const {
  const uint32_t known = chip_.isa == Isa::Gfx12 ? kInitiatorBitsGfx12 : kInitiatorBits;
  if (initiator & ~known)
    return malformed("initiator " + hex(initiator) + ": reserved bits " + hex(initiator & ~known) +
                     " are set");
  if (!(initiator & kShaderEnable))
    return malformed("initiator " + hex(initiator) + ": COMPUTE_SHADER_EN (bit 0) is not set");
  if (initiator & kNotEmulated)
    return malformed("initiator " + hex(initiator) + ": bits " + hex(initiator & kNotEmulated) +
                     " ask for what is not emulated");
  const bool wave32 = initiator & kWave32;
  for (uint32_t number :
       {kProgramLo, kProgramHi, kRsrc1, kRsrc2, kRsrc3, kNumThread, kNumThread + 1, kNumThread + 2})
    if (!written(number))
      return malformed(nameOf(number) + " was never written on this queue");
  ROSSO_CHECK(checkPrograms(wave32));

  Dispatch dispatch;
  dispatch.wave32 = wave32;
  dispatch.code = (uint64_t{get(kProgramHi)} << 32 | get(kProgramLo)) << 8;
  dispatch.rsrc1 = get(kRsrc1);
  dispatch.rsrc2 = get(kRsrc2);
  dispatch.rsrc3 = get(kRsrc3);
  std::copy_n(values_.begin() + (kUserData - kFirst), 16, dispatch.userData.begin());

  for (uint32_t i = 0; i < 3; ++i) {
    const std::string axis(1, static_cast<char>('x' + i));
    if (get(kRestart + i))
      return malformed(nameOf(kRestart + i) + " = " + hex(get(kRestart + i)) + ", wanted 0");
    if (!(initiator & kForceStartAtZero) && get(kStart + i))
      return malformed(nameOf(kStart + i) + " = " + hex(get(kStart + i)) +
                       ": only dispatches that start at group 0 are emulated");
    const bool interleaves = chip_.isa == Isa::Gfx12 && i < 2;
    const uint32_t threads = get(kNumThread + i), size = threads & (interleaves ? 0x1fff : 0xffff);
    if (interleaves && threads & 0xe000)
      return malformed(nameOf(kNumThread + i) + " = " + hex(threads) +
                       ": interleaving is not emulated");
    if (size == 0 || size > kMostGroupThreads)
      return malformed(nameOf(kNumThread + i) + ": " + std::to_string(size) +
                       " threads a group along " + axis + ", wanted 1 to 1024");
    if (dims[i] == 0)
      return malformed("0 groups along " + axis + "; leave such a dispatch out");
    dispatch.groupSize[i] = size;
    dispatch.groups[i] = dims[i];
    if (initiator & kUseThreadDimensions) {
      if (dims[i] % size)
        return malformed(std::to_string(dims[i]) + " threads along " + axis +
                         " are not whole groups of " + std::to_string(size));
      dispatch.groups[i] = dims[i] / size;
    }
  }
  ROSSO_CHECK(checkGroup(dispatch));
  ROSSO_CHECK(findScratch(dispatch));
  return dispatch;
}

/// The parts of RSRC1..3 that must agree with each other whatever is dispatched.
Status ComputeRegisters::checkPrograms(bool wave32) const {
  const uint32_t rsrc1 = get(kRsrc1), rsrc2 = get(kRsrc2), rsrc3 = get(kRsrc3);
  if (vgprs(rsrc1, wave32) > 256)
    return malformed(nameOf(kRsrc1) + " = " + hex(rsrc1) + ": " +
                     std::to_string(vgprs(rsrc1, wave32)) + " VGPRs, a wave has at most 256");
  if (field(rsrc2, 5, 1) > 16)
    return malformed(nameOf(kRsrc2) + " = " + hex(rsrc2) + ": " +
                     std::to_string(field(rsrc2, 5, 1)) + " user SGPRs, there are at most 16");
  if (field(rsrc2, 12, 11) == 3)
    return malformed(nameOf(kRsrc2) + " = " + hex(rsrc2) + ": TIDIG_COMP_CNT 3 is reserved");
  if (ldsBytes(rsrc2) > amd::kLdsBytesPerGroup)
    return malformed(nameOf(kRsrc2) + " = " + hex(rsrc2) + ": " + std::to_string(ldsBytes(rsrc2)) +
                     " bytes of LDS, a group has at most " +
                     std::to_string(amd::kLdsBytesPerGroup));
  if (chip_.isa != Isa::Gfx12 && wave32 && field(rsrc3, 3, 0))
    return malformed(nameOf(kRsrc3) + " = " + hex(rsrc3) +
                     ": shared VGPRs are for 64-lane waves, this dispatch has 32 lanes");
  return {};
}

Status ComputeRegisters::checkGroup(const Dispatch &dispatch) const {
  const auto &size = dispatch.groupSize;
  const uint64_t threads = uint64_t{size[0]} * size[1] * size[2];
  if (threads > kMostGroupThreads)
    return malformed("a group of " + std::to_string(threads) + " threads, wanted at most 1024");
  // A group lives in one WGP, or in one CU of it; SIMDs hold half as many 64-lane waves of a size.
  const uint32_t lanes = dispatch.wave32 ? 32 : 64;
  const uint32_t simds = (dispatch.rsrc1 & bit(29) ? 2 : 1) * amd::kSimdsPerCu;
  const uint32_t registers = vgprs(dispatch.rsrc1, dispatch.wave32) * (lanes / 32);
  const uint64_t waves = (threads + lanes - 1) / lanes;
  const uint32_t room = simds * amd::wavesPerSimd(chip_, registers);
  if (waves > room)
    return malformed("a group of " + std::to_string(waves) + " waves with " +
                     std::to_string(vgprs(dispatch.rsrc1, dispatch.wave32)) +
                     " VGPRs never starts: there is room for " + std::to_string(room) + " waves");
  return {};
}

Status ComputeRegisters::findScratch(Dispatch &dispatch) const {
  if (!(dispatch.rsrc2 & 1))
    return {};
  for (uint32_t number : {kScratchSize, kScratchLo, kScratchHi})
    if (!written(number))
      return malformed("the kernel uses private memory, and " + nameOf(number) +
                       " was never written on this queue");
  const uint32_t size = get(kScratchSize);
  const uint32_t unit = chip_.isa == Isa::Gfx10 ? 1024 : 256;
  if (!field(size, 11, 0) || !(size >> 12))
    return malformed(nameOf(kScratchSize) + " = " + hex(size) +
                     ": the kernel uses private memory, and none is given to its waves");
  dispatch.scratchBase = (uint64_t{get(kScratchHi)} << 32 | get(kScratchLo)) << 8;
  dispatch.scratchBytesPerWave = (size >> 12) * unit;
  return {};
}

} // namespace rosso::emulator
