"""Element types: conversions of values, and of bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rosso._mixins.base import TensorBase
from rosso.dtype import dtypes, to_dtype

if TYPE_CHECKING:
    import builtins  # the class has methods named as types are

    from rosso.dtype import DTypeLike
    from rosso.tensor import Tensor


class CastMixin(TensorBase):
    """Element types: conversions of values, and of bytes."""

    __slots__ = ()

    def cast(self, dtype: DTypeLike) -> Tensor:
        """The values in another type: floats are rounded to the nearest, to integers towards zero.

        8-bit floats have no room for greater numbers, which become their greatest.
        `Tensor([1.5, -2.5]).cast("int32")` is [1, -2].
        """
        wanted = to_dtype(dtype)
        if wanted in dtypes.weaks:
            is_float = wanted is dtypes.weakfloat
            held = self._t.cast(dtypes.default_float if is_float else dtypes.default_int)
            return self._wrap(held.as_weak(True))
        return self._wrap(self._t.cast(wanted))

    def bitcast(self, dtype: DTypeLike) -> Tensor:
        """The same bytes as elements of another type.

        Where sizes differ the last axis grows or shrinks by their ratio. RuntimeError where its
        bytes are not whole elements. `Tensor([1.0]).bitcast("int32")` is [0x3F800000].
        """
        wanted = to_dtype(dtype)
        if self.dtype in dtypes.weaks or wanted in dtypes.weaks:
            raise RuntimeError(f"bitcast requires concrete dtypes, got {self.dtype} -> {wanted}")
        size = self.dtype.itemsize
        if size != wanted.itemsize and (
            self.ndim == 0 or (self.shape[-1] * size) % wanted.itemsize != 0
        ):
            raise RuntimeError(
                f"bitcast of {self.shape} {self.dtype} to {wanted}: unsupported size"
            )
        return self._wrap(self._t.bitcast(wanted))

    def materialize(self, dtype: DTypeLike | None = None) -> Tensor:
        """The blocks of a quantised weight as floats in memory, float32 by default.

        What reads blocks (`x.linear(w)`, `x @ w.T`, `w @ x`, `w.embedding(ids)`) does without; ops
        that would store them expanded are refused and point here. Other tensors are cast.
        """
        return self._wrap(self._t.materialize(to_dtype(dtype or dtypes.float32)))

    def float(self) -> Tensor:
        """`cast` to float32."""
        return self.cast(dtypes.float32)

    def half(self) -> Tensor:
        """`cast` to float16."""
        return self.cast(dtypes.float16)

    def bfloat16(self) -> Tensor:
        """`cast` to bfloat16."""
        return self.cast(dtypes.bfloat16)

    def double(self) -> Tensor:
        """`cast` to float64."""
        return self.cast(dtypes.float64)

    def int(self) -> Tensor:
        """`cast` to int32."""
        return self.cast(dtypes.int32)

    def long(self) -> Tensor:
        """`cast` to int64."""
        return self.cast(dtypes.int64)

    def short(self) -> Tensor:
        """`cast` to int16."""
        return self.cast(dtypes.int16)

    def bool(self) -> Tensor:
        """`cast` to bool: true where an element is not 0."""
        return self.cast(dtypes.bool)

    def element_size(self) -> builtins.int:
        """Bytes an element takes. RuntimeError where the type is weak."""
        if self.dtype in dtypes.weaks:
            raise RuntimeError(f"element_size requires a concrete dtype, got {self.dtype}")
        return self.dtype.itemsize

    def is_floating_point(self) -> builtins.bool:
        """Whether the elements are floats."""
        return dtypes.is_float(self.dtype)
