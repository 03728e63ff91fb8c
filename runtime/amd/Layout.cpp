#include "runtime/amd/Layout.h"

namespace rosso::amd {
namespace {

constexpr uint64_t kAlign = 64; // a cache line of arguments per launch: no two share one
constexpr uint64_t kPage = 4096;

uint64_t alignUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

} // namespace

Layout Layout::of(const Program &program, const ArenaPlan &plan) {
  Layout layout;
  layout.hostBegin = plan.inputs.offset;
  layout.hostEnd = plan.scratch.offset;
  layout.scratchInVram = layout.hostBegin;
  layout.arguments = layout.scratchInVram + alignUp(plan.bytes - plan.scratch.offset, kPage);
  for (const Entry &entry : program.entries) {
    auto &offsets = layout.launchArguments.emplace_back();
    for (const Launch &launch : entry.launches) {
      offsets.push_back(layout.argumentBytes);
      layout.argumentBytes += alignUp(8 * (launch.buffers.size() + 1), kAlign);
    }
  }
  layout.variables = alignUp(layout.arguments + layout.argumentBytes, kPage);
  layout.variableBytes = 8 * program.vars.size();
  layout.vramBytes = layout.variables + alignUp(layout.variableBytes + 1, kPage);
  return layout;
}

} // namespace rosso::amd
