// Qwen2 and Qwen2.5 in C++, from a GGUF file; qwen2.py is the same in Python, and a test holds the
// two together. Source: Qwen2.5 technical report.
//
// T new tokens, P tokens before them, D width, H heads, G kv heads, d head width, C context.
#pragma once

#include "frontend/Realize.h"
#include "models/GgufTensors.h"

#include <array>

namespace rosso {

struct Qwen2 {
  static Result<Qwen2> load(const std::string &path, int64_t context = 1024) {
    Qwen2 model;
    ROSSO_TRY(GgufFile opened, GgufFile::open(path));
    auto file = std::make_shared<const GgufFile>(std::move(opened));
    ROSSO_TRY(const std::string_view kind, file->getString("general.architecture"));
    auto key = [&](const char *name) { return std::string(kind) + "." + name; };
    ROSSO_TRY(model.layers, file->getI64(key("block_count")));
    ROSSO_TRY(model.heads, file->getI64(key("attention.head_count")));
    ROSSO_TRY(model.kvHeads, file->getI64(key("attention.head_count_kv")));
    ROSSO_TRY(model.d, file->getI64(key("embedding_length")));
    ROSSO_TRY(model.eps, file->getF64(key("attention.layer_norm_rms_epsilon")));
    ROSSO_TRY(model.base, file->getF64(key("rope.freq_base")));
    ROSSO_TRY(model.weights, tensorsOf(file));
    model.d /= model.heads;
    for (int64_t i = 0; i < 2 * model.layers; ++i)
      model.caches.push_back(Tensor::zeros({model.kvHeads, context, model.d}, DType::F16));
    for (Tensor &cache : model.caches)
      ROSSO_CHECK(realize(std::array{&cache}));
    return model;
  }

  /// ids [T], the tokens at positions start .. start + T - 1 -> logits [T, V].
  Result<Tensor> operator()(const Tensor &ids, const Dim &start = 0) {
    const Tensor frequencies = Tensor(base).pow(Tensor::arange(0, d, 2).toFloat() / -d); // [d / 2]
    const Tensor positions = Tensor::arange(ids.size(0)) + Tensor::variable(start);
    const Tensor angles = positions.toFloat().unsqueeze(-1) * frequencies;
    const Turn turn{angles.cos(), angles.sin()};
    Tensor x = weights.at("token_embd.weight").embedding(ids); // [T, D]
    for (int64_t i = 0; i < layers; ++i) {
      const std::string layer = "blk." + std::to_string(i) + ".";
      ROSSO_TRY(const Tensor mixed, attention(norm(x, layer + "attn_norm"), layer,
                                              &caches[static_cast<size_t>(2 * i)], start, turn));
      x = x + mixed;
      x = x + feedForward(norm(x, layer + "ffn_norm"), layer);
    }
    return linear(norm(x, "output_norm"),
                  weights.contains("output.weight") ? "output" : "token_embd");
  }

  struct Turn {
    Tensor cos, sin; // [T, d / 2]
  };

  Tensor linear(const Tensor &x, const std::string &name) const {
    const Tensor y = x.linear(weights.at(name + ".weight"));
    return weights.contains(name + ".bias") ? y + weights.at(name + ".bias") : y;
  }
  Tensor norm(const Tensor &x, const std::string &name) const {
    return x.rmsnorm(eps) * weights.at(name + ".weight");
  }

  Result<Tensor> attention(const Tensor &x, const std::string &layer, const Tensor *cache,
                           const Dim &start, const Turn &turn) const {
    auto split = [&](const char *name, int64_t count) { // [count, T, d]
      return linear(x, layer + name).reshape({-1, count, d}).permute({1, 0, 2});
    };
    const Tensor q = split("attn_q", heads).rope(turn.cos, turn.sin);
    const Tensor fresh[] = {split("attn_k", kvHeads).rope(turn.cos, turn.sin),
                            split("attn_v", kvHeads)};
    const Dim end = start + x.size(0);
    for (int i : {0, 1}) {
      Tensor place = cache[i].slice(1, start, end);
      ROSSO_CHECK(assign(place, fresh[i].half()));
    }
    const Tensor k = cache[0].slice(1, 0, end), v = cache[1].slice(1, 0, end); // [G, P + T, d]
    return linear(q.causalAttention(k, v).permute({1, 0, 2}).flatten(1), layer + "attn_output");
  }

  Tensor feedForward(const Tensor &x, const std::string &layer) const {
    const Tensor gate = linear(x, layer + "ffn_gate"), up = linear(x, layer + "ffn_up");
    return linear(gate.silu() * up, layer + "ffn_down");
  }

  int64_t layers = 0, heads = 0, kvHeads = 0, d = 0;
  double eps = 0, base = 0;
  std::map<std::string, Tensor> weights;
  std::vector<Tensor> caches; // of keys and values in turn, [G, C, d]
};

} // namespace rosso
