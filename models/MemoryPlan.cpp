#include "models/MemoryPlan.h"

#include "ir/quant/Formats.h"
#include "ir/quant/Tile.h"

#include <algorithm>
#include <map>

namespace rosso {

namespace {

constexpr uint64_t kSlot = 64, kPage = 4096; // as the arena aligns slots and regions

uint64_t aligned(uint64_t bytes, uint64_t to) { return (bytes + to - 1) / to * to; }

uint64_t rowMajorBytes(const Node &leaf) {
  const auto count = static_cast<uint64_t>(elementCount(leaf.shape)->constant());
  if (leaf.format)
    return count / leaf.format->blockLen * leaf.format->blockSize;
  return count * byteSize(leaf.dtype);
}

/// Matrices may lie in tiles of sixteen rows, which rounds the number of rows up.
uint64_t weightBytes(const Node &leaf) {
  const QuantFormat *format = leaf.format ? leaf.format : findFormat(name(leaf.dtype));
  if (leaf.shape.size() != 2 || !format)
    return rowMajorBytes(leaf);
  return tileBytes(*format, leaf.shape[0].constant(), leaf.shape[1].constant());
}

/// What one chunk of T tokens needs at most: every buffer of one layer at once, and the scores.
uint64_t activationBytes(const DecoderConfig &config, const GraphOptions &options) {
  constexpr int64_t kF32Bytes = 4;
  constexpr double kPacked = 1.5; // bytes of an activation in int8 blocks
  const int64_t tokens = std::min(options.chunk, options.decoder.context);
  const int64_t heads = config.heads * config.headWidth, kv = config.kvWidth();
  const auto pairs = static_cast<int64_t>(config.ropeFrequencies.size());
  // The residual twice, a norm of it, q, k, v, then q turned, the attention's result, gate, up.
  const int64_t dense = 3 * config.width + 3 * heads + 4 * kv + 3 * config.feedForward + 2 * pairs;
  const int64_t packed = 2 * config.width + heads + config.feedForward;
  const int64_t scores =
      4 * config.vocabulary + (options.withLogits ? tokens : 0) * config.vocabulary;
  return static_cast<uint64_t>(
             tokens *
                 (dense * kF32Bytes + static_cast<int64_t>(static_cast<double>(packed) * kPacked)) +
             scores * kF32Bytes) +
         16 * kPage;
}

} // namespace

Result<MemoryFacts> planMemory(const GgufFile &file, const DecoderConfig &config,
                               const GraphOptions &options) {
  ROSSO_TRY(const Graph graph, buildDecoderGraph(file, config, options));
  std::map<std::string, uint64_t> weights, states; // by name: entries share them
  for (const GraphEntry &entry : graph.entries)
    for (const Node *node : topologicalOrder(entry)) {
      if (node->op == Op::Weight)
        weights[node->attr<std::string>("name")] = weightBytes(*node);
      if (node->op == Op::Buffer)
        weights["buffer:" + std::to_string(node->id)] = rowMajorBytes(*node);
      if (node->op == Op::State)
        states[node->attr<std::string>("name")] = rowMajorBytes(*node);
    }
  MemoryFacts facts;
  for (const auto &[name, bytes] : weights)
    facts.weights += aligned(bytes, kSlot);
  for (const auto &[name, bytes] : states)
    facts.kv += aligned(bytes, kSlot);
  facts.weights = aligned(facts.weights, kPage);
  facts.kv = aligned(facts.kv, kPage);
  facts.activations = aligned(activationBytes(config, options), kPage);
  return facts;
}

Result<int64_t> findMaxContext(const GgufFile &file, const DecoderConfig &config,
                               GraphOptions options, uint64_t bytes) {
  int64_t low = 0, high = config.trainedContext; // `low` fits, above `high` none does
  while (low < high) {
    options.decoder.context = low + (high - low + 1) / 2;
    ROSSO_TRY(const MemoryFacts facts, planMemory(file, config, options));
    if (facts.total() <= bytes)
      low = options.decoder.context;
    else
      high = options.decoder.context - 1;
  }
  return low;
}

} // namespace rosso
