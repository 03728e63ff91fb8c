"""GPT-2. Source: Radford 2019; names of weights as in its safetensors files.

T tokens, D width, H heads, d head width, V vocabulary. Its projections are stored as [in, out].
"""

from rosso import Tensor, nn


class Projection:  # "Conv1D" in the original
    def __init__(self, inputs: int, outputs: int):
        self.weight = Tensor.glorot_uniform(inputs, outputs)
        self.bias = Tensor.zeros(outputs)

    def __call__(self, x: Tensor) -> Tensor:
        return x.linear(self.weight, self.bias)


class Attention:
    def __init__(self, width: int, heads: int):
        self.heads = heads
        self.c_attn, self.c_proj = Projection(width, 3 * width), Projection(width, width)

    def __call__(self, x: Tensor) -> Tensor:
        tokens, width = x.shape
        q, k, v = self.c_attn(x).reshape(tokens, 3, self.heads, -1).permute(1, 2, 0, 3)  # [H, T, d]
        mixed = q.scaled_dot_product_attention(k, v, is_causal=True)
        return self.c_proj(mixed.transpose(0, 1).reshape(tokens, width))


class Layer:
    def __init__(self, width: int, heads: int):
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.mlp = {"c_fc": Projection(width, 4 * width), "c_proj": Projection(4 * width, width)}

    def __call__(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp["c_proj"](self.mlp["c_fc"](self.ln_2(x)).gelu())


class GPT2:
    def __init__(self, vocabulary=50257, context=1024, width=768, layers=12, heads=12):
        self.wte, self.wpe = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.h = [Layer(width, heads) for _ in range(layers)]
        self.ln_f = nn.LayerNorm(width)

    def __call__(self, ids: Tensor) -> Tensor:
        """ids [T] -> logits [T, V]."""
        x = self.wte(ids) + self.wpe(Tensor.arange(ids.shape[0]))  # [T, D]
        return self.ln_f(x.sequential(self.h)).linear(self.wte.weight.T)
