#include "runtime/amd/CommandBuffer.h"

#include <atomic>
#include <cstring>

namespace rosso::amd {
namespace {

/// A dispatch of so many work groups, or as many dwords of nothing.
std::array<uint32_t, pm4::kDispatchDwords> dispatchOrNop(uint32_t groups, bool wave32) {
  auto packet =
      pm4::encode(pm4::DispatchDirect{.groups = {groups ? groups : 1, 1, 1}, .wave32 = wave32});
  if (groups == 0)
    packet[0] = pm4::header(pm4::Op::Nop, pm4::kDispatchDwords - 1);
  return packet;
}

} // namespace

Result<LaunchState> launchState(const KernelCode &kernel, const Chip &chip, uint64_t imageAddress,
                                uint32_t threads, uint64_t kernargs,
                                const PrivateMemory &privateMemory) {
  auto refused = [&](const std::string &what) {
    return unsupported("kernel " + kernel.name + " " + what);
  };
  LaunchState state{.code = imageAddress + kernel.entry,
                    .threads = threads,
                    .rsrc1 = kernel.rsrc1,
                    .rsrc2 = kernel.rsrc2,
                    .rsrc3 = kernel.rsrc3,
                    .wave32 = kernel.wave32(),
                    .architectedScratch = chip.isa != Isa::Gfx10,
                    .privateMemory = privateMemory};
  // The descriptor leaves the field to the driver.
  const uint32_t lds = (kernel.ldsBytes + pm4::kRsrc2LdsUnit - 1) / pm4::kRsrc2LdsUnit;
  if (kernel.ldsBytes > kLdsBytesPerGroup)
    return refused("takes " + std::to_string(kernel.ldsBytes) + " bytes of LDS, a group has " +
                   std::to_string(kLdsBytesPerGroup));
  state.rsrc2 |= lds << pm4::kRsrc2LdsShift;

  if (kernel.privateBytes && !state.architectedScratch)
    return refused("takes private memory, which " + std::string(chip.name) +
                   " gives in another way than we can");
  if (kernel.properties & KernelCode::kDynamicStack)
    return refused("takes private memory of a size nobody knows");
  if (kernel.properties & KernelCode::kDispatchPtr)
    return refused("wants a dispatch packet; compile it with \"amdgpu-no-dispatch-ptr\"");

  auto put = [&](uint64_t value, unsigned words) {
    for (unsigned i = 0; i < words; ++i)
      if (state.userDataCount < state.userData.size())
        state.userData[state.userDataCount++] = i < 2 ? static_cast<uint32_t>(value >> 32 * i) : 0;
  };
  // What is asked for and never used is zero: the queue (old targets' apertures, host calls), the
  // dispatch's number, and on gfx10 the ways to private memory.
  if (kernel.properties & KernelCode::kPrivateSegmentBuffer)
    put(0, 4);
  if (kernel.properties & KernelCode::kQueuePtr)
    put(0, 2);
  if (kernel.properties & KernelCode::kKernargSegmentPtr)
    put(kernargs, 2);
  if (kernel.properties & KernelCode::kDispatchId)
    put(0, 2);
  if (kernel.properties & KernelCode::kFlatScratchInit)
    put(0, 2);
  if (kernel.properties & KernelCode::kPrivateSegmentSize)
    put(kernel.privateBytes, 1);
  return state;
}

void ShState::set(pm4::Stream &stream, uint32_t first, std::span<const uint32_t> values) {
  auto holds = [&](size_t i) {
    const size_t at = first - kFirst + i;
    return known_[at] && values_[at] == values[i];
  };
  size_t begin = 0, end = values.size();
  while (begin < end && holds(begin))
    ++begin;
  while (end > begin && holds(end - 1))
    --end;
  if (begin == end)
    return;
  pm4::appendSetShReg(stream, first + static_cast<uint32_t>(begin),
                      values.subspan(begin, end - begin));
  for (size_t i = begin; i < end; ++i) {
    values_[first - kFirst + i] = values[i];
    known_[first - kFirst + i] = true;
  }
}

void ShState::set(pm4::Stream &stream, const LaunchState &state) {
  using pm4::lo, pm4::hi;
  auto setAll = [&](uint32_t first, std::initializer_list<uint32_t> values) {
    set(stream, first, {values.begin(), values.size()});
  };
  const uint64_t code = state.code >> 8, scratch = state.privateMemory.address >> 8;
  // Start, threads, pipeline statistics and performance counters: eight neighbours.
  setAll(pm4::kStartX, {0, 0, 0, state.threads, 1, 1, 0, 0});
  setAll(pm4::kProgramLo, {lo(code), hi(code)});
  if (state.architectedScratch) {
    setAll(pm4::kScratchBaseLo, {lo(scratch), hi(scratch), state.rsrc1, state.rsrc2});
    setAll(pm4::kTmpringSize, {state.privateMemory.tmpringSize});
  } else {
    setAll(pm4::kRsrc1, {state.rsrc1, state.rsrc2});
    setAll(pm4::kTmpringSize, {0});
  }
  setAll(pm4::kResourceLimits, {0});
  setAll(pm4::kRestartX, {0, 0, 0});
  setAll(pm4::kRsrc3, {state.rsrc3});
  if (state.userDataCount)
    set(stream, pm4::kUserData0, std::span(state.userData).first(state.userDataCount));
}

void appendBarrier(pm4::Stream &stream, uint64_t markAddress, uint32_t launch) {
  pm4::append(stream, pm4::WaitForWaves{});
  pm4::appendWriteData(stream, markAddress, std::array{launch}, pm4::Confirm::No);
  pm4::append(stream, pm4::AcquireMem{pm4::kBetweenDispatches});
}

size_t appendLaunch(pm4::Stream &stream, ShState &registers, const LaunchState &state,
                    uint32_t groups) {
  registers.set(stream, state);
  const size_t at = stream.size();
  const auto packet = dispatchOrNop(groups, state.wave32);
  stream.insert(stream.end(), packet.begin(), packet.end());
  return at;
}

CommandBuffer::CommandBuffer(std::span<const RecordedLaunch> launches, uint64_t markAddress,
                             uint32_t lanes) {
  ShState registers;
  for (uint32_t i = 0; i < launches.size(); ++i) {
    const RecordedLaunch &launch = launches[i];
    if (i > 0 && launch.barrierBefore) // what runs before the entry has been waited for
      appendBarrier(packets_, markAddress, i);
    const auto groups = launch.grid.isFixed() ? static_cast<uint32_t>(launch.grid.items({})) : 1u;
    const size_t dispatch = appendLaunch(packets_, registers, launch.state, groups);
    if (!launch.grid.isFixed())
      patches_.push_back({i, dispatch});
  }
  lanes_ = patches_.empty() ? 1 : lanes;
}

void CommandBuffer::place(uint8_t *host, uint64_t address) {
  host_ = host;
  address_ = address;
  for (uint32_t lane = 0; lane < lanes_ && !packets_.empty(); ++lane)
    std::memcpy(host_ + lane * laneBytes(), packets_.data(), packets_.size() * 4);
}

void CommandBuffer::patch(uint32_t lane, std::span<const RecordedLaunch> launches,
                          std::span<const int64_t> vars) {
  auto *words = reinterpret_cast<uint32_t *>(host_ + lane % lanes_ * laneBytes());
  for (const Patch &patch : patches_) {
    const RecordedLaunch &launch = launches[patch.launch];
    const auto packet =
        dispatchOrNop(static_cast<uint32_t>(launch.grid.items(vars)), launch.state.wave32);
    std::memcpy(words + patch.dispatch, packet.data(), 2 * sizeof(uint32_t)); // header, groups
  }
}

pm4::IndirectBuffer CommandBuffer::lane(uint32_t lane) const {
  return {.address = address_ + lane % lanes_ * laneBytes(),
          .dwords = static_cast<uint32_t>(packets_.size())};
}

} // namespace rosso::amd
