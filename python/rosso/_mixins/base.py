"""What every mixin may use of the tensor it is part of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rosso import _rosso
    from rosso.dtype import DType
    from rosso.tensor import Tensor


class TensorBase:
    """The handle below the methods; `Tensor` implements it."""

    __slots__ = ()
    if TYPE_CHECKING:
        _t: _rosso.Tensor  # the C++ tensor; realize and assign replace it

        @classmethod
        def _wrap(cls, t: _rosso.Tensor) -> Tensor:
            """A tensor of a C++ one; raises the error that it carries."""

        def _operand(self, x: Any) -> _rosso.Tensor:
            """A C++ tensor of a Tensor, a number (which stays weak), a list or an array."""

        @property
        def shape(self) -> tuple[Any, ...]: ...
        @property
        def dtype(self) -> DType: ...
        @property
        def ndim(self) -> int: ...
        @property
        def device(self) -> str: ...
        def _resolve_dim(self, dim: int, *, extra: bool = False) -> int:
            """An axis counted from the front; IndexError where there is none."""
