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
  return tileBytes(*format, leaf.shape[0].constant(), leaf.shape[1].constant(), kTile16);
}

/// What one chunk of T tokens needs at most: the larger of the two steps of a layer, whose buffers
/// may share memory, what lives through all layers, and the scores.
uint64_t activationBytes(const DecoderConfig &config, const GraphOptions &options) {
  constexpr double kF32 = 4, kPacked = 1.5; // bytes of an activation: as a float, in int8 blocks
  const double width = static_cast<double>(config.width);
  const double heads = static_cast<double>(config.heads * config.headWidth);
  const double kv = static_cast<double>(config.kvWidth());
  const double feedForward = static_cast<double>(config.feedForward);
  const double pairs = static_cast<double>(config.ropeFrequencies.size());
  const auto tokens = static_cast<double>(std::min(options.chunk, options.decoder.context));
  // Norm, q, k and v, q turned, the attention's result.
  const double attention = kF32 * (width + 3 * heads + 2 * kv) + kPacked * (width + heads);
  // Norm, gate times up.
  const double feeding = kF32 * (width + feedForward) + kPacked * (width + feedForward);
  const double always = kF32 * (width + 2 * pairs); // the residual, cosines and sines
  const double scores =
      kF32 * static_cast<double>(config.vocabulary) * (options.withLogits ? 4 + tokens : 4);
  constexpr double kRoom = 1.1; // for slots that do not close up
  return static_cast<uint64_t>(kRoom *
                               (tokens * (always + std::max(attention, feeding)) + scores)) +
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
