#include "models/DecoderGraph.h"

#include "frontend/Variable.h"
#include "ir/quant/Formats.h"

namespace rosso {

Status checkDecoderOptions(const GgufFile &file, const DecoderConfig &config,
                           const DecoderOptions &decoder) {
  if (decoder.context < 1 || decoder.context > 1 << 24)
    return badInput("context: found " + std::to_string(decoder.context) + ", wanted 1 to " +
                    std::to_string(1 << 24) + " tokens");
  const std::string kv(decoder.kvFormat->name);
  if (decoder.kvFormat != &kF16 && decoder.kvFormat != &kQ8_0)
    return badInput("KV cache: found " + kv + ", wanted f16 or q8_0");
  if (config.headWidth % decoder.kvFormat->blockLen != 0)
    return badInput(file.path() + ": heads of " + std::to_string(config.headWidth) +
                    " elements are not a multiple of the " + kv +
                    " block length; use a KV cache of f16");
  return {};
}

Result<Graph> buildDecoderGraph(const GgufFile &file, const DecoderConfig &config,
                                const GraphOptions &options) {
  ROSSO_CHECK(checkDecoderOptions(file, config, options.decoder));
  ROSSO_CHECK(options.sampler.check());
  const int64_t context = options.decoder.context;
  const Variable start("P", 0, context - 1);
  const Variable count("T", 1, std::min(options.chunk, context));

  Decoder decoder(file, config, options.decoder);
  const Sampler sampler(options.sampler, context, config.vocabulary);
  Graph graph;
  graph.vars = {{start.name(), start.bounds()}, {count.name(), count.bounds()}};

  auto addEntry = [&](const std::string &name, Outputs outputs, const Outputs &updates) {
    outputs.insert(outputs.end(), updates.begin(), updates.end());
    graph.entries.push_back(makeEntry(name, outputs));
  };
  const Tensor token = Tensor::state("token", {1}, DType::I32);
  const Tensor tokens = Tensor::input("tokens", {count}, DType::I32);
  auto addChoice = [&](const std::string &name, const Tensor &ids) {
    Outputs updates;
    const Tensor scores = decoder.logits(ids, start, Rows::Last, updates);
    const Tensor next = sampler.choose(scores, ids, start, updates);
    addEntry(name, {{"token", next}, {"state:token", token.assign(next)}}, updates);
  };
  addChoice("prefill", tokens);
  addChoice("decode", token);
  if (options.withLogits) {
    Outputs updates;
    const Tensor scores = decoder.logits(tokens, start, Rows::All, updates);
    addEntry("logits", {{"logits", scores}}, updates);
  }
  for (const GraphEntry &entry : graph.entries)
    for (const auto &[name, node] : entry.outputs)
      if (node->error)
        return *node->error;
  ROSSO_CHECK(decoder.weights().allUsed());
  return graph;
}

} // namespace rosso
