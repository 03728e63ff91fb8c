// The tensors of a GGUF file as tensors that have their values: for models written against the
// tensor API. They look at the file's map; quantised ones stay in blocks. Those that the file
// stores as indices into a grid are resolved to blocks in memory of their own.
#pragma once

#include "frontend/Tensor.h"
#include "models/io/Gguf.h"

#include <map>
#include <memory>
#include <string>

namespace rosso {

/// By name; [rows, columns] as the file stores them. The tensors keep the file open. Errors:
/// Unsupported where a tensor has a format that we do not know.
Result<std::map<std::string, Tensor>> tensorsOf(const std::shared_ptr<const GgufFile> &file);

} // namespace rosso
