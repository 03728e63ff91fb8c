#include "models/Weights.h"

namespace rosso {

namespace {

Tensor failed(Error error) {
  auto node = std::make_shared<Node>();
  node->op = Op::Weight;
  node->error = std::move(error);
  return Tensor(std::move(node));
}

Shape shapeOf(const GgufTensor &tensor) { return {tensor.shape.begin(), tensor.shape.end()}; }

} // namespace

Tensor Weights::get(const std::string &name, const Shape &shape) {
  const GgufTensor *tensor = file_.findTensor(name);
  if (!tensor)
    return failed(
        badInput(file_.path() + ": tensor " + name + ": not found, wanted " + str(shape)));
  if (Status status = file_.usable(*tensor); !status)
    return failed(status.error());
  if (shapeOf(*tensor) != shape)
    return failed(badInput(file_.path() + ": tensor " + name + ": found " + str(shapeOf(*tensor)) +
                           ", wanted " + str(shape)));
  used_.insert(name);
  return Tensor::weight(name, shape, *tensor->format);
}

Status Weights::allUsed() const {
  for (const GgufTensor &tensor : file_.tensors())
    if (!used_.contains(tensor.name))
      return unsupported(file_.path() + ": tensor " + quoted(tensor.name) +
                         ": no part of this architecture as we know it; running the model " +
                         "without it would give wrong text");
  return {};
}

} // namespace rosso
