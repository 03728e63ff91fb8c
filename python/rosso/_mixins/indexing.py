"""Elements by slices, integers, tensors and masks; gather, scatter, sort."""

from __future__ import annotations

from rosso._mixins.base import TensorBase


class IndexingMixin(TensorBase):
    """Elements by slices, integers, tensors and masks; gather, scatter, sort."""

    __slots__ = ()
