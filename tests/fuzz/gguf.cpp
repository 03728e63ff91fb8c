// GGUF files: whatever the bytes, parsing ends in a value or an error, and whatever was parsed lies
// within the file.
#include "models/io/Gguf.h"

#include <algorithm>

using namespace rosso;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto file = GgufFile::parse({data, size}, "fuzz.gguf");
  if (!file) {
    if (file.error().message.empty())
      __builtin_trap();
    return 0;
  }
  uint64_t sum = 0; // every byte that the file hands out is touched
  const auto touch = [&](auto bytes) {
    for (auto byte : bytes)
      sum += static_cast<uint64_t>(byte);
  };
  for (std::string_view key : file->keys()) {
    (void)file->getI64(key);
    (void)file->getF64(key);
    (void)file->getBool(key);
    if (auto text = file->getString(key))
      touch(*text);
    if (auto texts = file->getStringArray(key))
      for (std::string_view text : *texts)
        touch(text);
    if (auto numbers = file->getF32Array(key))
      touch(file->find(key)->bytes);
    (void)file->getI64Array(key);
  }
  for (const GgufTensor &tensor : file->tensors()) {
    if (tensor.offset > size || tensor.fileBytes > size - tensor.offset)
      __builtin_trap();
    if (!file->usable(tensor))
      continue;
    touch(file->data(tensor));
    std::vector<uint8_t> part(std::min<uint64_t>(tensor.bytes, 16));
    if (!file->read(tensor, tensor.bytes - part.size(), part))
      __builtin_trap();
  }
  volatile uint64_t used = sum;
  (void)used;
  return 0;
}
