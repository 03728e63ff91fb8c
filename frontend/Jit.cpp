#include "frontend/Jit.h"

#include "frontend/Realize.h"
#include "ir/quant/Formats.h"
#include "ir/quant/Tile.h"

#include <algorithm>

namespace rosso {

namespace {

int findSlot(const std::vector<BufferSlot> &slots, const std::string &name) {
  for (size_t i = 0; i < slots.size(); ++i)
    if (slots[i].name == name)
      return static_cast<int>(i);
  return -1;
}

std::vector<int64_t> extentsOf(const Shape &shape, const VarValues &values) {
  std::vector<int64_t> extents;
  for (const Dim &extent : shape)
    extents.push_back(extent.eval(values));
  return extents;
}

uint64_t bytesOf(DType dtype, const std::vector<int64_t> &extents) {
  uint64_t bytes = byteSize(dtype);
  for (int64_t extent : extents)
    bytes *= static_cast<uint64_t>(extent);
  return bytes;
}

std::string describe(DType dtype, const std::vector<int64_t> &extents) {
  return std::string(name(dtype)) + str(Shape(extents.begin(), extents.end()));
}

VarValues valuesOf(const std::vector<Binding> &bindings) {
  VarValues values;
  for (const Binding &binding : bindings)
    values[binding.variable.name()] = binding.value;
  return values;
}

/// The state an update writes.
std::string stateNameOf(const Node &update) {
  const Node *node = &update;
  while (node->op == Op::Update)
    node = node->sources[0].get();
  return node->attr<std::string>("name");
}

Result<VarTable> tableOf(const std::vector<Variable> &variables) {
  VarTable table;
  for (const Variable &variable : variables) {
    auto [known, isNew] = table.emplace(variable.name(), variable.bounds());
    if (!isNew && !(known->second == variable.bounds()))
      return badInput("variable '" + variable.name() + "' has two different bounds");
  }
  return table;
}

} // namespace

Status loadWeight(Executable &executable, int index, std::span<const uint8_t> bytes) {
  const WeightSlot &slot = executable.program().weights[static_cast<size_t>(index)];
  const QuantFormat *format = findFormat(slot.format);
  uint64_t elements = 1;
  for (int64_t extent : slot.shape)
    elements *= static_cast<uint64_t>(extent);
  auto dtype = findDType(slot.format);
  uint64_t wanted = format  ? elements / format->blockLen * format->blockSize
                    : dtype ? elements * byteSize(*dtype)
                            : 0;
  if (bytes.size() != wanted)
    return badInput("weight '" + slot.name + "': " + std::to_string(bytes.size()) +
                    " bytes; expected " + std::to_string(wanted) + " of " + slot.format);
  if (slot.layout == "rows")
    return executable.uploadWeight(index, 0, bytes);
  const TileShape &shape = *findTileShape(slot.layout);
  std::vector<uint8_t> tiles(tileBytes(*format, slot.shape[0], slot.shape[1], shape));
  regroup(*format, slot.shape[0], slot.shape[1], shape, bytes, tiles);
  return executable.uploadWeight(index, 0, tiles);
}

Status loadBuffers(Executable &executable, const Graph &graph) {
  std::vector<const Node *> leaves = bufferLeaves(graph);
  for (size_t n = 0; n < leaves.size(); ++n) {
    int index = executable.findWeight("buffer:" + std::to_string(n));
    if (index < 0)
      continue; // simplified away
    ROSSO_CHECK(loadWeight(executable, index, leaves[n]->storage->bytes()));
  }
  return {};
}

Result<CompiledFunction> compile(const TensorFunction &function, const Signature &signature) {
  CompiledFunction compiled;
  std::vector<Tensor> inputs;
  for (const InputSpec &spec : signature.inputs) {
    inputs.push_back(Tensor::input(spec.name, spec.shape, spec.dtype));
    compiled.inputs_.push_back({spec, -1});
  }
  Graph graph;
  ROSSO_TRY(graph.vars, tableOf(signature.variables));
  GraphEntry entry{"main", {}};
  for (const Tensor &result : function(inputs)) {
    ROSSO_CHECK(result.status());
    bool isState = result.node()->op == Op::Update;
    if (isState && result.isQuantized())
      return unsupported("a function returns the quantised state '" + stateNameOf(*result.node()) +
                         "'; return a dequant() of it");
    std::string name = isState ? "state:" + stateNameOf(*result.node())
                               : "out" + std::to_string(compiled.outputs_.size());
    compiled.outputs_.push_back({result.shape(), result.dtype(), isState, -1});
    compiled.outputNames_.push_back(name);
    entry.outputs.emplace_back(name, result.node());
  }
  graph.entries.push_back(std::move(entry));
  ROSSO_CHECK(validate(graph));
  compiled.variables_ = RunVariables(graph);
  ROSSO_TRY(std::unique_ptr<Device> device, openDevice(signature.run));
  CompileOptions compiling = signature.compile;
  if (compiling.target == "host")
    compiling.target = device->target();
  ROSSO_TRY(Program program, compile(graph, compiling));
  ROSSO_TRY(compiled.executable_, Executable::create(std::move(program), std::move(device)));
  ROSSO_CHECK(loadBuffers(*compiled.executable_, graph));
  ROSSO_CHECK(compiled.findSlots());
  return compiled;
}

Status CompiledFunction::findSlots() {
  const Program &program = executable_->program();
  for (Input &input : inputs_)
    input.slot = findSlot(program.entries[0].inputs, input.spec.name);
  for (size_t i = 0; i < outputs_.size(); ++i) {
    Output &output = outputs_[i];
    output.slot = output.isState ? executable_->findState(outputNames_[i].substr(6))
                                 : findSlot(program.entries[0].outputs, outputNames_[i]);
    if (output.slot < 0)
      return Error{ErrorCode::Internal, "the program lacks the result '" + outputNames_[i] + "'"};
  }
  return {};
}

std::span<const uint8_t> CompiledFunction::output(int index) const {
  const Output &output = outputs_[static_cast<size_t>(index)];
  return output.isState ? executable_->state(output.slot) : executable_->output(0, output.slot);
}

Status CompiledFunction::run(const std::vector<Binding> &variables) {
  VarValues values = valuesOf(variables);
  ROSSO_CHECK(variables_.inOrder(program().vars, values, values_));
  return executable_->run(0, values_);
}

Result<std::vector<HostTensor>>
CompiledFunction::operator()(const std::vector<HostTensor> &inputs,
                             const std::vector<Binding> &variables) {
  if (inputs.size() != inputs_.size())
    return badInput(std::to_string(inputs.size()) + " inputs; expected " +
                    std::to_string(inputs_.size()));
  VarValues values = valuesOf(variables);
  ROSSO_CHECK(variables_.inOrder(program().vars, values, values_));
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto &[spec, slot] = inputs_[i];
    if (slot < 0)
      continue;
    std::vector<int64_t> extents = extentsOf(spec.shape, values);
    if (inputs[i].dtype != spec.dtype || inputs[i].shape != extents ||
        inputs[i].bytes.size() != bytesOf(spec.dtype, extents))
      return badInput("input '" + spec.name + "': found " +
                      describe(inputs[i].dtype, inputs[i].shape) + ", " +
                      std::to_string(inputs[i].bytes.size()) + " bytes; expected " +
                      describe(spec.dtype, extents));
    std::copy(inputs[i].bytes.begin(), inputs[i].bytes.end(), input(static_cast<int>(i)).begin());
  }
  ROSSO_CHECK(executable_->run(0, values_));
  std::vector<HostTensor> results;
  for (size_t i = 0; i < outputs_.size(); ++i) {
    HostTensor result{outputs_[i].dtype, extentsOf(outputs_[i].shape, values), {}};
    result.bytes.resize(bytesOf(result.dtype, result.shape));
    const BufferRef place{outputs_[i].isState ? Space::State : Space::Output,
                          static_cast<uint32_t>(outputs_[i].slot), 0};
    ROSSO_CHECK(executable_->download(0, place, result.bytes));
    results.push_back(std::move(result));
  }
  return results;
}

Status CompiledFunction::setWeight(const std::string &name, std::span<const uint8_t> bytes) {
  int index = executable_->findWeight(name);
  if (index < 0)
    return badInput("weight '" + name + "': the function has none of this name");
  return loadWeight(*executable_, index, bytes);
}

Result<HostTensor> Tensor::toHost(const std::vector<Binding> &variables) const {
  for (const Binding &binding : variables)
    bindVariable(binding.variable, binding.value);
  ROSSO_TRY(std::shared_ptr<Storage> storage, rowMajorStorage(*this));
  HostTensor result{dtype(), extentsOf(shape(), valuesOf(variables)), {}};
  result.bytes.assign(storage->bytes().begin(), storage->bytes().end());
  return result;
}

} // namespace rosso
