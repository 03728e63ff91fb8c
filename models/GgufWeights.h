// The tensors of a GGUF file, and the data a graph carries itself, as the source of weights.
#pragma once

#include "frontend/Graph.h"
#include "models/WeightLoader.h"
#include "models/io/Gguf.h"

#include <map>

namespace rosso {

/// Reads past the file's map, so that loading leaves no page of it resident. File and graph must
/// outlive this.
class GgufWeights final : public WeightSource {
public:
  GgufWeights(const GgufFile &file, const Graph &graph);

  std::optional<Tensor> find(std::string_view name) const override;
  Status read(std::string_view name, uint64_t begin, std::span<uint8_t> out) const override;

private:
  const GgufFile &file_;
  std::map<std::string, const Node *, std::less<>> buffers_; // "buffer:0"
};

} // namespace rosso
