// The way back from a graph's canonical text (GraphPrint.cpp) to the graph.
#pragma once

#include "frontend/Graph.h"

#include <string_view>

namespace rosso {

/// Reads what `print` writes; blank lines and lines that begin with '#' are skipped. The data of
/// `buffer` nodes is not in the text: such a graph can be compiled, not run. The result is
/// validated, and every op has the sources and attributes that its kind needs.
/// Errors: BadInput, "line 12: ..." with what was found and what was wanted.
Result<Graph> parseGraph(std::string_view text);

} // namespace rosso
