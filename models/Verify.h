// Every kernel of a model against the reference evaluator, launch by launch.
//
// After a launch its results are compared with the values of their graph nodes, and then replaced
// by them: what a later kernel gets is right, so an error stays with the kernel that made it.
#pragma once

#include "models/Llm.h"

#include <string>
#include <vector>

namespace rosso {

struct KernelCheck {
  std::string entry, kernel;
  int launch = 0;   // of the entry
  int64_t node = 0; // of the graph, as `rosso-dump --emit graph` numbers it
  double error = 0; // |found - wanted| / |wanted|, Euclidean; 1 for integers that differ
  double limit = 0;
  bool off() const { return !(error <= limit); }
};

struct VerifyReport {
  std::vector<KernelCheck> checks; // in the order of the launches
  size_t launches = 0;
  size_t unchecked = 0; // results that are no node's value: activations as int8

  const KernelCheck *firstOff() const;
  const KernelCheck *worst() const;
};

/// Verifies `prefill` of these tokens and one `decode`. The session must be at its beginning and is
/// of no use afterwards.
Result<VerifyReport> verify(const GgufFile &file, Llm &llm, std::span<const TokenId> ids);

} // namespace rosso
