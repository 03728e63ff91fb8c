"""The tensor of the package: a handle of the lazy C++ tensor with the methods of the mixins."""

from __future__ import annotations

from typing import Any

from rosso import _rosso
from rosso._mixins.contraction import ContractionMixin
from rosso._mixins.creation import CreationMixin
from rosso._mixins.elementwise import ElementwiseMixin
from rosso._mixins.indexing import IndexingMixin
from rosso._mixins.movement import MovementMixin
from rosso._mixins.nn_ops import NnMixin
from rosso._mixins.random import RandomMixin
from rosso._mixins.reduce import ReduceMixin
from rosso.dtype import DType, DTypeLike, dtypes, to_dtype

_CHECKED = _rosso.Tensor.ok.fget


def _flat(data: Any) -> tuple[list[Any], tuple[int, ...]]:
    """The numbers of a nested list, row-major, and its shape."""
    shape: list[int] = []
    level = data
    while isinstance(level, (list, tuple)):
        shape.append(len(level))
        if not level:
            break
        level = level[0]
    values = [data]
    for extent in shape:
        for part in values:
            if not isinstance(part, (list, tuple)) or len(part) != extent:
                raise ValueError(f"inhomogeneous shape: {part} is not {extent} elements long")
        values = [x for part in values for x in part]
    return values, tuple(shape)


def _buffer_of(values: list[Any], dtype: DType) -> bytes:
    import struct

    if dtype is dtypes.bfloat16:
        raise NotImplementedError("bfloat16 from a list")
    kind = bool if dtype is dtypes.bool else float if dtype.fmt in "efd" else int
    return struct.pack(f"={len(values)}{dtype.fmt}", *map(kind, values))


class Tensor(
    CreationMixin,
    MovementMixin,
    IndexingMixin,
    RandomMixin,
    ElementwiseMixin,
    ReduceMixin,
    ContractionMixin,
    NnMixin,
):
    """A multi-dimensional array of one element type, computed when its values are asked for."""

    __slots__ = ("_t", "__weakref__")

    def __init__(
        self, data: Any = None, device: str | None = None, dtype: DTypeLike | None = None
    ) -> None:
        wanted = None if dtype is None else to_dtype(dtype)
        if isinstance(data, Tensor):
            self._t = data._t if wanted is None else data._t.cast(wanted)
        elif isinstance(data, _rosso.Tensor):
            self._t = data
        elif hasattr(data, "__array_interface__"):
            import numpy as np

            array = np.ascontiguousarray(data)
            self._t = _rosso.Tensor.from_buffer(array, data.shape, to_dtype(array.dtype.name))
            if wanted is not None:
                self._t = self._t.cast(wanted)
        else:
            values, shape = _flat([] if data is None else data)
            if wanted is None:
                if any(isinstance(x, float) for x in values) or not values:
                    wanted = dtypes.default_float
                elif all(isinstance(x, bool) for x in values):
                    wanted = dtypes.bool
                else:
                    wanted = dtypes.default_int
            self._t = _rosso.Tensor.from_buffer(_buffer_of(values, wanted), shape, wanted)

    @classmethod
    def _wrap(cls, t: _rosso.Tensor) -> Tensor:
        if not _CHECKED(t):
            t.check()
        made = object.__new__(cls)
        made._t = t
        return made

    def _operand(self, x: Any) -> _rosso.Tensor:
        if isinstance(x, Tensor):
            return x._t
        if isinstance(x, bool):
            return _rosso.Tensor.weak_bool(x)
        if isinstance(x, int):
            return _rosso.Tensor.weak_int(x)
        if isinstance(x, float):
            return _rosso.Tensor.weak_float(x)
        return Tensor(x)._t

    @property
    def shape(self) -> tuple[Any, ...]:
        """The extents of the axes."""
        return self._t.shape

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self._t.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._t.ndim

    @property
    def device(self) -> str:
        """Where the values are, or will be."""
        return "host"

    def _resolve_dim(self, dim: int, *, extra: bool = False) -> int:
        total = self.ndim + int(extra)
        if not -max(1, total) <= dim <= max(1, total) - 1:
            raise IndexError(f"{dim=} out of range {[-max(1, total), max(1, total) - 1]}")
        return dim + total if dim < 0 else dim

    @staticmethod
    def zeros(*shape: Any, dtype: DTypeLike | None = None) -> Tensor:
        """A tensor of zeros (until CreationMixin has it)."""
        kind = dtypes.default_float if dtype is None else to_dtype(dtype)
        zero = _rosso.Tensor.weak_int(0)
        return Tensor._wrap(_rosso.Tensor.full(list(shape), zero, kind))

    def realize(self, *others: Tensor) -> Tensor:
        """Computes this tensor and the others, and keeps the values."""
        for t in (self, *others):
            t._t = t._t.realize()
        return self

    def numpy(self) -> Any:
        """The values as a NumPy array."""
        import numpy as np

        if self.dtype is dtypes.bfloat16:
            return Tensor._wrap(self._t.cast(dtypes.float32)).numpy()
        self.realize()
        kind = "bool" if self.dtype is dtypes.bool else self.dtype.fmt
        return np.frombuffer(self._t.memory(), dtype=kind).reshape(self.shape)

    def tolist(self) -> Any:
        """The values as nested lists."""
        return self.numpy().tolist()
