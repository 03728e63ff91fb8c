// Every stage of every kernel of a model or of a graph: graph, IR after each pass, LLVM IR, machine
// code, and what each kernel and each launch costs. No weights are loaded.
#include "frontend/Compile.h"
#include "frontend/GraphParse.h"
#include "tools/cli/ModelFlags.h"
#include "tools/dump/Arena.h"
#include "tools/dump/Commands.h"
#include "tools/dump/Counts.h"
#include "tools/dump/Objects.h"
#include "tools/dump/Page.h"
#include "tools/dump/Sink.h"
#include "tools/dump/Texts.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

using namespace rosso;
using namespace rosso::cli;
using namespace rosso::dump;

namespace {

constexpr std::string_view kAmd = "amdgpu:";

struct Flags {
  ModelFlags model;
  std::string target = "host", emit = "plan", output, kernel, at, entry;
  bool logits = false;

  Result<bool> parse(int argc, char **argv) {
    Arguments arguments("rosso-dump", "Shows how a model or a graph is compiled, stage by stage.");
    arguments.positional("MODEL.gguf", "a model, or a graph as --emit graph prints it", model.path);
    arguments.choice("--emit",
                     {"graph", "ir", "llvm", "asm", "isa", "obj", "plan", "resources", "arena",
                      "commands", "counts", "html", "all"},
                     "what to show (plan: memory, and bytes and operations of each kernel)", emit);
    arguments.text("--target", "NAME", "host, host:<cpu>, or amdgpu:<chip>, gfx1100 say (host)",
                   target);
    arguments.text("-o", "PATH", "write files to this folder instead of to standard output",
                   output);
    arguments.text("--kernel", "NAME", "this kernel only", kernel);
    arguments.text("--at", "P=0,T=1", "variables that estimates are for (each at its largest)", at);
    arguments.flag("--logits", "with the entry that gives all logits", logits);
    model.declareContext(arguments);
    arguments.flag("--exact", "activations stay f32 instead of int8 blocks", model.exact);
    ROSSO_TRY(const bool go, arguments.parse(argc, argv));
    if (go && (emit == "obj" || emit == "all") && output.empty())
      return badInput("--emit " + emit + " writes files; use -o DIR");
    return go;
  }

  bool wants(std::string_view what) const { return emit == "all" || emit == what; }
  bool wantsAny(std::initializer_list<std::string_view> list) const {
    for (std::string_view what : list)
      if (wants(what))
        return true;
    return false;
  }
};

Result<std::string> readFile(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf()))
    return badInput(path + ": " + std::strerror(errno ? errno : EIO));
  return std::move(text).str();
}

/// A graph's text begins with a variable, an entry or a comment; everything else is a model's.
Result<bool> isGraphFile(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    return badInput(path + ": " + std::strerror(errno));
  std::string head(8, '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  return head.starts_with("var ") || head.starts_with("entry ") || head.starts_with("#");
}

Result<Graph> loadGraph(const Flags &flags) {
  const std::string &path = flags.model.path;
  ROSSO_TRY(const bool isText, isGraphFile(path));
  if (isText) {
    ROSSO_TRY(const std::string text, readFile(path));
    auto graph = parseGraph(text);
    return graph ? std::move(graph) : graph.error().in(path);
  }
  ROSSO_TRY(const GgufFile file, GgufFile::open(path));
  LlmOptions options = flags.model.options();
  options.withLogits = flags.logits;
  return Llm::graph(file, options);
}

/// "P=0,T=1" for these variables.
Result<VarValues> valuesOf(const std::string &text, const VarTable &vars) {
  VarValues values;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view one = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(one.size() + 1, rest.size()));
    const size_t equals = one.find('=');
    const std::string name(one.substr(0, equals));
    auto var = vars.find(name);
    auto value = equals == std::string_view::npos ? Result<Dim>(badInput(""))
                                                  : Dim::parse(one.substr(equals + 1));
    if (var == vars.end() || !value || !value->isConstant() ||
        value->constant() < var->second.min || value->constant() > var->second.max) {
      std::string known;
      for (const auto &[other, bounds] : vars)
        known +=
            "\n  " + other + "=" + std::to_string(bounds.min) + " to " + std::to_string(bounds.max);
      return badInput("option --at: found '" + std::string(one) + "', wanted some of" + known);
    }
    values[name] = value->constant();
  }
  return values;
}

Status unknownKernel(const Program &program, const std::string &name) {
  std::string names;
  for (const Kernel &kernel : program.kernels) {
    if (kernel.name == name)
      return {};
    names += "\n  " + kernel.name;
  }
  return badInput("no kernel '" + name + "'; wanted one of" + names);
}

/// The IR after every pass; with --kernel its lines only.
void putStages(const Flags &flags, const Subject &subject, Sink &sink) {
  std::vector<int64_t> nodes;
  for (const KernelListing &kernel : subject.listing.kernels)
    if (kernel.name == flags.kernel)
      nodes = kernel.nodes;
  int number = 0; // so that files sort in their order
  for (const StageListing &stage : subject.listing.stages) {
    char digits[16];
    std::snprintf(digits, sizeof digits, "%02d-", number++);
    const std::string title = stage.stage + (stage.entry.empty() ? "" : "." + stage.entry);
    const std::string text = flags.kernel.empty() ? stage.ir.text : sliceText(stage.ir, nodes);
    if (!flags.kernel.empty() && text.empty())
      continue;
    sink.put(digits + title + ".mlir", text, "// ----- " + title);
  }
}

void putKernels(const Flags &flags, const Subject &subject,
                const std::vector<KernelReport> &reports, Sink &sink) {
  for (size_t i = 0; i < subject.listing.kernels.size(); ++i) {
    const KernelListing &kernel = subject.listing.kernels[i];
    if (!flags.kernel.empty() && kernel.name != flags.kernel)
      continue;
    if (flags.wants("graph") || flags.emit == "ir")
      sink.put(kernel.name + ".graph.txt", graphSlice(subject.graphText, kernel.nodes),
               "// ----- graph of " + kernel.name);
    if (flags.wants("ir"))
      sink.put(kernel.name + ".mlir", kernel.region.text + "\n" + kernel.code.text,
               "// ----- kernel " + kernel.name);
    if (flags.wants("llvm"))
      sink.put(kernel.name + ".ll", kernel.llvm, "");
    if (flags.wants("isa"))
      sink.put(kernel.name + ".isa",
               isaText(kernel, reports.empty() ? nullptr : &reports[i].machine), "");
    if (flags.wants("obj") && subject.isGpu())
      sink.put(objectFile(subject.program.kernels[i]),
               {reinterpret_cast<const char *>(kernel.object.data()), kernel.object.size()}, "");
  }
}

Status run(const Flags &flags) {
  ROSSO_TRY(const Graph graph, loadGraph(flags));
  Subject subject;
  subject.source = fileName(flags.model.path);
  subject.graphText = print(graph);
  Sink sink(flags.output, flags.emit == "html");
  ROSSO_CHECK(sink.open());
  if (flags.wants("graph"))
    sink.put("graph.txt", subject.graphText, "");
  if (flags.emit == "graph")
    return sink.status();

  if (flags.target.starts_with(kAmd))
    subject.chip = amd::findChip(std::string_view(flags.target).substr(kAmd.size()));
  if (!subject.isGpu() &&
      (flags.emit == "resources" || flags.emit == "commands" || flags.emit == "counts"))
    return badInput("--emit " + flags.emit + ": " + flags.target +
                    " has none; use --target amdgpu:gfx1100, say");
  ROSSO_TRY(subject.listing.at, valuesOf(flags.at, graph.vars));
  CompileOptions compiling{.target = flags.target, .exact = flags.model.exact};
  const bool planOnly = flags.emit == "plan";
  if (!planOnly)
    compiling.listing = &subject.listing;
  if (flags.wants("asm")) {
    compiling.dump = [&](std::string_view stage, std::string_view name, std::string_view text) {
      if (stage == "asm" && (flags.kernel.empty() || name == flags.kernel))
        sink.put(std::string(name) + ".s", text, "");
    };
  }
  ROSSO_TRY(subject.program, compile(graph, compiling));
  ROSSO_TRY(subject.plan, planArena(subject.program));
  if (!flags.kernel.empty())
    ROSSO_CHECK(unknownKernel(subject.program, flags.kernel));

  std::vector<KernelReport> reports;
  std::vector<std::vector<LaunchCost>> costs;
  if (subject.isGpu() && flags.wantsAny({"isa", "obj", "resources", "counts", "html"})) {
    ROSSO_TRY(reports, reportKernels(subject));
    costs = costsOf(subject, reports);
  }
  if (flags.wants("ir"))
    putStages(flags, subject, sink);
  putKernels(flags, subject, reports, sink);
  if (flags.wants("obj")) {
    sink.put(
        "code.so",
        {reinterpret_cast<const char *>(subject.program.code.data()), subject.program.code.size()},
        "");
    if (subject.isGpu()) {
      ROSSO_TRY(const std::string json, launchesJson(subject, reports, costs));
      sink.put("launches.json", json, "");
    }
  }
  if (flags.wants("plan"))
    sink.put("plan.txt", planText(subject, flags.kernel), "");
  if (flags.wants("resources") && subject.isGpu())
    sink.put("resources.txt", resourcesText(subject, reports, costs, flags.kernel), "");
  if (flags.emit == "counts") {
    ROSSO_TRY(const MeasuredEntry measured, measure(subject, flags.entry));
    sink.put("counts.txt", countsText(subject, measured, costs, flags.kernel), "");
  }
  if (flags.wants("arena"))
    sink.put("arena.txt", arenaText(subject), "");
  if (flags.wantsAny({"commands", "html"}) && subject.isGpu()) {
    ROSSO_TRY(const std::vector<CommandStream> streams, recordCommands(subject));
    if (flags.wants("commands"))
      sink.put("commands.txt", commandsText(subject, streams), "");
    if (flags.wants("html"))
      sink.put("dump.html", pageOf(subject, reports, costs, streams), "");
  } else if (flags.wants("html")) {
    sink.put("dump.html", pageOf(subject, reports, costs, {}), "");
  }
  return sink.status();
}

} // namespace

int main(int argc, char **argv) {
  Flags flags;
  auto parsed = flags.parse(argc, argv);
  if (!parsed || !*parsed)
    return finish(parsed ? Status() : parsed.error());
  return finish(run(flags));
}
