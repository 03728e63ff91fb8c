#include "models/SlotGraph.h"

#include "frontend/Variable.h"

#include <algorithm>

namespace rosso {

Result<Graph> buildSlotGraph(const GgufFile &file, const DecoderConfig &config,
                             const SlotGraphOptions &options) {
  const DecoderOptions &shape = options.decoder;
  ROSSO_CHECK(checkDecoderOptions(file, config, shape));
  if (shape.slots < 1 || shape.slots > 256)
    return badInput("slots: found " + std::to_string(shape.slots) + ", wanted 1 to 256");
  const int64_t context = shape.context;
  Decoder decoder(file, config, shape);
  Graph graph;
  auto variable = [&](const std::string &name, int64_t least, int64_t most) {
    const Variable made(name, least, most);
    graph.vars.emplace(name, made.bounds());
    return Dim(made);
  };
  auto add = [&](const std::string &name, Outputs outputs, const Outputs &updates) {
    outputs.insert(outputs.end(), updates.begin(), updates.end());
    graph.entries.push_back(makeEntry(name, outputs));
  };
  auto addEntry = [&](const std::string &name, const Shape &tokens,
                      const std::vector<SequencePart> &parts, Rows rows) {
    Outputs updates;
    const Tensor ids = Tensor::input("tokens", tokens, DType::I32);
    const Tensor logits = decoder.logits(ids, parts, rows, updates).toFloat();
    const auto [best, where] = logits.topk(std::min(kLikeliest, config.vocabulary));
    add(name, {{"logits", logits}, {"best", best}, {"where", where}}, updates);
  };

  const Dim start = variable("P", 0, context - 1), slot = variable("S", 0, shape.slots - 1);
  const Dim count = variable("T", 1, std::min(options.chunk, context));
  const Dim few = variable("U", 1, std::min(kMostDraft, context));
  addEntry("prefill", {count}, {{slot, start, count}}, Rows::Last);
  addEntry("decode", {1}, {{slot, start, 1}}, Rows::All);
  addEntry("draft", {few}, {{slot, start, few}}, Rows::All);
  for (int64_t rows : kBatches) {
    if (rows > shape.slots)
      break;
    std::vector<SequencePart> parts;
    for (int64_t i = 0; i < rows; ++i) {
      const std::string number = std::to_string(i);
      parts.push_back(
          {variable("S" + number, 0, shape.slots - 1), variable("P" + number, 0, context - 1), 1});
    }
    addEntry("batch" + std::to_string(rows), {rows}, parts, Rows::All);
  }
  if (options.embeds && config.pooling) {
    Outputs updates;
    const Tensor ids = Tensor::input("tokens", {count}, DType::I32);
    const Rows rows = config.pooling == Pooling::Last ? Rows::Last : Rows::All;
    Tensor x = decoder.hidden(ids, {{slot, start, count}}, rows, updates);
    if (config.pooling == Pooling::Mean)
      x = x.sum({0}, /*keepdim=*/true);
    else if (config.pooling == Pooling::First)
      x = x.slice(0, 0, 1);
    add("embed", {{"pooled", x.toFloat()}}, updates);
  }
  for (const GraphEntry &entry : graph.entries)
    for (const auto &[name, node] : entry.outputs)
      if (node->error)
        return *node->error;
  ROSSO_CHECK(decoder.weights().allUsed());
  return graph;
}

} // namespace rosso
