"""Tensors from nothing: constants, ranges, tensors like others."""

from __future__ import annotations

from rosso._mixins.base import TensorBase


class CreationMixin(TensorBase):
    """Tensors from nothing: constants, ranges, tensors like others."""

    __slots__ = ()
