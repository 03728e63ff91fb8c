#include "models/Verify.h"

#include "frontend/reference/Evaluator.h"
#include "ir/quant/Expand.h"
#include "ir/quant/Formats.h"
#include "models/TensorBytes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <tuple>
#include <unordered_map>

namespace rosso {

namespace {

// Sums of some thousand f32 products in another order differ by about 1e-6, and by 5e-4 where a
// result is stored as f16.
constexpr double kFloatLimit = 1e-3;
// Numbers in int8 are off by up to 1/254 of the largest of 32, about 1 in 100 of a typical one: for
// kernels that read activations or a KV cache in int8.
constexpr double kInt8Limit = 3e-2;

double relativeError(const reference::Value &found, const reference::Value &wanted) {
  if (!wanted.isReal())
    return found.integers == wanted.integers ? 0 : 1;
  double difference = 0, size = 0;
  for (size_t i = 0; i < wanted.reals.size(); ++i) {
    if (found.reals[i] == wanted.reals[i]) // infinities too
      continue;
    difference += (found.reals[i] - wanted.reals[i]) * (found.reals[i] - wanted.reals[i]);
  }
  for (double value : wanted.reals)
    if (std::isfinite(value))
      size += value * value;
  return difference == 0 ? 0 : std::sqrt(difference) / std::max(std::sqrt(size), 1e-30);
}

class Verifier {
public:
  Verifier(const GgufFile &file, Llm &llm)
      : weights_(file), llm_(llm), executable_(llm.deviceEngine()->executable()),
        evaluator_([this](const Node &leaf) { return bytesOf(leaf); }) {
    for (const auto &[node, number] : numberNodes(llm.graph()))
      nodes_[number] = node;
  }

  Status entry(const char *name, int64_t start, int64_t count) {
    entry_ = executable_.findEntry(name);
    vars_ = {{"P", start}, {"T", count}};
    const Entry &program = executable_.program().entries[static_cast<size_t>(entry_)];
    ROSSO_TRY(const auto wanted, referenceValues(program));
    const std::array<int64_t, 2> vars{start, count};
    for (size_t i = 0; i < program.launches.size(); ++i) {
      ROSSO_CHECK(executable_.runLaunch(entry_, static_cast<int>(i), vars));
      ++report_.launches;
      const Launch &launch = program.launches[i];
      const auto refs = std::span(launch.buffers);
      const auto results = refs.last(launch.outputCount);
      const bool readsInt8 = std::ranges::any_of(refs, [&](const BufferRef &ref) {
        return isPackedState(ref) || int8_.contains(placeOf(ref));
      });
      for (size_t output = 0; output < results.size(); ++output) {
        const int64_t number = output < launch.nodes.size() ? launch.nodes[output] : -1;
        auto value = wanted.find(number);
        if (value == wanted.end()) {
          ++report_.unchecked;
          int8_.insert(placeOf(results[output]));
          continue;
        }
        int8_.erase(placeOf(results[output]));
        ROSSO_TRY(double error,
                  compareAndReplace(results[output], *nodes_.at(number), value->second));
        report_.checks.push_back({.entry = name,
                                  .kernel = executable_.program().kernels[launch.kernel].name,
                                  .launch = static_cast<int>(i),
                                  .node = number,
                                  .error = error,
                                  .limit = readsInt8 ? kInt8Limit : kFloatLimit});
      }
    }
    return {};
  }

  VerifyReport report() { return std::move(report_); }

private:
  using Place = std::tuple<Space, uint32_t, uint64_t>;
  static Place placeOf(const BufferRef &ref) { return {ref.space, ref.index, ref.offset}; }

  bool isPackedState(const BufferRef &ref) const {
    if (ref.space != Space::State)
      return false;
    const QuantFormat *format = findFormat(executable_.program().states[ref.index].format);
    return format && !format->isFloat();
  }

  using Values = std::unordered_map<int64_t, reference::Value>; // by number of the node

  /// The values of the nodes that launches of the entry compute.
  Result<Values> referenceValues(const Entry &program) {
    std::unordered_map<const Node *, int64_t> wanted;
    for (const Launch &launch : program.launches)
      for (int64_t number : launch.nodes)
        if (auto node = nodes_.find(number); node != nodes_.end())
          wanted[node->second] = number;
    Values values;
    const GraphEntry &graph = llm_.graph().entries[static_cast<size_t>(entry_)];
    auto result =
        evaluator_.run(graph, vars_, states_, [&](const Node &node, const reference::Value &value) {
          if (auto number = wanted.find(&node); number != wanted.end())
            values[number->second] = value;
        });
    if (!result)
      return result.error().in("reference");
    return values;
  }

  Result<double> compareAndReplace(const BufferRef &ref, const Node &node,
                                   const reference::Value &wanted) {
    std::vector<uint8_t> bytes(node.format ? packedBytes(*node.format, wanted)
                                           : reference::encode(wanted).size());
    ROSSO_CHECK(executable_.download(entry_, ref, bytes));
    if (node.format) { // a quantised state: compared, but kept
      reference::Value found = wanted;
      std::vector<float> floats(wanted.reals.size());
      expandRow(*node.format, bytes, floats);
      found.reals.assign(floats.begin(), floats.end());
      return relativeError(found, wanted);
    }
    ROSSO_TRY(const reference::Value found, reference::decode(wanted.dtype, wanted.shape, bytes));
    ROSSO_CHECK(executable_.upload(entry_, ref, reference::encode(wanted)));
    return relativeError(found, wanted);
  }

  static uint64_t packedBytes(const QuantFormat &format, const reference::Value &value) {
    return format.rowBytes(value.count());
  }

  Result<std::span<const uint8_t>> bytesOf(const Node &leaf) {
    const auto &name = leaf.attr<std::string>("name");
    if (leaf.op == Op::Weight)
      return weights_.of(name);
    uint64_t bytes = byteSize(leaf.dtype);
    for (const Dim &extent : leaf.shape)
      bytes *= static_cast<uint64_t>(extent.eval(vars_));
    return std::span<const uint8_t>(llm_.engine().input(entry_, name)).first(bytes);
  }

  TensorBytes weights_;
  Llm &llm_;
  Executable &executable_;
  reference::Evaluator evaluator_;
  std::unordered_map<int64_t, const Node *> nodes_;
  std::map<std::string, reference::Value> states_;
  int entry_ = 0;
  VarValues vars_;
  std::set<Place> int8_; // what holds activations as int8 by now
  VerifyReport report_;
};

} // namespace

const KernelCheck *VerifyReport::firstOff() const {
  for (const KernelCheck &check : checks)
    if (check.off())
      return &check;
  return nullptr;
}

const KernelCheck *VerifyReport::worst() const {
  const KernelCheck *worst = nullptr;
  for (const KernelCheck &check : checks)
    if (!worst || check.error > worst->error)
      worst = &check;
  return worst;
}

Result<VerifyReport> verify(const GgufFile &file, Llm &llm, std::span<const TokenId> ids) {
  if (!llm.deviceEngine())
    return badInput("device reference: nothing to compare the reference with; use host");
  ROSSO_CHECK(llm.writeTokens("prefill", ids));
  const auto count = static_cast<int64_t>(ids.size());
  Verifier verifier(file, llm);
  ROSSO_CHECK(verifier.entry("prefill", 0, count));
  if (count < llm.context())
    ROSSO_CHECK(verifier.entry("decode", count, 1));
  return verifier.report();
}

} // namespace rosso
