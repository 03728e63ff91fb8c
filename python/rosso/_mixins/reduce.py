"""Reductions and scans along axes."""

from __future__ import annotations

from rosso._mixins.base import TensorBase


class ReduceMixin(TensorBase):
    """Reductions and scans along axes."""

    __slots__ = ()
