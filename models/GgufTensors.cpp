#include "models/GgufTensors.h"

namespace rosso {

Result<std::map<std::string, Tensor>> tensorsOf(const std::shared_ptr<const GgufFile> &file) {
  std::map<std::string, Tensor> tensors;
  for (const GgufTensor &tensor : file->tensors()) {
    ROSSO_CHECK(file->usable(tensor));
    auto owner = std::const_pointer_cast<GgufFile>(file);
    Tensor loaded =
        Tensor::fromStorage(Storage::lent(file->data(tensor), std::move(owner), nullptr),
                            Shape(tensor.shape.begin(), tensor.shape.end()), *tensor.format);
    ROSSO_CHECK(loaded.status());
    tensors.emplace(tensor.name, std::move(loaded));
  }
  return tensors;
}

} // namespace rosso
