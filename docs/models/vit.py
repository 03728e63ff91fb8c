"""A vision transformer. Source: Dosovitskiy 2020; names of weights as in torchvision's vit_b_16.

N images, T patches and the class token, D width, H heads, d head width.
"""

from rosso import Tensor, nn


class Attention:
    def __init__(self, width: int, heads: int):
        self.heads = heads
        self.in_proj_weight = Tensor.glorot_uniform(3 * width, width)  # q, k and v in one matrix
        self.in_proj_bias = Tensor.zeros(3 * width)
        self.out_proj = nn.Linear(width, width)

    def __call__(self, x: Tensor) -> Tensor:
        n, t, width = x.shape
        qkv = x.linear(self.in_proj_weight.T, self.in_proj_bias)  # [N, T, 3 * D]
        q, k, v = qkv.reshape(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)  # [N, H, T, d]
        mixed = q.scaled_dot_product_attention(k, v).transpose(1, 2).reshape(n, t, width)
        return self.out_proj(mixed)


class Layer:
    def __init__(self, width: int, heads: int, hidden: int):
        self.ln_1, self.ln_2 = nn.LayerNorm(width, 1e-6), nn.LayerNorm(width, 1e-6)
        self.self_attention = Attention(width, heads)
        self.mlp = {"0": nn.Linear(width, hidden), "3": nn.Linear(hidden, width)}

    def __call__(self, x: Tensor) -> Tensor:
        x = x + self.self_attention(self.ln_1(x))
        return x + self.mlp["3"](self.mlp["0"](self.ln_2(x)).gelu(approximate="none"))


class ViT:
    def __init__(self, image=224, patch=16, width=768, layers=12, heads=12, classes=1000):
        self.conv_proj = nn.Conv2d(3, width, patch, stride=patch)
        self.class_token = Tensor.zeros(1, 1, width)
        self.encoder = Encoder((image // patch) ** 2 + 1, width, layers, heads)
        self.heads = {"head": nn.Linear(width, classes)}

    def __call__(self, x: Tensor) -> Tensor:
        """x [N, 3, H, W], normalised -> logits [N, classes]."""
        patches = self.conv_proj(x).flatten(2).transpose(1, 2)  # [N, T - 1, D]
        x = self.class_token.expand(x.shape[0], -1, -1).cat(patches, dim=1)
        return self.heads["head"](self.encoder(x)[:, 0])


class Encoder:
    def __init__(self, tokens: int, width: int, layers: int, heads: int):
        self.pos_embedding = Tensor.zeros(1, tokens, width)
        self.layers = {f"encoder_layer_{i}": Layer(width, heads, 4 * width) for i in range(layers)}
        self.ln = nn.LayerNorm(width, 1e-6)

    def __call__(self, x: Tensor) -> Tensor:
        return self.ln((x + self.pos_embedding).sequential(list(self.layers.values())))
