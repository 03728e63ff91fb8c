"""Qwen2 and Qwen2.5 in Python, from a GGUF file. Source: Qwen2.5 technical report.

T new tokens, P tokens before them, D width, H heads, G kv heads, d head width, C context.
"""

from rosso import Tensor, dtypes
from rosso.nn.gguf import gguf_load


class Qwen2:
    def __init__(self, path: str, context: int = 1024):
        meta, self.weights = gguf_load(path)
        hyper = {key.split(".", 1)[1]: value for key, value in meta.items()}
        self.layers, self.heads = hyper["block_count"], hyper["attention.head_count"]
        self.kv_heads = hyper["attention.head_count_kv"]
        self.d = hyper["embedding_length"] // self.heads
        self.eps, self.base = hyper["attention.layer_norm_rms_epsilon"], hyper["rope.freq_base"]
        shape = (self.kv_heads, context, self.d)
        self.caches = [[Tensor.zeros(shape, dtype=dtypes.half).realize() for _ in "kv"]
                       for _ in range(self.layers)]  # fmt: skip

    def linear(self, x: Tensor, name: str) -> Tensor:
        return x.linear(self.weights[name + ".weight"].T, self.weights.get(name + ".bias"))

    def norm(self, x: Tensor, name: str) -> Tensor:
        return x.rms_norm(self.eps) * self.weights[name + ".weight"]

    def attention(self, x: Tensor, layer: str, cache: list[Tensor], start, turn) -> Tensor:
        def heads(name: str, count: int) -> Tensor:  # [count, T, d]
            return self.linear(x, layer + name).reshape(-1, count, self.d).permute(1, 0, 2)

        q, k = heads("attn_q", self.heads).rope(*turn), heads("attn_k", self.kv_heads).rope(*turn)
        end = start + x.shape[0]
        for memory, new in zip(cache, (k, heads("attn_v", self.kv_heads))):
            memory[:, start:end].assign(new.half())
        k, v = (memory[:, :end] for memory in cache)  # [G, P + T, d]
        mixed = q.causal_attention(k, v).permute(1, 0, 2).flatten(1)  # [T, H * d]
        return self.linear(mixed, layer + "attn_output")

    def feed_forward(self, x: Tensor, layer: str) -> Tensor:
        gate, up = self.linear(x, layer + "ffn_gate"), self.linear(x, layer + "ffn_up")
        return self.linear(gate.silu() * up, layer + "ffn_down")

    def __call__(self, ids: Tensor, start=0) -> Tensor:
        """ids [T], the tokens at positions start .. start + T - 1 -> logits [T, V]."""
        frequencies = self.base ** (Tensor.arange(0, self.d, 2).float() / -self.d)  # [d / 2]
        angles = (Tensor.arange(ids.shape[0]) + start).float().unsqueeze(-1) * frequencies
        turn = angles.cos(), angles.sin()
        x = self.weights["token_embd.weight"].embedding(ids)  # [T, D]
        for i, cache in enumerate(self.caches):
            layer = f"blk.{i}."
            x = x + self.attention(self.norm(x, layer + "attn_norm"), layer, cache, start, turn)
            x = x + self.feed_forward(self.norm(x, layer + "ffn_norm"), layer)
        output = "output" if "output.weight" in self.weights else "token_embd"
        return self.linear(self.norm(x, "output_norm"), output)
