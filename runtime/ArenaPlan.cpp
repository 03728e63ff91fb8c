#include "runtime/ArenaPlan.h"

#include <cstdio>
#include <limits>
#include <string_view>

namespace rosso {
namespace {

constexpr uint64_t kSlotAlign = 64;
constexpr uint64_t kRegionAlign = 4096;
constexpr uint64_t kMaxBytes = uint64_t{1} << 46; // of one buffer, and of all: no sum overflows
constexpr int64_t kMaxVar = int64_t{1} << 40;
constexpr uint64_t kMaxItems = std::numeric_limits<uint32_t>::max();      // of one launch
constexpr uint32_t kMaxGroupThreads = 1024, kMaxGroupLdsBytes = 64 << 10; // of every AMD GPU

uint64_t alignUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

Error malformed(const std::string &what) {
  return {ErrorCode::Internal, "program: " + what + "; the compiler must not make this"};
}

/// Grows the plan from its end, one region after the other.
class Layout {
public:
  explicit Layout(ArenaPlan &plan) : plan_(plan) {}

  void begin(ArenaRegion &region) {
    region_ = &region;
    region.offset = plan_.bytes = alignUp(plan_.bytes, kRegionAlign);
  }
  Status add(const std::string &name, uint64_t bytes, std::vector<ArenaSlot> *slots) {
    if (bytes > kMaxBytes || plan_.bytes + bytes > kMaxBytes)
      return malformed("buffer '" + name + "' of " + std::to_string(bytes) + " bytes");
    if (slots)
      slots->push_back({plan_.bytes, bytes});
    plan_.bytes += alignUp(bytes, kSlotAlign);
    region_->bytes = plan_.bytes - region_->offset;
    return {};
  }
  Status addAll(const std::vector<BufferSlot> &buffers, std::vector<ArenaSlot> &slots) {
    for (const BufferSlot &buffer : buffers)
      ROSSO_CHECK(add(buffer.name, buffer.bytes, &slots));
    return {};
  }

private:
  ArenaPlan &plan_;
  ArenaRegion *region_ = nullptr;
};

/// The largest value of an extent, or nothing where it names no variable or overflows.
std::optional<int64_t> largest(const Dim &extent, const VarTable &vars) {
  __int128 sum = extent.constant();
  __int128 magnitude = sum < 0 ? -sum : sum;
  for (const auto &[name, coefficient] : extent.terms()) {
    auto var = vars.find(name);
    if (var == vars.end())
      return std::nullopt;
    const __int128 low = static_cast<__int128>(coefficient) * var->second.min;
    const __int128 high = static_cast<__int128>(coefficient) * var->second.max;
    sum += low > high ? low : high;
    magnitude += (low < 0 ? -low : low) + (high < 0 ? -high : high);
    if (magnitude > std::numeric_limits<int64_t>::max())
      return std::nullopt;
  }
  return static_cast<int64_t>(sum);
}

Status checkRef(const Program &program, const Entry &entry, const BufferRef &ref,
                const std::string &where) {
  auto within = [&](const auto &slots) {
    return ref.index < slots.size() && ref.offset <= slots[ref.index].bytes;
  };
  bool ok = false;
  switch (ref.space) {
  case Space::Weight:
    ok = within(program.weights);
    break;
  case Space::State:
    ok = within(program.states);
    break;
  case Space::Input:
    ok = within(entry.inputs);
    break;
  case Space::Output:
    ok = within(entry.outputs);
    break;
  case Space::Scratch:
    ok = ref.offset <= program.scratchBytes;
    break;
  }
  if (!ok)
    return malformed(where + ": buffer reference outside its space");
  return {};
}

/// Work groups are a GPU's, memory per thread of a pool is the host's.
Status checkKernel(const Program &program, const Kernel &kernel) {
  const bool onGpu = program.target.starts_with("amdgpu:");
  if (onGpu ? kernel.threads == 0 || kernel.threads > kMaxGroupThreads : kernel.threads != 0)
    return malformed("kernel " + kernel.name + " of " + std::to_string(kernel.threads) +
                     " threads a group for " + program.target);
  if (kernel.ldsBytes > (onGpu ? kMaxGroupLdsBytes : 0))
    return malformed("kernel " + kernel.name + " with " + std::to_string(kernel.ldsBytes) +
                     " bytes of LDS for " + program.target);
  if (onGpu && kernel.scratchBytesPerThread != 0)
    return malformed("kernel " + kernel.name + " with a scratch buffer for " + program.target);
  return {};
}

Status checkLaunch(const Program &program, const Entry &entry, const Launch &launch,
                   const std::string &where) {
  if (launch.kernel >= program.kernels.size())
    return malformed(where + ": no kernel " + std::to_string(launch.kernel));
  if (launch.outputCount > launch.buffers.size())
    return malformed(where + ": more outputs than buffers");
  for (const BufferRef &ref : launch.buffers)
    ROSSO_CHECK(checkRef(program, entry, ref, where));
  uint64_t items = 1;
  for (const GridDim &dim : launch.grid) {
    auto extent = largest(dim.extent, program.vars);
    if (!extent || dim.tile < 1)
      return malformed(where + ": grid extent " + dim.extent.str() + " by " +
                       std::to_string(dim.tile));
    if (*extent <= 0)
      items = 0;
    else if (uint64_t tiles =
                 (static_cast<uint64_t>(*extent) - 1) / static_cast<uint64_t>(dim.tile) + 1;
             tiles > kMaxItems || (items *= tiles) > kMaxItems)
      return malformed(where + ": more than 2^32 work items");
  }
  return {};
}

std::string sizeText(uint64_t bytes) {
  char text[32];
  if (bytes >= uint64_t{1} << 30)
    std::snprintf(text, sizeof(text), "%.2f GiB", static_cast<double>(bytes) / (1 << 30));
  else if (bytes >= 1 << 20)
    std::snprintf(text, sizeof(text), "%.1f MiB", static_cast<double>(bytes) / (1 << 20));
  else
    std::snprintf(text, sizeof(text), "%.1f KiB", static_cast<double>(bytes) / (1 << 10));
  return text;
}

} // namespace

ArenaSlot ArenaPlan::resolve(uint32_t entry, const BufferRef &ref) const {
  ArenaSlot slot;
  switch (ref.space) {
  case Space::Weight:
    slot = weightSlots[ref.index];
    break;
  case Space::State:
    slot = stateSlots[ref.index];
    break;
  case Space::Input:
    slot = inputSlots[entry][ref.index];
    break;
  case Space::Output:
    slot = outputSlots[entry][ref.index];
    break;
  case Space::Scratch:
    slot = {scratch.offset, scratch.bytes};
    break;
  }
  return {slot.offset + ref.offset, slot.bytes - ref.offset};
}

ArenaSlot ArenaPlan::outputsOf(uint32_t entry) const {
  const std::vector<ArenaSlot> &slots = outputSlots[entry];
  if (slots.empty())
    return {outputs.offset, 0};
  return {slots.front().offset, slots.back().offset + slots.back().bytes - slots.front().offset};
}

std::string ArenaPlan::describe() const {
  return "weights " + sizeText(weights.bytes) + ", states " + sizeText(states.bytes) + ", inputs " +
         sizeText(inputs.bytes) + ", outputs " + sizeText(outputs.bytes) + ", scratch " +
         sizeText(scratch.bytes) + ", together " + sizeText(bytes);
}

Result<ArenaPlan> planArena(const Program &program) {
  for (const auto &[name, bounds] : program.vars)
    if (bounds.min > bounds.max || bounds.min < -kMaxVar || bounds.max > kMaxVar)
      return malformed("variable " + name + " in " + std::to_string(bounds.min) + ".." +
                       std::to_string(bounds.max));
  for (const Kernel &kernel : program.kernels)
    ROSSO_CHECK(checkKernel(program, kernel));
  for (const Entry &entry : program.entries)
    for (const Dim &room : entry.rooms)
      if (!largest(room, program.vars))
        return malformed(entry.name + ": room " + room.str());
  for (const Entry &entry : program.entries)
    for (size_t i = 0; i < entry.launches.size(); ++i)
      ROSSO_CHECK(checkLaunch(program, entry, entry.launches[i],
                              entry.name + " launch " + std::to_string(i)));

  ArenaPlan plan;
  Layout layout(plan);
  layout.begin(plan.weights);
  for (const WeightSlot &weight : program.weights)
    ROSSO_CHECK(layout.add(weight.name, weight.bytes, &plan.weightSlots));
  layout.begin(plan.states);
  ROSSO_CHECK(layout.addAll(program.states, plan.stateSlots));
  layout.begin(plan.inputs);
  for (const Entry &entry : program.entries)
    ROSSO_CHECK(layout.addAll(entry.inputs, plan.inputSlots.emplace_back()));
  layout.begin(plan.outputs);
  for (const Entry &entry : program.entries)
    ROSSO_CHECK(layout.addAll(entry.outputs, plan.outputSlots.emplace_back()));
  layout.begin(plan.scratch);
  ROSSO_CHECK(layout.add("scratch", program.scratchBytes, nullptr));
  plan.bytes = alignUp(plan.bytes, kRegionAlign);
  return plan;
}

} // namespace rosso
