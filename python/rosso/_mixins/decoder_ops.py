"""What decoders are made of, beyond tinygrad's names: reading tables, turning pairs, attention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rosso._mixins.base import TensorBase

if TYPE_CHECKING:
    from rosso.tensor import Tensor


class DecoderMixin(TensorBase):
    """What decoders are made of."""

    def embedding(self, ids: Tensor) -> Tensor:
        """Rows of this table [N, D] by ids of any shape -> ids.shape + (D,).

        A quantised table stays in blocks: only the rows that are read are expanded. Rows of ids
        outside of the table are zero.
        """
        return self._wrap(self._t.embedding(ids._t))

    def rms_norm(self, eps: float = 1e-6) -> Tensor:
        """x / sqrt(mean(x^2) + eps) along the last axis. Source: Zhang 2019."""
        return self._wrap(self._t.rmsnorm(eps))

    def rope(
        self, cos: Tensor, sin: Tensor, style: Literal["neox", "interleaved"] = "neox"
    ) -> Tensor:
        """Turns pairs of the last axis: this is [..., T, d], `cos` and `sin` are [T, r], 2r <= d.

        "neox" pairs element i with i + r, "interleaved" 2i with 2i + 1. Source: Su 2021.
        """
        if style not in ("neox", "interleaved"):
            raise ValueError(f"{style=}; expected 'neox' or 'interleaved'")
        return self._wrap(self._t.rope(cos._t, sin._t, style == "neox"))

    def causal_attention(self, key: Tensor, value: Tensor) -> Tensor:
        """Attention where the last row of this is the newest token: row t sees 0 .. S - T + t.

        q [..., H, T, d] by k [..., G, S, d] and v [..., G, S, e], H a multiple of G ->
        [..., H, T, e]. Source: Vaswani 2017; grouped heads as in Ainslie 2023.
        """
        return self._wrap(self._t.causal_attention(key._t, value._t))
