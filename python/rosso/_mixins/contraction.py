"""Products of matrices, einsum, convolutions."""

from __future__ import annotations

from rosso._mixins.base import TensorBase


class ContractionMixin(TensorBase):
    """Products of matrices, einsum, convolutions."""

    __slots__ = ()
