"""What networks are made of: pooling, normalisation, attention, losses."""

from __future__ import annotations

from rosso._mixins.base import TensorBase


class NnMixin(TensorBase):
    """What networks are made of: pooling, normalisation, attention, losses."""

    __slots__ = ()
