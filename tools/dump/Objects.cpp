#include "tools/dump/Objects.h"

#include "ir/quant/Formats.h"
#include "runtime/amd/CodeObject.h"
#include "runtime/amd/Layout.h"
#include "tools/dump/Arena.h"
#include "tools/dump/Json.h"

#include <map>
#include <tuple>

namespace rosso::dump {

using emulator::InstructionClass;

namespace {

std::vector<std::string> texts(const Shape &shape) {
  std::vector<std::string> out;
  for (const Dim &extent : shape)
    out.push_back(extent.str());
  return out;
}

void mix(Json &json, const char *key, const MachineCounts &counts) {
  json.key(key).beginObject();
  for (size_t i = 0; i < kClasses; ++i)
    if (counts.byClass[i] > 0)
      json.field(className(static_cast<InstructionClass>(i)), counts.byClass[i]);
  json.endObject();
}

/// Every buffer that launches name, once, with a number.
class Buffers {
public:
  explicit Buffers(const Subject &subject) : subject_(subject) {
    for (uint32_t e = 0; e < subject.program.entries.size(); ++e)
      for (size_t i = 0; i < subject.program.entries[e].launches.size(); ++i) {
        const Launch &launch = subject.program.entries[e].launches[i];
        for (size_t b = 0; b < launch.buffers.size(); ++b)
          add(e, launch.buffers[b], subject.listing.launches[e][i].buffers[b]);
      }
  }

  size_t numberOf(uint32_t entry, const BufferRef &ref) const {
    return numbers_.at(key(entry, ref));
  }

  void write(Json &json) const {
    const Program &program = subject_.program;
    json.key("buffers").beginArray();
    for (size_t i = 0; i < buffers_.size(); ++i) {
      const auto &[entry, ref, operand] = buffers_[i];
      const ArenaSlot slot = subject_.plan.resolve(entry, ref);
      const bool inEntry = ref.space != Space::Weight && ref.space != Space::State;
      const bool onHost = ref.space == Space::Input || ref.space == Space::Output;
      json.beginObject().field("id", i).field("space", name(ref.space));
      if (ref.space != Space::Scratch)
        json.field("index", ref.index);
      if (inEntry)
        json.field("entry", program.entries[entry].name);
      json.field("name", nameOf(program, entry, ref))
          .field("memory", onHost ? "host" : "vram")
          .field("arena_offset", slot.offset)
          .field("bytes", ref.space == Space::Scratch ? operand.bytes : slot.bytes)
          .field("format", operand.format)
          .list("shape", texts(operand.shape))
          .field("layout", ref.space == Space::Weight ? program.weights[ref.index].layout : "rows")
          .endObject();
    }
    json.endArray();
  }

private:
  using Key = std::tuple<uint32_t, Space, uint32_t, uint64_t>;
  static Key key(uint32_t entry, const BufferRef &ref) {
    const bool shared = ref.space == Space::Weight || ref.space == Space::State;
    return {shared ? 0 : entry, ref.space, ref.index, ref.offset};
  }
  void add(uint32_t entry, const BufferRef &ref, const OperandListing &operand) {
    auto [found, isNew] = numbers_.try_emplace(key(entry, ref), buffers_.size());
    if (isNew)
      buffers_.emplace_back(entry, ref, operand);
    else if (operand.bytes > std::get<2>(buffers_[found->second]).bytes)
      std::get<2>(buffers_[found->second]) = operand; // a piece of scratch that is used again
  }

  const Subject &subject_;
  std::map<Key, size_t> numbers_;
  std::vector<std::tuple<uint32_t, BufferRef, OperandListing>> buffers_;
};

void kernelsJson(Json &json, const Subject &subject, const std::vector<KernelReport> &kernels,
                 const amd::CodeObject &code) {
  json.key("kernels").beginArray();
  for (size_t i = 0; i < kernels.size(); ++i) {
    const Kernel &kernel = subject.program.kernels[i];
    const KernelListing &listing = subject.listing.kernels[i];
    const Machine &machine = kernels[i].machine;
    const Occupancy &occupancy = kernels[i].occupancy;
    const amd::KernelCode *descriptor = code.find(kernel.symbol);
    json.beginObject()
        .field("name", kernel.name)
        .field("file", objectFile(kernel))
        .field("symbol", kernel.symbol)
        .field("schedule", kernel.stats)
        .field("threads", kernel.threads)
        .field("kernarg_bytes", descriptor ? descriptor->kernargBytes : 0)
        .field("vgprs", listing.vgprs)
        .field("sgprs", listing.sgprs)
        .field("vgpr_spills", listing.vgprSpills)
        .field("sgpr_spills", listing.sgprSpills)
        .field("scratch_bytes", listing.scratchBytes)
        .field("lds_bytes", listing.ldsBytes)
        .field("code_bytes", machine.codeBytes)
        .field("instructions", listing.instructions.size());
    json.key("waves_per_simd")
        .beginObject()
        .field("resident", occupancy.waves)
        .field("by_registers", occupancy.byRegisters)
        .field("by_lds", occupancy.byLds)
        .field("by_groups", occupancy.byGroups)
        .field("limit", occupancy.limit)
        .endObject();
    mix(json, "mix", machine.once);
    if (machine.hot >= 0) {
      const MachineLoop &loop = machine.loops[static_cast<size_t>(machine.hot)];
      json.key("hot_loop")
          .beginObject()
          .field("first_offset", listing.instructions[loop.begin].offset)
          .field("last_offset", listing.instructions[loop.end - 1].offset)
          .field("iterations", loop.runs)
          .field("slots", machine.iteration.slots)
          .field("load_bytes_per_lane", machine.iteration.loadBytes / 32)
          .field("wide_load_bytes_per_lane", machine.iteration.wideLoadBytes / 32)
          .field("load_rounds", machine.iteration.loadRounds)
          .field("prefetched_rounds", machine.iteration.prefetchedRounds);
      mix(json, "mix", machine.iteration);
      json.endObject();
    }
    json.list("graph_nodes", listing.nodes).endObject();
  }
  json.endArray();
}

void launchJson(Json &json, const Subject &subject, const Buffers &buffers, uint32_t e, size_t i,
                const LaunchCost &cost) {
  const Launch &launch = subject.program.entries[e].launches[i];
  const LaunchListing &listing = subject.listing.launches[e][i];
  const Kernel &kernel = subject.kernel(launch);
  json.beginObject()
      .field("index", i)
      .field("kernel", kernel.name)
      .field("file", objectFile(kernel))
      .field("symbol", kernel.symbol)
      .field("wait_for_earlier", launch.barrierBefore)
      .list("grid_work_groups", std::vector<uint64_t>{cost.groups, 1, 1})
      .list("grid_work_items", std::vector<uint64_t>{cost.groups * kernel.threads, 1, 1})
      .list("work_group_size", std::vector<uint64_t>{kernel.threads, 1, 1});
  json.key("grid_factors").beginArray();
  for (const GridDim &dim : launch.grid)
    json.beginObject().field("extent", dim.extent.str()).field("tile", dim.tile).endObject();
  json.endArray();
  json.field("lds_bytes", kernel.ldsBytes);
  json.key("arguments").beginArray();
  for (size_t b = 0; b < launch.buffers.size(); ++b) {
    const bool written = b >= launch.buffers.size() - launch.outputCount;
    json.beginObject()
        .field("offset", 8 * b)
        .field("size", 8)
        .field("kind", "buffer")
        .field("access", written ? "write" : "read")
        .field("buffer", buffers.numberOf(e, launch.buffers[b]))
        .field("space", name(launch.buffers[b].space))
        .field("index", launch.buffers[b].index)
        .field("name", nameOf(subject.program, e, launch.buffers[b]))
        .field("arena_offset", subject.plan.resolve(e, launch.buffers[b]).offset)
        .field("bytes", listing.buffers[b].bytes)
        .field("format", listing.buffers[b].format)
        .list("shape", texts(listing.buffers[b].shape))
        .field("layout", launch.buffers[b].space == Space::Weight
                             ? subject.program.weights[launch.buffers[b].index].layout
                             : "rows")
        .endObject();
  }
  json.beginObject()
      .field("offset", 8 * launch.buffers.size())
      .field("size", 8)
      .field("kind", "variables")
      .endObject()
      .endArray();
  json.list("graph_nodes", listing.nodes)
      .field("least_bytes", cost.leastBytes)
      .field("requested_bytes", cost.requestedBytes)
      .field("operations", launch.operations);
  if (cost.weights)
    json.field("weights", cost.weights).field("slots_per_weight", cost.slotsPerWeight);
  json.field("predicted_us", cost.predicted.seconds * 1e6)
      .field("bound", emulator::boundName(cost.predicted.bound))
      .endObject();
}

} // namespace

std::string objectFile(const Kernel &kernel) { return kernel.symbol + ".co"; }

Result<std::string> launchesJson(const Subject &subject, const std::vector<KernelReport> &kernels,
                                 const std::vector<std::vector<LaunchCost>> &costs) {
  const Program &program = subject.program;
  ROSSO_TRY(const amd::CodeObject code, amd::CodeObject::parse(program.code, *subject.chip));
  const amd::Layout layout = amd::Layout::of(program, subject.plan);
  Json json(/*linesTo=*/4);
  json.beginObject()
      .field("version", 1)
      .field("source", subject.source)
      .field("target", program.target)
      .field("chip", subject.chip->name)
      .field("board", subject.chip->board)
      .field("wave_size", 32);
  json.key("variables").beginArray();
  uint64_t offset = 0;
  for (const auto &[name, bounds] : program.vars) {
    json.beginObject()
        .field("name", name)
        .field("offset", offset)
        .field("size", 8)
        .field("min", bounds.min)
        .field("max", bounds.max)
        .field("value", subject.listing.at.at(name))
        .endObject();
    offset += 8;
  }
  json.endArray();
  kernelsJson(json, subject, kernels, code);
  const Buffers buffers(subject);
  buffers.write(json);
  json.key("weights").beginArray();
  for (size_t i = 0; i < program.weights.size(); ++i) {
    const WeightSlot &weight = program.weights[i];
    json.beginObject()
        .field("index", i)
        .field("name", weight.name)
        .field("format", weight.format)
        .field("layout", weight.layout)
        .list("shape", weight.shape)
        .field("bytes", weight.bytes)
        .field("arena_offset", subject.plan.weightSlots[i].offset)
        .endObject();
  }
  json.endArray();
  json.key("arena")
      .beginObject()
      .field("bytes", subject.plan.bytes)
      .field("vram_bytes", layout.vramBytes)
      .field("host_bytes", layout.hostBytes());
  const std::pair<const char *, const ArenaRegion *> regions[] = {
      {"weights", &subject.plan.weights},
      {"states", &subject.plan.states},
      {"inputs", &subject.plan.inputs},
      {"outputs", &subject.plan.outputs},
      {"scratch", &subject.plan.scratch}};
  for (const auto &[name, region] : regions)
    json.key(name)
        .beginObject()
        .field("offset", region->offset)
        .field("bytes", region->bytes)
        .endObject();
  json.endObject();
  json.key("entries").beginArray();
  for (uint32_t e = 0; e < program.entries.size(); ++e) {
    json.beginObject()
        .field("name", program.entries[e].name)
        .field("predicted_us", secondsOf(costs[e]) * 1e6)
        .key("launches")
        .beginArray();
    for (size_t i = 0; i < program.entries[e].launches.size(); ++i)
      launchJson(json, subject, buffers, e, i, costs[e][i]);
    json.endArray().endObject();
  }
  json.endArray().endObject();
  return json.take();
}

} // namespace rosso::dump
