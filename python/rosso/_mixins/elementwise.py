"""One element at a time: arithmetic, comparisons, activations."""

from __future__ import annotations

from rosso._mixins.base import TensorBase


class ElementwiseMixin(TensorBase):
    """One element at a time: arithmetic, comparisons, activations."""

    __slots__ = ()
