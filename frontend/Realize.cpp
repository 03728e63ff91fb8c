#include "frontend/Realize.h"

#include "frontend/BoundProgram.h"
#include "frontend/Build.h"
#include "frontend/Capture.h"
#include "frontend/FileMemory.h"
#include "frontend/ViewLayout.h"
#include "support/Float.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <unordered_set>

namespace rosso {

namespace {

/// Guards nodes while graphs are read and while results are put in their place.
std::mutex graphMutex;

/// Beyond so many ops a graph is computed in pieces, one after the other.
constexpr size_t kMostNodes = 4096;

/// Views up to this size are copied element by element rather than by a program.
constexpr int64_t kSmallView = 1 << 16;

// --- variables ---

struct BoundVariable {
  VarBounds bounds;
  int64_t value = 0;
};
std::mutex variablesMutex;
std::map<std::string, BoundVariable> &boundVariables() {
  static auto *variables = new std::map<std::string, BoundVariable>;
  return *variables;
}

void addVariables(const Dim &dim, const std::map<std::string, BoundVariable> &known,
                  VarTable &vars) {
  for (const auto &[name, coefficient] : dim.terms())
    if (auto found = known.find(name); found != known.end())
      vars.emplace(name, found->second.bounds);
}

} // namespace

void bindVariable(const Variable &variable, int64_t value) {
  const std::lock_guard lock(variablesMutex);
  boundVariables()[variable.name()] = {variable.bounds(), value};
}

VarTable variablesOf(const GraphEntry &entry) {
  const std::lock_guard lock(variablesMutex);
  const auto &known = boundVariables();
  VarTable vars;
  for (const Node *node : topologicalOrder(entry)) {
    for (const Dim &extent : node->shape)
      addVariables(extent, known, vars);
    for (const auto &[name, attr] : node->attrs)
      if (const auto *dims = std::get_if<Shape>(&attr))
        for (const Dim &dim : *dims)
          addVariables(dim, known, vars);
  }
  return vars;
}

VarValues boundValues(const VarTable &vars) {
  const std::lock_guard lock(variablesMutex);
  VarValues values;
  for (const auto &[name, bounds] : vars)
    if (auto found = boundVariables().find(name); found != boundVariables().end())
      values.emplace(name, found->second.value);
  return values;
}

namespace {

// --- devices ---

DeviceName &defaultDeviceName() {
  static DeviceName name = internDevice(defaultDevice());
  return name;
}

DeviceName deviceOf(const Node &node) { return node.device ? node.device : defaultDeviceName(); }

// --- computing ---

uint64_t bytesOf(const Node &node, const VarValues &values) {
  uint64_t bytes = byteSize(node.dtype);
  for (const Dim &extent : node.shape)
    bytes *= static_cast<uint64_t>(std::max<int64_t>(0, extent.eval(values)));
  return bytes;
}

Graph graphOf(std::span<const NodeRef> nodes) {
  GraphEntry entry{"main", {}};
  for (size_t i = 0; i < nodes.size(); ++i)
    entry.outputs.emplace_back("out" + std::to_string(i), nodes[i]);
  Graph graph;
  graph.vars = variablesOf(entry);
  graph.entries.push_back(std::move(entry));
  return graph;
}

Status checkClosed(const Graph &graph) {
  for (const Node *node : topologicalOrder(graph.entries[0]))
    if (node->op == Op::Weight || node->op == Op::Input || node->op == Op::State)
      return badInput("realize: the graph reads the " + std::string(mnemonic(node->op)) + " '" +
                      node->attr<std::string>("name") +
                      "', which has no data yet; compile a function of it");
  return {};
}

/// A scalar as its bytes.
std::vector<uint8_t> encoded(const Node &constant) {
  const Attr &value = *constant.find("value");
  std::vector<uint8_t> bytes(byteSize(constant.dtype));
  auto put = [&](auto number) { std::memcpy(bytes.data(), &number, bytes.size()); };
  if (!isFloat(constant.dtype)) {
    put(std::get<int64_t>(value));
    return bytes;
  }
  const double number = std::get<double>(value);
  switch (constant.dtype) {
  case DType::F64:
    put(number);
    break;
  case DType::F16:
    put(floatToHalf(static_cast<float>(number)));
    break;
  case DType::BF16:
    put(floatToBfloat(static_cast<float>(number)));
    break;
  default:
    put(static_cast<float>(number));
  }
  return bytes;
}

/// Memory full of one number, for constants in any shape; nothing for other nodes.
Result<std::shared_ptr<Storage>> filled(const Node &node, DeviceName device) {
  const Node *at = &node;
  while (isMovement(at->op))
    at = at->sources[0].get();
  const bool isFixed = std::ranges::all_of(node.shape, &Dim::isConstant);
  if (at->op != Op::Constant || !isFixed || byteSize(node.dtype) != byteSize(at->dtype))
    return std::shared_ptr<Storage>();
  const uint64_t size = bytesOf(node, {});
  ROSSO_TRY(std::shared_ptr<Storage> storage, Storage::allocate(size, device));
  ROSSO_TRY(std::span<uint8_t> memory, storage->writable());
  const std::vector<uint8_t> element = encoded(*at);
  if (std::ranges::all_of(element, [](uint8_t byte) { return byte == 0; })) {
    std::ranges::fill(memory, uint8_t{0});
    return storage;
  }
  uint64_t done = std::min<uint64_t>(element.size(), size);
  std::copy_n(element.begin(), done, memory.begin());
  while (done < size) { // twice as much each time
    const uint64_t more = std::min(done, size - done);
    std::memcpy(&memory[done], memory.data(), more);
    done += more;
  }
  return storage;
}

/// The values of nodes of one device, each in memory of its own. Takes the lock while it reads the
/// graph, not while it runs.
Result<std::vector<std::shared_ptr<Storage>>> compute(std::span<const NodeRef> nodes,
                                                      DeviceName device) {
  std::vector<std::shared_ptr<Storage>> results;
  std::vector<BoundProgram::Binding> bound;
  std::vector<std::shared_ptr<Storage>> read; // kept alive while the program runs
  std::shared_ptr<BoundProgram> program;
  VarValues values;
  {
    const std::lock_guard lock(graphMutex);
    const Graph graph = graphOf(nodes);
    ROSSO_CHECK(checkClosed(graph));
    ROSSO_TRY(program, findProgram(graph, *device));
    values = boundValues(graph.vars);
    const std::vector<const Node *> leaves = bufferLeaves(graph);
    for (size_t n = 0; n < leaves.size(); ++n) {
      read.push_back(leaves[n]->storage);
      bound.push_back({program->weightPlace("buffer:" + std::to_string(n)), read.back().get()});
    }
    for (size_t i = 0; i < nodes.size(); ++i) {
      ROSSO_TRY(std::shared_ptr<Storage> storage,
                Storage::allocate(bytesOf(*nodes[i], values), device));
      bound.push_back({program->outputPlace("out" + std::to_string(i)), storage.get()});
      results.push_back(std::move(storage));
    }
  }
  ROSSO_CHECK(program->run(bound, values));
  return results;
}

/// Promised memory comes about, full of the constant that it was promised to.
Status keepPromise(const Node &view) {
  const Node *constant = &view;
  while (isMovement(constant->op) && constant->sources[0]->storage == view.storage)
    constant = constant->sources[0].get();
  ROSSO_TRY(std::shared_ptr<Storage> content, filled(*constant, deviceOf(*constant)));
  const std::lock_guard lock(graphMutex);
  if (view.storage->exists()) // another thread may have been here
    return {};
  const std::shared_ptr<Storage> memory = view.storage;
  memory->fulfil(*content);
  becomeBuffer(*constant, memory);
  return {};
}

/// What has no elements, and constants, need no program.
Result<std::shared_ptr<Storage>> withoutProgram(const Node &node, DeviceName device) {
  for (const Dim &extent : node.shape)
    if (extent == Dim(0))
      return Storage::allocate(0, device);
  return filled(node, device);
}

Status computeInPlace(std::span<const NodeRef> nodes) {
  std::map<DeviceName, std::vector<NodeRef>> byDevice;
  for (const NodeRef &node : nodes) {
    DeviceName device = deviceOf(*node);
    ROSSO_TRY(std::shared_ptr<Storage> storage, withoutProgram(*node, device));
    if (storage) {
      const std::lock_guard lock(graphMutex);
      becomeBuffer(*node, std::move(storage));
    } else {
      byDevice[device].push_back(node);
    }
  }
  for (const auto &[device, group] : byDevice) {
    ROSSO_TRY(std::vector<std::shared_ptr<Storage>> results, compute(group, device));
    const std::lock_guard lock(graphMutex);
    for (size_t i = 0; i < group.size(); ++i)
      if (group[i]->op != Op::Buffer) // another thread may have been here
        becomeBuffer(*group[i], std::move(results[i]));
  }
  return {};
}

// --- graphs too long for one program ---

/// The node whose values a piece hands on: movements are free to do again.
const NodeRef *beforeMovements(const NodeRef &node) {
  const NodeRef *at = &node;
  while (isMovement((*at)->op))
    at = &(*at)->sources[0];
  return at;
}

bool needsNoMemory(Op op) {
  return op == Op::Constant || op == Op::Variable || op == Op::Iota || op == Op::Buffer;
}

/// Computes what the rest of the graph reads of its first part, part by part, until one program can
/// take the rest. Linear in the graph, whatever its depth.
Status shorten(std::span<const NodeRef> roots) {
  GraphEntry entry{"main", {}};
  for (const NodeRef &root : roots)
    entry.outputs.emplace_back("", root);
  std::vector<const Node *> order;
  {
    const std::lock_guard lock(graphMutex);
    order = topologicalOrder(entry);
  }
  for (size_t begin = 0; order.size() - begin > kMostNodes; begin += kMostNodes) {
    const std::unordered_set<const Node *> piece(order.begin() + static_cast<ptrdiff_t>(begin),
                                                 order.begin() +
                                                     static_cast<ptrdiff_t>(begin + kMostNodes));
    std::vector<NodeRef> handedOn;
    std::unordered_set<const Node *> seen;
    for (size_t i = begin + kMostNodes; i < order.size(); ++i)
      for (const NodeRef &source : order[i]->sources) {
        if (!piece.contains(source.get()))
          continue;
        const NodeRef &value = *beforeMovements(source);
        if (!needsNoMemory(value->op) && seen.insert(value.get()).second)
          handedOn.push_back(value);
      }
    ROSSO_CHECK(computeInPlace(handedOn));
  }
  return {};
}

} // namespace

Status realize(std::span<Tensor *const> tensors) {
  std::vector<NodeRef> nodes;
  std::unordered_set<const Node *> seen;
  for (const Tensor *tensor : tensors) {
    ROSSO_CHECK(tensor->status());
    const NodeRef &node = tensor->node();
    if (node->op == Op::Buffer || memoryOf(*node))
      continue;
    if (Capture::current() && (node->isOpen || readsMemory(node)))
      continue; // put off until the captured function is called
    if (node->storage) {
      ROSSO_CHECK(keepPromise(*node));
      continue;
    }
    if (seen.insert(node.get()).second)
      nodes.push_back(node);
  }
  if (nodes.empty())
    return {};
  ROSSO_CHECK(shorten(nodes));
  std::erase_if(nodes, [](const NodeRef &node) { return node->op == Op::Buffer; });
  ROSSO_CHECK(computeInPlace(nodes));
  nodes.clear();
  // Who wrote lazily to a node before it had memory must not see what is written there later: the
  // handle gets a leaf of its own, whose memory is copied as soon as one of the two is written.
  for (Tensor *tensor : tensors) {
    const Node &node = *tensor->node_;
    if (node.op == Op::Buffer && seen.contains(&node) && tensor->node_.use_count() > 1)
      tensor->node_ =
          Tensor::fromStorage(node.storage->on(node.device), node.shape, node.dtype).node();
  }
  return {};
}

Result<std::shared_ptr<Storage>> rowMajorStorage(const Tensor &tensor) {
  ROSSO_CHECK(tensor.status());
  Tensor handle = tensor.isWeak() ? build::promote(tensor, tensor.dtype()) : tensor;
  if (handle.isQuantized()) // blocks are for programs; whoever looks wants numbers
    handle = handle.materialize();
  if (!memoryOf(*handle.node())) {
    if (handle.node()->isOpen && Capture::current())
      return badInput("the values of a tensor were asked for while a function of it is captured; "
                      "they exist only when the function is called");
    Tensor *const one[] = {&handle};
    ROSSO_CHECK(realize(one));
    if (const NodeRef asked[] = {handle.node()}; !memoryOf(*asked[0])) { // while capturing
      ROSSO_CHECK(shorten(asked));
      ROSSO_CHECK(computeInPlace(asked));
    }
  }
  const Node &node = *handle.node();
  if (node.op == Op::Buffer)
    return node.storage;
  const std::shared_ptr<Storage> memory = memoryOf(node);
  if (memory->file())
    return pieceOfFile(node);
  if (auto layout = layoutOf(node)) {
    const unsigned size = byteSize(node.dtype);
    if (layout->isContiguous() && layout->offset == 0 &&
        memory->bytes().size() == static_cast<uint64_t>(layout->elementCount()) * size)
      return memory;
    if (layout->isContiguous() || layout->elementCount() <= kSmallView) {
      ROSSO_TRY(
          std::shared_ptr<Storage> copy,
          Storage::allocate(static_cast<uint64_t>(layout->elementCount()) * size, deviceOf(node)));
      ROSSO_TRY(std::span<uint8_t> bytes, copy->writable());
      gatherView(*layout, size, memory->bytes(), bytes);
      return copy;
    }
  }
  const NodeRef one[] = {handle.node()};
  ROSSO_TRY(std::vector<std::shared_ptr<Storage>> copies, compute(one, deviceOf(node)));
  return copies[0];
}

Tensor contiguous(const Tensor &tensor) {
  if (!tensor.ok() || !memoryOf(*tensor.node()) || tensor.node()->op == Op::Buffer)
    return tensor;
  auto storage = rowMajorStorage(tensor);
  if (!storage)
    return build::failed(storage.error());
  if ((*storage)->file())
    return tensor; // in one piece already; a file has no other memory to give
  // A reshape of the whole has the order already: the copy happens when one of the two is written.
  if (*storage == memoryOf(*tensor.node()))
    storage = (*storage)->on(deviceOf(*tensor.node()));
  return Tensor::fromStorage(*std::move(storage), tensor.shape(), tensor.dtype());
}

const std::string &deviceOf(const Tensor &tensor) { return *deviceOf(*tensor.node()); }

const std::string &defaultTensorDevice() { return *defaultDeviceName(); }

Status setDefaultTensorDevice(const std::string &device) {
  RunOptions options;
  options.device = device;
  if (device != "host") {
    auto opened = openDevice(options);
    if (!opened)
      return opened.error();
  }
  defaultDeviceName() = internDevice(device);
  return {};
}

Result<Tensor> moveTo(const Tensor &tensor, const std::string &device) {
  ROSSO_CHECK(tensor.status());
  if (deviceOf(tensor) == device)
    return tensor;
  if (isFile(tensor.node()->device) && !filePathOf(device))
    return moveFromFile(tensor, internDevice(device));
  if (tensor.node()->isOpen)
    return unsupported("a function that is captured runs on one device; move its inputs to '" +
                       device + "' before it is called");
  if (const auto path = filePathOf(device))
    return writeFile(*path, tensor);
  ROSSO_TRY(std::shared_ptr<Storage> storage, rowMajorStorage(tensor));
  return Tensor::fromStorage(storage->on(internDevice(device)), tensor.shape(), tensor.dtype());
}

Status computeReaders(Storage &memory) {
  std::vector<Tensor> readers;
  for (const NodeRef &reader : memory.takeReaders())
    if (reader->op != Op::Buffer && !reader->isOpen)
      readers.emplace_back(reader);
  std::vector<Tensor *> handles;
  for (Tensor &reader : readers)
    handles.push_back(&reader);
  return realize(handles);
}

namespace {

/// The view of memory whose bits a tensor shows as another type of the same size, or as its own;
/// nothing where it is a computation.
std::optional<Tensor> beforeBitcasts(const NodeRef &node) {
  if (memoryOf(*node) || node->op == Op::Input)
    return Tensor(node);
  if ((node->op != Op::Bitcast && !isMovement(node->op)) || node->format)
    return std::nullopt;
  const NodeRef &source = node->sources[0];
  std::optional<Tensor> view = beforeBitcasts(source);
  if (!view || byteSize(node->dtype) != byteSize(source->dtype))
    return std::nullopt;
  if (node->op == Op::Bitcast)
    return view;
  auto moved = std::make_shared<Node>(*node);
  moved->sources = {view->node()};
  moved->dtype = view->dtype();
  moved->storage = memoryOf(*view->node());
  return Tensor(std::move(moved));
}

} // namespace

Status takePromisedMemory(const Tensor &target) {
  const Node &node = *target.node();
  const bool isPromised = node.storage && !node.storage->exists();
  const bool isSeen = isPromised && (node.storage.use_count() > 1 || Capture::current());
  return isSeen ? keepPromise(node) : Status();
}

Status assign(Tensor &target, const Tensor &value) {
  ROSSO_CHECK(target.status());
  ROSSO_CHECK(value.status());
  Tensor wanted = build::promote(value, target.dtype());
  if (!(wanted.shape() == target.shape()))
    wanted = wanted.expand(target.shape());
  ROSSO_CHECK(wanted.status());
  if (elementCount(target.shape()) == Dim(0))
    return {};
  if (isFile(target.node()->device))
    return Capture::current()
               ? unsupported("assign: a recorded function does not write to " + deviceOf(target))
               : assignToFile(target, wanted);
  ROSSO_CHECK(takePromisedMemory(target));
  std::shared_ptr<Storage> memory = memoryOf(*target.node());
  if (auto view = beforeBitcasts(target.node()); view && view->dtype() != target.dtype()) {
    ROSSO_CHECK(assign(*view, wanted.bitcast(view->dtype())));
    target = view->bitcast(target.dtype());
    return {};
  }
  if (Capture *capture = Capture::current(); capture && (memory || target.node()->isOpen))
    return capture->write(target, wanted);
  if (!memory) {
    target = contiguous(wanted);
    return {};
  }
  ROSSO_TRY(std::shared_ptr<Storage> values, rowMajorStorage(wanted));
  ROSSO_CHECK(computeReaders(*memory));

  auto layout = layoutOf(*target.node());
  const unsigned size = byteSize(target.dtype());
  if (layout && layout->isContiguous() &&
      memory->bytes().size() == static_cast<uint64_t>(layout->elementCount()) * size) {
    if (values->readsFile()) {
      ROSSO_TRY(values, Storage::copyOf(values->bytes(), memory->device()));
    } else if (values == memoryOf(*wanted.node())) {
      values = values->on(memory->device());
    }
    memory->swap(*values); // all of it is new
    return {};
  }
  if (!layout)
    return unsupported("assign: this view of a tensor cannot be written in place; assign to the "
                       "whole tensor");
  for (size_t i = 0; i < layout->extents.size(); ++i)
    if (layout->extents[i] > 1 && layout->strides[i] == 0)
      return badInput("assign: axis " + std::to_string(i) + " of the target is expanded, so that " +
                      "elements share memory; assign to the tensor it was made from");
  std::shared_ptr<const uint8_t> held = values->share();
  ROSSO_TRY(std::span<uint8_t> bytes, memory->writable());
  scatterView(*layout, size, bytes, values->bytes());
  return {};
}

Result<std::vector<KernelSummary>> kernelsOf(std::span<const Tensor> tensors) {
  std::vector<NodeRef> nodes;
  for (const Tensor &tensor : tensors) {
    ROSSO_CHECK(tensor.status());
    if (!memoryOf(*tensor.node()))
      nodes.push_back(tensor.node());
  }
  std::vector<KernelSummary> kernels;
  if (nodes.empty())
    return kernels;
  const std::lock_guard lock(graphMutex);
  const Graph graph = graphOf(nodes);
  ROSSO_CHECK(checkClosed(graph));
  ROSSO_TRY(std::shared_ptr<BoundProgram> program, findProgram(graph, *deviceOf(*nodes[0])));
  for (const Launch &launch : program->program().entries[0].launches) {
    const Kernel &kernel = program->program().kernels[launch.kernel];
    kernels.push_back({kernel.name, kernel.stats, launch.bytesMoved, launch.operations});
  }
  return kernels;
}

Result<std::string> graphText(std::span<const Tensor> tensors) {
  std::vector<NodeRef> nodes;
  for (const Tensor &tensor : tensors) {
    ROSSO_CHECK(tensor.status());
    nodes.push_back(tensor.node());
  }
  const std::lock_guard lock(graphMutex);
  return print(graphOf(nodes));
}

} // namespace rosso
