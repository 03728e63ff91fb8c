#include "models/Decoder.h"

namespace rosso {

namespace {

/// The last row of [T, n], as [1, n].
Tensor lastRow(const Tensor &x) { return x.slice(0, x.size(0) - 1, x.size(0)); }

} // namespace

Decoder::Decoder(const GgufFile &file, DecoderConfig config, DecoderOptions options)
    : config_(std::move(config)), options_(options), weights_(file),
      ropeFrequencies_(Tensor::fromData(config_.ropeFrequencies)) {
  weights_.use("rope_freqs.weight"); // part of the frequencies
}

Tensor Decoder::logits(const Tensor &ids, const Dim &start, Rows rows, Outputs &updates) {
  return logits(ids, {{.slot = 0, .start = start, .tokens = ids.size(0)}}, rows, updates);
}

Tensor Decoder::logits(const Tensor &ids, const std::vector<SequencePart> &parts, Rows rows,
                       Outputs &updates) {
  const Tensor x = hidden(ids, parts, rows, updates);
  return weights_.has("output.weight") ? project(x, "output", config_.vocabulary)
                                       : x.linear(embeddingTable());
}

Tensor Decoder::hidden(const Tensor &ids, const std::vector<SequencePart> &parts, Rows rows,
                       Outputs &updates) {
  const DecoderConfig &c = config_;
  Step now = step(parts, ids.size(0), updates);
  Tensor x = embeddingTable().embedding(ids).toFloat(); // [T, D]
  for (int64_t i = 0; i < c.layers; ++i) {
    const std::string layer = "blk." + std::to_string(i) + ".";
    Tensor mixed = attention(norm(x, layer + "attn_norm"), layer, i, now);
    if (i + 1 == c.layers && rows == Rows::Last) { // nobody reads the other rows from here on
      mixed = lastRow(mixed);
      x = lastRow(x);
    }
    x = x + project(mixed, layer + "attn_output", c.width);
    x = x + feedForward(norm(x, layer + "ffn_norm"), layer);
  }
  return norm(x, "output_norm");
}

Tensor Decoder::embeddingTable() {
  return weights_.get("token_embd.weight", {config_.vocabulary, config_.width});
}

/// x [T, D] -> [T, H*d], before the output projection.
Tensor Decoder::attention(const Tensor &x, const std::string &layer, int64_t index, Step &now) {
  const DecoderConfig &c = config_;
  auto heads = [&](const char *name, int64_t count) { // [T, count, d]
    return project(x, layer + name, count * c.headWidth).reshape({now.tokens, count, c.headWidth});
  };
  auto placed = [&](Tensor t, const char *name) { // normed if the file says so, turned: [n, T, d]
    if (weights_.has(layer + name + ".weight"))
      t = norm(t, layer + name);
    return t.permute({1, 0, 2}).rope(now.cosines, now.sines, c.ropeStyle);
  };
  const Tensor q = placed(heads("attn_q", c.heads), "attn_q_norm");
  const Tensor k = placed(heads("attn_k", c.kvHeads), "attn_k_norm");
  const Tensor v = heads("attn_v", c.kvHeads).permute({1, 0, 2});
  const Tensor keys = cached("k." + std::to_string(index), k, now);
  const Tensor values = cached("v." + std::to_string(index), v, now);
  std::vector<Tensor> mixed;
  Dim first = 0;
  for (const SequencePart &part : now.parts) {
    const Dim end = first + part.tokens;
    mixed.push_back(q.slice(1, first, end)
                        .causalAttention(sequence(keys, part), sequence(values, part))
                        .permute({1, 0, 2})
                        .reshape({part.tokens, c.heads * c.headWidth}));
    first = end;
  }
  return mixed.size() == 1 ? mixed[0] : Tensor::cat(mixed);
}

Tensor Decoder::feedForward(const Tensor &x, const std::string &layer) {
  const Tensor gate = project(x, layer + "ffn_gate", config_.feedForward);
  const Tensor up = project(x, layer + "ffn_up", config_.feedForward);
  return project(gate.silu() * up, layer + "ffn_down", config_.width);
}

/// Puts the new tokens' keys or values, [G, T, d], into the cache [slots * G, C, d].
Tensor Decoder::cached(const std::string &name, const Tensor &fresh, Step &now) {
  const int64_t heads = config_.kvHeads;
  Tensor cache = Tensor::state(name, {options_.slots * heads, options_.context, config_.headWidth},
                               *options_.kvFormat);
  Dim first = 0;
  for (const SequencePart &part : now.parts) {
    const Dim end = first + part.tokens;
    cache = cache.assign({part.slot * heads, part.start, 0}, fresh.slice(1, first, end));
    first = end;
  }
  now.updates.emplace_back("state:" + name, cache);
  return cache;
}

/// What a cache holds of the sequence that a part extends: [G, P + T, d].
Tensor Decoder::sequence(const Tensor &cache, const SequencePart &part) const {
  const Dim first = part.slot * config_.kvHeads;
  return cache.slice(0, first, first + config_.kvHeads).slice(1, 0, part.start + part.tokens);
}

Tensor Decoder::norm(const Tensor &x, const std::string &name) {
  return x.rmsnorm(config_.normEpsilon) * weights_.get(name + ".weight", {x.size(-1)});
}

/// By the matrix `name`.weight, plus `name`.bias if the file has one.
Tensor Decoder::project(const Tensor &x, const std::string &name, int64_t columns) {
  const Tensor y = x.linear(weights_.get(name + ".weight", {columns, x.size(-1)}));
  return weights_.has(name + ".bias") ? y + weights_.get(name + ".bias", {columns}) : y;
}

Decoder::Step Decoder::step(const std::vector<SequencePart> &parts, const Dim &tokens,
                            Outputs &updates) const {
  std::vector<Tensor> places; // [T] in all
  for (const SequencePart &part : parts)
    places.push_back(Tensor::arange(part.tokens) + Tensor::variable(part.start));
  const Tensor positions = places.size() == 1 ? places[0] : Tensor::cat(places);
  const Tensor angles = positions.toFloat().unsqueeze(-1) * ropeFrequencies_;
  return {parts, tokens, angles.cos() * config_.ropeMagnitude, angles.sin() * config_.ropeMagnitude,
          updates};
}

} // namespace rosso
