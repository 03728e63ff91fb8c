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
  const DecoderConfig &c = config_;
  Step now = step(start, ids.size(0), updates);
  const Tensor table = weights_.get("token_embd.weight", {c.vocabulary, c.width});
  Tensor x = table.embedding(ids).toFloat(); // [T, D]
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
  x = norm(x, "output_norm");
  return weights_.has("output.weight") ? project(x, "output", c.vocabulary) : x.linear(table);
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
  const Tensor keys = cached("k." + std::to_string(index), k, now); // [G, P + T, d]
  const Tensor values = cached("v." + std::to_string(index), v, now);
  return q.causalAttention(keys, values)
      .permute({1, 0, 2})
      .reshape({now.tokens, c.heads * c.headWidth});
}

Tensor Decoder::feedForward(const Tensor &x, const std::string &layer) {
  const Tensor gate = project(x, layer + "ffn_gate", config_.feedForward);
  const Tensor up = project(x, layer + "ffn_up", config_.feedForward);
  return project(gate.silu() * up, layer + "ffn_down", config_.width);
}

/// Puts the new tokens' keys or values, [G, T, d], into the cache; all of them so far.
Tensor Decoder::cached(const std::string &name, const Tensor &fresh, Step &now) {
  const Shape shape{config_.kvHeads, options_.context, config_.headWidth};
  const Tensor cache =
      Tensor::state(name, shape, *options_.kvFormat).assign({0, now.start, 0}, fresh);
  now.updates.emplace_back("state:" + name, cache);
  return cache.slice(1, 0, now.start + now.tokens);
}

Tensor Decoder::norm(const Tensor &x, const std::string &name) {
  return x.rmsnorm(config_.normEpsilon) * weights_.get(name + ".weight", {x.size(-1)});
}

/// By the matrix `name`.weight, plus `name`.bias if the file has one.
Tensor Decoder::project(const Tensor &x, const std::string &name, int64_t columns) {
  const Tensor y = x.linear(weights_.get(name + ".weight", {columns, x.size(-1)}));
  return weights_.has(name + ".bias") ? y + weights_.get(name + ".bias", {columns}) : y;
}

Decoder::Step Decoder::step(const Dim &start, const Dim &tokens, Outputs &updates) const {
  const Tensor positions = Tensor::arange(tokens) + Tensor::variable(start); // [T]
  const Tensor angles = positions.toFloat().unsqueeze(-1) * ropeFrequencies_;
  return {start, tokens, angles.cos() * config_.ropeMagnitude, angles.sin() * config_.ropeMagnitude,
          updates};
}

} // namespace rosso
