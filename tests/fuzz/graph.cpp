// Graph texts: whatever the bytes, parseGraph ends in a graph or an error, and a graph that was
// read prints to text that reads and prints the same.
#include "frontend/GraphParse.h"

using namespace rosso;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const std::string_view text(reinterpret_cast<const char *>(data), size);
  const auto graph = parseGraph(text);
  if (!graph)
    return 0;
  const std::string printed = print(*graph);
  const auto again = parseGraph(printed);
  if (!again || print(*again) != printed)
    __builtin_trap();
  (void)requiredNonNegative(*graph);
  return 0;
}
