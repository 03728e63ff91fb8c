#include "models/GgufTensors.h"

namespace rosso {

namespace {

/// The blocks in the file's map, or those that indices in the file stand for.
Result<std::shared_ptr<Storage>> storageOf(const std::shared_ptr<GgufFile> &file,
                                           const GgufTensor &tensor) {
  if (!tensor.format->file)
    return Storage::lent(file->data(tensor), file, nullptr);
  ROSSO_TRY(auto storage, Storage::allocate(tensor.bytes, nullptr));
  ROSSO_TRY(const std::span<uint8_t> bytes, storage->writable());
  ROSSO_CHECK(file->read(tensor, 0, bytes));
  return storage;
}

} // namespace

Result<std::map<std::string, Tensor>> tensorsOf(const std::shared_ptr<const GgufFile> &file) {
  std::map<std::string, Tensor> tensors;
  for (const GgufTensor &tensor : file->tensors()) {
    ROSSO_CHECK(file->usable(tensor));
    ROSSO_TRY(auto storage, storageOf(std::const_pointer_cast<GgufFile>(file), tensor));
    Tensor loaded = Tensor::fromStorage(
        std::move(storage), Shape(tensor.shape.begin(), tensor.shape.end()), *tensor.format);
    ROSSO_CHECK(loaded.status());
    tensors.emplace(tensor.name, std::move(loaded));
  }
  return tensors;
}

} // namespace rosso
