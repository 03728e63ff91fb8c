// A function of tensors, captured once as a program and replayed without its graph.
//
//   Variable n("n", 1, 64);
//   auto step = compile([](const std::vector<Tensor> &in) {
//     Tensor total = Tensor::state("total", {4});
//     return std::vector{total.assign(total + in[0].sum(0))};
//   }, {.inputs = {{"x", {n, 4}}}, .variables = {n}});
//   auto out = (*step)({HostTensor::of(numbers, {3, 4})}, {n.bind(3)});
#pragma once

#include "frontend/Compile.h"
#include "frontend/HostTensor.h"
#include "frontend/RunVariables.h"
#include "frontend/Tensor.h"
#include "runtime/Executable.h"

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace rosso {

/// Called once, with the inputs in the order of the signature. States that it assigns keep their
/// values from call to call; the new value of a state must be among what it returns (or be read
/// by it), or the assignment is lost.
using TensorFunction = std::function<std::vector<Tensor>(const std::vector<Tensor> &inputs)>;

struct InputSpec {
  std::string name;
  Shape shape;
  DType dtype = DType::F32;
};

struct Signature {
  std::vector<InputSpec> inputs = {};
  std::vector<Variable> variables = {};
  CompileOptions compile = {};
  RunOptions run = {};
};

class CompiledFunction {
public:
  /// Copies the inputs in, runs, copies the results out. Assigned states are results as well.
  /// Errors: BadInput where an input or a variable is missing or is not what the signature says.
  Result<std::vector<HostTensor>> operator()(const std::vector<HostTensor> &inputs,
                                             const std::vector<Binding> &variables = {});

  /// The same without copies or allocations: write the inputs, run, read the outputs. States can
  /// be read so only where the host sees the device's memory; elsewhere they are empty.
  std::span<uint8_t> input(int index) { return executable_->input(0, inputs_[index].slot); }
  std::span<const uint8_t> output(int index) const;
  Status run(const std::vector<Binding> &variables = {});

  /// Gives a `Tensor::weight` of the function its data, row-major.
  Status setWeight(const std::string &name, std::span<const uint8_t> bytes);
  /// All states become zeros, as at the start.
  Status resetStates() { return executable_->clearStates(); }

  const Program &program() const { return executable_->program(); }
  Executable &executable() { return *executable_; }

private:
  friend Result<CompiledFunction> compile(const TensorFunction &function,
                                          const Signature &signature);

  struct Input {
    InputSpec spec;
    int slot = -1; // of the program's inputs; -1: the function does not read it
  };
  struct Output {
    Shape shape;
    DType dtype = DType::F32;
    bool isState = false;
    int slot = -1; // of the program's outputs, or states
  };

  Status findSlots();

  std::unique_ptr<Executable> executable_;
  std::vector<Input> inputs_;
  std::vector<Output> outputs_;
  std::vector<std::string> outputNames_;
  RunVariables variables_;
  std::vector<int64_t> values_; // of the variables, in the program's order
};

Result<CompiledFunction> compile(const TensorFunction &function, const Signature &signature = {});

/// Gives the weights "buffer:<n>" of an executable the data of the graph it was compiled from.
Status loadBuffers(Executable &executable, const Graph &graph);

/// Gives one weight its data, row-major; regroups it where the program wants tiles.
Status loadWeight(Executable &executable, int index, std::span<const uint8_t> bytes);

} // namespace rosso
