#include "tools/dump/Arena.h"

#include "tools/cli/Progress.h"

#include <algorithm>
#include <cstdio>

namespace rosso::dump {

namespace {

std::string place(uint64_t offset, uint64_t bytes) {
  char text[64];
  std::snprintf(text, sizeof text, "  %012llx %14llu  ", static_cast<unsigned long long>(offset),
                static_cast<unsigned long long>(bytes));
  return text;
}

std::string region(const char *name, const ArenaRegion &where, std::string_view memory) {
  return std::string("region ") + name + ": offset " + std::to_string(where.offset) + ", " +
         std::to_string(where.bytes) + " bytes (" + cli::formatBytes(where.bytes) + "), " +
         std::string(memory) + "\n";
}

std::string str(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

std::string slots(const std::vector<BufferSlot> &buffers, const std::vector<ArenaSlot> &where,
                  const std::string &after) {
  std::string text;
  for (size_t i = 0; i < buffers.size(); ++i)
    text += place(where[i].offset, where[i].bytes) + buffers[i].format +
            rosso::str(buffers[i].shape) + " " + buffers[i].name + after + "\n";
  return text;
}

} // namespace

std::vector<ScratchMap> scratchOf(const Subject &subject) {
  std::vector<ScratchMap> maps;
  for (size_t e = 0; e < subject.program.entries.size(); ++e) {
    const Entry &entry = subject.program.entries[e];
    ScratchMap map;
    map.entry = entry.name;
    map.launches = entry.launches.size();
    for (size_t i = 0; i < entry.launches.size(); ++i) {
      const Launch &launch = entry.launches[i];
      const LaunchListing &listing = subject.listing.launches[e][i];
      for (size_t b = 0; b < launch.buffers.size(); ++b) {
        const BufferRef &ref = launch.buffers[b];
        if (ref.space != Space::Scratch)
          continue;
        if (b >= launch.buffers.size() - launch.outputCount) {
          map.lives.push_back({.offset = ref.offset,
                               .bytes = listing.buffers[b].bytes,
                               .first = i,
                               .last = i,
                               .format = listing.buffers[b].format,
                               .shape = rosso::str(listing.buffers[b].shape),
                               .nodes = listing.nodes});
          map.reach = std::max(map.reach, ref.offset + listing.buffers[b].bytes);
          continue;
        }
        // Read: of the value that was written there last.
        auto life = std::find_if(map.lives.rbegin(), map.lives.rend(), [&](const ScratchLife &l) {
          return ref.offset >= l.offset && ref.offset < l.offset + std::max<uint64_t>(l.bytes, 1);
        });
        if (life != map.lives.rend())
          life->last = i;
      }
    }
    for (size_t i = 0; i < entry.launches.size(); ++i) {
      uint64_t live = 0;
      for (const ScratchLife &life : map.lives)
        live += life.first <= i && i <= life.last ? life.bytes : 0;
      map.peakLive = std::max(map.peakLive, live);
    }
    maps.push_back(std::move(map));
  }
  return maps;
}

std::string arenaText(const Subject &subject) {
  const Program &program = subject.program;
  const ArenaPlan &plan = subject.plan;
  const std::string_view device = subject.isGpu() ? "VRAM" : "memory",
                         shared = subject.isGpu() ? "host memory" : "memory";
  std::string text = "arena " + std::to_string(plan.bytes) + " bytes: " + plan.describe() + "\n\n";
  text += region("weights", plan.weights, device);
  for (size_t i = 0; i < program.weights.size(); ++i) {
    const WeightSlot &weight = program.weights[i];
    text += place(plan.weightSlots[i].offset, plan.weightSlots[i].bytes) + weight.format +
            str(weight.shape) + " " + weight.layout + " " + weight.name + "\n";
  }
  text += region("states", plan.states, device) + slots(program.states, plan.stateSlots, "");
  text += region("inputs", plan.inputs, shared);
  for (size_t e = 0; e < program.entries.size(); ++e)
    text += slots(program.entries[e].inputs, plan.inputSlots[e], " of " + program.entries[e].name);
  text += region("outputs", plan.outputs, shared);
  for (size_t e = 0; e < program.entries.size(); ++e)
    text +=
        slots(program.entries[e].outputs, plan.outputSlots[e], " of " + program.entries[e].name);
  text += region("scratch", plan.scratch, device);
  for (const ScratchMap &map : scratchOf(subject)) {
    text += "\nscratch of " + map.entry + ": " + std::to_string(map.lives.size()) + " values in " +
            std::to_string(map.launches) + " launches, reaches " + std::to_string(map.reach) +
            " bytes, at most " + std::to_string(map.peakLive) + " alive at a time\n";
    for (const ScratchLife &life : map.lives) {
      char launches[48];
      std::snprintf(launches, sizeof launches, "launches %4zu..%-4zu ", life.first, life.last);
      text += place(life.offset, life.bytes) + launches + life.format + life.shape + " nodes";
      for (const int64_t node : life.nodes)
        text += " %" + std::to_string(node);
      text += "\n";
    }
  }
  return text;
}

} // namespace rosso::dump
