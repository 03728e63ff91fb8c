// The reference: runs a graph op by op, unfused, on the CPU. It defines what "correct" means for
// every kernel, so each operation is one small literal function (Operations.h) and nothing is
// clever. Quantised weights are expanded a few rows at a time.
#pragma once

#include "frontend/Graph.h"
#include "frontend/reference/Value.h"

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace rosso::reference {

/// The bytes of a weight (in the layout of its file) or of an input (at its extents of the moment).
using LeafBytes = std::function<Result<std::span<const uint8_t>>(const Node &leaf)>;

/// Called with every node as soon as its value exists, sources first. Weights and their dequants
/// are read where they are used and are not reported.
using Observer = std::function<void(const Node &node, const Value &value)>;

class Evaluator {
public:
  /// `leaves` is called when a leaf is read; what it returns lives as long as the evaluator.
  explicit Evaluator(LeafBytes leaves, Precision precision = Precision::Typed)
      : leaves_(std::move(leaves)), precision_(precision) {}

  /// The values of an entry's outputs, in order. States that `states` lacks are zeros; after the
  /// run it holds every state the entry updated.
  Result<std::vector<Value>> run(const GraphEntry &entry, const VarValues &vars,
                                 std::map<std::string, Value> &states,
                                 const Observer &observer = {});

private:
  friend class Run;

  LeafBytes leaves_;
  Precision precision_;
  std::map<std::string, std::vector<float>> expanded_; // weights kept as floats, up to a limit
  size_t expandedCount_ = 0;
};

/// One run without states: for graphs whose leaves are constants and buffers.
Result<std::vector<Value>> evaluate(const GraphEntry &entry, const VarValues &vars = {},
                                    Precision precision = Precision::Typed);

} // namespace rosso::reference
