#include "tools/dump/Page.h"

#include "tools/dump/Arena.h"
#include "tools/dump/Json.h"
#include "tools/dump/Texts.h"

namespace rosso::dump {

namespace page {
extern const std::string_view kPageHtml, kPageCss, kPageJs;
}

namespace {

/// Lists of numbers as one string, where most lists are empty or short: "1 2,,3".
std::string joined(const std::vector<std::vector<int64_t>> &lists) {
  std::string text;
  for (size_t i = 0; i < lists.size(); ++i) {
    if (i)
      text += ',';
    for (size_t k = 0; k < lists[i].size(); ++k)
      text += (k ? " " : "") + std::to_string(lists[i][k]);
  }
  return text;
}

template <typename Number> std::string joined(const std::vector<Number> &numbers) {
  std::string text;
  for (size_t i = 0; i < numbers.size(); ++i)
    text += (i ? "," : "") + std::to_string(numbers[i]);
  return text;
}

void stage(Json &json, const char *key, const TracedText &ir) {
  json.key(key).beginObject().field("text", ir.text).field("nodes", joined(ir.nodes)).endObject();
}

void kernelJson(Json &json, const Subject &subject, size_t index, const KernelReport *report) {
  const Kernel &kernel = subject.program.kernels[index];
  const KernelListing &listing = subject.listing.kernels[index];
  json.beginObject()
      .field("name", kernel.name)
      .field("schedule", kernel.stats)
      .list("nodes", listing.nodes);
  stage(json, "region", listing.region);
  stage(json, "code", listing.code);
  json.key("llvm")
      .beginObject()
      .field("text", listing.llvm)
      .field("lines", joined(listing.llvmLines))
      .endObject();
  const std::string isa = isaText(listing, report ? &report->machine : nullptr);
  std::vector<uint32_t> lines{0}; // the head
  for (const InstructionListing &instruction : listing.instructions)
    lines.push_back(instruction.line);
  json.key("isa").beginObject().field("text", isa).field("lines", joined(lines));
  if (report) {
    std::vector<uint32_t> hot;
    for (size_t i = 0; i < report->machine.instructions.size(); ++i)
      if (report->machine.instructions[i].loop >= 0 &&
          report->machine.instructions[i].loop == report->machine.hot)
        hot.push_back(static_cast<uint32_t>(i + 1));
    json.field("hot", joined(hot));
  }
  json.endObject();
  if (report) {
    json.key("facts").beginObject();
    json.field("work group", std::to_string(kernel.threads) + " threads")
        .field("VGPRs", listing.vgprs)
        .field("SGPRs", listing.sgprs)
        .field("spills", listing.vgprSpills + listing.sgprSpills)
        .field("scratch bytes", listing.scratchBytes)
        .field("LDS bytes", listing.ldsBytes)
        .field("waves per SIMD", report->occupancy.waves)
        .field("limited by", report->occupancy.limit)
        .field("code bytes", report->machine.codeBytes)
        .field("instructions", listing.instructions.size())
        .endObject();
    auto mix = [&](const char *key, const MachineCounts &counts) {
      json.key(key).beginObject();
      for (size_t i = 0; i < kClasses; ++i)
        if (counts.byClass[i] > 0)
          json.field(className(static_cast<emulator::InstructionClass>(i)), counts.byClass[i]);
      json.endObject();
    };
    mix("mix", report->machine.once);
    mix("hotMix", report->machine.iteration);
  }
  json.endObject();
}

void entryJson(Json &json, const Subject &subject, size_t e,
               const std::vector<std::vector<LaunchCost>> &costs, const ScratchMap &scratch) {
  const Entry &entry = subject.program.entries[e];
  json.beginObject().field("name", entry.name).key("launches").beginArray();
  for (size_t i = 0; i < entry.launches.size(); ++i) {
    const Launch &launch = entry.launches[i];
    json.beginObject()
        .field("kernel", launch.kernel)
        .field("wait", launch.barrierBefore)
        .list("nodes", subject.listing.launches[e][i].nodes);
    if (costs.empty()) {
      json.field("least", launch.bytesMoved);
    } else {
      const LaunchCost &cost = costs[e][i];
      json.field("groups", cost.groups)
          .field("least", cost.leastBytes)
          .field("asked", cost.requestedBytes)
          .field("us", cost.predicted.seconds * 1e6)
          .field("bound", emulator::boundName(cost.predicted.bound));
      if (cost.weights)
        json.field("slotsPerWeight", cost.slotsPerWeight);
      json.key("terms").beginObject();
      for (size_t t = 0; t < emulator::kBounds; ++t)
        json.field(emulator::boundName(static_cast<emulator::Bound>(t)),
                   cost.predicted.terms[t] * 1e6);
      json.endObject();
    }
    json.key("buffers").beginArray();
    for (const BufferRef &ref : launch.buffers)
      json.value(nameOf(subject.program, static_cast<uint32_t>(e), ref));
    json.endArray().field("outputs", launch.outputCount).endObject();
  }
  json.endArray().key("scratch").beginArray();
  for (const ScratchLife &life : scratch.lives)
    json.beginObject()
        .field("offset", life.offset)
        .field("bytes", life.bytes)
        .field("first", life.first)
        .field("last", life.last)
        .field("what", life.format + life.shape)
        .list("nodes", life.nodes)
        .endObject();
  json.endArray().field("reach", scratch.reach).field("peak", scratch.peakLive).endObject();
}

void arenaJson(Json &json, const Subject &subject) {
  const ArenaPlan &plan = subject.plan;
  json.key("arena").beginObject().field("bytes", plan.bytes).key("regions").beginArray();
  const std::pair<const char *, const ArenaRegion *> regions[] = {{"weights", &plan.weights},
                                                                  {"states", &plan.states},
                                                                  {"inputs", &plan.inputs},
                                                                  {"outputs", &plan.outputs},
                                                                  {"scratch", &plan.scratch}};
  for (const auto &[name, region] : regions)
    json.beginObject()
        .field("name", name)
        .field("offset", region->offset)
        .field("bytes", region->bytes)
        .endObject();
  json.endArray().field("text", arenaText(subject)).endObject();
}

std::string dataOf(const Subject &subject, const std::vector<KernelReport> &kernels,
                   const std::vector<std::vector<LaunchCost>> &costs,
                   const std::vector<CommandStream> &streams) {
  Json json(/*linesTo=*/2);
  json.beginObject()
      .field("source", subject.source)
      .field("target", subject.program.target)
      .field("board", subject.chip ? subject.chip->board : std::string_view())
      .field("at", str(subject.listing.at))
      .field("graph", subject.graphText);
  json.key("stages").beginArray();
  for (const StageListing &each : subject.listing.stages) {
    json.beginObject().field("stage", each.stage).field("entry", each.entry);
    stage(json, "ir", each.ir);
    json.endObject();
  }
  json.endArray().key("kernels").beginArray();
  for (size_t i = 0; i < subject.program.kernels.size(); ++i)
    kernelJson(json, subject, i, kernels.empty() ? nullptr : &kernels[i]);
  json.endArray().key("entries").beginArray();
  const std::vector<ScratchMap> scratch = scratchOf(subject);
  for (size_t e = 0; e < subject.program.entries.size(); ++e)
    entryJson(json, subject, e, costs, scratch[e]);
  json.endArray();
  arenaJson(json, subject);
  json.field("commands", commandsText(subject, streams)).endObject();
  return json.take();
}

/// No end of a script element in what stands inside one.
std::string inScript(std::string text) {
  for (size_t at = 0; (at = text.find("</", at)) != std::string::npos; at += 3)
    text.insert(at + 1, "\\");
  for (size_t at = 0; (at = text.find("<!--", at)) != std::string::npos;)
    text.replace(at, 4, "\\u003c!--");
  return text;
}

} // namespace

std::string pageOf(const Subject &subject, const std::vector<KernelReport> &kernels,
                   const std::vector<std::vector<LaunchCost>> &costs,
                   const std::vector<CommandStream> &streams) {
  // The template names its parts: /*CSS*/, /*JS*/ and /*DATA*/.
  std::string html(page::kPageHtml);
  auto put = [&](std::string_view mark, const std::string &text) {
    if (const size_t at = html.find(mark); at != std::string::npos)
      html.replace(at, mark.size(), text);
  };
  put("/*CSS*/", std::string(page::kPageCss));
  put("/*JS*/", std::string(page::kPageJs));
  put("/*DATA*/", inScript(dataOf(subject, kernels, costs, streams)));
  return html;
}

} // namespace rosso::dump
