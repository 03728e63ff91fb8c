#include "models/GgufWeights.h"

#include <algorithm>
#include <cassert>

namespace rosso {

GgufWeights::GgufWeights(const GgufFile &file, const Graph &graph) : file_(file) {
  for (const Node *leaf : bufferLeaves(graph))
    buffers_["buffer:" + std::to_string(buffers_.size())] = leaf;
}

std::optional<WeightSource::Tensor> GgufWeights::find(std::string_view name) const {
  if (auto buffer = buffers_.find(name); buffer != buffers_.end()) {
    Tensor tensor{std::string(rosso::name(buffer->second->dtype)), {}};
    for (const Dim &extent : buffer->second->shape)
      tensor.shape.push_back(extent.constant());
    return tensor;
  }
  const GgufTensor *tensor = file_.findTensor(name);
  if (!tensor || !tensor->format)
    return std::nullopt;
  return Tensor{std::string(tensor->format->name), tensor->shape};
}

Status GgufWeights::read(std::string_view name, uint64_t begin, std::span<uint8_t> out) const {
  if (auto buffer = buffers_.find(name); buffer != buffers_.end()) {
    const std::span<const uint8_t> bytes = buffer->second->storage->bytes();
    assert(begin <= bytes.size() && out.size() <= bytes.size() - begin);
    std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(begin), out.size(), out.begin());
    return {};
  }
  return file_.read(*file_.findTensor(name), begin, out);
}

} // namespace rosso
