"""Reductions and scans along axes.

`axis` is one axis, several, or None for all; negative ones count from the end. Reduced axes vanish,
or stay with extent 1 if `keepdim`. Halves are summed in float32 and rounded once; sums of small
integers and bools are int32 (uint32 if unsigned). IndexError where there is no such axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rosso._mixins.base import TensorBase
from rosso.dtype import to_dtype

if TYPE_CHECKING:
    from rosso.dtype import DTypeLike
    from rosso.tensor import Tensor

    Axis = int | Sequence[int] | None


class ReduceMixin(TensorBase):
    """Reductions and scans along axes."""

    __slots__ = ()

    def _axes(self, axis: Axis) -> list[int] | None:
        """The axes from the front; none of a scalar, None for all."""
        if axis is None:
            return None
        listed = axis if isinstance(axis, (tuple, list)) else (axis,)
        resolved = [self._resolve_dim(a) for a in listed]
        return resolved if self.ndim else []

    def _reduced(self, name: str, axis: Axis, keepdim: bool, *rest: Any) -> Tensor:
        return self._wrap(getattr(self._t, name)(self._axes(axis), bool(keepdim), *rest))

    def sum(
        self, axis: Axis = None, keepdim: bool = False, dtype: DTypeLike | None = None
    ) -> Tensor:
        """The sum; 0 of nothing. With `dtype`, accumulated in that type, which the result has.

        `Tensor([[1, 2], [3, 4]]).sum(axis=0)` is [4, 6].
        """
        if dtype is None:
            return self._reduced("sum", axis, keepdim)
        return self._reduced("sum_in", axis, keepdim, to_dtype(dtype))

    def prod(
        self, axis: Axis = None, keepdim: bool = False, dtype: DTypeLike | None = None
    ) -> Tensor:
        """The product, in the type of the elements or in `dtype`; 1 of nothing."""
        if dtype is None:
            return self._reduced("prod", axis, keepdim)
        return self._reduced("prod_in", axis, keepdim, to_dtype(dtype))

    def max(self, axis: Axis = None, keepdim: bool = False) -> Tensor:
        """The largest element; NaN if any is; the least value of the type of nothing."""
        return self._reduced("max", axis, keepdim)

    def min(self, axis: Axis = None, keepdim: bool = False) -> Tensor:
        """The smallest element; NaN if any is; the greatest value of the type of nothing."""
        return self._reduced("min", axis, keepdim)

    def any(self, axis: Axis = None, keepdim: bool = False) -> Tensor:
        """Whether any element is not 0."""
        return self._reduced("any", axis, keepdim)

    def all(self, axis: Axis = None, keepdim: bool = False) -> Tensor:
        """Whether no element is 0."""
        return self._reduced("all", axis, keepdim)

    def mean(self, axis: Axis = None, keepdim: bool = False) -> Tensor:
        """The mean, a float; NaN of nothing."""
        return self._reduced("mean", axis, keepdim)

    def var(self, axis: Axis = None, keepdim: bool = False, correction: int = 1) -> Tensor:
        """The sum of squared distances from the mean, by the number of elements less `correction`.

        NaN or inf where that is 0 or less.
        """
        return self._reduced("var", axis, keepdim, correction)

    def std(self, axis: Axis = None, keepdim: bool = False, correction: int = 1) -> Tensor:
        """The square root of `var`."""
        return self._reduced("std", axis, keepdim, correction)

    def var_mean(
        self, axis: Axis = None, keepdim: bool = False, correction: int = 1
    ) -> tuple[Tensor, Tensor]:
        """`var` and `mean`."""
        return self.var(axis, keepdim, correction), self.mean(axis, keepdim)

    def std_mean(
        self, axis: Axis = None, keepdim: bool = False, correction: int = 1
    ) -> tuple[Tensor, Tensor]:
        """`std` and `mean`."""
        return self.std(axis, keepdim, correction), self.mean(axis, keepdim)

    def normalize(self, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
        """Divided by the p-norm of an axis, which counts as `eps` at least."""
        return self._wrap(self._t.normalize(p, self._resolve_dim(dim), eps))

    def argmax(self, axis: int | None = None, keepdim: bool = False) -> Tensor:
        """Where the first of the largest elements is, int32; of all elements, flattened, without
        an axis. NaN counts as largest.
        """
        if axis is None:
            return self._wrap(self._t.argmax())
        return self._wrap(self._t.argmax(self._resolve_dim(axis), bool(keepdim)))

    def argmin(self, axis: int | None = None, keepdim: bool = False) -> Tensor:
        """Where the first of the smallest elements is; see `argmax`."""
        if axis is None:
            return self._wrap(self._t.argmin())
        return self._wrap(self._t.argmin(self._resolve_dim(axis), bool(keepdim)))

    def logsumexp(self, axis: Axis = None, keepdim: bool = False) -> Tensor:
        """log(sum(e ** x)) without overflow."""
        return self._reduced("logsumexp", axis, keepdim)

    def softmax(self, axis: Axis = -1, dtype: DTypeLike | None = None) -> Tensor:
        """Powers of e divided by their sum along an axis; computed in `dtype` if given."""
        kind = None if dtype is None else to_dtype(dtype)
        return self._wrap(self._t.softmax(self._axes(axis), kind))

    def log_softmax(self, axis: Axis = -1, dtype: DTypeLike | None = None) -> Tensor:
        """The logarithm of `softmax`, without underflow."""
        kind = None if dtype is None else to_dtype(dtype)
        return self._wrap(self._t.log_softmax(self._axes(axis), kind))

    def softmin(self, axis: Axis = -1, dtype: DTypeLike | None = None) -> Tensor:
        """`softmax` of -x."""
        kind = None if dtype is None else to_dtype(dtype)
        return self._wrap(self._t.neg().softmax(self._axes(axis), kind))

    # --- scans: element i is made of elements 0 .. i of the axis ---

    def cumsum(self, axis: int = 0) -> Tensor:
        """The sums so far. `Tensor([1, 2, 3]).cumsum(0)` is [1, 3, 6]."""
        return self._wrap(self._t.cumsum(self._resolve_dim(axis)))

    def cumprod(self, axis: int) -> Tensor:
        """The products so far."""
        return self._wrap(self._t.cumprod(self._resolve_dim(axis)))

    def cummax(self, axis: int = 0) -> tuple[Tensor, Tensor]:
        """The largest elements so far, and where the first of them was (int32)."""
        values, places = self._t.cummax(self._resolve_dim(axis))
        return self._wrap(values), self._wrap(places)

    def cummin(self, axis: int = 0) -> tuple[Tensor, Tensor]:
        """The smallest elements so far, and where the first of them was (int32)."""
        values, places = self._t.cummin(self._resolve_dim(axis))
        return self._wrap(values), self._wrap(places)

    def logcumsumexp(self, axis: int = 0) -> Tensor:
        """log(sum(e ** x)) of the elements so far, without overflow."""
        return self._wrap(self._t.logcumsumexp(self._resolve_dim(axis)))
