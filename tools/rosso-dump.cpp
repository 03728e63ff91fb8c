// Every stage of every kernel of a model: graph, IR after each pass, LLVM IR, machine code, and
// what each kernel costs. No weights are loaded.
#include "runtime/ArenaPlan.h"
#include "tools/cli/ModelFlags.h"
#include "tools/cli/Progress.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

using namespace rosso;
using namespace rosso::cli;

namespace {

struct Flags {
  ModelFlags model;
  std::string target = "host", emit = "plan", folder, kernel;
  bool logits = false;

  Result<bool> parse(int argc, char **argv) {
    Arguments arguments("rosso-dump", "Shows how a model is compiled, stage by stage.");
    model.declareModel(arguments);
    arguments.choice("--emit", {"graph", "ir", "llvm", "asm", "obj", "plan", "all"},
                     "what to show (plan: memory, and bytes and operations of each kernel)", emit);
    arguments.text("--target", "NAME", "host, or amdgpu:gfx1100 (host)", target);
    arguments.text("-o", "DIR", "write files there instead of to standard output", folder);
    arguments.text("--kernel", "NAME", "this kernel only, in llvm, asm and plan", kernel);
    arguments.flag("--logits", "with the entry that gives all logits", logits);
    model.declareContext(arguments);
    arguments.flag("--exact", "activations stay f32 instead of int8 blocks", model.exact);
    ROSSO_TRY(const bool go, arguments.parse(argc, argv));
    if (go && (emit == "obj" || emit == "all") && folder.empty())
      return badInput("--emit " + emit + " writes files; use -o DIR");
    return go;
  }
  bool wants(std::string_view what) const { return emit == "all" || emit == what; }
};

/// Where texts go: files of a folder, or standard output.
class Sink {
public:
  explicit Sink(std::string folder) : folder_(std::move(folder)) {}

  Status open() const {
    if (folder_.empty())
      return {};
    std::error_code error;
    std::filesystem::create_directories(folder_, error);
    return error ? Status(badInput(folder_ + ": " + error.message())) : Status();
  }

  void put(const std::string &file, std::string_view text) {
    ++count_;
    if (folder_.empty()) {
      std::fwrite(text.data(), 1, text.size(), stdout);
      if (!text.ends_with('\n'))
        std::fputc('\n', stdout);
      return;
    }
    std::ofstream out(folder_ + "/" + file, std::ios::binary);
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    out.close();
    if (!out && status_.ok())
      status_ = badInput(folder_ + "/" + file + ": write: " + std::strerror(errno));
  }

  Status status() const { return status_; }
  size_t count() const { return count_; }

private:
  std::string folder_;
  Status status_;
  size_t count_ = 0;
};

/// The row of a launch in the plan's table.
std::string row(const Program &program, const Launch &launch, size_t index) {
  const Kernel &kernel = program.kernels[launch.kernel];
  char text[256];
  std::snprintf(text, sizeof text, "  %4zu %s %-44s %14llu %14llu  %s\n", index,
                launch.barrierBefore ? "|" : " ", kernel.name.c_str(),
                static_cast<unsigned long long>(launch.bytesMoved),
                static_cast<unsigned long long>(launch.operations), kernel.stats.c_str());
  return text;
}

Result<std::string> planText(const Program &program, const std::string &kernel) {
  ROSSO_TRY(const ArenaPlan plan, planArena(program));
  std::string text;
  if (kernel.empty())
    text = "target " + program.target + "\narena  " + plan.describe() + "\ncode   " +
           formatBytes(program.code.size()) + ", " + std::to_string(program.kernels.size()) +
           " kernels\n\n";
  for (const Entry &entry : program.entries) {
    text += "entry " + entry.name + ", " + std::to_string(entry.launches.size()) +
            " launches (| waits for all before; bytes and operations at most)\n";
    text += "  launch kernel                                                  bytes     operations"
            "\n";
    uint64_t bytes = 0, operations = 0;
    for (size_t i = 0; i < entry.launches.size(); ++i) {
      const Launch &launch = entry.launches[i];
      if (!kernel.empty() && program.kernels[launch.kernel].name != kernel)
        continue;
      text += row(program, launch, i);
      bytes += launch.bytesMoved;
      operations += launch.operations;
    }
    char total[128];
    std::snprintf(total, sizeof total, "  %-51s %14llu %14llu\n\n", "total",
                  static_cast<unsigned long long>(bytes),
                  static_cast<unsigned long long>(operations));
    text += total;
  }
  return text;
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

Status run(const Flags &flags) {
  ROSSO_TRY(const GgufFile file, GgufFile::open(flags.model.path));
  LlmOptions options = flags.model.options();
  options.withLogits = flags.logits;
  ROSSO_TRY(const Graph graph, Llm::graph(file, options));
  Sink sink(flags.folder);
  ROSSO_CHECK(sink.open());
  if (flags.wants("graph"))
    sink.put("graph.txt", print(graph));
  if (flags.emit == "graph")
    return sink.status();

  int stages = 0; // of the IR, so that files sort in their order
  CompileOptions compiling{.target = flags.target, .exact = flags.model.exact};
  auto show = [&](std::string_view stage, std::string_view name, std::string_view text) {
    const bool isKernel = stage == "kernel" || stage == "llvm" || stage == "asm";
    if (isKernel && !flags.kernel.empty() && name != flags.kernel)
      return;
    if (isKernel && flags.wants(stage == "kernel" ? "all" : stage))
      sink.put(std::string(name) + (stage == "kernel" ? ".mlir"
                                    : stage == "llvm" ? ".ll"
                                                      : ".s"),
               text);
    if (isKernel || stage == "graph" || !flags.wants("ir"))
      return;
    char number[8];
    std::snprintf(number, sizeof number, "%02d-", stages++);
    std::string title(stage);
    if (!name.empty())
      (title += '.') += name;
    if (flags.folder.empty())
      sink.put("", "// ----- " + title + "\n");
    sink.put(number + title + ".mlir", text);
  };
  if (flags.emit != "plan" && flags.emit != "obj")
    compiling.dump = show;
  ROSSO_TRY(const Program program, compile(graph, compiling));
  if (!flags.kernel.empty())
    ROSSO_CHECK(unknownKernel(program, flags.kernel));
  if (flags.wants("obj"))
    sink.put("code.so", {reinterpret_cast<const char *>(program.code.data()), program.code.size()});
  if (flags.wants("plan")) {
    ROSSO_TRY(const std::string text, planText(program, flags.kernel));
    sink.put("plan.txt", text);
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
