// Bytes of one GGUF file -> what its header says. No file system, no tensor data.
#pragma once

#include "models/io/Gguf.h"

namespace rosso {

struct GgufHeader {
  uint32_t version = 0;
  std::vector<std::pair<std::string_view, GgufValue>> values; // in file order, keys unique
  std::vector<GgufTensor> tensors; // in file order, names unique; `offset` from the file's start
};

/// `path` only appears in messages.
Result<GgufHeader> parseGguf(std::span<const uint8_t> bytes, const std::string &path);

/// Bytes of a number of this type; 0 for strings and arrays.
unsigned byteSize(GgufType type);
std::string_view name(GgufType type);

} // namespace rosso
