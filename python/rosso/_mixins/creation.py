"""Tensors from nothing: constants, ranges, tensors like others."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rosso import _rosso
from rosso._mixins.arguments import argfix, checked_shape, float_or_default
from rosso._mixins.base import TensorBase
from rosso.device import canonicalize_device, is_file
from rosso.dtype import DType, DTypeLike, dtypes, strong_dtype, to_dtype
from rosso.variable import mentions_variable

if TYPE_CHECKING:
    from rosso.tensor import Tensor


def _range_dtype(numbers: tuple[Any, ...], low: Any, high: Any) -> DType:
    """The type of a range of these numbers: a float, or the least of i32 and i64 that holds it."""
    if any(isinstance(x, float) for x in numbers):
        return dtypes.default_float
    dtype = dtypes.default_int
    return dtypes.int64 if low < dtype.min or dtype.max < high else dtype


class CreationMixin(TensorBase):
    """Tensors from nothing: constants, ranges, tensors like others."""

    __slots__ = ()

    @classmethod
    def _placed(cls, t: _rosso.Tensor, device: str | None) -> Tensor:
        made = cls._wrap(t)
        return made if device is None else made.to(device)

    @classmethod
    def empty(
        cls, *shape: Any, device: str | None = None, dtype: DTypeLike | None = None
    ) -> Tensor:
        """A tensor whose elements are yet to be written (zeros, until then).

        On the device "disk:path" it is the first bytes of that file, which is made, or made longer,
        where it can be written; see `to`.

        `Tensor.empty(2, 3).shape == (2, 3)`. Errors: ValueError for a negative extent, or a file
        that cannot be opened or is too short and read only.
        """
        where = canonicalize_device(device)
        if is_file(where):
            extents = checked_shape(argfix(*shape))
            return cls._wrap(_rosso.Tensor.of_file(where, extents, float_or_default(dtype)))
        return cls.zeros(*shape, device=device, dtype=dtype)

    def empty_like(self, dtype: DTypeLike | None = None, device: str | None = None) -> Tensor:
        """`empty` of this tensor's shape, and of its type and device unless they are given."""
        kind = self.dtype if dtype is None else dtype
        if is_file(canonicalize_device(device)):
            return self.empty(self.shape, device=device, dtype=kind)
        return self.full_like(0, dtype=kind, device=device)

    @classmethod
    def invalids(
        cls, *shape: Any, device: str | None = None, dtype: DTypeLike | None = None
    ) -> Tensor:
        """`empty`, for what is never read before it is written."""
        return cls.empty(*shape, device=device, dtype=dtype)

    @classmethod
    def full(
        cls,
        shape: Any,
        fill_value: Any,
        dtype: DTypeLike | None = None,
        device: str | None = None,
        buffer: bool = True,
    ) -> Tensor:
        """A tensor of one value everywhere; its type is the value's unless it is given.

        With `buffer=False` it stays a constant that takes no memory of its own; otherwise it
        gets memory where it is assigned to. Errors: ValueError for a negative extent.

        `Tensor.full((2, 2), 7).tolist() == [[7, 7], [7, 7]]`
        """
        extents = checked_shape(argfix(shape))
        if dtype is not None:
            kind = to_dtype(dtype)
        elif isinstance(fill_value, TensorBase):
            kind = fill_value.dtype
        else:
            kind = strong_dtype(dtypes.from_py(fill_value))
        value = cls._scalar(fill_value, kind)
        made = cls._placed(_rosso.Tensor.full(extents, value, kind), device)
        if mentions_variable(shape):
            made._varies = True
        return made

    @classmethod
    def _scalar(cls, value: Any, dtype: DType) -> _rosso.Tensor:
        """A number as a weak C++ scalar, brought into the range of an integer type."""
        if isinstance(value, TensorBase):
            return value._t
        if isinstance(value, float) and math.isfinite(value) and dtypes.is_int(dtype):
            value = int(value)
        if isinstance(value, bool):
            return _rosso.Tensor.weak_bool(value)
        if isinstance(value, float):
            return _rosso.Tensor.weak_float(value)
        if dtypes.is_float(dtype):
            return _rosso.Tensor.weak_float(float(value))
        wrapped = (int(value) + (1 << 63)) % (1 << 64) - (1 << 63)
        return _rosso.Tensor.weak_int(wrapped)

    def full_like(
        self,
        fill_value: Any,
        dtype: DTypeLike | None = None,
        device: str | None = None,
        buffer: bool = True,
    ) -> Tensor:
        """`full` of this tensor's shape, and of its type and device unless they are given."""
        kind = self.dtype if dtype is None else dtype
        like = type(self).full(self.shape, fill_value, kind, device, buffer)
        return like if device is not None else self._beside(like)

    def const_like(self, b: Any, dtype: DTypeLike | None = None) -> Tensor:
        """A constant of this tensor's shape, and of its type unless one is given."""
        return self.full_like(b, dtype=dtype, buffer=False)

    def _beside(self, other: Tensor) -> Tensor:
        """`other` on this tensor's device."""
        return other if other.device == self.device else other.to(self.device)

    @classmethod
    def zeros(cls, *shape: Any, **kwargs: Any) -> Tensor:
        """A tensor of zeros, of `dtypes.default_float` unless `dtype` is given; see `full`."""
        return cls.full(argfix(*shape), 0.0, **cls._of_float(kwargs))

    @classmethod
    def ones(cls, *shape: Any, **kwargs: Any) -> Tensor:
        """A tensor of ones, of `dtypes.default_float` unless `dtype` is given; see `full`."""
        return cls.full(argfix(*shape), 1.0, **cls._of_float(kwargs))

    @staticmethod
    def _of_float(kwargs: dict[str, Any]) -> dict[str, Any]:
        return {**kwargs, "dtype": float_or_default(kwargs.get("dtype"))}

    def zeros_like(self, **kwargs: Any) -> Tensor:
        """Zeros of this tensor's shape, type and device; see `full_like`."""
        return self.full_like(0, **kwargs)

    def ones_like(self, **kwargs: Any) -> Tensor:
        """Ones of this tensor's shape, type and device; see `full_like`."""
        return self.full_like(1, **kwargs)

    @classmethod
    def arange(
        cls,
        start: Any,
        stop: Any = None,
        step: Any = 1,
        dtype: DTypeLike | None = None,
        device: str | None = None,
    ) -> Tensor:
        """[n]: `start`, `start + step` and so on before `stop`; from 0 if only one is given.

        The type is `dtypes.default_float` if a number is a float, else `dtypes.default_int`, or
        int64 where that is too narrow. Errors: OverflowError where `dtype` cannot hold the range.

        `Tensor.arange(5, 10, 2).tolist() == [5, 7, 9]`
        """
        if stop is None:
            start, stop = 0, start
        if isinstance(stop, _rosso.Dim):
            if start != 0 or step != 1:
                raise NotImplementedError("arange: a symbolic stop takes start 0 and step 1")
            kind = dtypes.default_int if dtype is None else to_dtype(dtype)
            return cls._placed(_rosso.Tensor.arange_symbolic(stop, kind), device)
        low, high = (start, stop - step) if step > 0 else (stop - step, start)
        kind = _range_dtype((start, stop, step), low, high) if dtype is None else to_dtype(dtype)
        if low < kind.min or kind.max < high:
            raise OverflowError(f"arange [{start}, {stop}) is not representable in dtype {kind}")
        real = any(isinstance(x, float) for x in (start, stop, step))
        make = _rosso.Tensor.arange_real if real else _rosso.Tensor.arange
        return cls._placed(make(start, stop, step, kind), device)

    @classmethod
    def linspace(
        cls,
        start: float,
        stop: float,
        steps: int,
        dtype: DTypeLike | None = None,
        device: str | None = None,
    ) -> Tensor:
        """[steps] numbers at equal distances from `start` to `stop`, both included.

        Errors: ValueError for a negative number of steps, or bools.
        """
        if steps < 0:
            raise ValueError("number of steps must be non-negative")
        kind = float_or_default(dtype)
        if kind is dtypes.bool:
            raise ValueError("linspace with bool dtype is not supported")
        return cls._placed(_rosso.Tensor.linspace(start, stop, steps, kind), device)

    @classmethod
    def eye(
        cls,
        n: int,
        m: int | None = None,
        dtype: DTypeLike | None = None,
        device: str | None = None,
    ) -> Tensor:
        """[n, m] (m is n unless given): ones on the diagonal, zeros elsewhere.

        Errors: ValueError for negative extents.
        """
        columns = n if m is None else m
        if n < 0 or columns < 0:
            raise ValueError(f"cannot have negative {n=}, m_={columns}")
        return cls._placed(_rosso.Tensor.eye(n, columns, float_or_default(dtype)), device)

    def triu(self, diagonal: int = 0) -> Tensor:
        """What lies on or above a diagonal of the last two axes; 0 elsewhere.

        `diagonal=1` is the one above the main diagonal, `-1` the one below.
        """
        return self._wrap(self._matrix()._t.triu(diagonal))

    def tril(self, diagonal: int = 0) -> Tensor:
        """What lies on or below a diagonal of the last two axes; 0 elsewhere; see `triu`."""
        return self._wrap(self._matrix()._t.tril(diagonal))

    def _matrix(self) -> TensorBase:
        if self.ndim < 2:
            raise IndexError(f"a tensor of shape {self.shape}; expected two axes or more")
        return self

    def one_hot(self, num_classes: int) -> Tensor:
        """[..., num_classes], int32: 1 at the class that each element names, 0 elsewhere.

        Elements outside of the classes give zeros only.
        Errors: RuntimeError unless this is integers, ValueError for fewer than 0 classes.

        `Tensor([2, 0]).one_hot(3).tolist() == [[0, 0, 1], [1, 0, 0]]`
        """
        if not dtypes.is_int(self.dtype):
            raise RuntimeError(f"expect integer dtype, getting self.dtype={self.dtype}")
        if isinstance(num_classes, int) and num_classes < 0:
            raise ValueError(f"num_classes must be non-negative, got {num_classes}")
        return self._wrap(self._t.one_hot(num_classes))
