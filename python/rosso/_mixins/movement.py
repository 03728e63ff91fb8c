"""Views: reshape, permute, expand, pad, shrink, and what is made of them."""

from __future__ import annotations

from rosso._mixins.base import TensorBase


class MovementMixin(TensorBase):
    """Views: reshape, permute, expand, pad, shrink, and what is made of them."""

    __slots__ = ()
