// The bytes of a GGUF file's tensors as their formats describe them, for those who want all of a
// tensor at once.
#pragma once

#include "models/io/Gguf.h"

#include <map>
#include <string_view>
#include <vector>

namespace rosso {

/// Looks at the file's map where it holds them; what must be resolved (ir/quant/GridBlock.h) is so
/// when it is first asked for, and kept. The file must outlive this.
class TensorBytes {
public:
  explicit TensorBytes(const GgufFile &file) : file_(file) {}

  /// `name` is that of a tensor of the file. Errors: those of GgufFile::read.
  Result<std::span<const uint8_t>> of(std::string_view name) {
    const GgufTensor &tensor = *file_.findTensor(name);
    ROSSO_CHECK(file_.usable(tensor));
    if (!tensor.format->file)
      return file_.data(tensor);
    auto found = resolved_.find(&tensor);
    if (found == resolved_.end()) {
      std::vector<uint8_t> bytes(tensor.bytes);
      ROSSO_CHECK(file_.read(tensor, 0, bytes));
      found = resolved_.emplace(&tensor, std::move(bytes)).first;
    }
    return std::span<const uint8_t>(found->second);
  }

private:
  const GgufFile &file_;
  std::map<const GgufTensor *, std::vector<uint8_t>> resolved_;
};

} // namespace rosso
