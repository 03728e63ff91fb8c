"""How arguments may be written: one by one or as one tuple, a number for all axes or one each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rosso import _rosso
from rosso.dtype import DType, DTypeLike, dtypes, to_dtype


def argfix(*args: Any) -> tuple[Any, ...]:
    """`f(1, 2)`, `f((1, 2))` and `f([1, 2])` mean the same.

    Errors: ValueError where a tuple is not the only argument.
    """
    if args and isinstance(args[0], (tuple, list)):
        if len(args) != 1:
            raise ValueError(f"bad arg {args}")
        return tuple(args[0])
    return args


def make_tuple(value: Any, count: int) -> tuple[Any, ...]:
    """A sequence as it is, one value `count` times."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * count


def is_extent(value: Any) -> bool:
    """Whether this is an integer or a variable extent."""
    return isinstance(value, (int, _rosso.Dim)) or hasattr(value, "__index__")


def is_constant(values: Iterable[Any]) -> bool:
    """Whether all extents are integers."""
    return all(isinstance(value, int) for value in values)


def product(values: Iterable[Any]) -> Any:
    """The product of extents; 1 of none."""
    total: Any = 1
    for value in values:
        total = value * total if isinstance(value, _rosso.Dim) else total * value
    return total


def checked_shape(shape: Sequence[Any]) -> list[Any]:
    """Extents for a new tensor. Errors: ValueError where one is negative, RuntimeError where one
    is no integer.
    """
    if not all(is_extent(extent) for extent in shape):
        raise RuntimeError(f"shape must be int, got {tuple(shape)}")
    if any(isinstance(extent, int) and extent < 0 for extent in shape):
        raise ValueError(f"invalid input shape={tuple(shape)}")
    return list(shape)


def random_shape(shape: Sequence[Any]) -> list[int]:
    """Extents of random numbers. Errors: ValueError where one is negative or no integer."""
    if not all(isinstance(extent, int) and extent >= 0 for extent in shape):
        raise ValueError(f"invalid input shape={tuple(shape)}")
    return list(shape)


def float_or_default(dtype: DTypeLike | None) -> DType:
    """The type itself, or `dtypes.default_float`."""
    return dtypes.default_float if dtype is None else to_dtype(dtype)
