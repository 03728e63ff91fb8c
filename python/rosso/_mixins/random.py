"""Seeded random numbers."""

from __future__ import annotations

from rosso._mixins.base import TensorBase


class RandomMixin(TensorBase):
    """Seeded random numbers."""

    __slots__ = ()
