// From lazy tensors to values in memory.
//
// Tensors that are realised together become one program; a program is known by the text of its
// graph and kept in memory, so that the same computation on other data starts at once. Afterwards
// their nodes are buffers. What was a view of memory stays one: it has its values already.
//
// One rule about writing in place: whatever was computed lazily from a tensor before it was written
// sees what it held at that time; views of it see the new values.
#pragma once

#include "frontend/Tensor.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace rosso {

/// Computes tensors together. Errors: of the first bad call in their graphs; BadInput where one
/// reads an input, a weight or a state; what compiling and running say.
Status realize(std::span<Tensor *const> tensors);

/// The values of a tensor, row-major: its own memory, or a copy where it is a view that lies in
/// another order.
Result<std::shared_ptr<Storage>> rowMajorStorage(const Tensor &tensor);

/// A tensor with memory of its own; lazy where it is not a view.
Tensor contiguous(const Tensor &tensor);

/// The same values on another device, by its name; computes them where they are now.
Result<Tensor> moveTo(const Tensor &tensor, const std::string &device);

/// The device a tensor is computed on: of its operands, else the default one.
const std::string &deviceOf(const Tensor &tensor);
/// The default: $ROSSO_DEVICE or "host" until it is set.
const std::string &defaultTensorDevice();
/// Errors: BadInput where there is no device of that name.
Status setDefaultTensorDevice(const std::string &device);

/// Writes `value`, cast and broadcast to it, over a tensor: in place where it is a buffer or a view
/// of one, else the tensor becomes the value. Errors: BadInput where the value does not broadcast.
Status assign(Tensor &target, const Tensor &value);

/// A constant that is about to be written gets memory if views of it, or later calls of a captured
/// function, are to see what is written; so does a view of one.
Status takePromisedMemory(const Tensor &target);

/// Computes what was made from a memory and is still lazy, before that memory is written.
Status computeReaders(Storage &memory);

/// The value a variable has in what is realised from now on.
void bindVariable(const Variable &variable, int64_t value);
/// The variables a graph entry reads, with the bounds they were bound with.
VarTable variablesOf(const GraphEntry &entry);
/// The values they are bound to.
VarValues boundValues(const VarTable &vars);

/// What would run to realise tensors.
struct KernelSummary {
  std::string name, details;
  uint64_t bytesMoved = 0, operations = 0;
};
Result<std::vector<KernelSummary>> kernelsOf(std::span<const Tensor> tensors);
/// Their graph as text, as `rosso-dump` reads it.
Result<std::string> graphText(std::span<const Tensor> tensors);

} // namespace rosso
