// Compiles nothing: the program's code is the printed graph, and its target says how often this
// library was called in this process. A graph that has an entry "fail" cannot be compiled.
#include "frontend/Compile.h"

extern "C" void rossoCompile(const rosso::Graph *graph, const rosso::CompileOptions *options,
                             rosso::Result<rosso::Program> *result) {
  static int calls = 0;
  for (const rosso::GraphEntry &entry : graph->entries)
    if (entry.name == "fail") {
      *result = rosso::unsupported("blk.0.attn_q.weight: no");
      return;
    }
  const std::string text = print(*graph);
  rosso::Program program;
  program.target = "host:call" + std::to_string(++calls);
  program.code.assign(text.begin(), text.end());
  program.vars = graph->vars;
  if (options->dump)
    options->dump("graph", "", text);
  *result = std::move(program);
}
