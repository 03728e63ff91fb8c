#include "frontend/Graph.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <unordered_set>

namespace rosso {

namespace {

constexpr std::string_view kMnemonics[] = {
#define ROSSO_OP(Enum, mnemonic) mnemonic,
#include "frontend/Ops.def"
#undef ROSSO_OP
};

/// Where a depth-first walk stands in a node's sources.
struct Visit {
  const Node *node;
  size_t nextSource;
};

Status knowsVariables(const VarTable &vars, const Dim &dim) {
  for (const auto &[name, coefficient] : dim.terms())
    if (!vars.contains(name))
      return badInput(
          "variable '" + name +
          "' has no bounds: it is unbound; bind it, or add it to the graph's variables");
  return {};
}

/// A part of a tensor that a node reads or writes.
struct Window {
  Shape begin, size, extents;
};

std::optional<Window> windowOf(const Node &node) {
  if (node.op == Op::Shrink)
    return Window{node.attr<Shape>("begin"), node.shape, node.sources[0]->shape};
  if (node.op == Op::Update)
    return Window{node.attr<Shape>("begin"), node.sources[1]->shape, node.shape};
  return std::nullopt;
}

/// Whether a window lies in its tensor at some values of the variables at least.
Status checkWindow(const VarTable &vars, const Node &node, const Window &window) {
  const auto &[begin, size, extents] = window;
  for (size_t i = 0; i < extents.size(); ++i) {
    ROSSO_CHECK(knowsVariables(vars, begin[i]));
    if (begin[i].max(vars) < 0 || (extents[i] - begin[i] - size[i]).max(vars) < 0)
      return badInput(std::string(mnemonic(node.op)) + ": axis " + std::to_string(i) + " of " +
                      str(extents) + " never holds " + size[i].str() + " elements from " +
                      begin[i].str() + "; change the slice or the bounds of the variables");
  }
  return {};
}

Status validateNode(const VarTable &vars, const Node &node) {
  for (const Dim &extent : node.shape) {
    ROSSO_CHECK(knowsVariables(vars, extent));
    if (extent.min(vars) < 0)
      return badInput(std::string(mnemonic(node.op)) + ": an extent of " + str(node.shape) +
                      " can be negative; tighten the bounds of its variables");
  }
  if (node.op == Op::Variable)
    return knowsVariables(vars, node.attr<Shape>("value")[0]);
  auto window = windowOf(node);
  return window ? checkWindow(vars, node, *window) : Status();
}

} // namespace

std::string_view mnemonic(Op op) { return kMnemonics[static_cast<size_t>(op)]; }

DeviceName internDevice(std::string_view name) {
  static std::mutex mutex;
  static auto *names = new std::set<std::string, std::less<>>; // addresses of its elements stay
  const std::lock_guard lock(mutex);
  auto found = names->find(name);
  return &*(found != names->end() ? found : names->emplace(name).first);
}

namespace {

/// Lets go of sources without recursion, however long the chain.
void release(std::vector<NodeRef> pending) {
  // A node that nobody else holds would destroy its sources from inside its own destructor, and
  // so on down a chain of any length; taking its sources away first keeps the stack flat.
  while (!pending.empty()) {
    NodeRef last = std::move(pending.back());
    pending.pop_back();
    if (last.use_count() != 1)
      continue;
    auto &orphans = const_cast<Node &>(*last).sources;
    std::move(orphans.begin(), orphans.end(), std::back_inserter(pending));
    orphans.clear();
  }
}

} // namespace

Node::~Node() { release(std::move(sources)); }

bool isMovement(Op op) {
  return op == Op::Reshape || op == Op::Permute || op == Op::Expand || op == Op::Shrink ||
         op == Op::Flip || op == Op::Stride;
}

std::shared_ptr<Storage> memoryOf(const Node &node) {
  const Node *at = &node;
  while (!at->storage && isMovement(at->op))
    at = at->sources[0].get();
  return at->storage && at->storage->exists() ? at->storage : nullptr;
}

void becomeBuffer(const Node &node, std::shared_ptr<Storage> storage) {
  Node &self = const_cast<Node &>(node);
  self.op = Op::Buffer;
  self.attrs.clear();
  self.device = storage->device();
  self.storage = std::move(storage);
  release(std::exchange(self.sources, {}));
}

const Attr *Node::find(std::string_view name) const {
  for (const auto &[key, value] : attrs)
    if (key == name)
      return &value;
  return nullptr;
}

std::vector<const Node *> topologicalOrder(const GraphEntry &entry) {
  std::vector<const Node *> order;
  std::unordered_set<const Node *> seen; // looked up, never iterated
  std::vector<Visit> stack;
  for (const auto &[name, output] : entry.outputs) {
    if (seen.insert(output.get()).second)
      stack.push_back({output.get(), 0});
    while (!stack.empty()) {
      Visit &top = stack.back();
      if (top.nextSource == top.node->sources.size()) {
        order.push_back(top.node);
        stack.pop_back();
        continue;
      }
      const Node *source = top.node->sources[top.nextSource++].get();
      if (seen.insert(source).second)
        stack.push_back({source, 0});
    }
  }
  return order;
}

std::unordered_map<const Node *, int64_t> numberNodes(const Graph &graph) {
  std::unordered_map<const Node *, int64_t> numbers;
  for (const GraphEntry &entry : graph.entries)
    for (const Node *node : topologicalOrder(entry))
      numbers.try_emplace(node, static_cast<int64_t>(numbers.size()));
  return numbers;
}

std::vector<const Node *> bufferLeaves(const Graph &graph) {
  std::vector<const Node *> leaves;
  std::unordered_set<const Node *> seen;
  for (const GraphEntry &entry : graph.entries)
    for (const Node *node : topologicalOrder(entry))
      if (node->op == Op::Buffer && seen.insert(node).second)
        leaves.push_back(node);
  return leaves;
}

std::vector<Dim> requiredNonNegative(const Graph &graph) {
  std::map<std::string, Dim> required; // by text: each once, in a fixed order
  auto require = [&](const Dim &dim) {
    if (dim.min(graph.vars) < 0)
      required.emplace(dim.str(), dim);
  };
  for (const GraphEntry &entry : graph.entries)
    for (const Node *node : topologicalOrder(entry)) {
      if (auto window = windowOf(*node))
        for (size_t i = 0; i < window->extents.size(); ++i) {
          require(window->begin[i]);
          require(window->extents[i] - window->begin[i] - window->size[i]);
        }
      if (node->op == Op::Pad)
        for (const char *side : {"before", "after"})
          std::ranges::for_each(node->attr<Shape>(side), require);
    }
  std::vector<Dim> dims;
  for (const auto &[text, dim] : required)
    dims.push_back(dim);
  return dims;
}

Status validate(const Graph &graph) {
  for (const GraphEntry &entry : graph.entries) {
    for (const auto &[name, output] : entry.outputs)
      if (!output)
        return badInput("entry '" + entry.name + "': output '" + name + "' is an empty tensor");
    for (const Node *node : topologicalOrder(entry)) {
      if (node->error)
        return *node->error; // which says where it comes from
      if (Status status = validateNode(graph.vars, *node); !status)
        return status.error().in("entry '" + entry.name + "'");
    }
  }
  return {};
}

} // namespace rosso
