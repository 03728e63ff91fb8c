#include "frontend/reference/Evaluator.h"

#include "frontend/reference/Operations.h"
#include "ir/quant/Formats.h"

#include <unordered_map>

namespace rosso::reference {

namespace {

/// Weights beyond this many floats in all are expanded anew whenever they are read.
constexpr size_t kKeptFloats = size_t{64} << 20;

Status knowsVariables(const VarValues &vars, const Shape &shape) {
  for (const Dim &extent : shape)
    for (const auto &[name, coefficient] : extent.terms())
      if (!vars.contains(name))
        return badInput("variable '" + name + "' has no value");
  return {};
}

/// The weight a node reads unchanged: itself, or the source of its dequant.
const Node *storedWeight(const Node &node) {
  if (node.op == Op::Weight)
    return &node;
  return node.op == Op::Dequant && node.sources[0]->op == Op::Weight ? node.sources[0].get()
                                                                     : nullptr;
}

/// How rows of a weight are stored; null for types that no format describes.
const QuantFormat *storageFormat(const Node &weight) {
  return weight.format ? weight.format : findFormat(name(weight.dtype));
}

/// Whether an op can read its source row by row.
bool readsRows(const Node &node, size_t source) {
  if (node.op == Op::Dequant)
    return true;
  bool reads = (node.op == Op::Linear && source == 1) || (node.op == Op::Gather && source == 0);
  return reads && node.sources[source]->shape.size() == 2;
}

} // namespace

/// One pass over an entry.
class Run {
public:
  Run(Evaluator &evaluator, const VarValues &vars, std::map<std::string, Value> &states,
      const Observer &observer)
      : evaluator_(evaluator), vars_(vars), states_(states), observer_(observer) {}

  Result<std::vector<Value>> run(const GraphEntry &entry) {
    std::vector<const Node *> order = topologicalOrder(entry);
    for (const Node *node : order)
      for (const NodeRef &source : node->sources)
        ++uses_[source.get()];
    for (const auto &[name, output] : entry.outputs)
      ++uses_[output.get()];
    for (const Node *node : order) {
      if (storedWeight(*node))
        continue; // read where it is used
      ROSSO_TRY(const Value *value, valueOf(*node));
      if (observer_)
        observer_(*node, *value);
      if (node->op == Op::Update)
        updated_[stateName(*node)] = *value;
      for (const NodeRef &source : node->sources)
        release(*source);
    }
    std::vector<Value> outputs;
    for (const auto &[name, output] : entry.outputs) {
      ROSSO_TRY(const Value *value, valueOf(*output));
      outputs.push_back(*value);
    }
    for (auto &[name, value] : updated_)
      states_[name] = std::move(value);
    return outputs;
  }

private:
  /// The value of a node whose sources exist or are stored.
  Result<const Value *> valueOf(const Node &node) {
    if (auto known = values_.find(&node); known != values_.end())
      return &known->second;
    if (node.error)
      return *node.error;
    Call call{.node = node, .vars = vars_, .precision = evaluator_.precision_};
    ROSSO_CHECK(knowsVariables(vars_, node.shape));
    for (const auto &[name, attr] : node.attrs)
      if (const Shape *shape = std::get_if<Shape>(&attr))
        ROSSO_CHECK(knowsVariables(vars_, *shape));
    call.shape = evaluated(node.shape, vars_);
    StoredRows stored;
    for (size_t i = 0; i < node.sources.size(); ++i) {
      const Node *weight = storedWeight(*node.sources[i]);
      if (weight && readsRows(node, i) && storageFormat(*weight)) {
        ROSSO_TRY(stored, rowsOf(*weight));
        call.stored = &stored;
        call.sources.push_back(nullptr);
        continue;
      }
      ROSSO_TRY(const Value *source, valueOf(*node.sources[i]));
      call.sources.push_back(source);
    }
    if (node.op == Op::Weight || node.op == Op::Input) {
      ROSSO_TRY(call.bytes, evaluator_.leaves_(node));
    }
    if (node.op == Op::State)
      call.state = &stateOf(node);
    auto value = operationOf(node.op)(call);
    if (!value)
      return value.error();
    return &values_.emplace(&node, *std::move(value)).first->second;
  }

  Result<StoredRows> rowsOf(const Node &weight) {
    const QuantFormat *format = storageFormat(weight);
    ROSSO_TRY(std::span<const uint8_t> bytes, evaluator_.leaves_(weight));
    std::vector<int64_t> shape = evaluated(weight.shape, vars_);
    StoredRows stored{.format = format, .bytes = bytes, .expanded = {}, .rows = 1, .columns = 1};
    if (!shape.empty())
      stored.columns = shape.back();
    for (size_t i = 0; i + 1 < shape.size(); ++i)
      stored.rows *= shape[i];
    uint64_t wanted = static_cast<uint64_t>(stored.rows) * format->rowBytes(stored.columns);
    const std::string &name = weight.attr<std::string>("name");
    if (bytes.size() != wanted)
      return badInput("weight '" + name + "': " + std::to_string(bytes.size()) + " bytes of " +
                      std::string(format->name) + str(weight.shape) + "; expected " +
                      std::to_string(wanted));
    stored.expanded = keptFloats(name, stored);
    return stored;
  }

  /// The expanded weight, if there is room to keep it.
  std::span<const float> keptFloats(const std::string &name, const StoredRows &stored) {
    if (auto kept = evaluator_.expanded_.find(name); kept != evaluator_.expanded_.end())
      return kept->second;
    size_t count = static_cast<size_t>(stored.rows * stored.columns);
    if (evaluator_.expandedCount_ + count > kKeptFloats)
      return {};
    std::vector<float> &floats = evaluator_.expanded_[name];
    floats.resize(count);
    stored.read(0, stored.rows, floats);
    evaluator_.expandedCount_ += count;
    return floats;
  }

  const Value &stateOf(const Node &state) {
    const std::string &name = state.attr<std::string>("name");
    auto known = states_.find(name);
    if (known == states_.end())
      known = states_.emplace(name, zeros(state.dtype, evaluated(state.shape, vars_))).first;
    return known->second;
  }

  static std::string stateName(const Node &update) {
    const Node *node = &update;
    while (node->op == Op::Update)
      node = node->sources[0].get();
    return node->attr<std::string>("name");
  }

  void release(const Node &node) {
    if (--uses_[&node] == 0)
      values_.erase(&node);
  }

  Evaluator &evaluator_;
  const VarValues &vars_;
  std::map<std::string, Value> &states_;
  const Observer &observer_;
  std::unordered_map<const Node *, int64_t> uses_; // readers still to come
  std::unordered_map<const Node *, Value> values_;
  std::map<std::string, Value> updated_;
};

Result<std::vector<Value>> Evaluator::run(const GraphEntry &entry, const VarValues &vars,
                                          std::map<std::string, Value> &states,
                                          const Observer &observer) {
  return Run(*this, vars, states, observer).run(entry);
}

Result<std::vector<Value>> evaluate(const GraphEntry &entry, const VarValues &vars,
                                    Precision precision) {
  LeafBytes none = [](const Node &leaf) -> Result<std::span<const uint8_t>> {
    return badInput(std::string(mnemonic(leaf.op)) + " '" + leaf.attr<std::string>("name") +
                    "' has no data; use an Evaluator");
  };
  std::map<std::string, Value> states;
  return Evaluator(none, precision).run(entry, vars, states);
}

} // namespace rosso::reference
