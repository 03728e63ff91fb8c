"""The demo model: a Qwen2 decoder as plain functions over a dict of GGUF-named tensors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

Parameters = dict[str, Tensor]


@dataclass(frozen=True)
class Shape:
    """The sizes of the model; the defaults are those of the demo model."""

    vocabulary: int = 1280
    context: int = 1024
    width: int = 256
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    feed_forward: int = 768
    norm_epsilon: float = 1e-6
    rope_base: float = 10000.0

    @property
    def head_width(self) -> int:
        """The width of one attention head."""
        return self.width // self.heads


def initial_parameters(shape: Shape) -> Parameters:
    """Draw the weights with which training begins."""
    kv_width = shape.kv_heads * shape.head_width
    residual_scale = 1 / math.sqrt(2 * shape.layers)
    parameters = {"token_embd.weight": 0.02 * torch.randn(shape.vocabulary, shape.width)}

    def matrix(outputs: int, inputs: int, scale: float = 1.0) -> Tensor:
        return torch.randn(outputs, inputs) * scale / math.sqrt(inputs)

    for layer in range(shape.layers):
        block = {
            "attn_norm.weight": torch.ones(shape.width),
            "attn_q.weight": matrix(shape.width, shape.width),
            "attn_q.bias": torch.zeros(shape.width),
            "attn_k.weight": matrix(kv_width, shape.width),
            "attn_k.bias": torch.zeros(kv_width),
            "attn_v.weight": matrix(kv_width, shape.width),
            "attn_v.bias": torch.zeros(kv_width),
            "attn_output.weight": matrix(shape.width, shape.width, residual_scale),
            "ffn_norm.weight": torch.ones(shape.width),
            "ffn_gate.weight": matrix(shape.feed_forward, shape.width),
            "ffn_up.weight": matrix(shape.feed_forward, shape.width),
            "ffn_down.weight": matrix(shape.width, shape.feed_forward, residual_scale),
        }
        parameters |= {f"blk.{layer}.{name}": tensor for name, tensor in block.items()}
    parameters["output_norm.weight"] = torch.ones(shape.width)
    return {name: tensor.requires_grad_() for name, tensor in parameters.items()}


def rotate(states: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Apply rotary positions; dimension i turns together with dimension i + half."""
    first, second = states.chunk(2, dim=-1)
    return torch.cat((first * cosines - second * sines, second * cosines + first * sines), dim=-1)


def forward(p: Parameters, shape: Shape, ids: Tensor, mask: Tensor | None = None) -> Tensor:
    """Map token ids [batch, time] to logits; a mask says which positions each may look at."""
    batch, time = ids.shape
    half = shape.head_width // 2
    frequencies = shape.rope_base ** (-torch.arange(half, dtype=torch.float32) / half)
    angles = torch.arange(time, dtype=torch.float32)[:, None] * frequencies
    cosines, sines = angles.cos(), angles.sin()

    def norm(states: Tensor, name: str) -> Tensor:
        return functional.rms_norm(states, (shape.width,), p[name], shape.norm_epsilon)

    def heads(states: Tensor, name: str, count: int) -> Tensor:
        projected = functional.linear(states, p[f"{name}.weight"], p[f"{name}.bias"])
        return projected.view(batch, time, count, shape.head_width).transpose(1, 2)

    states = functional.embedding(ids, p["token_embd.weight"])
    for layer in range(shape.layers):
        block = f"blk.{layer}."
        inputs = norm(states, block + "attn_norm.weight")
        query = rotate(heads(inputs, block + "attn_q", shape.heads), cosines, sines)
        key = rotate(heads(inputs, block + "attn_k", shape.kv_heads), cosines, sines)
        value = heads(inputs, block + "attn_v", shape.kv_heads)
        repeats = shape.heads // shape.kv_heads
        attended = functional.scaled_dot_product_attention(
            query,
            key.repeat_interleave(repeats, dim=1),
            value.to(key.dtype).repeat_interleave(repeats, dim=1),
            attn_mask=mask,
            is_causal=mask is None,
        )
        attended = attended.transpose(1, 2).reshape(batch, time, shape.width)
        states = states + functional.linear(attended, p[block + "attn_output.weight"])
        inputs = norm(states, block + "ffn_norm.weight")
        gated = functional.silu(functional.linear(inputs, p[block + "ffn_gate.weight"]))
        gated = gated * functional.linear(inputs, p[block + "ffn_up.weight"])
        states = states + functional.linear(gated, p[block + "ffn_down.weight"])
    return functional.linear(norm(states, "output_norm.weight"), p["token_embd.weight"])


def round_to_q4_k(matrix: Tensor) -> Tensor:
    """Round as Q4_K does: 4 bits over blocks of 32, with 6-bit scales and minima per 256."""
    blocks = matrix.reshape(-1, 8, 32)
    low = (-blocks.amin(-1, keepdim=True)).clamp(min=0)
    scale = (blocks.amax(-1, keepdim=True) + low).clamp(min=1e-8) / 15
    scale_unit = scale.amax(1, keepdim=True) / 63
    low_unit = low.amax(1, keepdim=True).clamp(min=1e-8) / 63
    scale = (scale / scale_unit).round().clamp(min=1) * scale_unit
    low = (low / low_unit).round() * low_unit
    levels = ((blocks + low) / scale).round().clamp(0, 15)
    return (levels * scale - low).reshape(matrix.shape)


def round_to_q6_k(matrix: Tensor) -> Tensor:
    """Round as Q6_K does: 6 bits over blocks of 16, with 8-bit scales per 256."""
    blocks = matrix.reshape(-1, 16, 16)
    scale = blocks.abs().amax(-1, keepdim=True).clamp(min=1e-8) / 31
    scale_unit = scale.amax(1, keepdim=True) / 127
    scale = (scale / scale_unit).round().clamp(min=1) * scale_unit
    levels = (blocks / scale).round().clamp(-32, 31)
    return (levels * scale).reshape(matrix.shape)


def quantized(parameters: Parameters) -> Parameters:
    """Round all matrices as a mixed Q4_K/Q6_K file does; gradients pass straight through."""
    rounded = {}
    for name, tensor in parameters.items():
        if tensor.ndim == 2:
            sensitive = name.endswith(("token_embd.weight", "ffn_down.weight", "attn_v.weight"))
            with torch.no_grad():
                change = (round_to_q6_k if sensitive else round_to_q4_k)(tensor) - tensor
            tensor = tensor + change
        rounded[name] = tensor
    return rounded
