#include "frontend/reference/Evaluator.h"
#include "models/Engine.h"
#include "models/TensorBytes.h"

#include <map>

namespace rosso {

namespace {

class ReferenceEngine final : public Engine {
public:
  ReferenceEngine(const GgufFile &file, const Graph &graph)
      : weights_(file), graph_(graph), inputs_(graph.entries.size()),
        outputs_(graph.entries.size()),
        evaluator_([this](const Node &leaf) { return bytesOf(leaf); }) {
    VarValues most;
    for (const auto &[name, bounds] : graph.vars)
      most[name] = bounds.max;
    for (size_t i = 0; i < graph.entries.size(); ++i)
      for (const Node *node : topologicalOrder(graph.entries[i]))
        if (node->op == Op::Input) {
          uint64_t bytes = byteSize(node->dtype);
          for (const Dim &extent : node->shape)
            bytes *= static_cast<uint64_t>(extent.eval(most));
          inputs_[i][node->attr<std::string>("name")].resize(bytes);
        }
  }

  std::string_view name() const override { return kReferenceDevice; }
  std::string describe() const override { return "reference evaluator"; }

  int findEntry(std::string_view name) const override {
    for (size_t i = 0; i < graph_.entries.size(); ++i)
      if (graph_.entries[i].name == name)
        return static_cast<int>(i);
    return -1;
  }

  std::span<uint8_t> input(int entry, std::string_view name) override {
    auto &inputs = inputs_[static_cast<size_t>(entry)];
    auto input = inputs.find(name);
    return input == inputs.end() ? std::span<uint8_t>() : input->second;
  }

  Status run(int entry, int64_t start, int64_t count) override {
    running_ = static_cast<size_t>(entry);
    vars_ = {{"P", start}, {"T", count}};
    const GraphEntry &graphEntry = graph_.entries[running_];
    ROSSO_TRY(auto values, evaluator_.run(graphEntry, vars_, states_));
    for (size_t i = 0; i < values.size(); ++i)
      if (!graphEntry.outputs[i].first.starts_with("state:"))
        outputs_[running_][graphEntry.outputs[i].first] = reference::encode(values[i]);
    return {};
  }

  std::span<const uint8_t> output(int entry, std::string_view name) override {
    auto &outputs = outputs_[static_cast<size_t>(entry)];
    auto output = outputs.find(name);
    return output == outputs.end() ? std::span<const uint8_t>() : output->second;
  }

  MemoryFacts memory() const override { return {}; }

private:
  Result<std::span<const uint8_t>> bytesOf(const Node &leaf) {
    const auto &name = leaf.attr<std::string>("name");
    if (leaf.op == Op::Weight)
      return weights_.of(name);
    uint64_t bytes = byteSize(leaf.dtype);
    for (const Dim &extent : leaf.shape)
      bytes *= static_cast<uint64_t>(extent.eval(vars_));
    return std::span<const uint8_t>(inputs_[running_][name]).first(bytes);
  }

  using Buffers = std::map<std::string, std::vector<uint8_t>, std::less<>>;

  TensorBytes weights_;
  const Graph &graph_;
  std::vector<Buffers> inputs_, outputs_; // by entry
  reference::Evaluator evaluator_;
  std::map<std::string, reference::Value> states_;
  size_t running_ = 0;
  VarValues vars_;
};

} // namespace

std::unique_ptr<Engine> makeReferenceEngine(const GgufFile &file, const Graph &graph) {
  return std::make_unique<ReferenceEngine>(file, graph);
}

} // namespace rosso
