#include "frontend/Capture.h"

#include "frontend/Build.h"
#include "frontend/GraphParse.h"
#include "frontend/Realize.h"

#include <algorithm>
#include <unordered_map>

namespace rosso {

namespace {

thread_local Capture *currentCapture = nullptr;

const NodeRef &baseOf(const NodeRef &view) {
  const NodeRef *at = &view;
  while (isMovement((*at)->op))
    at = &(*at)->sources[0];
  return *at;
}

/// By what a capture knows a leaf.
const void *keyOf(const Node &leaf) {
  return leaf.op == Op::Buffer ? static_cast<const void *>(leaf.storage.get()) : &leaf;
}

/// The part of a buffer that a view shows, as long as it is a box of it with its axes in some
/// order: what an update can write.
struct Box {
  Shape begin, size;       // in the buffer
  std::vector<int> axisOf; // of each axis of the view: the buffer's; -1 where it was put in

  explicit Box(const Shape &whole) : begin(whole.size(), Dim(0)), size(whole) {
    for (size_t i = 0; i < whole.size(); ++i)
      axisOf.push_back(static_cast<int>(i));
  }

  bool apply(const Node &move) {
    switch (move.op) {
    case Op::Shrink:
      for (size_t i = 0; i < axisOf.size(); ++i)
        if (axisOf[i] >= 0) {
          const auto axis = static_cast<size_t>(axisOf[i]);
          begin[axis] = begin[axis] + move.attr<Shape>("begin")[i];
          size[axis] = move.shape[i];
        }
      return true;
    case Op::Permute: {
      std::vector<int> moved;
      for (int64_t axis : move.attr<std::vector<int64_t>>("axes"))
        moved.push_back(axisOf[static_cast<size_t>(axis)]);
      axisOf = std::move(moved);
      return true;
    }
    case Op::Reshape: { // may put in axes of extent 1, or take them away
      std::vector<int> kept;
      for (int axis : axisOf)
        if (axis >= 0 && !(size[static_cast<size_t>(axis)] == Dim(1)))
          kept.push_back(axis);
      std::vector<int> axes;
      size_t next = 0;
      for (const Dim &extent : move.shape) {
        if (extent == Dim(1))
          axes.push_back(-1);
        else if (next < kept.size() && size[static_cast<size_t>(kept[next])] == extent)
          axes.push_back(kept[next++]);
        else
          return false;
      }
      axisOf = std::move(axes);
      return next == kept.size();
    }
    default:
      return false;
    }
  }

  /// A value of the view's shape in the buffer's order of axes.
  Tensor inBufferOrder(const Tensor &value) const {
    std::vector<int> order;
    for (int axis = 0; axis < static_cast<int>(size.size()); ++axis)
      if (auto at = std::ranges::find(axisOf, axis); at != axisOf.end())
        order.push_back(static_cast<int>(at - axisOf.begin()));
    for (size_t i = 0; i < axisOf.size(); ++i)
      if (axisOf[i] < 0)
        order.push_back(static_cast<int>(i));
    return value.permute(order).reshape(size);
  }
};

std::optional<Box> boxOf(const Node &view, const Shape &whole) {
  std::vector<const Node *> moves;
  for (const Node *node = &view; isMovement(node->op); node = node->sources[0].get())
    moves.push_back(node);
  std::optional<Box> box = Box(whole);
  for (size_t i = moves.size(); i-- > 0;)
    if (!box->apply(*moves[i]))
      return std::nullopt;
  return box;
}

/// Nodes with some leaves replaced.
class Rewriter {
public:
  void replace(const Node *leaf, NodeRef by) { known_[leaf] = std::move(by); }

  NodeRef operator()(const NodeRef &root) {
    for (const Node *node : topologicalOrder({"", {{"", root}}}))
      if (!known_.contains(node))
        rewrite(*node);
    auto found = known_.find(root.get());
    return found == known_.end() || !found->second ? root : found->second;
  }

private:
  /// An entry without a node says: it stays what it is.
  void rewrite(const Node &node) {
    auto changed = [&](const NodeRef &source) { return known_[source.get()] != nullptr; };
    if (std::ranges::none_of(node.sources, changed)) {
      known_[&node] = nullptr;
      return;
    }
    auto copy = std::make_shared<Node>(node);
    copy->storage = nullptr; // of a view of what was replaced
    copy->isOpen = true;
    for (NodeRef &source : copy->sources)
      if (changed(source))
        source = known_[source.get()];
    known_[&node] = std::move(copy);
  }

  std::unordered_map<const Node *, NodeRef> known_;
};

} // namespace

bool readsMemory(const NodeRef &value) {
  auto isBuffer = [](const Node *node) { return node->op == Op::Buffer; };
  return !memoryOf(*value) && std::ranges::any_of(topologicalOrder({"", {{"", value}}}), isBuffer);
}

NodeRef valueNow(const NodeRef &source) {
  const bool isLeaf = source->op == Op::Buffer || source->op == Op::Input;
  return currentCapture && isLeaf ? currentCapture->valueOf(source) : source;
}

Capture::Capture() : outer_(currentCapture) { currentCapture = this; }

Capture::~Capture() {
  if (currentCapture == this)
    currentCapture = outer_;
}

Capture *Capture::current() { return currentCapture; }

Tensor Capture::input(Shape shape, DType dtype, const std::string &device) {
  Tensor input = Tensor::input("arg" + std::to_string(inputs_.size()), std::move(shape), dtype);
  const_cast<Node &>(*input.node()).device = internDevice(device); // nobody else has seen it yet
  inputs_.push_back(input);
  return input;
}

NodeRef Capture::valueOf(const NodeRef &leaf) const {
  auto state = states_.find(keyOf(*leaf));
  return state == states_.end() ? leaf : state->second.now.node();
}

int Capture::argumentOf(const Node &node) const {
  for (size_t i = 0; i < inputs_.size(); ++i)
    if (inputs_[i].node().get() == &node)
      return static_cast<int>(i);
  return -1;
}

bool Capture::writesMemory(const Node &node) const {
  const Node &base = isMovement(node.op) ? *baseOf(node.sources[0]) : node;
  return base.op == Op::Buffer || base.op == Op::Update || argumentOf(base) >= 0;
}

/// The state that a leaf has become, or becomes now; null where no memory stands behind it.
Capture::State *Capture::stateOf(const NodeRef &base) {
  const int argument = argumentOf(*base);
  const bool isFixed = std::ranges::all_of(base->shape, &Dim::isConstant);
  if (base->op == Op::Buffer || (argument >= 0 && isFixed)) {
    auto [found, isNew] = states_.try_emplace(keyOf(*base));
    State &state = found->second;
    if (isNew) {
      state.leaf = base;
      state.argument = argument;
      state.name = "buffer" + std::to_string(states_.size() - 1);
      state.before = state.now = Tensor::state(state.name, base->shape, base->dtype);
      const_cast<Node &>(*state.now.node()).device = base->device;
    }
    return &state;
  }
  State *state = nullptr;
  if (base->op == Op::Update)
    for (auto &[key, known] : states_)
      for (const Node *at = base.get(); at;
           at = at->op == Op::Update ? at->sources[0].get() : nullptr)
        if (at == known.before.node().get())
          state = &known;
  return state;
}

Status Capture::write(Tensor &target, const Tensor &value) {
  const NodeRef base = baseOf(target.node());
  State *state = stateOf(base);
  if (!state) { // no memory stands behind it: the handle becomes the value
    target = value;
    return {};
  }
  auto box = boxOf(*target.node(), state->before.shape());
  if (!box)
    return unsupported("a captured function writes a view of a buffer that is not a box of it; "
                       "assign to a slice with step 1, or to the whole tensor");
  state->now = state->now.assign(box->begin, box->inBufferOrder(value));
  ROSSO_CHECK(state->now.status());
  if (target.node() != base) {
    Rewriter rewrite;
    rewrite.replace(base.get(), state->now.node());
    target = Tensor(rewrite(target.node()));
  }
  return {};
}

Result<std::shared_ptr<CapturedFunction>> Capture::finish(std::span<const Tensor> outputs) {
  currentCapture = outer_; // what follows computes
  auto function = std::make_shared<CapturedFunction>();
  CapturedFunction::Parts &parts = function->parts_;
  Rewriter rewrite;
  for (const auto &[key, state] : states_)
    rewrite.replace(state.leaf.get(), state.before.node());

  GraphEntry entry{"main", {}};
  for (size_t i = 0; i < outputs.size(); ++i) {
    Tensor output = outputs[i];
    ROSSO_CHECK(output.status());
    CapturedFunction::Place place{-1, output.shape(), output.dtype()};
    Tensor constant;
    for (const auto &[key, state] : states_) // what was written is its own result
      if (output.node() == state.leaf || output.node() == state.now.node()) {
        place.argument = state.argument;
        if (state.argument < 0)
          constant = Tensor(state.leaf);
      }
    const NodeRef computed = rewrite(output.node());
    if (!constant.defined() && !computed->isOpen && !readsMemory(computed)) {
      Tensor *const one[] = {&output};
      ROSSO_CHECK(realize(one));
      constant = output;
    }
    if (!constant.defined() && place.argument < 0)
      entry.outputs.emplace_back("out" + std::to_string(i), computed);
    parts.device = parts.device ? parts.device : output.node()->device;
    parts.constants.push_back(constant);
    parts.outputs.push_back(place);
  }
  for (const auto &[key, state] : states_) {
    entry.outputs.emplace_back("state:" + state.name, rewrite(state.now.node()));
    parts.device = parts.device ? parts.device : state.leaf->device;
  }
  for (const Tensor &input : inputs_) {
    parts.device = parts.device ? parts.device : input.node()->device;
    parts.inputs.push_back({-1, input.shape(), input.dtype()});
  }
  if (!parts.device)
    parts.device = internDevice(defaultTensorDevice());
  if (entry.outputs.empty())
    return function; // nothing to compute

  Graph graph;
  graph.vars = variablesOf(entry);
  graph.entries.push_back(std::move(entry));
  const std::vector<const Node *> leaves = bufferLeaves(graph);
  for (size_t n = 0; n < leaves.size(); ++n)
    parts.kept.push_back({-1, leaves[n]->storage, false, "buffer:" + std::to_string(n)});
  for (const auto &[key, state] : states_)
    if (state.argument < 0)
      parts.kept.push_back({-1, state.leaf->storage, true, state.name});
    else
      parts.written.push_back({state.argument, -1, state.name});
  parts.graph = print(graph);
  ROSSO_CHECK(function->compile(graph));
  return function;
}

Status CapturedFunction::compile(const Graph &graph) {
  ROSSO_TRY(bound_, findProgram(graph, *parts_.device));
  for (size_t i = 0; i < parts_.inputs.size(); ++i)
    parts_.inputs[i].index = bound_->inputPlace("arg" + std::to_string(i));
  for (size_t i = 0; i < parts_.outputs.size(); ++i)
    if (!parts_.constants[i].defined() && parts_.outputs[i].argument < 0)
      parts_.outputs[i].index = bound_->outputPlace("out" + std::to_string(i));
  for (Kept &kept : parts_.kept)
    kept.index = kept.isWritten ? bound_->statePlace(kept.name) : bound_->weightPlace(kept.name);
  for (WrittenArgument &written : parts_.written)
    written.index = bound_->statePlace(written.name);
  return {};
}

Result<std::shared_ptr<CapturedFunction>> CapturedFunction::of(Parts parts) {
  auto function = std::make_shared<CapturedFunction>();
  function->parts_ = std::move(parts);
  if (function->parts_.graph.empty())
    return function;
  ROSSO_TRY(const Graph graph, parseGraph(function->parts_.graph));
  ROSSO_CHECK(function->compile(graph));
  return function;
}

Result<std::vector<Tensor>> CapturedFunction::call(std::span<const Tensor> inputs,
                                                   const VarValues &values) {
  if (inputs.size() != parts_.inputs.size())
    return badInput(std::to_string(inputs.size()) + " tensors; the captured function takes " +
                    std::to_string(parts_.inputs.size()));
  if (!bound_)
    return parts_.constants;
  std::vector<BoundProgram::Binding> bound;
  bound.reserve(inputs.size() + parts_.outputs.size() + parts_.kept.size());
  std::vector<std::shared_ptr<Storage>> held;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Place &place = parts_.inputs[i];
    if (inputs[i].dtype() != place.dtype || !(inputs[i].shape() == place.shape))
      return badInput("argument " + std::to_string(i) + " is " +
                      std::string(name(inputs[i].dtype())) + str(inputs[i].shape()) +
                      "; the function was captured with " + std::string(name(place.dtype)) +
                      str(place.shape));
    if (deviceOf(inputs[i]) != *parts_.device)
      return badInput("argument " + std::to_string(i) + " is on " + deviceOf(inputs[i]) +
                      "; the function was captured on " + *parts_.device);
    ROSSO_TRY(std::shared_ptr<Storage> storage, rowMajorStorage(inputs[i]));
    bound.push_back({place.index, storage.get()});
    held.push_back(std::move(storage));
  }
  for (const auto &[argument, index, name] : parts_.written) {
    const auto i = static_cast<size_t>(argument);
    if (held[i] != memoryOf(*inputs[i].node()))
      return badInput("argument " + std::to_string(i) + " is written in place, but is " +
                      "no memory of its own in row-major order; pass a contiguous() one");
    ROSSO_CHECK(computeReaders(*held[i]));
    bound.push_back({index, held[i].get()});
  }
  for (const Kept &kept : parts_.kept) {
    if (kept.isWritten)
      ROSSO_CHECK(computeReaders(*kept.storage));
    bound.push_back({kept.index, kept.storage.get()});
  }
  std::vector<Tensor> results;
  for (size_t i = 0; i < parts_.outputs.size(); ++i) {
    if (parts_.constants[i].defined() || parts_.outputs[i].argument >= 0) {
      results.push_back(parts_.constants[i].defined()
                            ? parts_.constants[i]
                            : inputs[static_cast<size_t>(parts_.outputs[i].argument)]);
      continue;
    }
    uint64_t bytes = byteSize(parts_.outputs[i].dtype);
    for (const Dim &extent : parts_.outputs[i].shape)
      bytes *= static_cast<uint64_t>(std::max<int64_t>(0, extent.eval(values)));
    ROSSO_TRY(std::shared_ptr<Storage> storage, Storage::allocate(bytes, parts_.device));
    bound.push_back({parts_.outputs[i].index, storage.get()});
    results.push_back(
        Tensor::fromStorage(storage, parts_.outputs[i].shape, parts_.outputs[i].dtype));
  }
  ROSSO_CHECK(bound_->run(bound, values));
  return results;
}

} // namespace rosso
